"""One part of the GPU checks in a process of its own, which `benchmarks.gpu` starts.

    python -m benchmarks.gpu.part NAME WORK FINDINGS.json --device cuda --seconds 75 [--small]

What is found is written as it is found, so that a part which is ended from outside leaves what it had.
"""

import argparse
import importlib
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

R = TypeVar("R")
NO_TIME = "no time was left"


class OutOfTimeError(Exception):
    """A part has nothing to show, since its time ended before its first measurement."""


@dataclass
class Part:
    """What a part has at hand, and where its findings go.

    `small`: toy sizes of the same classes. `work`: an empty folder. `seconds`: no measurement begins that
    would not end by then.
    """

    small: bool
    device: str
    work: Path
    output: Path
    seconds: float
    found: dict[str, Any] = field(default_factory=dict)
    _began: float = field(default_factory=lambda: time.monotonic())

    @property
    def left(self) -> float:
        """Seconds until nothing new begins."""
        return self._began + self.seconds - time.monotonic()

    def keep(self, **findings: Any) -> None:
        """Add findings to the file; numbers that JSON has not (NaN, infinity) are kept as words."""
        self.found.update(findings)
        partial = self.output.with_suffix(".partial")
        partial.write_text(json.dumps(_plain(self.found), indent=2) + "\n", encoding="utf-8")
        partial.replace(self.output)

    def leave_out(self, what: str, why: str = NO_TIME) -> None:
        """Say what was not measured."""
        self._add("not_measured", {what: why})

    def _add(self, to: str, findings: Mapping[str, Any]) -> None:
        self.keep(**{to: {**self.found.get(to, {}), **findings}})

    def describe_machine(self) -> None:
        """Where this runs."""
        from nami_bench.generators.nami.bench.machine import describe_machine, describe_versions
        from nami_bench.neural.device import choose_device

        self.keep(machine=describe_machine(choose_device(self.device)), versions=describe_versions())

    def in_turns(
        self, ways: Mapping[str, Callable[[], R]], rounds: int
    ) -> tuple[dict[str, list[float]], dict[str, R]]:
        """(seconds of each way's runs, what its last run gave), after a run of each that does not count.

        Each way runs once in a round, so that what slows the machine down for a while slows all of them down.
        A run has ended when it returns. A way for which there is no time is left out, or has fewer rounds.
        Seconds are among the findings at once. Raises OutOfTimeError where there was no time for any.
        """
        seconds: dict[str, list[float]] = {}
        first: dict[str, float] = {}
        given: dict[str, R] = {}
        for turn in range(rounds + 1):
            for name, way in ways.items():
                if max(seconds.get(name, [0.0])) >= self.left or (turn and name not in first):
                    continue
                began = time.perf_counter()
                given[name] = way()
                took = time.perf_counter() - began
                if turn:
                    seconds.setdefault(name, []).append(took)
                else:
                    first[name] = took
                self._add("seconds", seconds)
                self._add("seconds_of_the_first_run", first)
        for name in ways:
            if name not in seconds:
                self.leave_out(name)
        if not seconds:
            raise OutOfTimeError("the time ended before the first measurement")
        return seconds, {name: given[name] for name in seconds}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def main() -> int:
    """Measure one part; 1 where it failed, and why is in its file."""
    arguments = _arguments()
    part = Part(arguments.small, arguments.device, arguments.work, arguments.output, arguments.seconds)
    try:
        module = importlib.import_module(f"benchmarks.gpu.{arguments.name.replace('-', '_')}")
        part.describe_machine()
        module.measure(part)
        _keep_peak_memory(part)
    except Exception as error:  # whatever breaks in one part is that part's result
        traceback.print_exc()
        part.keep(failure=_in_words(error, part))
        return 1
    return 0


def _keep_peak_memory(part: Part) -> None:
    import torch

    if torch.cuda.is_available() and part.device.startswith("cuda"):
        part.keep(peak_memory_bytes=torch.cuda.max_memory_allocated(part.device))


def _in_words(error: Exception, part: Part) -> str:
    """One line without this machine's paths."""
    line = f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]
    root = Path(__file__).resolve().parents[2]
    return line.replace(str(part.work), "WORK").replace(str(root), ".")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name")
    parser.add_argument("work", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--device", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--small", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
