"""Files from the web that are used only when their hash is the pinned one: resumed, locked, never half there.

What a download has brought so far lies beside its place, in NAME.partial, and the next attempt, of this
process or of a later one, asks for the rest. No server is believed: whatever ranges, lengths and redirects it
speaks of, the hash of all bytes decides.
"""

import errno
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from nami_bench.errors import StorageError
from nami_bench.file_hashes import file_sha256
from nami_bench.images import make_folder
from nami_bench.services import bounded_client
from nami_bench.services.bounded_client import Headers, NoAnswerError
from nami_bench.services.retrying_client import RetryingClient

_log = logging.getLogger(__name__)

STALL_SECONDS = 60.0
"""See `BoundedClient.receive`: no attempt waits longer for something to come."""

_RETRIES = 3
_PIECE = 1 << 20
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")

Report = Callable[[int, int | None], object]
"""Is told how many bytes are there, and of how many; None: the server does not say."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What the SHA-256 of a published file is.

    `digits`: hex, all 64 or as many from the start as are known. `source`: who says so. `verified`: whether
    the published file itself was hashed when this pin was written.
    """

    digits: str
    source: str
    verified: bool = False

    def fits(self, sha256: str) -> bool:
        """Whether this hash can be the file's."""
        return sha256.startswith(self.digits)

    def __str__(self) -> str:
        doubt = "" if self.verified else f" (not verified when this was written; from: {self.source})"
        return f"{self.digits}{'' if self.is_whole else '...'}{doubt}"

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a hash."""
        return len(self.digits) == 64


class DownloadError(Exception):
    """There is no such file to be had; the message is a reason, without the address."""


def download(
    address: str,
    path: Path,
    pin: Pin,
    *,
    max_bytes: int | None = None,
    report: Report = lambda done, total: None,
) -> str:
    """Let `path` hold the bytes of `address`; their SHA-256, in hex.

    A file that is there and fits the pin is left alone; one that does not is replaced when the download is
    complete. One process downloads at a time, others wait for it. `max_bytes`: None is `bounded_client`'s
    MAX_BYTES.

    Raises DownloadError where the server does not give the file, or another: of that one nothing is kept, of
    a connection that broke the partial file is. Raises StorageError where the disk refuses.
    """
    with _alone(path):
        if path.is_file() and pin.fits(found := file_sha256(path)):
            return found
        limit = bounded_client.MAX_BYTES if max_bytes is None else max_bytes
        with _stored(path), _Partial(partial_file(path), limit, report) as partial:
            sha256 = _complete(address, pin, partial)
            partial.keep(path)
            return sha256


def partial_file(path: Path) -> Path:
    """Where the bytes of an unfinished download lie."""
    return path.with_name(f"{path.name}.partial")


def _complete(address: str, pin: Pin, partial: "_Partial") -> str:
    """Bring the rest of the file; its SHA-256."""
    began_with = partial.size
    if began_with and pin.fits(partial.sha256):  # only the last step was missing
        return partial.sha256
    with RetryingClient(STALL_SECONDS, _RETRIES, connections=1) as client:
        _receive(client, address, partial)
        if partial.was_resumed and not pin.fits(partial.sha256):
            # The parts may be of two versions of the file.
            partial.restart()
            _receive(client, address, partial)
    if not pin.fits(partial.sha256):
        wrong = f"it has the SHA-256 {partial.sha256}, expected {pin}"
        partial.discard()
        raise DownloadError(f"{wrong}: nothing was kept")
    return partial.sha256


def _receive(client: RetryingClient, address: str, partial: "_Partial") -> None:
    try:
        answer = client.receive(address, partial)
        if answer.status == 416 and partial.size:  # more is here than there
            partial.restart()
            answer = client.receive(address, partial)
    except NoAnswerError as error:
        partial.discard_if_empty()
        raise DownloadError(str(error)) from error
    if answer.status not in (200, 206):
        partial.discard_if_empty()
        raise DownloadError(f"the server answered {answer.status}")


class _Partial:
    """The file that a download grows in: a `ResumingReceiver`."""

    def __init__(self, path: Path, limit: int, report: Report) -> None:
        self._path = path
        self._limit = limit
        self._report = report
        self._total: int | None = None
        self.was_resumed = False
        """Whether its bytes came in more than one answer."""

    def __enter__(self) -> "_Partial":
        make_folder(self._path.parent)
        self._file: BinaryIO = self._path.open("a+b")
        self._file.seek(0)
        self._hash = hashlib.sha256()
        while data := self._file.read(_PIECE):
            self._hash.update(data)
        self.size = self._file.tell()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Of what is there."""
        return self._hash.hexdigest()

    @property
    def headers(self) -> Mapping[str, str]:
        """Ask for what is missing."""
        return {"Range": f"bytes={self.size}-"} if self.size else {}

    @property
    def room(self) -> int:
        """How many bytes more are allowed."""
        return max(0, self._limit - self.size)

    def begin(self, status: int, headers: Headers) -> None:
        """Take up the answer where it begins."""
        start, total = _extent(status, headers)
        if start != self.size or (start and total != self._total is not None):
            self.restart()
            if start:
                raise NoAnswerError("the server sent another part than was asked for", may_pass=True)
        if total is not None and total > self._limit:
            raise NoAnswerError(f"the answer is larger than {self._limit} bytes")
        self.was_resumed = start > 0
        self._total = total
        self._report(self.size, total)

    def take(self, data: bytes) -> None:
        """Write and hash."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
        self._report(self.size, self._total)

    def restart(self) -> None:
        """Forget everything."""
        self._file.truncate(0)
        self._hash = hashlib.sha256()
        self.size, self._total, self.was_resumed = 0, None, False

    def keep(self, path: Path) -> None:
        """Let it be the file `path`, whole and on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._path.chmod(0o644)
        self._path.replace(path)

    def discard(self) -> None:
        """Leave nothing."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def discard_if_empty(self) -> None:
        """Leave nothing where nothing came."""
        if self.size == 0:
            self.discard()


def _extent(status: int, headers: Headers) -> tuple[int, int | None]:
    """(where the answer's bytes begin, the whole file's size or None); (-1, None) for what cannot be used."""
    packed = headers.get("content-encoding", "identity") != "identity"
    if status == 206:
        found = _RANGE.fullmatch(headers.get("content-range", "").strip())
        return (int(found[1]), int(found[2])) if found and not packed else (-1, None)
    length = headers.get("content-length", "")
    return 0, int(length) if length.isdecimal() and not packed else None


@contextmanager
def _stored(path: Path) -> Iterator[None]:
    """What the disk refuses is one sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = ": make room and try again, what has come is kept" if full else ""
        raise StorageError(f"cannot write {path}: {error.strerror or error}{advice}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait while another process downloads the same file; the system frees a dead one's lock."""
    make_folder(path.parent)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        _log.warning("another process is downloading %s: waiting for it", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
