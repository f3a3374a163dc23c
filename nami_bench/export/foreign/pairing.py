"""Which image a judgement is about: names and texts of others, paired with our prompts and models."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nami_bench.domain import PromptSet
from nami_bench.errors import InputError
from nami_bench.export.foreign.answers import text_of
from nami_bench.export.foreign.entries import Entries
from nami_bench.export.foreign.reading import Reading, renamed
from nami_bench.export.foreign.rows import FIELDS, Row

_IN_LAYOUT = re.compile(
    r"(?:^|/)(?P<prompt>\d{5,})(?:/samples/(?P<folder>\d+)|_(?P<flat>\d+))?\.\w+$", re.ASCII
)
_DIGITS = 5
_ITEM = "item"


class Pairing:
    """Completes rows; `zeros` counts the prompt ids whose leading zeros were put back.

    With a `prompt_set` each prompt is found there by its id, the name under which it was published, or its
    text; without, texts and names that are no ids are numbered in the order in which they come.
    """

    def __init__(self, reading: Reading, prompt_set: PromptSet | None = None) -> None:
        self._models = reading.models
        self.items = {} if reading.items is None else read_items(reading.items, reading)
        self._set = None if prompt_set is None else _Index(prompt_set)
        self._numbers: dict[tuple[str, str], str] = {}
        self._renamed: dict[str, str] = {}
        self.zeros: dict[str, str] = {}

    def complete(self, row: Row, entry_number: int) -> Row | None:
        """`row` with what its item says, models by our names, prompt id and sample; None where its model is
        not to count.

        Raises ValueError for a name that nothing explains.
        """
        if self.items:
            row = self._with_item(row)
        for name in ("model", "left", "right"):
            if name in row and (said := text_of(row[name])):
                row[name] = self._model(said)
                if not row[name]:
                    return None
        image = text_of(row.get("image"))
        prompt_id, sample = self._prompt(row, image, entry_number)
        row["prompt_id"] = prompt_id
        said = text_of(row.get("sample"))
        if said and not said.isdecimal():
            raise ValueError(f"sample {said!r} is not a whole number from 0")
        row["sample"] = int(said) if said else sample
        return row

    def _with_item(self, row: Row) -> Row:
        name = next((text for field in (_ITEM, "image") if (text := text_of(row.get(field)))), "")
        found = self.items.get(name) or self.items.get(name.rpartition("/")[2])
        if found is None:
            raise ValueError(f"--items has no row for {name!r}: add one, or leave the column out with --wide")
        return {**row, **found}

    def _model(self, name: str) -> str:
        if name not in self._renamed:
            self._renamed[name] = renamed(name, self._models)
        return self._renamed[name]

    def _prompt(self, row: Row, image: str, entry_number: int) -> tuple[str, int]:
        """The prompt's id, and the sample where the image's name says it."""
        named, text = text_of(row.get("prompt_id")), text_of(row.get("prompt"))
        layout = _IN_LAYOUT.search(image)
        sample = int(layout["folder"] or layout["flat"] or 0) if layout else 0
        if self._set is not None:
            return self._set.find(named, text, layout["prompt"] if layout else ""), sample
        if named:
            return self._with_zeros(named), sample
        kinds = (("text", text), ("item", text_of(row.get(_ITEM))), ("image", image))
        key = next((key for key in kinds if key[1]), ("entry", str(entry_number)))
        return self._numbers.setdefault(key, f"{len(self._numbers):05d}"), sample

    def _with_zeros(self, name: str) -> str:
        """An id of digits as prompt sets have it: spreadsheets strip the zeros before it."""
        if name.isdecimal() and name.isascii() and len(name) < _DIGITS:
            return self.zeros.setdefault(name, name.zfill(_DIGITS))
        return name


class _Index:
    """The prompts of a set by everything that others may call them."""

    def __init__(self, prompt_set: PromptSet) -> None:
        self._name = prompt_set.name
        self._ids = set(prompt_set.by_id)
        self._texts: dict[str, list[str]] = {}
        self._published: dict[str, str] = {}
        for prompt in prompt_set.prompts:
            self._texts.setdefault(_tidy(prompt.text), []).append(prompt.id)
            for key in ("item", "item_id", "key", "prompt_id", "id"):
                if (name := prompt.extra.get(key)) not in (None, ""):
                    self._published.setdefault(str(name), prompt.id)

    def find(self, named: str, text: str, in_layout: str) -> str:
        """Raises ValueError where none of them is in the set, or the text is there twice and nothing else."""
        for name in (named, named.zfill(_DIGITS) if named.isdecimal() else ""):
            if name in self._ids and (not text or name in self._texts.get(_tidy(text), (name,))):
                return name
        if named in self._published:
            return self._published[named]
        found = self._texts.get(_tidy(text), []) if text else []
        if len(found) > 1:
            raise ValueError(
                f"prompt set {self._name!r} has the text {text!r} {len(found)} times: give ids "
                "(--map prompt_id=...)"
            )
        if found:
            return found[0]
        if not named and not text and in_layout in self._ids:
            return in_layout
        called = (
            f"the id {named!r}" if named else f"the text {text!r}" if text else "a name that says which one"
        )
        raise ValueError(f"prompt set {self._name!r} has no prompt with {called}")


def _tidy(text: str) -> str:
    return " ".join(text.split())


def read_items(path: Path, reading: Reading) -> Mapping[str, Mapping[str, Any]]:
    """What each item is, from a table with a column `item` and any other fields of `--map`.

    Raises InputError, which names the line, for an item that is empty or there twice, and unknown columns.
    """
    found: dict[str, dict[str, Any]] = {}
    entries = Entries(path, encoding=reading.encoding)
    for entry in entries:
        unknown = [name for name in entry.cells if name not in FIELDS]
        if unknown or _ITEM not in entry.cells:
            raise InputError(
                f"{entry.file} (--items) must have a column {_ITEM} and any of {', '.join(FIELDS)}"
                + (f"; it has {unknown[0]!r}" if unknown else "")
            )
        name = text_of(entry.cells[_ITEM])
        if not name or name in found:
            raise InputError(f"{entry}: the item {name!r} is {'there twice' if name else 'empty'}")
        said = {field: text_of(value) for field, value in entry.cells.items() if field != _ITEM}
        found[name] = {field: text for field, text in said.items() if text}
    return found
