"""Votes of other people's sets as a Parquet file of comparisons, written batch by batch.

It has the columns of comparisons (`nami_bench.export.comparisons_parquet`), and beside them what the set says
of a vote: the prompt's text, the images' names there, country, language and expertise of the voter, and of
images that were looked at width, height and brightness. `annotator` is empty where nobody knows who voted.
The metadata say what set it is.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nami_bench.errors import StorageError
from nami_bench.export.carried_study import is_parquet
from nami_bench.export.comparisons_parquet import ABOUT_VOTES, SCHEMA
from nami_bench.export.parquet_columns import METADATA_KEY, parquet_metadata

STYLE = ("width", "height", "brightness")
"""What is measured of an image: pixels, and the mean luma from 0 to 1."""
VOTES = pa.schema(
    [
        *SCHEMA,
        *(pa.field(name, pa.string()) for name in ABOUT_VOTES),
        pa.field("expertise", pa.float64()),
        *(pa.field(f"{side}_{name}", pa.float64()) for name in STYLE for side in ("left", "right")),
    ]
)
_AT_ONCE = 100_000
_SIDES = "sides"
_KEY = "votes"


class VotesWriter:
    """Writes rows to a file that is there whole or not at all; a context manager.

    Raises StorageError where it cannot be written.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        """`about`: what the metadata say of the set; it may grow until the end."""
        self.rows = 0
        self._path, self._about = path, about
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._columns: dict[str, list[Any]] = {name: [] for name in VOTES.names}

    def __enter__(self) -> "VotesWriter":
        with self._storing():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._partial, VOTES, compression="zstd")
        return self

    def add(self, row: Mapping[str, Any]) -> None:
        """One vote, by the names of `VOTES`; what it lacks is empty."""
        for name, column in self._columns.items():
            column.append(row.get(name))
        self.rows += 1
        if self.rows % _AT_ONCE == 0:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._finish()
                return
            except BaseException:
                self._drop()
                raise
        self._drop()

    def _finish(self) -> None:
        with self._storing():
            if self._columns["study"]:
                self._flush()
            told = {METADATA_KEY.decode(): json.dumps({_KEY: self._about}, default=str)}
            self._writer.add_key_value_metadata(told)
            self._writer.close()
            with self._partial.open("rb") as file:
                os.fsync(file.fileno())
            self._partial.replace(self._path)

    def _drop(self) -> None:
        self._writer.close()
        self._partial.unlink(missing_ok=True)

    def _flush(self) -> None:
        with self._storing():
            self._writer.write_table(pa.table(self._columns, schema=VOTES))
        for column in self._columns.values():
            column.clear()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error.strerror or error}") from error


def carried_votes(path: Path) -> dict[str, Any]:
    """What a file of votes says of its set; empty for any other file."""
    if not is_parquet(path) or not path.is_file():
        return {}
    found = parquet_metadata(path).get(_KEY)
    return found if isinstance(found, dict) else {}


def carried_sides(path: Path) -> str | None:
    """Why the sides of the votes in a file say nothing; None where they do."""
    found = carried_votes(path).get(_SIDES)
    return str(found) if found else None
