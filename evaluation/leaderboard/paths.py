"""Texts for publication without the folders of the machine that they come from."""

import re
from collections.abc import Mapping
from typing import Any

# A path from the root, from a home, from above or of Windows, up to the last of its names; not an address's.
_FOLDERS = re.compile(
    r"""(?<![\w.:/~\\-])(?:file://)?(?:[A-Za-z]:[\\/]|\\\\|~[\w.-]*/|/|\.\./)(?:[^\s'",;()\[\]{}\\/:=]+[\\/]+)+"""
    r"""(?=[^\s'",;()\[\]{}\\/])"""
)
# A text that is a path as a whole, whose names may hold blanks: no command line, no sentence.
_PATH = re.compile(r"(?:[A-Za-z]:[\\/]|~[\w.-]*/|/|\.\./)(?:(?! [-/~])[^={}'\",;])*")
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]+@")


def without_folders(value: Any) -> Any:
    """The value with every absolute path in its texts cut down to the last name, "…/ckpt".

    Who publishes a leaderboard says nothing about a machine or its users. Paths relative to where the command
    ran stay, and so do web addresses, without the names and keys before an @.
    """
    if isinstance(value, str):
        if _PATH.fullmatch(value):
            *folders, name = re.split(r"[\\/]+", value.rstrip("\\/"))
            return f"…/{name}" if any(folders) else value
        return _CREDENTIALS.sub("", _FOLDERS.sub("…/", value))
    if isinstance(value, Mapping):
        return {without_folders(name): without_folders(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(inner) for inner in value]
    return value
