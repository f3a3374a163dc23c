"""Runs as files: prompts, models, metrics, studies, leaderboards, reports; planned, done, checked."""

from nami_bench.run_file.bench import SILENT, Teller
from nami_bench.run_file.check import Check
from nami_bench.run_file.load import LoadedRun, load_run
from nami_bench.run_file.plan import Plan, Planned
from nami_bench.run_file.runner import RunResult, run
from nami_bench.run_file.schema import RunFile

__all__ = [
    "SILENT",
    "Check",
    "LoadedRun",
    "Plan",
    "Planned",
    "RunFile",
    "RunResult",
    "Teller",
    "load_run",
    "run",
]
