"""What identifies the weights that a result rests on."""

from pathlib import Path

from nami_bench.errors import InputError
from nami_bench.file_hashes import file_sha256


def short_sha256(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a file of any size; raises InputError."""
    try:
        return file_sha256(path)[:12]
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from error
