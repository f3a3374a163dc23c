"""The shapes world as a captioned data set, with combinations that training never sees.

Captions are GenEval's grammar over the eight shapes and ten colors, and for training alone two counted
shapes in one picture ("two_counts"), which the grammar has not. What is held out is decided by a caption's
content: the combination of shapes, colors, count and relation, not by chance in a run, so that train and
held-out sets stay apart whoever draws from them. Captions of one shape alone (single_object) have nothing
to combine and are in both.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import permutations, product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nami_bench.domain import GENEVAL_COLORS, GENEVAL_RELATIONS, GENEVAL_TASKS
from nami_bench.generators.scenes import Layout, plan_scene, render
from nami_bench.shapes import SHAPES

Split = Literal["train", "held-out"]
HELD_OUT_SHARE = 0.1
COUNTS = {2: "two", 3: "three", 4: "four"}
# Tasks by how hard they are to learn: single shapes are few and easy. In color_attr, whose color is whose is
# learnt all at once or not at all: with a share of 0.24, not in 960,000 pictures (docs/results/nami-tiny).
TASK_SHARES: Mapping[str, float] = {
    "single_object": 0.04,
    "two_object": 0.08,
    "counting": 0.12,
    "colors": 0.04,
    "position": 0.32,
    "color_attr": 0.40,
}
CAPTION_TASKS = (*GENEVAL_TASKS, "two_counts")


@dataclass(frozen=True, slots=True)
class Caption:
    """A text and the GenEval clauses (tag, include, (exclude)) that it states."""

    text: str
    clauses: Mapping[str, Any]


@cache
def captions(task: str, split: Split) -> tuple[Caption, ...]:
    """Every caption of `task` in `split`, in a fixed order."""
    return tuple(
        caption
        for caption in _ALL[task]()
        if task == "single_object" or (split == "held-out") == is_held_out(caption.clauses)
    )


def is_held_out(clauses: Mapping[str, Any]) -> bool:
    """Whether the combination belongs to the held-out tenth; order of two plain objects does not matter.

    Two counted shapes are held out where the count of one of them is.
    """
    include = clauses["include"]
    if clauses["tag"] == "counting" and len(include) > 1:
        return any(is_held_out({"tag": "counting", "include": [c]}) for c in include if c["count"] > 1)
    if clauses["tag"] in ("two_object", "color_attr"):
        include = sorted(include, key=lambda clause: str(clause["class"]))
    identity = json.dumps([clauses["tag"], include], sort_keys=True)
    return hashlib.sha256(identity.encode()).digest()[0] < 256 * HELD_OUT_SHARE


def vocabulary() -> tuple[str, ...]:
    """Every word of every caption, sorted."""
    texts = (caption.text for task in GENEVAL_TASKS for caption in _ALL[task]())
    return tuple(sorted({word for text in texts for word in text.split()}))


def draw_captions(
    rng: np.random.Generator, count: int, split: Split, shares: Mapping[str, float] = TASK_SHARES
) -> list[Caption]:
    """`count` captions at random: a task by its share, then one of its captions."""
    tasks = rng.choice(list(shares), size=count, p=np.array(list(shares.values())) / sum(shares.values()))
    return [pool[int(rng.integers(len(pool)))] for task in tasks for pool in [captions(str(task), split)]]


def draw_images(
    chosen: Sequence[Caption], rng: np.random.Generator, size: int, layout: Layout = "free"
) -> NDArray[np.uint8]:
    """A picture of each caption: (captions, size, size, 3)."""
    scenes = (plan_scene(caption.clauses, rng, layout=layout) for caption in chosen)
    return np.stack([np.asarray(render(scene, size)) for scene in scenes])


def held_out_prompts(per_task: int, seed: int = 0) -> list[dict[str, Any]]:
    """GenEval metadata (tag, include, (exclude,) prompt) of held-out captions, up to `per_task` a task."""
    rng = np.random.default_rng(seed)
    rows = []
    for task in GENEVAL_TASKS:
        pool = captions(task, "held-out")
        chosen = sorted(rng.permutation(len(pool))[:per_task])
        rows += [{**pool[index].clauses, "prompt": pool[index].text} for index in chosen]
    return rows


def _single() -> list[Caption]:
    return [_caption("single_object", [_object(shape)], _a(shape)) for shape in SHAPES]


def _two() -> list[Caption]:
    return [
        _caption("two_object", [_object(a), _object(b)], f"{_a(a)} and {_a(b)}")
        for a, b in permutations(SHAPES, 2)
    ]


def _counting() -> list[Caption]:
    return [
        _caption(
            "counting", [_object(shape, count)], _counted(shape, count), exclude=[_object(shape, count + 1)]
        )
        for shape in SHAPES
        for count in COUNTS
    ]


def _two_counts() -> list[Caption]:
    return [
        _caption(
            "counting",
            [_object(a, n), _object(b, m)],
            f"{_counted(a, n)} and {_counted(b, m)}",
            exclude=[_object(a, n + 1), _object(b, m + 1)],
        )
        for a, b in permutations(SHAPES, 2)
        for n, m in product((1, *COUNTS), repeat=2)
        if 2 < n + m <= max(COUNTS)
    ]


def _colors() -> list[Caption]:
    return [
        _caption("colors", [{**_object(shape), "color": color}], _a(f"{color} {shape}"))
        for shape in SHAPES
        for color in GENEVAL_COLORS
    ]


def _position() -> list[Caption]:
    return [
        _caption(
            "position",
            [_object(target), {**_object(shape), "position": [relation, 0]}],
            f"{_a(shape)} {relation} {_a(target)}",
        )
        for shape, target in permutations(SHAPES, 2)
        for relation in GENEVAL_RELATIONS
    ]


def _color_attr() -> list[Caption]:
    return [
        _caption(
            "color_attr",
            [{**_object(a), "color": c}, {**_object(b), "color": d}],
            f"{_a(f'{c} {a}')} and {_a(f'{d} {b}')}",
        )
        for (a, b), (c, d) in product(permutations(SHAPES, 2), permutations(GENEVAL_COLORS, 2))
    ]


_ALL: dict[str, Callable[[], list[Caption]]] = {
    name: cache(partial(make))
    for name, make in zip(
        CAPTION_TASKS,
        (_single, _two, _counting, _colors, _position, _color_attr, _two_counts),
        strict=True,
    )
}


def _object(shape: str, count: int = 1) -> dict[str, Any]:
    return {"class": shape, "count": count}


def _caption(
    task: str, include: list[dict[str, Any]], phrase: str, exclude: list[dict[str, Any]] | None = None
) -> Caption:
    clauses: dict[str, Any] = {"tag": task, "include": include}
    if exclude is not None:
        clauses["exclude"] = exclude
    return Caption(f"a photo of {phrase}", clauses)


def _counted(shape: str, count: int) -> str:
    return _a(shape) if count == 1 else f"{COUNTS[count]} {shape}{'es' if shape.endswith('s') else 's'}"


def _a(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"
