"""Files of others as a stream of entries: CSV, JSON, JSON lines, Parquet, Excel; alone, in a folder or a zip.

Nothing is held but the entry at hand, whatever a file's size; only a JSON document that is one object is read
at once.
"""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeAlias

from nami_bench.errors import InputError
from nami_bench.export.foreign.tables import delimited_cells, excel_cells, parquet_cells
from nami_bench.export.foreign.texts import opened_text, text_errors
from nami_bench.foreign_files import is_hidden, kind_of

Unfold: TypeAlias = Callable[[Mapping[str, Any]], Iterator[Mapping[str, Any]]]
"""The entries in a JSON document that is one object."""

_TABLES = (".csv", ".tsv", ".txt")
_READABLE = (*_TABLES, ".json", ".jsonl", ".ndjson", ".parquet", ".tfrecord", ".xlsx")
_WHOLE = (".parquet", ".xlsx", ".gz")
_LARGEST_MEMBER = 1 << 33


@dataclass(frozen=True, slots=True)
class Entry:
    """One row, line or object: its `cells` by name, nested as JSON is, and where it stands.

    `word` and `number` are what people find it by: line 7, row 7, entry 7. `file` is the file's own name.
    """

    file: str
    word: str
    number: int
    cells: Mapping[str, Any]

    @property
    def stem(self) -> str:
        """The file's name without folders and endings: in many exports that of the annotator."""
        return PurePosixPath(self.file).name.removesuffix(".gz").rpartition(".")[0]

    @property
    def folder(self) -> str:
        """The name of the folder that the file is in."""
        return PurePosixPath(self.file).parent.name

    def __str__(self) -> str:
        return f"{self.file}, {self.word} {self.number}"


@dataclass
class Entries:
    """The entries of `path`, and what was understood of its form once they are read.

    `delimiter` is "auto" or a character, `encoding` None for UTF-8 and what a byte order mark says. `files`:
    which ones of a folder or archive. `pictures`: those within Parquet are read. Raises InputError for what
    cannot be read, with the line.
    """

    path: Path
    delimiter: str = "auto"
    encoding: str | None = None
    files: tuple[str, ...] = ("*",)
    unfold: Unfold | None = None
    pictures: bool = False
    forms: dict[str, None] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Entry]:
        read = 0
        for name, opener in _sources(self.path, self.files):
            read += 1
            word, numbered = self._numbered(name, opener)
            header: Any = None
            for number, cells in numbered:
                if (names := cells.keys()) != header:
                    header = names
                    self.columns.update(dict.fromkeys(map(str, names)))
                yield Entry(name, word, number, cells)
        if not read:
            raise InputError(
                f"{self.path} holds no file that could be judgements: {', '.join(_READABLE)}, such as "
                f"{self.files[0]}"
            )

    def _numbered(self, name: str, opener: "Opener") -> tuple[str, Iterator[tuple[int, Mapping[str, Any]]]]:
        """What its entries are called, and the numbered entries of one file."""
        ending = PurePosixPath(name.lower().removesuffix(".gz")).suffix
        if ending == ".parquet":
            self.forms["Parquet"] = None
            return "row", parquet_cells(name, opener, pictures=self.pictures)
        if ending == ".tfrecord":
            from nami_bench.export.foreign.tfrecord import tfrecord_cells

            self.forms["TFRecord"] = None
            return "record", tfrecord_cells(name, opener)
        if ending == ".xlsx":
            self.forms["Excel"] = None
            return "row", excel_cells(name, opener, self.notes)
        if ending in _TABLES:
            return "line", delimited_cells(
                name, opener, self.delimiter, self.encoding, self.forms, self.notes
            )
        if ending not in _READABLE:
            with opener() as binary:
                what = kind_of(binary.read(1024))
            raise InputError(
                f"{name} is {what or 'in no form that is known here'}: judgements are read from "
                f"{', '.join(_READABLE)}, a folder or a zip archive of these"
            )
        return self._json(name, opener)

    def _json(self, name: str, opener: "Opener") -> tuple[str, Iterator[tuple[int, Mapping[str, Any]]]]:
        from nami_bench.export.foreign.json_entries import array_entries, is_array, is_lines, line_entries

        with opened_text(name, opener, self.encoding) as text, text_errors(name, opener):
            array, lines = is_array(text), is_lines(name, text)
        if array:
            self.forms["JSON, a list"] = None
            return "entry", array_entries(name, opener, self.encoding)
        if lines:
            self.forms["JSON lines"] = None
            return "line", line_entries(name, opener, self.encoding)
        self.forms["JSON, one object"] = None
        return "entry", self._unfolded(name, opener)

    def _unfolded(self, name: str, opener: "Opener") -> Iterator[tuple[int, Mapping[str, Any]]]:
        from nami_bench.export.foreign.json_entries import document

        whole = document(name, opener, self.encoding)
        for number, cells in enumerate((whole,) if self.unfold is None else self.unfold(whole), 1):
            if not isinstance(cells, Mapping):
                raise InputError(f"{name}, entry {number}: this is no object with named values")
            yield number, cells


Opener: TypeAlias = Callable[[], Any]
"""Opens a file's bytes anew, as a context manager."""


def _sources(path: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, Opener]]:
    """The files that `path` is or holds: how messages call each, and what opens it."""
    if not path.exists():
        raise InputError(f"cannot read {path}: there is no such file")
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            inner = file.relative_to(path)
            if file.is_file() and _is_wanted(inner.as_posix(), patterns):
                yield str(file), _opener(file)
    elif path.suffix.lower() == ".zip":
        yield from _members(path, patterns)
    else:
        yield str(path), _opener(path)


def _is_wanted(inner: str, patterns: tuple[str, ...]) -> bool:
    file = PurePosixPath(inner)
    ending = PurePosixPath(file.name.lower().removesuffix(".gz")).suffix
    hidden = any(map(is_hidden, file.parts))
    return not hidden and ending in _READABLE and any(file.match(pattern) for pattern in patterns)


def _opener(file: Path) -> Opener:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        try:
            with file.open("rb") as binary:
                yield _unzipped(binary, file.name)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error

    return opened


def _unzipped(binary: IO[bytes], name: str) -> IO[bytes]:
    return gzip.GzipFile(fileobj=binary) if name.lower().endswith(".gz") else binary  # type: ignore[return-value]


def _members(path: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, Opener]]:
    with _zip_errors(path), zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda one: one.filename):
            if info.is_dir() or not _is_wanted(info.filename, patterns):
                continue
            if info.file_size > _LARGEST_MEMBER:
                raise InputError(f"{path}: {info.filename} is too large to read packed: unpack it")
            yield f"{path}/{info.filename}", _member(path, archive, info)


@contextmanager
def _zip_errors(path: Path) -> Iterator[None]:
    """What a damaged or locked archive makes zipfile raise, wherever it is read, as InputError."""
    try:
        yield
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, RuntimeError) as error:
        raise InputError(f"cannot read {path} as a zip archive: {error}") from error


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Opener:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with _zip_errors(path), archive.open(info) as binary:
            packed = info.filename.lower().endswith(_WHOLE)  # read from here and there
            yield _unzipped(io.BytesIO(binary.read()) if packed else binary, info.filename)

    return opened
