"""What files of votes say beside them, as covariates of strengths and as parts of the votes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.ratings_array import Floats

SIZE = ("width", "height")
DERIVED = {"resolution": SIZE, "aspect": SIZE}
"""Covariates that are made of others: the doublings of the number of pixels, and of width over height."""
PROMPT_LENGTH = "prompt_length"
"""Words of the prompt, by which votes can be parted."""
SPANS = ("year", "month", "week", "day")
_TIME = "created_at"
_MOST_PARTS = 24
_OTHERS = "others"
_QUARTERS = 4


def columns_of(covariates: Sequence[str], by: str | None) -> list[str]:
    """The columns of a file of votes that these are made of."""
    found = [
        f"{side}_{part}"
        for name in covariates
        for part in DERIVED.get(name, (name,))
        for side in ("left", "right")
    ]
    if by is not None:
        name = by.partition(":")[0]
        found.append("prompt" if name == PROMPT_LENGTH else name)
    return list(dict.fromkeys(found))


def with_columns(table: pd.DataFrame, covariates: Sequence[str], by: str | None) -> pd.DataFrame:
    """The table with a column for each covariate, the left image's value less the right one's, and one called
    `by` of the parts.

    Raises InputError where a vote lacks what a covariate is made of.
    """
    added: dict[str, Any] = {}
    for name in covariates:
        left, right = (_value(table, name, side) for side in ("left", "right"))
        added[name] = left - right
    if by is not None:
        added[by] = _parts(table, by)
    return table.assign(**added)


def _value(table: pd.DataFrame, name: str, side: str) -> Floats:
    parts = [_numbers(table, f"{side}_{part}") for part in DERIVED.get(name, (name,))]
    if name in DERIVED:
        if any((part <= 0).any() for part in parts):
            raise InputError(f"an image has no {SIZE[0]} or {SIZE[1]}, of which {name} is made")
        width, height = map(np.log2, parts)
        return np.asarray(width + height if name == "resolution" else width - height)
    return parts[0]


def _numbers(table: pd.DataFrame, column: str) -> Floats:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    missing = int(np.isnan(values).sum())
    if missing:
        raise InputError(
            f"{missing} of {len(values)} votes have no number in {column}: a covariate must be known of both "
            "images of every vote"
        )
    return np.asarray(values)


def _parts(table: pd.DataFrame, by: str) -> "pd.Series[Any]":
    name, _, span = by.partition(":")
    if name == _TIME:
        return _spans(table[_TIME], span or "month")
    if span:
        raise InputError(f"--by {by}: only {_TIME} is divided, as {_TIME}:{SPANS[1]}")
    if name == PROMPT_LENGTH:
        words = table["prompt"].astype("category")
        lengths = [len(str(text).split()) for text in words.cat.categories]
        return _quarters(pd.Series(np.array([*lengths, np.nan])[words.cat.codes], index=table.index), "words")
    values = table[name]
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _quarters(values.astype(float), "")
    return _frequent(values.astype("category"))


def _spans(times: pd.Series, span: str) -> "pd.Series[Any]":
    if span not in SPANS:
        raise UnknownNameError("span of time", span, SPANS)
    formats = {"year": "%Y", "month": "%Y-%m", "week": "%G-W%V", "day": "%Y-%m-%d"}
    return pd.to_datetime(times, utc=True).dt.strftime(formats[span]).astype("category")


def _quarters(values: pd.Series, unit: str) -> "pd.Series[Any]":
    """Parts of about equally many votes, named by the values in them."""
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, _QUARTERS + 1)))
    part = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    names = []
    for number in range(max(len(edges) - 1, 1)):
        inside = values[(part == number) & values.notna()]
        names.append(f"{inside.min():.4g} to {inside.max():.4g} {unit}".strip())
    codes = np.where(values.isna(), -1, part)
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(names)), index=values.index)


def _frequent(values: pd.Series) -> "pd.Series[Any]":
    """The most frequent texts, and all others as one."""
    counts = values.value_counts()
    counts = counts[counts > 0]
    if len(counts) <= _MOST_PARTS:
        return values.cat.remove_unused_categories()
    kept = counts.index[: _MOST_PARTS - 1]
    named = [str(name) if name in kept else _OTHERS for name in values.cat.categories]
    order = [*map(str, kept), _OTHERS]
    codes = np.array([*(order.index(name) for name in named), -1])[values.cat.codes]
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(order)), index=values.index)
