"""What every step of a run works with, and the one it speaks to."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nami_bench.config import Workspace
from nami_bench.domain import PromptSet
from nami_bench.run_file.load import LoadedRun
from nami_bench.run_file.parts import MetricPart
from nami_bench.run_file.schema import RunFile
from nami_bench.store import Store

Advance = Callable[[int], None]


class Teller(Protocol):
    """Who is told how a run gets on."""

    def say(self, message: str) -> None:
        """A line for people."""
        ...

    def progress(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """A piece of work of `total` items; what it yields is called with the number just finished."""
        ...


class _Silent:
    def say(self, message: str) -> None:
        pass

    def progress(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        return nullcontext(lambda count: None)


SILENT: Teller = _Silent()
"""Tells nobody."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long a metric, as the run file has it, took: `seconds` for so many `images`."""

    metric: MetricPart
    seconds: float
    images: int


@dataclass(frozen=True)
class Workbench:
    """A run in a workspace.

    Steps note in `sets` the prompt sets by name, in `written` the files that they wrote, in `took` how long
    metrics worked, in `failures` sentences about what is not there at the end.
    """

    workspace: Workspace
    store: Store
    loaded: LoadedRun
    tell: Teller = SILENT
    sets: dict[str, PromptSet] = field(default_factory=dict)
    written: dict[str, list[Path]] = field(default_factory=dict)
    took: list[Took] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def run(self) -> RunFile:
        """What is to be done."""
        return self.loaded.run

    @property
    def lock_path(self) -> Path:
        """Where the lock is written."""
        return self.workspace.reports_dir / f"{self.run.name}.lock.json"
