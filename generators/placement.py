"""Which prompt and sample each file of a folder is an image of, by what its name or its table says."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nami_bench.domain import Prompt

Place = tuple[str, int]
"""A prompt's id in its set, and the sample."""
_LONG_ENOUGH = 40
"""Letters and digits by which a cut text is known for the beginning of one prompt."""


@dataclass(frozen=True)
class Placement:
    """Where files belong.

    `files` by place: more than one file there is a conflict. `unplaced`: files that fit the layout but no
    prompt, with the reason. `strangers`: images that do not fit it. `of_others`: files of other models, by
    model.
    """

    files: Mapping[Place, Sequence[str]]
    unplaced: Mapping[str, str] = field(default_factory=dict)
    strangers: Sequence[str] = ()
    of_others: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many files have a place."""
        return sum(map(len, self.files.values()))

    @cached_property
    def prompts(self) -> set[str]:
        """The ids of prompts with an image."""
        return {prompt for prompt, _ in self.files}

    @property
    def samples(self) -> int:
        """One more than the highest sample; 0 where there is no file."""
        return max((sample + 1 for _, sample in self.files), default=0)

    @property
    def conflicts(self) -> list[tuple[Place, Sequence[str]]]:
        """Places with more than one file."""
        return [(place, files) for place, files in self.files.items() if len(files) > 1]


class PlacedPrompts:
    """The prompts of a set by everything that names of files and tables call them."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self.prompts = prompts
        self._parts: dict[str, Sequence[int]] = {}

    @property
    def have_ids(self) -> bool:
        """Whether the source gave the prompts ids."""
        return bool(self._by_id)

    def has_part(self, name: str) -> bool:
        """Whether a stratum or group is called so."""
        return not isinstance(self._pool(name), str)

    def find(self, said: Mapping[str, str]) -> Prompt | str:
        """The prompt that `said` means, by placeholder (see `layouts`), or why none is."""
        pool = self._pool(said.get("stratum"))
        if isinstance(pool, str):
            return pool
        for name, find in (("index", self._by_place), ("number", self._by_place)):
            if name in said:
                return find(int(said[name]) - (name == "number"), pool)
        by_id = self._by_id.get(_id_key(said["id"]), ()) if "id" in said else ()
        if "prompt" not in said:
            return self._one(by_id, pool, f"id {said['id']!r}")
        # The text counts: what a table calls an id may number its rows. Among equal texts the id decides.
        return self._by_text(said["prompt"], pool, by_id)

    def _pool(self, stratum: str | None) -> Sequence[int] | str:
        """The places of a stratum or group, however it is written; of all prompts where none is said."""
        if stratum is None:
            return range(len(self.prompts))
        if stratum not in self._parts:
            self._parts[stratum] = self._part(stratum)
        return self._parts[stratum] or f"there is no stratum or group {stratum!r}"

    def _part(self, name: str) -> Sequence[int]:
        names = {part for prompt in self.prompts for part in (prompt.stratum, prompt.group) if part}
        same = [one for one in names if one.casefold() == name.casefold()]
        # OneIG-Bench calls the images' folder "anime" and the prompts' category "Anime_Stylization".
        meant = same or [one for one in names if name.casefold() in _words(one)]
        if len(meant) != 1:
            return ()
        return [at for at, p in enumerate(self.prompts) if meant[0] in (p.stratum, p.group)]

    def _by_place(self, place: int, pool: Sequence[int]) -> Prompt | str:
        if 0 <= place < len(pool):
            return self.prompts[pool[place]]
        return f"there is no prompt {place} (of {len(pool)}, from 0)"

    @cached_property
    def _by_id(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = {}
        for at, prompt in enumerate(self.prompts):
            if prompt.source_id is not None:
                for key in {_id_key(prompt.source_id), _id_key(re.sub(r"\.\w+$", "", prompt.source_id))}:
                    found.setdefault(key, []).append(at)
        return found

    @cached_property
    def _by_key(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = {}
        for at, prompt in enumerate(self.prompts):
            found.setdefault(_text_key(prompt.text), []).append(at)
        return found

    def _by_text(self, text: str, pool: Sequence[int], by_id: Collection[int]) -> Prompt | str:
        key = _text_key(text)
        found = self._by_key.get(key, ())
        if not found and len(key) >= _LONG_ENOUGH:  # names of files have an end, prompts go on
            found = [at for known, places in self._by_key.items() if known.startswith(key) for at in places]
        meant = [at for at in found if at in by_id]
        return self._one(meant or found, pool, f"text {text[:60]!r}")

    def _one(self, found: Collection[int], pool: Sequence[int], what: str) -> Prompt | str:
        here = [at for at in found if _holds(pool, at)]
        if len(here) == 1:
            return self.prompts[here[0]]
        return f"there {f'are {len(here)} prompts' if here else 'is no prompt'} with the {what}"


def place(
    said: Mapping[str, Mapping[str, str]], prompts: PlacedPrompts, names: Iterable[str], model: str
) -> Placement:
    """Find a place for each file of which something is said; `names` are all images of the folder.

    Of files that name a model, only those of `model` are taken, or of the only model there is.
    """
    models = Counter(fields["model"] for fields in said.values() if "model" in fields)
    own = model if model in models else next(iter(models)) if len(models) == 1 else model
    of_prompt: dict[str, list[tuple[str, int | None]]] = {}
    unplaced = {}
    for name in sorted(said, key=_in_order):
        fields = said[name]
        if fields.get("model", own) != own:
            continue
        found = prompts.find(fields)
        if isinstance(found, str):
            unplaced[name] = found
        else:
            of_prompt.setdefault(found.id, []).append((name, _sample(fields)))
    strangers = [name for name in names if name not in said]
    others = {name: count for name, count in models.items() if name != own}
    return Placement(_numbered(of_prompt), unplaced, strangers, others)


def _numbered(of_prompt: Mapping[str, Sequence[tuple[str, int | None]]]) -> dict[Place, list[str]]:
    files: dict[Place, list[str]] = {}
    for prompt, found in of_prompt.items():
        # Two files whose names differ in their endings alone are one image twice, not two samples.
        stems = {
            stem: at for at, stem in enumerate(dict.fromkeys(name.rpartition(".")[0] for name, _ in found))
        }
        for name, sample in found:
            number = stems[name.rpartition(".")[0]] if sample is None else sample
            files.setdefault((prompt, number), []).append(name)
    return files


def _holds(pool: Sequence[int], at: int) -> bool:
    """Whether a place is one of a sorted pool's."""
    if isinstance(pool, range):
        return at in pool
    position = bisect_left(pool, at)
    return position < len(pool) and pool[position] == at


def _sample(fields: Mapping[str, str]) -> int | None:
    if "sample" in fields:
        return int(fields["sample"])
    return int(fields["nth"]) - 1 if "nth" in fields else None


def _in_order(name: str) -> list[tuple[int, int | str]]:
    """img_2 before img_10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def _id_key(name: str) -> str:
    return name.lstrip("0") or "0" if name.isdecimal() else name


def _text_key(text: str) -> str:
    """What names of files keep of a text: its letters and digits."""
    return "".join(c for c in text.casefold() if c.isalnum()) or text


def _words(name: str) -> list[str]:
    return re.split(r"[\W_]+", name.casefold())
