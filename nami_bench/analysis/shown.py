"""What all results of an analysis can do: be a frame, a part of a page, a file, a text."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from nami_bench.errors import InputError
from nami_bench.export.text import TextTable
from nami_bench.images import write_bytes


class Shown(ABC):
    """The result of an analysis. A notebook shows it as tables, and so does `print`."""

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """The numbers, unrounded, in the columns of the CSV file; NaN or None where there is none."""

    @abstractmethod
    def to_html(self) -> str:
        """A part of a page: styled tables and notes in one `<div>`, in the page's own colours, light or dark.

        It needs no script, loads nothing, and may stand in a page several times.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The document that the command prints with `--json`, as plain values."""

    @abstractmethod
    def to_csv(self) -> str:
        """The CSV file's text: RFC 4180, one header, texts that a spreadsheet would run neutralized."""

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file, whole or not at all, in the form that its ending names.

        It is the file that the command would write. Raises InputError for another ending, StorageError
        where it cannot be written.
        """
        path, forms = Path(path), self._forms()
        form = forms.get(path.suffix.lower())
        if form is None:
            raise InputError(f"cannot save as {path.name!r}: let its name end in {' or '.join(forms)}")
        for file, data in form(path).items():
            write_bytes(file, data)

    @property
    @abstractmethod
    def heading(self) -> str:
        """What it is of, in a few words."""

    @property
    @abstractmethod
    def tables(self) -> tuple[TextTable, ...]:
        """The tables, their cells as texts, as the command prints them."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """How to read the numbers, what they rest on, and what was left out: a sentence or two each."""

    def _forms(self) -> Mapping[str, Callable[[Path], Mapping[Path, bytes]]]:
        """By ending: the files to be written where one of this name is asked for."""
        return {
            ".csv": lambda path: {path: self.to_csv().encode()},
            ".json": lambda path: {path: _json(self.to_json())},
        }

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        parts = [self.heading, *map(_text, self.tables), "", *(f"- {note}" for note in self.notes)]
        return "\n".join(parts)


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n").encode()


def _text(table: TextTable) -> str:
    cells = pd.DataFrame(list(table.rows)).fillna("–")
    widths = [
        max(map(len, (name, *cells[place]))) if len(cells) else len(name)
        for place, name in enumerate(table.columns)
    ]
    lines = [_line(row, widths, table) for row in (table.columns, *cells.itertuples(index=False))]
    return "\n".join(("", table.title, *lines))


def _line(row: Sequence[str], widths: Sequence[int], table: TextTable) -> str:
    parts = (
        cell.rjust(width) if name in table.numeric else cell.ljust(width)
        for cell, width, name in zip(row, widths, table.columns, strict=True)
    )
    return "  ".join(parts).rstrip()
