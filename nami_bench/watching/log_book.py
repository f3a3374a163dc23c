"""Which checkpoints each logger has been told of, so that none is left out after a kill."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from nami_bench.errors import InputError
from nami_bench.evaluation.lines_file import LinesFile
from nami_bench.foreign_text import parse_json
from nami_bench.images import ImageSource
from nami_bench.watching.loggers.protocol import Logger, entry_of, open_logger
from nami_bench.watching.results import Measured, key_of, placed

LOG_BOOK = "logged.jsonl"
_LOGGER = "logger"
Pictures = Callable[[Measured], Sequence[tuple[str, ImageSource]]]


class LogBook:
    """Hands checkpoints to loggers, each once; one that a kill kept from being noted is told again."""

    def __init__(self, folder: Path, names: Sequence[str], run: str) -> None:
        """`names`: of loggers; `run`: what they call the run. Raises InputError where one has no package."""
        self._loggers: dict[str, Logger] = {}
        for name in dict.fromkeys(names):
            self._loggers[name] = open_logger(name, folder, run)
        self._file = LinesFile(folder / LOG_BOOK, _LOGGER, _noted) if self._loggers else None
        self._told = set(self._file.found) if self._file else set()

    def catch_up(self, measured: Sequence[Measured], pictures: Pictures) -> None:
        """Tell each logger of those measured before it was named, or before a kill."""
        for _, one in placed(measured):
            self.log(one, measured, pictures)

    def log(self, one: Measured, measured: Sequence[Measured], pictures: Pictures) -> None:
        """Tell the loggers of a checkpoint, one of those `measured`."""
        left = [name for name in self._loggers if (name, key_of(one)) not in self._told]
        if not left:
            return
        step = next(step for step, other in placed(measured) if key_of(other) == key_of(one))
        entry = entry_of(one, step, pictures(one))
        for name in left:
            self._loggers[name].log(entry)
            self._told.add((name, key_of(one)))
            assert self._file is not None
            self._file.append({_LOGGER: name, "checkpoint": key_of(one)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers.values():
            logger.close()
        if self._file is not None:
            self._file.__exit__()


def _noted(data: bytes, path: Path) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            row: Any = parse_json(line)
            rows.append((str(row[_LOGGER]), str(row["checkpoint"])))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}, line {number} names no checkpoint that was logged") from error
    return rows
