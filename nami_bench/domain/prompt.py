"""Prompts, and sets of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nami_bench.domain.names import checked_name
from nami_bench.errors import InputError

STRATA = ("short", "community", "long")
SOURCE_ID = "source_id"
"""The key of `Prompt.extra` that says before all others under which id its source knows the prompt."""
_ID_KEYS = (SOURCE_ID, "item", "item_id", "id", "prompt_id", "key", "image_id", "image", "file_name", "index")
_GROUP_KEYS = ("group", "set", "category", "style")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a prompt set.

    `id` is the prompt's index in its set, zero-padded to five digits: it is also its folder
    in GenEval's layout. `stratum` groups prompts for reporting (short, community, long in
    NAMI-1K). `geneval` holds GenEval's clauses (tag, include, exclude) where the prompt has them.
    `rewritten_from` is the text of the prompt that this one is a rewrite of, None for one that is none.
    `extra` holds the further keys of the prompt's line: they are kept, and nothing is compared by them.
    """

    id: str
    text: str
    stratum: str = "short"
    source: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    geneval: Mapping[str, Any] | None = None
    rewritten_from: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> int:
        """Number of whitespace-separated words."""
        return len(self.text.split())

    @property
    def item(self) -> str | None:
        """The name under which the prompt was published, where its line has one (DPG-Bench's and DSG's)."""
        names = (self.extra.get(key) for key in ("item", "item_id"))
        return next((str(name) for name in names if name not in (None, "")), None)

    @property
    def source_id(self) -> str | None:
        """The id that the prompt has in its source: its published name, else what its line calls an id."""
        key = self.source_id_key
        return None if key is None else str(self.extra[key])

    @property
    def source_id_key(self) -> str | None:
        """The key of `extra` that holds it."""
        return _first_key(self.extra, _ID_KEYS, (str, int))

    @property
    def group(self) -> str | None:
        """The part of its source that the prompt belongs to, as its line says: a category, a style."""
        key = self.group_key
        return None if key is None else str(self.extra[key])

    @property
    def group_key(self) -> str | None:
        """The key of `extra` that holds it."""
        return _first_key(self.extra, _GROUP_KEYS, (str,))

    @property
    def task(self) -> str | None:
        """GenEval's task name, or None for a prompt without clauses."""
        return None if self.geneval is None else str(self.geneval["tag"])

    def metadata(self) -> dict[str, Any]:
        """The line that GenEval keeps beside the images: tag, include, (exclude,) prompt, then the rest."""
        line = {**(self.geneval or {}), "prompt": self.text}
        if self.rewritten_from is not None:
            line["rewritten_from"] = self.rewritten_from
        return {**line, **{key: value for key, value in self.extra.items() if key not in line}}

    def to_json(self) -> dict[str, Any]:
        """One line of a prompt file; the inverse of `from_json`."""
        row = self.canonical()
        if self.rewritten_from is not None:
            row["rewritten_from"] = self.rewritten_from
        if self.extra:
            row["extra"] = dict(self.extra)
        return row

    def canonical(self) -> dict[str, Any]:
        """What the prompt is known by: the line without what is only kept, `rewritten_from` and `extra`."""
        row: dict[str, Any] = {
            "id": self.id,
            "prompt": self.text,
            "stratum": self.stratum,
            "source": self.source,
            "tags": dict(self.tags),
        }
        if self.geneval is not None:
            row["geneval"] = dict(self.geneval)
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Prompt":
        """Build a prompt from one parsed line of a prompt file."""
        return cls(
            id=row["id"],
            text=row["prompt"],
            stratum=row["stratum"],
            source=row["source"],
            tags=dict(row["tags"]),
            geneval=row.get("geneval"),
            rewritten_from=row.get("rewritten_from"),
            extra=dict(row.get("extra") or {}),
        )


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The file that a prompt set was read from: its name, without folders, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class PromptSet:
    """An ordered, named set of prompts, identified by the hash of its canonical bytes.

    `manifest` says how the set came about, `file` from what it was read (None: from no file).
    Raises InputError for an unusable name, or where an id differs from its index.
    """

    name: str
    prompts: tuple[Prompt, ...]
    manifest: Mapping[str, Any] = field(default_factory=dict, compare=False)
    file: PromptFile | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        checked_name("prompt set", self.name)
        for index, prompt in enumerate(self.prompts):
            if prompt.id != prompt_id(index):
                raise InputError(
                    f"prompt set {self.name!r}: prompt {index} has the id {prompt.id!r}, "
                    f"expected {prompt_id(index)!r}"
                )

    def to_jsonl(self) -> bytes:
        """The set's file: one JSON object a line, UTF-8, keys in a fixed order."""
        return b"".join(_json_line(prompt.to_json()) for prompt in self.prompts)

    @cached_property
    def sha256(self) -> str:
        """The canonical hash, by which sets are told apart: SHA-256 of the lines of `Prompt.canonical`.

        The same prompts have it in whatever file they stand. It is `sha256sum` of `to_jsonl()` where no
        prompt has anything beside what it is known by.
        """
        found = hashlib.sha256()
        for prompt in self.prompts:
            found.update(_json_line(prompt.canonical()))
        return found.hexdigest()

    @property
    def rewritten(self) -> int:
        """How many of the prompts are rewrites of others."""
        return sum(prompt.rewritten_from is not None for prompt in self.prompts)

    @cached_property
    def by_id(self) -> Mapping[str, Prompt]:
        """Prompts by id."""
        return {p.id: p for p in self.prompts}

    def __len__(self) -> int:
        return len(self.prompts)


def _first_key(extra: Mapping[str, Any], names: tuple[str, ...], kinds: tuple[type, ...]) -> str | None:
    """The key that comes first among the names, in whatever case, and holds one of the kinds."""
    if not extra:
        return None
    by_name = {key.lower(): key for key in extra}
    found = (by_name[name] for name in names if name in by_name)
    return next(
        (key for key in found if isinstance(extra[key], kinds) and extra[key] not in ("", None)), None
    )


_encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: a set may have a million lines


def _json_line(row: Mapping[str, Any]) -> bytes:
    return (_encode(row) + "\n").encode()


def prompt_id(index: int) -> str:
    """The id of the prompt at `index`: GenEval's five-digit folder name."""
    return f"{index:05d}"
