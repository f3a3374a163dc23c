"""Everything NAMI-Bench raises on purpose.

    NamiBenchError                  exit code 1
    ├── InputError                  exit code 2: wrong use or bad input
    │   ├── UnknownNameError        no such model, prompt set, source, plugin, study ...
    │   ├── RefusedError         an annotator's request that cannot be met, with a key for its kind
    │   ├── VersionError            a workspace or database made by a newer version
    │   ├── RateLimitError          too many failed log-ins
    │   └── ImageError              an image file that is missing, corrupt or no image
    └── WorkError                   exit code 1: the work failed; what was done is kept
        ├── GenerationError         a generator cannot go on
        ├── IncompleteError         results would rest on missing images or prompts
        └── StorageError            the disk or the database refused a write
            ├── LockedError         somebody else was writing for too long
            └── DatabaseLostError   the database's file was deleted or replaced
                └── DatabaseDamagedError    what the file holds is damaged

Messages are one sentence: what is wrong, where, and what to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class NamiBenchError(Exception):
    """Root of the tree; the command line prints it as one sentence and exits with `exit_code`."""

    exit_code = 1


class InputError(NamiBenchError):
    """Wrong use or bad input: nothing was changed."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name that nothing answers to.

    The message lists near matches, or all known names where none is near.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), hint: str = "") -> None:
        names = sorted(known)
        advice = did_you_mean(name, names) or ("known: " + ", ".join(names) if names else "none exist yet")
        super().__init__(f"unknown {kind} {name!r}: {advice}" + (f" ({hint})" if hint else ""))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question after the names that are near; "" where none is."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return "did you mean " + " or ".join(repr(n) for n in near) + "?" if near else ""


class RefusedError(InputError):
    """An annotator's request that cannot be met: nothing was recorded.

    `code` is a stable key, by which a page can say the same in another language.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class VersionError(InputError):
    """Made by a newer NAMI-Bench than this one."""


class RateLimitError(InputError):
    """Too many failed log-ins: more are refused until some time has passed."""


class ImageError(InputError):
    """An image file that is missing, truncated, corrupt, or not an image."""


class WorkError(NamiBenchError):
    """The work failed part-way; everything finished so far is kept."""


class GenerationError(WorkError):
    """A generator cannot go on at all (one failed image is a result, not this error)."""


class IncompleteError(WorkError):
    """A result would rest on missing, duplicate or damaged inputs."""


class StorageError(WorkError):
    """The disk or the database refused a write."""


class LockedError(StorageError):
    """Somebody else was writing to the database for longer than this could wait; nothing was changed."""


class DatabaseLostError(StorageError):
    """The database's file was deleted, moved or replaced while it was open: no write to it counts."""


class DatabaseDamagedError(DatabaseLostError):
    """What the database's file holds is damaged: nothing can be saved until somebody mends it."""


def one_line(text: str, longest: int = 300) -> str:
    """Another program's words as one line of printable characters: fit for a database, a log, a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]
