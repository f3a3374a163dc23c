"""Which image a judgement is about: names and texts of others, paired with our prompts and models."""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nami_bench.domain import PromptSet
from nami_bench.errors import InputError
from nami_bench.export.foreign.answers import text_of
from nami_bench.export.foreign.entries import Entries
from nami_bench.export.foreign.image_names import ImageNames, SeenImages
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
    text; without, texts and names that are no ids are numbered in the order in which they come. Images whose
    names do not say which sample they are, are found among `recorded` ones by the files that these were;
    without, those of one model and prompt are its samples in the order in which they come.
    """

    def __init__(
        self,
        reading: Reading,
        prompt_set: PromptSet | None = None,
        recorded: Callable[[], ImageNames] | None = None,
    ) -> None:
        self._models = reading.models
        self._look_up = recorded
        self._seen = SeenImages()
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
        image, said = text_of(row.get("image")), text_of(row.get("sample"))
        if said and not said.isdecimal():
            raise ValueError(f"sample {said!r} is not a whole number from 0")
        layout = _IN_LAYOUT.search(image)
        row["prompt_id"] = self._prompt(row, image, layout["prompt"] if layout else "", entry_number)
        if said:
            row["sample"] = int(said)
        elif layout or not image or not row.get("model"):
            row["sample"] = int(layout["folder"] or layout["flat"] or 0) if layout else 0
        else:
            row["sample"] = self._sample(row["model"], row["prompt_id"], image)
        return row

    @cached_property
    def _recorded(self) -> ImageNames | None:
        return None if self._look_up is None else self._look_up()

    def _sample(self, model: str, prompt_id: str, image: str) -> int:
        """Which of a prompt's images one is whose name does not say it."""
        if self._recorded is None:
            return self._seen.number(model, prompt_id, image)
        found = self._recorded.find(model, image)
        if found is None:
            if (count := self._recorded.samples(model, prompt_id)) < 2:
                return 0
            raise ValueError(
                f"which of the {count} images of prompt {prompt_id} by {model} {image!r} is, is not known: "
                "no recorded one was a file of this name; say it with a column (--map sample=...)"
            )
        if found.prompt_id != prompt_id:
            raise ValueError(
                f"{image!r} is recorded as an image of prompt {found.prompt_id}, and here it is said to be "
                f"of {prompt_id}"
            )
        return found.sample

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

    def _prompt(self, row: Row, image: str, in_layout: str, entry_number: int) -> str:
        """The prompt's id."""
        named, text = text_of(row.get("prompt_id")), text_of(row.get("prompt"))
        if self._set is not None:
            return self._set.find(named, text, in_layout)
        if named:
            return self._with_zeros(named)
        kinds = (("text", text), ("item", text_of(row.get(_ITEM))), ("image", image))
        key = next((key for key in kinds if key[1]), ("entry", str(entry_number)))
        return self._numbers.setdefault(key, f"{len(self._numbers):05d}")

    def _with_zeros(self, name: str) -> str:
        """An id of digits as prompt sets have it: spreadsheets strip the zeros before it."""
        if name.isdecimal() and name.isascii() and len(name) < _DIGITS:
            return self.zeros.setdefault(name, name.zfill(_DIGITS))
        return name


class ImageNumbers:
    """Which image of its model and prompt each is, by the name that a file gives it; counted from 0.

    Names are kept as numbers of 64 bits, so that memory grows with the images, and slowly.
    """

    def __init__(self) -> None:
        self._number: dict[int, int] = {}
        self._count: dict[int, int] = {}

    def complete(self, row: Row) -> None:
        """Give both images of a pair their samples: that of the row where they have no names."""
        sample = row["sample"]
        named = [text_of(row.get(f"{side}_image")) for side in ("left", "right")]
        for side, name in zip(("left", "right"), named, strict=True):
            row[f"{side}_sample"] = self._of(row["prompt_id"], row[side], name) if name else sample
        if row["left"] == row["right"] and not any(named):
            row["right_sample"] = sample + 1  # two images that nothing tells apart are two
        row["sample"] = row["left_sample"]

    def _of(self, prompt_id: str, model: str, name: str) -> int:
        place = hash((prompt_id, model))
        key = hash((place, name))
        if key not in self._number:
            self._number[key] = self._count.get(place, 0)
            self._count[place] = self._number[key] + 1
        return self._number[key]


class _Index:
    """The prompts of a set by everything that others may call them."""

    def __init__(self, prompt_set: PromptSet) -> None:
        self._name = prompt_set.name
        self._ids = set(prompt_set.by_id)
        self._texts: dict[str, list[str]] = {}
        self._sources: dict[str, list[str]] = {}
        for prompt in prompt_set.prompts:
            self._texts.setdefault(_tidy(prompt.text), []).append(prompt.id)
            for name in {prompt.source_id, prompt.item} - {None}:
                self._sources.setdefault(str(name), []).append(prompt.id)

    def find(self, named: str, text: str, in_layout: str) -> str:
        """The one prompt that a judgement's id, its text, or else the name of its image mean.

        Raises ValueError where there is none, or several are meant alike.
        """
        by_text = self._texts.get(_tidy(text), []) if text else []
        if not named and not text:
            named = in_layout
        by_name = self._named(named)
        both = [one for one in by_name if one in by_text]
        found = both or (by_name if not text else []) or by_text
        if len(found) == 1:
            return found[0]
        names = [f"the {what} {name!r}" for what, name in (("id", named), ("text", text)) if name]
        called = f"with {' and '.join(names)}" if names else "that is named here"
        if not found:
            raise ValueError(f"prompt set {self._name!r} has no prompt {called}")
        raise ValueError(
            f"prompt set {self._name!r} has {len(found)} prompts {called} ({', '.join(found[:3])}): give "
            "its own ids, of five digits (--map prompt_id=...)"
        )

    def _named(self, name: str) -> list[str]:
        """The prompts of this id: ours, else that of the source, and ours without its zeros."""
        if name in self._ids:
            return [name]
        padded = name.zfill(_DIGITS) if name.isdecimal() else ""
        return list(dict.fromkeys([*self._sources.get(name, ()), *({padded} & self._ids)]))


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
