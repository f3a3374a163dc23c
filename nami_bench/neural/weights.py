"""Files of weights: where they come from, what they should be, where they lie on this machine.

What a plugin needs is declared without loading it: see `nami_bench.neural.needed_weights`.
"""

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit

from nami_bench.config import cache_dir
from nami_bench.errors import InputError, WorkError
from nami_bench.file_hashes import file_sha256
from nami_bench.images import write_bytes
from nami_bench.services.download import DownloadError, Pin, Report, download

_log = logging.getLogger(__name__)

MIRROR = "NAMI_WEIGHTS_MIRROR"
"""The environment variable with an address under which all files of weights lie by their names."""

_MAX_BYTES = 64 << 30
_SECONDS_BETWEEN_LINES = 10.0


@dataclass(frozen=True, slots=True)
class Hash:
    """What is known of the SHA-256 of weights.

    `digits`: all 64 or as many as are known, None: not before they are here. `source`: who says so.
    `verified`: whether the published file itself was hashed when this was written. `seen`: all digits of the
    file that was fetched here first.
    """

    digits: str | None
    source: str
    verified: bool = False
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A file to be carried to another machine: under `home` ("nami" or "hub"), a cache of that machine.

    `link`: the file is a link there, to this place beside it.
    """

    home: str
    name: PurePosixPath
    path: Path
    link: str | None = None


class Weights(Protocol):
    """Some files that belong together."""

    @property
    def source(self) -> str:
        """An address, a repository or a folder."""
        ...

    @property
    def licence(self) -> str:
        """As their authors name it."""
        ...

    @property
    def size(self) -> int | None:
        """About how many bytes; None: it is not known before they are here."""
        ...

    def hash(self) -> Hash:
        """What their SHA-256 should be."""
        ...

    def files(self) -> list[Path]:
        """All that is here of them; empty where something is missing."""
        ...

    def fetch(self, report: Report | None = None) -> Path:
        """Fetch what is missing or damaged; their file or folder. Raises InputError or WorkError."""
        ...

    def damage(self) -> list[str]:
        """Read all that is here, and say of each file in one line what is wrong with it."""
        ...

    def carried(self) -> Iterator[CarriedFile]:
        """What another machine needs."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class WebFile:
    """One file from the web, in $NAMI_CACHE/weights; `option` is how a plugin is given another in its place.

    `elsewhere`: a file of this path under torch's cache is used, too.
    """

    address: str
    pin: Pin
    licence: str
    size: int | None = None
    option: str = "weights"
    elsewhere: str | None = None

    @property
    def source(self) -> str:
        """The address."""
        return self.address

    @property
    def name(self) -> str:
        """The file's."""
        return PurePosixPath(urlsplit(self.address).path).name

    @property
    def path(self) -> Path:
        """Where it lies once it is fetched."""
        return cache_dir() / "weights" / self.name

    @property
    def record(self) -> Path:
        """Where its SHA-256 is kept that was seen when it was fetched first, as sha256sum writes it."""
        return self.path.with_name(f"{self.name}.sha256")

    @property
    def seen(self) -> str | None:
        """What `record` holds."""
        try:
            return self.record.read_text(encoding="utf-8").split()[0]
        except (OSError, ValueError, IndexError):
            return None

    def hash(self) -> Hash:
        """The pin, and what was seen."""
        return Hash(self.pin.digits, self.pin.source, self.pin.verified, self.seen)

    def files(self) -> list[Path]:
        """The file."""
        return [path for path in (self.path, *self._elsewhere()) if path.is_file()][:1]

    def usable(self) -> Path | None:
        """The file where it is here and is what it should be."""
        path = next(iter(self.files()), None)
        return path if path is not None and self._problem(file_sha256(path)) is None else None

    def fetch(self, report: Report | None = None) -> Path:
        """The file; downloaded where it is not here or damaged. Whoever does not `report` tells in lines."""
        if (path := self.usable()) is not None:
            self._remember(path)
            return path
        if self.path.is_file() and self.pin.fits(file_sha256(self.path)):
            self.path.unlink()  # another than was fetched first, which the pin alone cannot tell
        address = mirrored(self.address)
        try:
            download(address, self.path, self.pin, max_bytes=_MAX_BYTES, report=report or _told(self.path))
        except DownloadError as error:
            raise WorkError(self._failed(address, str(error))) from error
        if problem := self._problem(file_sha256(self.path)):
            self.path.unlink()
            raise WorkError(
                self._failed(address, f"{problem}; delete {self.record} if the new one is to be trusted")
            )
        self._remember(self.path)
        return self.path

    def damage(self) -> list[str]:
        """What its hash, computed anew, says."""
        problems = ((path, self._problem(read_sha256(path))) for path in self.files())
        return [f"{path}: {problem}" for path, problem in problems if problem]

    def carried(self) -> Iterator[CarriedFile]:
        """The file, and what was seen of it."""
        for path in self.files():
            yield CarriedFile("nami", PurePosixPath("weights", self.name), path)
        if self.record.is_file():
            yield CarriedFile("nami", PurePosixPath("weights", self.record.name), self.record)

    def _elsewhere(self) -> tuple[Path, ...]:
        return () if self.elsewhere is None else (torch_cache() / self.elsewhere,)

    def _problem(self, sha256: str) -> str | None:
        if not self.pin.fits(sha256):
            return f"its SHA-256 is {sha256}, expected {self.pin}"
        if self.seen not in (None, sha256):
            return f"its SHA-256 is {sha256}, and that of the file fetched first was {self.seen}"
        return None

    def _remember(self, path: Path) -> None:
        """Of a pin that is only the beginning of a hash, keep all of the first one that fits."""
        if not self.pin.is_whole and self.seen is None:
            write_bytes(self.record, f"{file_sha256(path)}  {self.name}\n".encode())

    def _failed(self, address: str, reason: str) -> str:
        return (
            f"cannot fetch {address} to {self.path}: {reason}; try again, put the file there by hand, or "
            f"name it with {self.option}=FILE"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnFiles:
    """A file or folder that its user named: nothing is known of it, and nothing is fetched."""

    path: Path
    licence: str = "not known"
    size: int | None = None

    @property
    def source(self) -> str:
        """The path."""
        return str(self.path)

    def hash(self) -> Hash:
        """None is known."""
        return Hash(None, "your own: nothing to compare with")

    def files(self) -> list[Path]:
        """The file, or those in the folder."""
        if self.path.is_dir():
            return sorted(path for path in self.path.iterdir() if path.is_file())
        return [self.path] if self.path.is_file() else []

    def fetch(self, report: Report | None = None) -> Path:
        """The path. Raises InputError where nothing is there."""
        if not self.files():
            raise InputError(f"there is nothing at {self.path}, which was named in place of what is fetched")
        return self.path

    def damage(self) -> list[str]:
        """Nothing to compare with."""
        return []

    def carried(self) -> Iterator[CarriedFile]:
        """Nothing: where it should lie elsewhere is for its user to say."""
        return iter(())


@dataclass(frozen=True, kw_only=True, slots=True)
class ByHand:
    """A folder that people get for themselves; `how` is the rest of a sentence about it."""

    source: str
    licence: str
    how: str
    size: int | None = None

    def hash(self) -> Hash:
        """None is known."""
        return Hash(None, "not known")

    def files(self) -> list[Path]:
        """Not known, either."""
        return []

    def fetch(self, report: Report | None = None) -> Path:
        """Raises InputError that says what to do."""
        raise InputError(f"{self.source} is not fetched by this program: {self.how}")

    def damage(self) -> list[str]:
        """Nothing to compare with."""
        return []

    def carried(self) -> Iterator[CarriedFile]:
        """Nothing is known to be here."""
        return iter(())


def mirrored(address: str) -> str:
    """The address, or that of a file of the same name on the mirror that the environment names."""
    mirror = os.environ.get(MIRROR, "").strip()
    return f"{mirror.rstrip('/')}/{PurePosixPath(urlsplit(address).path).name}" if mirror else address


def torch_cache() -> Path:
    """Where torch keeps what it downloads: `torch.hub.get_dir()`, without torch."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("TORCH_HOME") or Path(home, "torch")).expanduser() / "hub"


def read_sha256(path: Path) -> str:
    """Hex SHA-256 of the file, read anew whatever was known of it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told(path: Path) -> Report:
    """Lines for whoever waits: at the beginning, and now and then."""
    last = 0.0

    def report(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            _log.warning("fetching %s: %s", path, bytes_of(done, total))

    return report


def bytes_of(done: int, total: int | None) -> str:
    """'12 of 276 MB' in words."""
    return f"{done / 1e6:.0f} of {'?' if total is None else f'{total / 1e6:.0f}'} MB"
