"""GenEval's prompt grammar (Ghosh, Hajishirzi, Schmidt 2023, arXiv 2310.11513).

Six tasks over a list of object classes and ten colors. With the COCO classes and the default seed the
lines are GenEval's published 553, byte for byte. The order of the random draws is part of the format.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nami_bench.domain import Prompt, PromptSet, prompt_id
from nami_bench.domain.clauses import GENEVAL_CLASSES, GENEVAL_COLORS, GENEVAL_RELATIONS, clause_fields
from nami_bench.domain.english import number_word, with_article
from nami_bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np

OFFICIAL_SEED = 43
OFFICIAL_PER_TASK = 100
OFFICIAL_SHA256 = "5c48e0813e812e3c373fa5c8ed07a8f0a483be30272b4427b0559c8048e67c13"
"""SHA-256 of GenEval's evaluation_metadata.jsonl."""

Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the prompts speak of: at least two classes; `uncolored` names the class never given a color."""

    class_names: tuple[str, ...] = GENEVAL_CLASSES
    uncolored: str | None = "person"
    colors: tuple[str, ...] = GENEVAL_COLORS

    def __post_init__(self) -> None:
        if self.uncolored is not None and self.uncolored not in self.class_names:
            raise InputError(f"the uncolored class {self.uncolored!r} is not one of the class names")
        if len(self.colorable) < 2 or len(self.colors) < 2:
            raise InputError("GenEval's grammar needs at least two classes that take a color, and two colors")

    @property
    def colorable(self) -> tuple[str, ...]:
        """The classes that take a color, beginning after the uncolored one: the order that draws refer to."""
        if self.uncolored is None:
            return self.class_names
        at = self.class_names.index(self.uncolored)
        return self.class_names[at + 1 :] + self.class_names[:at]


def geneval_metadata(
    grammar: Grammar | None = None, *, seed: int = OFFICIAL_SEED, per_task: int = OFFICIAL_PER_TASK
) -> list[Metadata]:
    """GenEval's metadata, one dict for each prompt with the keys tag, include, (exclude,) prompt.

    `per_task` (at least 1) prompts are drawn for each task but single_object, which takes every class
    once; repeated texts are dropped, so fewer may be left.
    """
    import numpy as np

    if per_task < 1 or seed < 0:
        raise InputError("GenEval's grammar needs at least 1 prompt per task, and a seed of 0 or more")
    grammar = grammar or Grammar()
    rng = np.random.default_rng(seed)
    size = len(grammar.class_names)
    drawn = [_single_object(grammar, int(i)) for i in rng.choice(size, size=size, replace=False)]
    tasks: tuple[Callable[[], Metadata], ...] = tuple(
        partial(draw, grammar, rng) for draw in (_two_object, _counting, _colors, _position, _color_attr)
    )
    for draw in tasks:
        drawn += [draw() for _ in range(per_task)]
    unique: dict[str, Metadata] = {}
    for row in drawn:
        unique.setdefault(row["prompt"], row)
    return list(unique.values())


def metadata_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Metadata as JSON lines, as GenEval writes them."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def geneval_prompt_set(
    name: str = "geneval",
    grammar: Grammar | None = None,
    *,
    seed: int = OFFICIAL_SEED,
    per_task: int = OFFICIAL_PER_TASK,
) -> PromptSet:
    """The same prompts as a set, in the same order: stratum short, source geneval, tag task."""
    rows = geneval_metadata(grammar, seed=seed, per_task=per_task)
    return PromptSet(name, tuple(geneval_prompt(index, row) for index, row in enumerate(rows)))


def geneval_prompt(index: int, metadata: Mapping[str, Any]) -> Prompt:
    """One line of GenEval's metadata as the prompt at `index` of a set."""
    return Prompt(
        id=prompt_id(index),
        text=metadata["prompt"],
        source="geneval",
        tags={"task": metadata["tag"]},
        geneval=clause_fields(metadata),
    )


def _single_object(grammar: Grammar, index: int) -> Metadata:
    name = grammar.class_names[index]
    return _metadata("single_object", [_object(name)], with_article(name))


def _two_object(grammar: Grammar, rng: "np.random.Generator") -> Metadata:
    first, second = _two_classes(grammar.class_names, rng)
    return _metadata(
        "two_object", [_object(first), _object(second)], f"{with_article(first)} and {with_article(second)}"
    )


def _counting(grammar: Grammar, rng: "np.random.Generator") -> Metadata:
    name = grammar.class_names[rng.choice(len(grammar.class_names))]
    count = int(rng.integers(2, 4, endpoint=True))
    plural = name + ("es" if name.endswith("s") else "s")  # GenEval's own: "two persons", "three sheeps"
    row = _metadata("counting", [_object(name, count)], f"{number_word(count)} {plural}")
    return {
        "tag": row["tag"],
        "include": row["include"],
        "exclude": [_object(name, count + 1)],
        "prompt": row["prompt"],
    }


def _colors(grammar: Grammar, rng: "np.random.Generator") -> Metadata:
    name = grammar.colorable[rng.choice(len(grammar.colorable))]
    color = grammar.colors[rng.choice(len(grammar.colors))]
    return _metadata("colors", [{**_object(name), "color": color}], with_article(f"{color} {name}"))


def _position(grammar: Grammar, rng: "np.random.Generator") -> Metadata:
    subject, target = _two_classes(grammar.class_names, rng)
    relation = GENEVAL_RELATIONS[rng.choice(len(GENEVAL_RELATIONS))]
    # The relation points at the clause it is relative to, so the target comes first.
    include = [_object(target), {**_object(subject), "position": [relation, 0]}]
    return _metadata("position", include, f"{with_article(subject)} {relation} {with_article(target)}")


def _color_attr(grammar: Grammar, rng: "np.random.Generator") -> Metadata:
    names = _two_classes(grammar.colorable, rng)
    colors = [grammar.colors[i] for i in rng.choice(len(grammar.colors), size=2, replace=False)]
    include = [{**_object(name), "color": color} for name, color in zip(names, colors, strict=True)]
    first, second = (with_article(f"{color} {name}") for name, color in zip(names, colors, strict=True))
    return _metadata("color_attr", include, f"{first} and {second}")


def _two_classes(names: tuple[str, ...], rng: "np.random.Generator") -> tuple[str, str]:
    first, second = rng.choice(len(names), size=2, replace=False)
    return names[first], names[second]


def _object(name: str, count: int = 1) -> dict[str, Any]:
    return {"class": name, "count": count}


def _metadata(tag: str, include: list[dict[str, Any]], phrase: str) -> Metadata:
    return {"tag": tag, "include": include, "prompt": f"a photo of {phrase}"}
