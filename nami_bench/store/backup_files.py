"""The folder of a workspace's back-ups: names by time, and how many are kept."""

from datetime import UTC, datetime
from pathlib import Path

from nami_bench.errors import StorageError
from nami_bench.store.backup import STAMP, SUFFIXES
from nami_bench.store.engines import read_url

_BEGIN = "nami-"


def new_name(folder: Path, url: str) -> Path:
    """A name for a back-up of the database at `url` that is made now; such names sort by time."""
    suffix = SUFFIXES[read_url(url).get_backend_name()]
    return folder / f"{_BEGIN}{datetime.now(UTC):{STAMP}}{suffix}"


def delete_old(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` files that `new_name` named; return those. Raises StorageError."""
    made = sorted(path for path in folder.glob(f"{_BEGIN}[0-9]*") if path.suffix in SUFFIXES.values())
    gone = made[:-keep]
    try:
        for path in gone:
            path.unlink()
    except OSError as error:
        raise StorageError(f"cannot delete {error.filename}: {error.strerror or error}") from error
    return gone
