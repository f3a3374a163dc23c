"""The file of a watch's results: what is measured in a first line, then a line for each checkpoint.

    {"watch": "settings", "prompts": {...}, "samples": 4, "seed": 0, "metrics": {"geneval": INSTRUMENT}, ...}
    {"watch": "checkpoint", "name": "checkpoint-500", "step": 500, "sha256": ..., "scores": {...}, ...}
    {"watch": "failure", "name": "checkpoint-600", "sha256": ..., "reason": ...}

A line is written whole or, after a kill, dropped; a checkpoint is measured when its line is there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from nami_bench.domain import Prompt
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.evaluation.lines_file import LinesFile, read_lines
from nami_bench.foreign_text import parse_json
from nami_bench.serialize import plain, validated

RESULTS = "results.jsonl"
FOLDER = "nami-watch"
"""Within a run's folder: the results, pictures and logs of its watch."""
_WHAT = "watch"
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Settings:
    """What has to be the same for values to be compared.

    `prompts`: text and GenEval task of each. Images are ordered by prompt, then by sample; the seed of each
    follows from `seed`. `metrics`: instruments by name. `lower_is_better`: of metrics. `model`: the base and
    the options of generation.
    """

    prompt_set: str
    prompts_sha256: str
    prompts: tuple[tuple[str, str | None], ...]
    samples: int
    seed: int
    metrics: dict[str, str]
    lower_is_better: tuple[str, ...] = ()
    model: dict[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """Of each checkpoint."""
        return len(self.prompts) * self.samples


@dataclass(frozen=True, slots=True)
class MetricResult:
    """What a metric says of a checkpoint: the figure with its 95 % interval, GenEval's `parts` by task, and
    `values` by image, None where one has none for the reason in `failures`, by its place. A metric of whole
    sets has no values by image."""

    value: float | None
    interval: Interval | None = None
    parts: dict[str, float] = field(default_factory=dict)
    values: tuple[float | None, ...] = ()
    failures: dict[int, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured checkpoint. `sha256`: None for what was measured within training. `seconds`: in all;
    `made_with`: what the generator says of device, dtype and versions."""

    name: str
    step: int | None
    sha256: str | None
    kind: str
    modified: float
    measured_at: str
    seconds: float
    scores: dict[str, MetricResult]
    made_with: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A checkpoint that could not be measured, and why."""

    name: str
    sha256: str | None
    reason: str


Line = Settings | Measured | Failure
_LINES: Mapping[str, type[Settings] | type[Measured] | type[Failure]] = {
    "settings": Settings,
    "checkpoint": Measured,
    "failure": Failure,
}
_NAMES = {kind: name for name, kind in _LINES.items()}


class Results:
    """A results file that grows; use it as a context."""

    def __init__(self, path: Path, settings: Settings) -> None:
        """Takes the file up again; raises InputError where it was begun with other settings, StorageError
        where it cannot be written."""
        self._file = LinesFile(path, _WHAT, _parsed)
        lines = self._file.found
        try:
            if not lines:
                self._append(settings)
                lines = [settings]
            check_same(_settings(lines, path), settings, path)
        except NamiBenchError:
            self._file.__exit__()
            raise
        self.settings = settings
        self.measured = [line for line in lines if isinstance(line, Measured)]
        self.failed = [line for line in lines if isinstance(line, Failure)]

    def add(self, line: Measured | Failure) -> None:
        """Keep a result so that it outlives this process."""
        self._append(line)
        if isinstance(line, Measured):
            self.measured.append(line)
        else:
            self.failed.append(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    def _append(self, line: Line) -> None:
        self._file.append({_WHAT: _NAMES[type(line)], **plain(line)})


@dataclass(frozen=True, slots=True)
class Run:
    """A results file as it is read: `measured` by step, each step and each checkpoint once, the newest."""

    name: str
    settings: Settings
    measured: tuple[Measured, ...]
    failed: tuple[Failure, ...] = ()


def read_run(path: Path) -> Run:
    """The results of a run: `path` is the run's folder, its nami-watch folder or the file itself.

    A last line that is still being written is left out. Raises InputError where there are none.
    """
    file = results_file(path)
    data = read_lines(file)
    lines = _parsed(data[: data.rfind(b"\n") + 1], file)
    measured = [line for line in lines if isinstance(line, Measured)]
    failed = tuple(line for line in lines if isinstance(line, Failure))
    return Run(_run_name(file), _settings(lines, file), tuple(one for _, one in placed(measured)), failed)


def placed(measured: Sequence[Measured]) -> list[tuple[int, Measured]]:
    """Each checkpoint once, with its step, in order; where none has a step, numbered by time from 1.

    One whose name says no step, such as final, stands where the one written before it does. Of a checkpoint
    that was measured twice, as within training that went back, the last counts.
    """
    latest = {key_of(one): one for one in measured}
    by_time = sorted(latest.values(), key=lambda one: one.modified)
    if all(one.step is None for one in by_time):
        return list(enumerate(by_time, start=1))
    found, last = [], 0
    for one in by_time:
        last = one.step if one.step is not None else last
        found.append((last, one))
    return sorted(found, key=lambda row: (row[0], row[1].modified))


def key_of(one: Measured) -> str:
    """What two measurements of one checkpoint share: its weights, within training its name."""
    return one.sha256 or one.name


def results_file(path: Path) -> Path:
    """Where the results of a run lie; raises InputError where it was never watched."""
    for file in (path, path / FOLDER / RESULTS, path / RESULTS):
        if file.is_file():
            return file
    raise InputError(f"{path} holds no results of a watch: measure it first with `nami-bench watch {path}`")


def prompt_line(prompt: Prompt) -> tuple[str, str | None]:
    """What a results file keeps of a prompt."""
    return prompt.text, prompt.task


def check_same(old: Settings, new: Settings, path: Path) -> None:
    """Raise InputError that names the first thing that differs."""
    before, now = plain(old), plain(new)
    for name in ("prompts_sha256", "samples", "seed", "metrics", "model"):
        if before[name] != now[name]:
            word = "prompts" if name == "prompts_sha256" else name
            detail = "" if word == "prompts" else f": {_short(before[name])}, not {_short(now[name])}"
            raise InputError(
                f"{path} was measured with other {word}{detail}; ask for the same, or name another folder "
                "with --results"
            )


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]


def _parsed(data: bytes, path: Path) -> list[Line]:
    lines: list[Line] = []
    for number, text in enumerate(data.splitlines(), start=1):
        if text.strip():
            lines.append(_line(text, f"{path}, line {number}"))
    return lines


def _line(text: bytes, where: str) -> Line:
    try:
        row = parse_json(text)
    except ValueError as error:
        raise InputError(f"{where} is no result of a watch: {error}") from error
    kind = _LINES.get(row.pop(_WHAT, "")) if isinstance(row, dict) else None
    if kind is None:
        raise InputError(f"{where} is no result of a watch")
    return validated(kind, row, where)


def _settings(lines: Sequence[Line], path: Path) -> Settings:
    if not lines or not isinstance(lines[0], Settings):
        raise InputError(f"{path} does not begin with the settings of a watch")
    return lines[0]


def _run_name(file: Path) -> str:
    folder = file.resolve().parent
    return folder.parent.name if folder.name == FOLDER and file.name == RESULTS else file.stem
