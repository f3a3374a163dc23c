"""Every answer of a writer, one JSON line each, kept as soon as it is there: what a later run takes up again.

The first line says how the answers were asked for; a file of other answers is refused.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from nami_bench.errors import InputError, StorageError
from nami_bench.foreign_text import parse_json
from nami_bench.images import make_folder, write_bytes

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer: `subject` is the hex SHA-256 of what it is about, an image's file or a prompt's text,
    `number` counts from 1.

    `text` and `finished` as in `Answer`; `refused` says why a content filter gave no text.
    """

    subject: str
    number: int
    seed: int
    temperature: float
    text: str
    finished: bool = True
    refused: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """The answers in a file, and the only one who adds to it, as a context manager.

    `asked`: JSON values that decide the answers. Opening drops a last line that a kill cut off. Raises
    InputError where the file is another's, in use, or no such file; StorageError where it cannot be written.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path = path
        self.asked = json.loads(json.dumps(asked))
        self.attempts: dict[str, list[Attempt]] = defaultdict(list)
        """Of each subject, in order."""

    def __enter__(self) -> Self:
        from filelock import FileLock, Timeout

        make_folder(self.path.parent)
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise InputError(f"another run is writing to {self.path}: wait until it ends") from error
        try:
            self._load()
            self._stream = self.path.open("ab")
        except OSError as error:
            self._lock.release()
            raise StorageError(f"cannot write {self.path}: {error.strerror or error}") from error
        except BaseException:
            self._lock.release()
            raise
        if self._stream.tell() == 0:
            self._write({"journal": _FORMAT, "asked": self.asked})
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stream.close()
        if not self.attempts and kind is not None and issubclass(kind, InputError):
            self.path.unlink()  # wrong use leaves nothing behind
        self._lock.release()

    def append(self, attempt: Attempt) -> None:
        """Keep an answer so that it outlives this process; raises StorageError."""
        self._write(asdict(attempt))
        self.attempts[attempt.subject].append(attempt)

    def _load(self) -> None:
        data = self.path.read_bytes() if self.path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if whole.count(b"\n") == 1:
            whole = b""  # nothing was answered yet, whatever the question
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = parse_json(line)
                if number == 1:
                    self._check(row["asked"])
                else:
                    if "image" in row:  # in journals of before anything but images was asked about
                        row["subject"] = row.pop("image")
                    attempt = Attempt(**row)
                    self.attempts[attempt.subject].append(attempt)
            except (ValueError, TypeError, KeyError) as error:
                raise InputError(
                    f"{self.path}, line {number} is not a writer's answer: mend it, or write to another "
                    "file with -o"
                ) from error
        if whole != data:
            write_bytes(self.path, whole)

    def _check(self, found: Mapping[str, Any]) -> None:
        different = [key for key in self.asked | found if self.asked.get(key) != found.get(key)]
        if different:
            raise InputError(
                f"{self.path} holds answers to another question (different: {', '.join(different)}): ask as "
                "before, or write to another file with -o"
            )

    def _write(self, row: Mapping[str, Any]) -> None:
        try:
            self._stream.write(json.dumps(row).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror or error}") from error
