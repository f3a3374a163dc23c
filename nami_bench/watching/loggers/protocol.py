"""What a logger is told of each checkpoint."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.images import ImageSource
from nami_bench.watching.results import Measured, MetricResult

LOGGERS = {
    "tensorboard": ("nami_bench.watching.loggers.tensorboard", "TensorBoardLogger"),
    "wandb": ("nami_bench.watching.loggers.wandb", "WandbLogger"),
    "mlflow": ("nami_bench.watching.loggers.mlflow", "MlflowLogger"),
    "trackio": ("nami_bench.watching.loggers.trackio", "TrackioLogger"),
}
"""By name, the module and class; none is imported before it is asked for."""
COLUMNS = ("metric", "value", "low", "high", "images", "without a value")
Row = tuple[str, float | None, float | None, float | None, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A measured checkpoint. `values`: by names such as geneval, geneval/low, geneval/colors. `rows`: under
    COLUMNS. `images`: pictures with their prompts."""

    step: int
    name: str
    values: Mapping[str, float]
    rows: Sequence[Row]
    images: Sequence[tuple[str, ImageSource]] = field(default=())


class Logger(Protocol):
    """Writes entries to a program that shows them. Made with `folder`, where it may write, and the `run`'s
    name; the same folder and run go on where they were."""

    def log(self, entry: Entry) -> None:
        """Write one checkpoint; written twice it is there once, or twice the same."""
        ...

    def close(self) -> None:
        """Write what waits."""
        ...


def open_logger(name: str, folder: Path, run: str) -> Logger:
    """The logger of this name. Raises UnknownNameError, and InputError where its package is missing."""
    if name not in LOGGERS:
        raise UnknownNameError("logger", name, LOGGERS)
    module, kind = LOGGERS[name]
    try:
        made: Any = getattr(importlib.import_module(module), kind)(folder, run)
    except ModuleNotFoundError as error:
        raise InputError(
            f"--log {name} needs the package {error.name!r}: pip install {error.name}"
        ) from error
    logger: Logger = made
    return logger


def entry_of(measured: Measured, step: int, images: Sequence[tuple[str, ImageSource]] = ()) -> Entry:
    """What loggers are told of a checkpoint that stands at `step`."""
    values: dict[str, float] = {}
    for metric, result in measured.scores.items():
        interval = result.interval or (None, None)
        named = {metric: result.value, f"{metric}/low": interval[0], f"{metric}/high": interval[1]}
        named |= {f"{metric}/{part}": value for part, value in result.parts.items()}
        values |= {key: value for key, value in named.items() if value is not None}
    rows = [_row(metric, result) for metric, result in measured.scores.items()]
    return Entry(step, measured.name, values, rows, images)


def _row(metric: str, result: MetricResult) -> Row:
    low, high = result.interval or (None, None)
    return metric, result.value, low, high, len(result.values), len(result.failures)
