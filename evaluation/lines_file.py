"""Files of results, one JSON object a line, that a run writes one by one and a later run takes up again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from nami_bench.errors import InputError, StorageError
from nami_bench.foreign_text import parse_json
from nami_bench.images import write_bytes

R = TypeVar("R")


class LinesFile(Generic[R]):
    """A file of results that grows by whole lines.

    Opening drops a last line that a kill cut off: one that is no JSON and begins as ours do, with
    `{"FIRST_KEY"`. `parse(data, path)` makes results of whole lines; where it raises InputError the file
    stays as it is. Raises StorageError where the file cannot be written.
    """

    def __init__(self, path: Path, first_key: str, parse: Callable[[bytes, Path], list[R]]) -> None:
        self.path = path
        data = read_lines(path) if path.exists() else b""
        whole = _whole_lines(data, f'{{"{first_key}"'.encode())
        self.found = parse(whole, path)
        """The results that earlier runs left."""
        if whole != data or not path.exists():
            write_bytes(path, whole)
        try:
            self._stream = path.open("ab")
        except OSError as error:
            raise self._failed(error) from error

    def append(self, row: dict[str, Any]) -> None:
        """Write one result so that it outlives this process; raises StorageError."""
        try:
            self._stream.write(json.dumps(row).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(f"cannot write {self.path}: {error.strerror or error}")


def read_lines(path: Path) -> bytes:
    """A file's bytes; raises InputError where there is none or it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def parse_lines(
    data: bytes, path: Path, otherwise: str, result: Callable[[Any], R], image: Callable[[R], str]
) -> list[R]:
    """The results in lines of JSON; empty lines are passed over.

    `result` makes one of a line's value, or raises ValueError; `image` names the image that it is about.
    Raises InputError, with the line's number, for a line that is none (it "is `otherwise`": "no result of
    questions"), and for an image that occurs twice.
    """
    rows: list[R] = []
    seen: set[str] = set()
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = result(parse_json(line))
        except ValueError as error:
            raise InputError(f"{path}, line {number} is {otherwise}: {error}") from error
        if image(row) in seen:
            raise InputError(f"{path}, line {number} is a second result of {image(row)}: keep one of them")
        seen.add(image(row))
        rows.append(row)
    return rows


def _whole_lines(data: bytes, start: bytes) -> bytes:
    """`data`, its last line completed or, where it is the beginning of one of our results, dropped."""
    last = data[data.rfind(b"\n") + 1 :]
    if not last:
        return data
    try:
        parse_json(last)
    except ValueError:
        return data[: -len(last)] if last.startswith(start[: len(last)]) else data
    return data + b"\n"
