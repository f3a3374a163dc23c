"""A run file that is done in a second: flat shapes, analytic detector and judge, simulated annotators."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.config import open_workspace
from nami_bench.run_file import RunResult, run
from nami_bench.store import Store

SMALL = """
name = "small"

[[prompts]]
name = "shapes"
grammar = "shapes"
per_task = 1

[generation]
samples = 1
first = 3

[[model]]
name = "good"
adapter = "shapes"
options = { size = 64 }

[[model]]
name = "poor-0.9"
adapter = "shapes"
options = { size = 64, error_rate = 0.9 }
seed = 1

[[metric]]
name = "geneval"
detector = "shapes"
options = { workers = 0 }

[[metric]]
name = "dsg"
judge = "shapes"
questions_from = "clauses"

[[study]]
name = "simulated"
protocol = "nami-1k"
simulated_annotators = 2

[[leaderboard]]
study = "simulated"
formats = ["csv", "json"]
intervals = { method = "percentile", replicates = 50 }
"""


@dataclass(frozen=True)
class Ground:
    """A folder with a run file and a workspace."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "small.toml"

    @property
    def workspace(self) -> Path:
        return self.folder / "ws"

    @property
    def reports(self) -> Path:
        return self.workspace / "reports"

    @property
    def lock(self) -> Path:
        return self.reports / "small.lock.json"

    def store(self) -> Store:
        return Store.open(open_workspace(self.workspace).database_url)

    def run(self, **options: Any) -> RunResult:
        return run(self.file, workspace=self.workspace, **options)

    def write(self, *changes: tuple[str, str]) -> None:
        """The small run file with these texts in the place of others."""
        text = SMALL
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text, encoding="utf-8")
