"""Back-up and restore of a whole database, while people work on it and after it was lost.

A back-up is one file: of SQLite a database of its own, of PostgreSQL what pg_dump writes. It holds all that
the database holds, personal data and the hashes of tokens included; images lie beside it as files.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, create_engine, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from nami_bench.domain import WayOut
from nami_bench.errors import InputError, StorageError
from nami_bench.store import backup_postgresql, backup_sqlite
from nami_bench.store.account_tables import ErasedAccountRow
from nami_bench.store.crowd_tables import WithdrawalRow
from nami_bench.store.engines import file_of, read_url, shown
from nami_bench.store.erasure import ErasedAccount
from nami_bench.store.store import Store
from nami_bench.store.withdrawals import Withdrawal

SUFFIXES = {"sqlite": ".db", "postgresql": ".dump"}
STAMP = "%Y%m%d-%H%M%S-%f"
"""The time in the name of a copy: such names sort by it."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: `kept` has what was there before (None: there was nothing).

    `erased` people were in the back-up and are erased again, `withdrawn` participants withdrew again; None:
    who that was since is not known, for what was there is lost or cannot be read.
    """

    kept: Path | None
    erased: int | None
    withdrawn: int | None


def back_up(url: str, target: Path) -> int:
    """Write the database at an SQLAlchemy URL to the file `target`; its size in bytes.

    It is there whole or not at all, and is readable by its owner alone. Raises InputError where there is no
    such database or `target` exists already, StorageError.
    """
    read = _of_server_or_file(url)
    if target.exists():
        raise InputError(f"{target} exists already: a back-up replaces nothing")
    new = _beside(target)
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        new.touch(0o600)
        if (file := file_of(read)) is not None:
            backup_sqlite.copy(file, new)
        else:
            backup_postgresql.copy(read, new)
        backup_sqlite.flush_to_disk(new)
        new.replace(target)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            new.unlink()
    return target.stat().st_size


def restore(url: str, source: Path, folder: Path) -> Restored:
    """Let the database be as it was when `back_up` wrote `source`; what it is now is kept in `folder`.

    People who were erased since are erased again, participants who withdrew since withdraw again. Raises
    InputError for what is no back-up of this kind of database, VersionError for one of a newer NAMI-Bench,
    LockedError where the database is in use.
    """
    read = _of_server_or_file(url)
    _check_kind(read, source)
    kept = folder / f"before-restore-{datetime.now(UTC):{STAMP}}{SUFFIXES[read.get_backend_name()]}"
    erased, withdrawn = _erased_accounts(read), _withdrawals(read)
    file = file_of(read)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror or error}") from error
    is_kept = _replace_file(file, source, kept) if file is not None else _replace_server(read, source, kept)
    with Store.open(url) as store:
        gone = None if erased is None else store.erasures.repeat(erased)
        stopped = None if withdrawn is None else store.withdrawals.repeat(withdrawn)
        if store.erasures.owes_wiping():
            store.erasures.wipe_traces()
    return Restored(kept if is_kept else None, gone, stopped)


def _replace_file(file: Path, source: Path, kept: Path) -> bool:
    """Put a copy of `source` in the place of an SQLite file; whether there was one, now at `kept`."""
    new = _beside(file)
    try:
        backup_sqlite.copy(source, new)
        with Store.open(f"sqlite:///{new}"):
            pass  # an older one is brought up to date, a newer one refused, before anything is replaced
        backup_sqlite.flush_to_disk(new)
        if not file.exists():
            new.rename(file)
            return False
        backup_sqlite.replace(file, new, kept)
        return True
    finally:
        for left in new.parent.glob(f"{new.name}*"):  # journals and locks of its own, too
            left.unlink()


def _replace_server(url: URL, source: Path, kept: Path) -> bool:
    is_there = not backup_postgresql.is_empty(url)
    if is_there:
        kept.touch(0o600)
        backup_postgresql.copy(url, kept)
    backup_postgresql.replace(url, source)
    return is_there


def _of_server_or_file(url: str) -> URL:
    read = read_url(url)
    if read.get_backend_name() == "sqlite" and file_of(read) is None:
        raise InputError(f"the database {shown(read)} is no file: there is nothing to back up or restore")
    return read


def _check_kind(url: URL, source: Path) -> None:
    try:
        with source.open("rb") as file:
            begin = file.read(16)
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    is_dump = begin.startswith(backup_postgresql.MAGIC)
    if file_of(url) is None:
        if not is_dump:
            raise InputError(f"{source} is no back-up of a PostgreSQL database, which {shown(url)} is")
    elif is_dump:
        raise InputError(f"{source} is a back-up of a PostgreSQL database, and {shown(url)} is SQLite")
    elif backup_sqlite.revision(source) is None:
        raise InputError(f"{source} is a database, but not of NAMI-Bench")


def _erased_accounts(url: URL) -> Sequence[ErasedAccount] | None:
    """Who was erased from what the database is now; None where that cannot be read."""
    table = ErasedAccountRow.__table__
    found = _read(url, select(table.c.account, table.c.account_created_at, table.c.ratings_kept))
    return None if found is None else [ErasedAccount(*row) for row in found]


def _withdrawals(url: URL) -> Sequence[Withdrawal] | None:
    """Who withdrew from studies of what the database is now; None where that cannot be read."""
    columns = WithdrawalRow.__table__.c
    query = select(
        columns.account, columns.account_created_at, columns.kept, columns.way_out, columns.left_at
    )
    found = _read(url, query.order_by(columns.id))
    if found is None:
        return None
    return [Withdrawal(account, made, kept, WayOut(way), left) for account, made, kept, way, left in found]


def _read(url: URL, query: Select[Any]) -> Sequence[Any] | None:
    """The rows of what the database is now; None where it is lost, damaged, or too old to have them."""
    file = file_of(url)
    if file is not None and not file.exists():
        return None
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(query).all()
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
