"""A lock in an object store, which holds against the runs of all machines.

It is a file that says whose it is. Whoever works writes it anew from time to time; one that was not written
for a whole lease is nobody's any more. Ages are by the store's clock, so those of the machines may be wrong;
every write depends on what is there (`nami_bench.conditional_files`), so of two that want the same only one
gets it.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from nami_bench.conditional_files import ConditionalFile, Found, UnconditionalStoreError, conditional_file
from nami_bench.errors import InputError, StorageError, WorkError

LEASE_S = 120.0
"""So long a lock stands after its holder last wrote it."""
_WRITES_IN_A_LEASE = 4
_SURE = 0.75
"""The part of a lease after which its holder no longer counts on it."""
_CLOCK_S = 2.0
"""Times in HTTP are whole seconds."""
_ATTEMPTS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. `machine` differs between any two places that do not see each other's file locks."""

    id: str
    host: str
    machine: str
    pid: int
    since: str
    lease_s: float
    written: int = 0

    @classmethod
    def here(cls, machine: str) -> "Holder":
        """This process."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(uuid4().hex, socket.gethostname(), machine, os.getpid(), since, LEASE_S)

    def to_bytes(self) -> bytes:
        """What the lock's file holds."""
        return json.dumps(asdict(self)).encode()


class StoreLock:
    """A lock that is held, and written anew by a thread of its own."""

    def __init__(self, folder: Path, file: ConditionalFile, holder: Holder, version: str) -> None:
        self._folder = folder
        self._file = file
        self._holder = holder
        self._version = version
        self._written_at = time.monotonic()
        self._lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises WorkError where another run may hold the folder by now."""
        if self._lost:
            raise WorkError(
                f"another run has taken {self._folder} over, since this one could not reach the store for "
                "too long: what was finished is kept"
            )
        if not self._is_sure():
            raise WorkError(
                f"the lock of {self._folder} could not be renewed for {self._silence():.0f} s: what was "
                "finished is kept, and the same command goes on when the store can be reached again"
            )

    def release(self) -> None:
        """Delete the file if it is ours; where the store cannot be reached, the lease ends it."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            if not self._lost and (self._is_sure() or self._write()):
                self._file.remove(self._version)

    def _keep(self) -> None:
        while not self._ended.wait(self._holder.lease_s / _WRITES_IN_A_LEASE):
            try:
                self._lost = not self._write()
            except Exception as error:  # tried again soon; `check` ends the run in time
                _log.debug("the lock of %s was not renewed: %s", self._folder, error)
            if self._lost:
                return

    def _write(self) -> bool:
        """Whether the lock is still ours."""
        began = time.monotonic()
        self._holder = replace(self._holder, written=self._holder.written + 1)
        version = self._file.replace(self._holder.to_bytes(), self._version) or self._found()
        if version is not None:
            self._version, self._written_at = version, began
        return version is not None

    def _found(self) -> str | None:
        """The version of the file if it is ours: an answer to a write may have been lost on its way."""
        found = self._file.read()
        return found.version if found and _holder(found) == self._holder else None

    def _silence(self) -> float:
        return time.monotonic() - self._written_at

    def _is_sure(self) -> bool:
        return self._silence() < self._holder.lease_s * _SURE


@contextmanager
def held(folder: Path, path: Path, machine: str) -> Iterator[StoreLock | None]:
    """Hold the lock `path` of the remote `folder`; None where the store has no such thing, which is said.

    `machine`: whoever calls holds a file lock for the folder among all processes of that name. Raises
    InputError where another run holds it, StorageError where the store cannot be asked, and at the end
    WorkError where the lock was lost meanwhile.
    """
    try:
        file = conditional_file(path)
        holder, version = _acquire(file, folder, machine)
    except UnconditionalStoreError as error:
        _log.warning(
            "%s: %s, so nothing keeps a run on another machine from writing there too", folder, error
        )
        yield None
        return
    except OSError as error:
        raise StorageError(f"cannot lock {folder}: {error.strerror or error}") from error
    lock = StoreLock(folder, file, holder, version)
    try:
        yield lock
        lock.check()
    finally:
        lock.release()


def _acquire(file: ConditionalFile, folder: Path, machine: str) -> tuple[Holder, str]:
    mine = Holder.here(machine)
    for _ in range(_ATTEMPTS):
        if (version := file.create(mine.to_bytes())) is not None:
            _refuse_unconditional(file, mine)
            return mine, version
        found = file.read()
        if found is None:
            continue  # given up just now
        other = _holder(found)
        if other == mine:  # the answer was lost on its way, and the request sent again
            return mine, found.version
        if not _is_free(found, other, machine):
            raise InputError(_held_by(folder, found, other))
        if (version := file.replace(mine.to_bytes(), found.version)) is not None:
            _log.warning(
                "%s: took over the lock of %s, which ended without giving it up", folder, _who(other)
            )
            return mine, version
    raise InputError(f"other runs want to write to {folder} at this moment: try again")


def _refuse_unconditional(file: ConditionalFile, mine: Holder) -> None:
    """A store that does not know the condition passes over it: then a second creation succeeds as well."""
    if file.create(mine.to_bytes()) is None:
        return
    if found := file.read():
        file.remove(found.version)
    raise UnconditionalStoreError("the store passes over the conditions of writes")


def _is_free(found: Found, other: Holder | None, machine: str) -> bool:
    """Whether nobody counts on the lock any more: its lease is over, or its holder was here and is gone."""
    if other is not None and other.machine == machine:
        return True
    lease = other.lease_s if other else LEASE_S
    return found.age is not None and found.age > lease + _CLOCK_S


def _held_by(folder: Path, found: Found, other: Holder | None) -> str:
    lease = other.lease_s if other else LEASE_S
    left = max(0.0, lease + _CLOCK_S - (found.age or 0.0))
    return (
        f"another run is writing to {folder}, {_who(other)}: wait until it ends; if it has died already, its "
        f"lock is free in {left:.0f} s"
    )


def _who(holder: Holder | None) -> str:
    if holder is None:
        return "one that cannot be read"
    return f"process {holder.pid} on {holder.host} since {holder.since}"


def _holder(found: Found) -> Holder | None:
    try:
        return TypeAdapter(Holder).validate_json(found.data)
    except ValidationError:
        return None
