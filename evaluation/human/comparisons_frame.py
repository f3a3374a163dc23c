"""Verdicts on pairs of images as a table: the form in which millions of them are checked and counted."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from nami_bench.domain import Comparison
from nami_bench.evaluation.human.ratings_array import Integers

COLUMNS = tuple(field.name for field in fields(Comparison))
"""Names of columns. Texts are categories; `annotator` is missing where nobody knows who voted, each such row
being a voter of its own; `outcome` is missing where a `reason` stands. Numbers have no gaps, but `position`
and `duration_ms` may."""
CODED = ("study", "annotator", "prompt_id", "criterion", "left", "right", "outcome", "reason")
IMAGES = ("left_sample", "right_sample")


def comparisons_frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Comparisons as a table with `COLUMNS`, in their order."""
    columns = {name: [getattr(one, name) for one in comparisons] for name in COLUMNS}
    columns["outcome"] = [None if outcome is None else outcome.value for outcome in columns["outcome"]]
    return filled(pd.DataFrame(columns))


def filled(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with texts as categories, and what is not said of a vote in its place.

    Both images are of `sample` where nothing else is said; a vote counts once, with weight 1.
    """
    added: dict[str, pd.Series] = {name: table[name].astype("category") for name in CODED if name in table}
    added["sample"] = table["sample"].astype(np.int64)
    for name in IMAGES:
        added[name] = _whole(table, name, added["sample"])
    for name, usual in (("repeat", 0), ("count", 1)):
        added[name] = _whole(table, name, usual)
    weight = table["weight"] if "weight" in table else pd.Series(np.nan, index=table.index)
    added["weight"] = weight.astype(np.float64).fillna(1.0)
    return table.assign(**added)


def same_image(table: pd.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """By row, whether an image stands beside itself."""
    left, right, _ = sides(table)
    one, other = (table[name].to_numpy() for name in IMAGES)
    return np.asarray((left == right) & (one == other))


def sides(table: pd.DataFrame) -> tuple[Integers, Integers, tuple[str, ...]]:
    """Codes of the models on the left and on the right, and the models, in the order of their names."""
    both = [table[side].astype("category").cat for side in ("left", "right")]
    models = sorted({str(name) for one in both for name in one.remove_unused_categories().cat.categories})
    at = {name: code for code, name in enumerate(models)}
    codes = []
    for one in both:
        new = np.array([*(at.get(str(name), -1) for name in one.categories), -1], dtype=np.int64)
        codes.append(new[one.codes.to_numpy()])
    return codes[0], codes[1], tuple(models)


def _whole(table: pd.DataFrame, name: str, usual: "int | pd.Series") -> pd.Series:
    """Whole numbers without gaps."""
    if name not in table:
        return pd.Series(usual, index=table.index).astype(np.int32)
    return table[name].astype("Int64").fillna(usual).astype(np.int32)
