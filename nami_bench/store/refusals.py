"""What a database refuses, as the package's own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from nami_bench.errors import DatabaseDamagedError, InputError, LockedError, StorageError

# PostgreSQL's errors that are the server's or the disk's state, not a mistake of ours: read-only
# transaction, insufficient privilege, insufficient resources (full disk), operator intervention, system
# error, and tables that are not there any more.
_REFUSALS = ("25006", "42501", "53", "57", "58", "42P01", "3F000")
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_POSTGRESQL_DAMAGE = ("XX001", "XX002")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise StorageError for what the database `name` refuses, InputError for a value that it cannot hold.

    LockedError where somebody else writes, DatabaseDamagedError where the file is damaged.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageError(f"the database {name} is busy: no free connection; nothing was lost") from error
    except (DataError, UnicodeEncodeError) as error:
        reason = _reason(error) if isinstance(error, DBAPIError) else "it is no Unicode text"
        raise InputError(f"the database cannot take a value: {reason}; nothing was changed") from error
    except (DatabaseError, InterfaceError) as error:
        refusal = _refusal(name, error)
        if refusal is None:
            raise
        raise refusal from error


def _refusal(name: str, error: DBAPIError) -> StorageError | None:
    """What the state of disk, file or server made of a statement; None where it is a fault of ours."""
    state = getattr(error.orig, "sqlstate", None) or ""
    code = getattr(error.orig, "sqlite_errorname", None) or ""
    if code.startswith(_DAMAGE) or state in _POSTGRESQL_DAMAGE:
        return DatabaseDamagedError(
            f"the database {name} is damaged ({_reason(error)}): stop every program that uses it, and put a "
            "sound copy in its place"
        )
    if state == "55P03" or code.startswith("SQLITE_BUSY"):
        return LockedError(f"the database {name} is locked: {_reason(error)}; nothing was lost")
    is_state = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    if is_state or state.startswith(_REFUSALS):
        return StorageError(f"the database {name} refused: {_reason(error)}; nothing was lost")
    return None


def _reason(error: DBAPIError) -> str:
    """The driver's words on one line."""
    return "; ".join(line.strip() for line in str(error.orig).splitlines() if line.strip())
