"""What identifies the weights that a result rests on."""

import hashlib
from pathlib import Path

from nami_bench.errors import InputError


def short_sha256(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a file of any size; raises InputError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from error
