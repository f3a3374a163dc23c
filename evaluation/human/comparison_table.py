"""Pairwise comparisons as codes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.comparisons_frame import sides
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers

T = TypeVar("T", np.int64, np.float64)
OUTCOMES = ("left", "tie", "right", "both_bad")


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Pairwise comparisons as codes: one element for each, in all but `models`, `prompts`, `prompt_ids`,
    `covariates` and `annotators`.

    `outcome`: 0 left is better, 1 tie, 2 right is better. `prompt`: code of its cluster, `prompts` of them,
    named by `prompt_ids`, which is empty where every comparison is its own. `covariates`: by name, the left
    image's value less the right one's. `annotator`: code of who voted, `annotators` of them, -1 where nobody
    knows who, None where nobody asks. `times`: as how many votes it counts, `weight`: how much each of these
    counts; None: one.
    """

    models: tuple[str, ...]
    left: Integers
    right: Integers
    outcome: Integers
    prompt: Integers
    prompts: int
    prompt_ids: tuple[str, ...]
    covariates: Mapping[str, Floats]
    annotator: Integers | None = None
    annotators: int = 0
    times: Integers | None = None
    weight: Floats | None = None

    @classmethod
    def from_table(cls, table: pd.DataFrame, covariates: tuple[str, ...] = ()) -> "Comparisons":
        """From columns left, right (models' names), outcome (see `OUTCOMES`), and where there are such
        prompt_id, annotator, count and weight.

        "both_bad" is a tie. Without prompt_id every comparison is a cluster of its own. `covariates` name
        columns of numbers: the difference left less right. What has no weight is left out. Raises InputError
        for a missing column or value, a model compared with itself, UnknownNameError for another outcome.
        """
        for name in ("left", "right", "outcome", *covariates):
            if name not in table:
                raise InputError(f"the comparisons lack the column {name!r}")
        if "weight" in table and (none := table["weight"] == 0).any():
            table = table[~none]
        if table["left"].isna().any() or table["right"].isna().any():
            raise InputError("a comparison lacks a model")
        left, right, models = sides(table)
        if (left == right).any():
            row = int((left == right).argmax())
            raise InputError(f"comparison {row + 1} is of {models[left[row]]!r} with itself")
        prompt, prompts = np.arange(len(table)), len(table)
        ids: tuple[str, ...] = ()
        if "prompt_id" in table:
            prompt, names = pd.factorize(table["prompt_id"])
            ids = tuple(map(str, names))
            prompts = len(ids)
        extra = {name: table[name].to_numpy(np.float64) for name in covariates}
        for name, values in extra.items():
            if not np.isfinite(values).all():
                raise InputError(f"the covariate {name!r} is not a finite number in every comparison")
        annotator, people = pd.factorize(table["annotator"]) if "annotator" in table else (None, ())
        return cls(
            models, left, right, _outcomes(table["outcome"]), prompt.astype(np.int64), prompts, ids, extra,
            None if annotator is None else annotator.astype(np.int64), len(people),
            _unless(table, "count", np.int64), _unless(table, "weight", np.float64),
        )  # fmt: skip

    @property
    def votes(self) -> int:
        """How many there are."""
        return len(self.left) if self.times is None else int(self.times.sum())

    @property
    def counted(self) -> Floats | None:
        """By comparison, how much it counts; None: one each."""
        if self.times is None or self.weight is None:
            return self.weight if self.times is None else self.times.astype(float)
        return np.asarray(self.times * self.weight)

    @property
    def squared(self) -> Floats | None:
        """By comparison, the sum over its votes of their weights' squares; None: one each."""
        if self.weight is None:
            return self.counted
        return np.asarray(self.weight**2 * (1 if self.times is None else self.times))

    def of_models(self, kept: Integers) -> "Comparisons":
        """The comparisons between the models with these codes, coded anew."""
        if len(kept) == len(self.models):
            return self
        code = np.full(len(self.models), -1)
        code[kept] = np.arange(len(kept))
        part = self.of_rows((code[self.left] >= 0) & (code[self.right] >= 0))
        names = tuple(self.models[i] for i in kept)
        return replace(part, models=names, left=code[part.left], right=code[part.right])

    def of_rows(self, rows: Booleans) -> "Comparisons":
        """The comparisons where `rows`, shape (comparisons,), is true; all models and prompts stay."""
        if rows.all():
            return self
        given = {name: getattr(self, name) for name in _BY_ROW}
        return replace(
            self,
            **{name: values[rows] for name, values in given.items() if values is not None},
            covariates={name: values[rows] for name, values in self.covariates.items()},
        )


_BY_ROW = ("left", "right", "outcome", "prompt", "annotator", "times", "weight")


def _unless(table: pd.DataFrame, name: str, kind: type[T]) -> "np.ndarray[tuple[int], np.dtype[T]] | None":
    """A column of numbers; None where they are all one."""
    if name not in table or (table[name] == 1).all():
        return None
    return table[name].to_numpy(kind)


def _outcomes(column: pd.Series) -> Integers:
    code, names = pd.factorize(column)
    known = {"left": 0, "tie": 1, "both_bad": 1, "right": 2}
    if (code < 0).any():
        raise InputError("a comparison lacks an outcome")
    for name in names:
        if name not in known:
            raise UnknownNameError("outcome", str(name), OUTCOMES)
    return np.array([known[name] for name in names], dtype=np.int64)[code]
