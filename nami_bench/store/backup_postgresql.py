"""Copies of a PostgreSQL database, by the server's own `pg_dump` and `pg_restore`."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, Engine

from nami_bench.errors import InputError, LockedError, StorageError, one_line

_FOLDERS = "/usr/lib/postgresql"  # Debian keeps the programs of each version below it
MAGIC = b"PGDMP"


def copy(url: URL, target: Path) -> None:
    """Write the database, as it is at this moment, to the new file `target` in pg_dump's custom format.

    Raises StorageError with the program's words where it fails, InputError where it is not installed.
    """
    _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={target}"], url)


def replace(url: URL, source: Path) -> None:
    """Let the database hold what `copy` wrote to `source`, in one transaction; what it holds now is gone.

    Raises LockedError, and changes nothing, where somebody else is connected.
    """
    program, script = "pg_restore", source.with_suffix(".sql")
    try:
        _run(program, ["--no-owner", "--no-privileges", f"--file={script}", str(source)], None)
        tables = _tables_if_alone(url)
        drop = [f"--command=DROP TABLE IF EXISTS {', '.join(tables)} CASCADE"] if tables else []
        quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"]
        _run("psql", [*quiet, *drop, f"--file={script}"], url)
    finally:
        script.unlink(missing_ok=True)


def is_empty(url: URL) -> bool:
    """Whether the database has no tables yet."""
    with _engine(url).connect() as connection:
        return not inspect(connection).get_table_names()


def _tables_if_alone(url: URL) -> list[str]:
    """The tables there are, quoted; raises LockedError where somebody else is connected."""
    engine = _engine(url)
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with engine.connect() as connection:
        if connection.execute(text(others)).scalar_one():
            raise LockedError(
                "the database is in use: stop the annotation app and every other command that works on it, "
                "then restore again; nothing was changed"
            )
        quote = engine.dialect.identifier_preparer.quote
        return [quote(name) for name in inspect(connection).get_table_names()]


def _engine(url: URL) -> Engine:
    from sqlalchemy.pool import NullPool

    return create_engine(url, poolclass=NullPool)


def _run(program: str, arguments: Sequence[str], url: URL | None) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    given = [_path_of(program)]
    if url is not None:
        # Whoever lists the machine's processes sees their arguments: the password is not among them.
        if url.password is not None:
            environment["PGPASSWORD"] = str(url.password)
        plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
        given += ["--dbname", plain.render_as_string()]
    done = subprocess.run([*given, *arguments], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise StorageError(f"{program} failed: {one_line(done.stderr)}")


def _path_of(program: str) -> str:
    found = [shutil.which(program), *map(str, sorted(Path(_FOLDERS).glob(f"*/bin/{program}"), reverse=True))]
    path = next(filter(None, found), None)
    if path is None:
        raise InputError(
            f"a PostgreSQL database is copied with {program}, which is not installed here: install "
            "PostgreSQL's client programs (Debian: postgresql-client) of the server's version or newer"
        )
    return path
