"""Files that benchmarks publish: text, JSON, JSON lines and tables, each with its hash."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.lines_file import read_lines
from nami_bench.foreign_text import numbered_lines, parse_object, parse_text_json


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file's `text`, and the hex `sha256` of its bytes."""

    path: Path
    text: str
    sha256: str

    def json(self) -> Any:
        """The value that the whole file is; raises InputError."""
        try:
            return parse_text_json(self.text)
        except ValueError as error:
            raise InputError(f"{self.path} is not JSON: {error}") from error

    def objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(number, object) of every line that holds something; raises InputError."""
        for number, line in numbered_lines(self.text):
            try:
                yield number, parse_object(line)
            except ValueError as error:
                raise InputError(f"{self.path}, line {number} {error}") from error

    def rows(self, columns: Sequence[str], what: str) -> Iterator[tuple[int, Mapping[str, str]]]:
        """(line where it begins, stripped cells of `columns`) of each row of a CSV table.

        Raises InputError where there is no such table, or not one row; `what` says what it should be.
        """
        reader = csv.DictReader(io.StringIO(self.text, newline=""), strict=True)
        try:
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                plural = "s" * (len(missing) > 1)
                raise InputError(
                    f"{self.path} is no {what}: it lacks the column{plural} {', '.join(missing)}"
                )
            begins = first = reader.line_num + 1
            for cells in reader:
                yield begins, {name: (cells[name] or "").strip() for name in columns}
                begins = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                f"{self.path} is not a CSV table after line {reader.line_num}: {error}"
            ) from error
        if begins == first:
            raise InputError(f"{self.path} holds no questions")


def published(path: Path) -> PublishedFile:
    """A UTF-8 file's content; raises InputError where there is none, or it cannot be read."""
    data = read_lines(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: byte {error.start} cannot be decoded") from error
    return PublishedFile(path, text, hashlib.sha256(data).hexdigest())


def published_files(path: Path, suffix: str) -> list[PublishedFile]:
    """The file `path`, or all files of a folder that end in `suffix`, by name; raises InputError for none."""
    paths = sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path]
    if not paths:
        raise InputError(f"{path} holds no {suffix} files")
    return [published(one) for one in paths]


def joint_sha256(files: Sequence[PublishedFile]) -> str:
    """Hex SHA-256 of several files' hashes; of one file its own."""
    if len(files) == 1:
        return files[0].sha256
    return hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
