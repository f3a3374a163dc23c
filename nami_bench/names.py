"""Names that are safe as folder names and in URLs."""

import re

from nami_bench.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def checked_name(kind: str, name: str) -> str:
    """Return `name` if it is safe as a folder name and in a URL, else raise InputError."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{kind} name {name!r} is not usable: take up to 100 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit"
        )
    return name
