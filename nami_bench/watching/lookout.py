"""Which checkpoints of a run's folder are there, whole, and no longer written."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from nami_bench.errors import InputError
from nami_bench.watching.checkpoints import Checkpoint, candidates, recognised, step_of
from nami_bench.watching.completeness import Signature, signature, why_incomplete


@dataclass(frozen=True, slots=True)
class Found:
    """A whole checkpoint. `name`: its path within the run. `sha256`: what it is known by. `step`: see
    `step_of`. `modified`: the time of its files' last change, in seconds since 1970."""

    name: str
    checkpoint: Checkpoint
    sha256: str
    step: int | None
    modified: float


@dataclass(frozen=True, slots=True)
class _Look:
    signature: Signature
    at: float


class Lookout:
    """Looks at a folder again and again, and remembers what it saw.

    A checkpoint is whole when nothing is missing by what it says of itself, and its files had the same sizes
    and times in two looks at least `settle` seconds apart.
    """

    def __init__(
        self,
        root: Path,
        patterns: Sequence[str],
        *,
        part: str | None = None,
        settle: float = 2.0,
        leave_out: Collection[Path] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`part`: see `recognised`. `leave_out`: folders that are no checkpoints, such as the watch's own."""
        self._root, self._patterns, self._part, self.settle = root, patterns, part, settle
        self._leave_out = {path.resolve() for path in leave_out}
        self._clock = clock
        self._looks: dict[Path, _Look] = {}
        self._hashes: dict[Path, tuple[Signature, str]] = {}
        self.waiting: dict[str, str] = {}
        """By name, why what matches is not measured yet, as of the last look."""
        self.unsettled = False
        """Whether one of them only waits for another look."""

    def look(self) -> list[Found]:
        """The whole checkpoints, by step, then by time. Raises InputError where the folder is gone."""
        if not self._root.is_dir():
            raise InputError(f"{self._root} is not a folder")
        self.waiting, self.unsettled = {}, False
        wholes = []
        for path in candidates(self._root, self._patterns):
            if path.resolve() in self._leave_out:
                continue
            if isinstance(found := self._whole(path), Found):
                wholes.append(found)
            else:
                self.waiting[self._name(path)] = found
        return wholes

    def changed(self, found: Found) -> bool:
        """Whether it is no longer what it was: overwritten, or deleted."""
        known = self._hashes.get(found.checkpoint.path)
        try:
            return known is None or signature(found.checkpoint) != known[0]
        except (OSError, InputError):
            return True

    def _whole(self, path: Path) -> Found | str:
        """The checkpoint, or why there is none yet."""
        try:
            checkpoint = recognised(path, self._part)
            if checkpoint is None:
                return "holds no checkpoint that is known (yet)"
            if problem := why_incomplete(checkpoint):
                self._looks.pop(path, None)
                return problem
            seen = signature(checkpoint)
            if not self._is_settled(path, seen):
                self.unsettled = True
                return "may still be written: its files are looked at once more"
            return self._found(checkpoint, seen)
        except (OSError, InputError) as error:
            return f"cannot be read yet: {error}"

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _is_settled(self, path: Path, seen: Signature) -> bool:
        now, before = self._clock(), self._looks.get(path)
        if before is None or before.signature != seen:
            self._looks[path] = _Look(seen, now)
            return self.settle <= 0
        return now - before.at >= self.settle

    def _found(self, checkpoint: Checkpoint, seen: Signature) -> Found:
        known = self._hashes.get(checkpoint.path)
        if known is None or known[0] != seen:
            known = (seen, checkpoint.sha256())
            self._hashes[checkpoint.path] = known
        modified = max(entry[2] for entry in seen) / 1e9
        return Found(self._name(checkpoint.path), checkpoint, known[1], step_of(checkpoint.name), modified)
