"""Pairwise comparisons as codes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers

OUTCOMES = ("left", "tie", "right", "both_bad")


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Pairwise comparisons as codes: one element for each, in all but `models`, `prompts` and `covariates`.

    `outcome`: 0 left is better, 1 tie, 2 right is better. `prompt`: code of its cluster, `prompts` of them,
    named by `prompt_ids`, which is empty where every comparison is its own. `covariates`: by name, the left
    image's value less the right one's.
    """

    models: tuple[str, ...]
    left: Integers
    right: Integers
    outcome: Integers
    prompt: Integers
    prompts: int
    prompt_ids: tuple[str, ...]
    covariates: Mapping[str, Floats]

    @classmethod
    def from_table(cls, table: pd.DataFrame, covariates: tuple[str, ...] = ()) -> "Comparisons":
        """From columns left, right (models' names), outcome (see `OUTCOMES`) and prompt_id.

        "both_bad" is a tie. Without prompt_id every comparison is a cluster of its own. `covariates` name
        columns of numbers: the difference left less right. Raises InputError for a missing column or value,
        a model compared with itself, UnknownNameError for another outcome.
        """
        for name in ("left", "right", "outcome", *covariates):
            if name not in table:
                raise InputError(f"the comparisons lack the column {name!r}")
        left, right, models = _model_codes(table["left"], table["right"])
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
        return cls(
            models, left, right, _outcomes(table["outcome"]), prompt.astype(np.int64), prompts, ids, extra
        )

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
        return replace(
            self,
            left=self.left[rows],
            right=self.right[rows],
            outcome=self.outcome[rows],
            prompt=self.prompt[rows],
            covariates={name: values[rows] for name, values in self.covariates.items()},
        )


def _model_codes(left: pd.Series, right: pd.Series) -> tuple[Integers, Integers, tuple[str, ...]]:
    (l_code, l_names), (r_code, r_names) = pd.factorize(left), pd.factorize(right)
    if (l_code < 0).any() or (r_code < 0).any():
        raise InputError("a comparison lacks a model")
    models = sorted({*map(str, l_names), *map(str, r_names)})
    at = {name: code for code, name in enumerate(models)}
    l_map, r_map = (np.array([at[str(n)] for n in names], dtype=np.int64) for names in (l_names, r_names))
    return l_map[l_code], r_map[r_code], tuple(models)


def _outcomes(column: pd.Series) -> Integers:
    code, names = pd.factorize(column)
    known = {"left": 0, "tie": 1, "both_bad": 1, "right": 2}
    if (code < 0).any():
        raise InputError("a comparison lacks an outcome")
    for name in names:
        if name not in known:
            raise UnknownNameError("outcome", str(name), OUTCOMES)
    return np.array([known[name] for name in names], dtype=np.int64)[code]
