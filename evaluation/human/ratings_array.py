"""Ratings as integer codes and one array of values: the form that all statistics of scores start from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nami_bench.domain import Criteria, Criterion, Total
from nami_bench.errors import InputError, UnknownNameError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

TOTAL = "total"
"""The name of the column that holds the total."""


@dataclass(frozen=True, slots=True, eq=False)
class RatingsArray:
    """One row for each (image, annotator), one column for each criterion.

    `model`, `prompt`, `sample`, `annotator`: shape (rows,); codes into `models`, `prompts`, `annotators`,
    and the image's number among those of its prompt. Rows are sorted by them, in this order, and occur
    once. `values`: shape (rows, criteria), rescaled to 0-100, NaN where there is none. `withheld`, of the
    same shape: the annotator said that it cannot be judged; a NaN that was not withheld was never asked for
    or answered.

    `total` geometric: the last criterion is derived, carries all the weight and holds each rating's own
    total, so that its score is the total.
    """

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    annotators: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    model: Integers
    prompt: Integers
    sample: Integers
    annotator: Integers
    values: Floats
    withheld: Booleans
    total: Total = Total.ARITHMETIC

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, criteria: Sequence[Criterion], models: Sequence[str] | None = None
    ) -> "RatingsArray":
        """From a tidy table (see `nami_bench.evaluation.human.table`) of one study, or of a part of its
        prompts.

        `models` sets their order and may name unrated ones; default: those in the table, by name.

        Raises InputError for criteria that cannot give a total, values off their scale and values given
        twice, UnknownNameError for a criterion or model that is not among those named.
        """
        check_criteria(criteria)
        criteria = Criteria.of(criteria)
        column, _ = _codes(table["criterion"], "criterion", [c.name for c in criteria])
        model, model_names = _codes(table["model"], "model", models)
        prompt, prompts = _codes(table["prompt_id"], "prompt")
        annotator, annotators = _codes(table["annotator"], "annotator")
        numbers, sample = np.unique(table["sample"].to_numpy(np.int64), return_inverse=True)
        sizes = (len(model_names), len(prompts), len(numbers), len(annotators))
        shape = tuple(max(n, 1) for n in sizes)
        keys = np.ravel_multi_index((model, prompt, sample, annotator), shape)
        distinct, row = np.unique(keys, return_inverse=True)
        _check_unique(row * len(criteria) + column, table)
        value = _rescaled(table["value"].to_numpy(np.float64), column, criteria)
        values = np.full((len(distinct), len(criteria)), np.nan)
        withheld = np.zeros(values.shape, dtype=bool)
        values[row, column] = value
        withheld[row, column] = np.isnan(value)
        codes = np.unravel_index(distinct, shape)
        model, prompt, sample, annotator = (np.asarray(code, dtype=np.int64) for code in codes)
        found = cls(
            model_names,
            prompts,
            annotators,
            tuple(criteria),
            model=model,
            prompt=prompt,
            sample=numbers[sample],
            annotator=annotator,
            values=values,
            withheld=withheld,
        )
        return found._with_geometric_total() if criteria.total == Total.GEOMETRIC else found

    def _with_geometric_total(self) -> "RatingsArray":
        used = self.weights > 0
        with np.errstate(divide="ignore"):
            logs = np.log(self.values[:, used] / 100)
        total = 100 * np.exp(logs @ self.weights[used])
        derived = Criterion(TOTAL, 1.0)
        return replace(
            self,
            criteria=(*(replace(c, weight=0.0) for c in self.criteria), derived),
            values=np.column_stack((self.values, total)),
            withheld=np.column_stack((self.withheld, self.withheld[:, used].any(axis=1))),
            total=Total.GEOMETRIC,
        )

    @property
    def asked(self) -> tuple[Criterion, ...]:
        """The criteria that annotators were asked for: all but a derived one."""
        return self.criteria[:-1] if self.total == Total.GEOMETRIC else self.criteria

    @property
    def columns(self) -> tuple[str, ...]:
        """The criteria's names, then `TOTAL`: the last axis of every result."""
        return (*(c.name for c in self.criteria), TOTAL)

    @property
    def weights(self) -> Floats:
        """The criteria's weights, shape (criteria,), with sum one."""
        weights = np.array([c.weight for c in self.criteria], dtype=float)
        return np.asarray(weights / weights.sum())

    def column(self, name: str) -> int:
        """The index of a criterion or of `TOTAL`; raises UnknownNameError."""
        if name == TOTAL:
            return len(self.criteria)  # also where a criterion has taken the name
        if name not in self.columns:
            raise UnknownNameError("criterion", name, self.columns)
        return self.columns.index(name)

    def image(self) -> Integers:
        """By row, the number of its image, from 0 in the order of rows."""
        if not len(self.model):
            return np.zeros(0, dtype=np.int64)
        parts = np.stack((self.model, self.prompt, self.sample))
        first = np.any(parts[:, 1:] != parts[:, :-1], axis=0)
        return np.concatenate(([0], np.cumsum(first)))

    def item(self) -> Integers:
        """By row, the code of its (prompt, sample): the same for images of different models."""
        numbers, sample = np.unique(self.sample, return_inverse=True)
        return self.prompt * max(len(numbers), 1) + sample

    def of_rows(self, rows: Booleans) -> "RatingsArray":
        """The ratings of the rows where `rows`, shape (rows,), is true; all models stay, rated or not."""
        prompts, prompt = np.unique(self.prompt[rows], return_inverse=True)
        annotators, annotator = np.unique(self.annotator[rows], return_inverse=True)
        return replace(
            self,
            prompts=tuple(self.prompts[i] for i in prompts),
            annotators=tuple(self.annotators[i] for i in annotators),
            model=self.model[rows],
            prompt=prompt.astype(np.int64),
            sample=self.sample[rows],
            annotator=annotator.astype(np.int64),
            values=self.values[rows],
            withheld=self.withheld[rows],
        )

    def of_prompts(self, prompts: Iterable[str]) -> "RatingsArray":
        """The ratings of these prompts only; unrated ones among them are passed over."""
        return self.of_rows(_named(self.prompts, prompts)[self.prompt])

    def of_annotators(self, annotators: Iterable[str]) -> "RatingsArray":
        """The ratings by these annotators only."""
        return self.of_rows(_named(self.annotators, annotators)[self.annotator])

    def of_models(self, models: Sequence[str]) -> "RatingsArray":
        """The ratings of these models only, in this order; raises UnknownNameError."""
        for name in models:
            if name not in self.models:
                raise UnknownNameError("model", name, self.models)
        order = np.full(len(self.models), -1)
        order[[self.models.index(name) for name in models]] = np.arange(len(models))
        part = self.of_rows(order[self.model] >= 0)
        code = order[part.model]
        rows = np.argsort(code, kind="stable")
        moved = {name: getattr(part, name)[rows] for name in _BY_ROW}
        return replace(part, models=tuple(models), **(moved | {"model": code[rows]}))


_BY_ROW = ("model", "prompt", "sample", "annotator", "values", "withheld")


def check_criteria(criteria: Sequence[Criterion]) -> None:
    """Raise InputError unless there are criteria, each once, of which one carries weight."""
    names = [c.name for c in criteria]
    if not names or len(set(names)) != len(names):
        raise InputError("the criteria must be at least one, each once")
    if not any(c.weight > 0 for c in criteria):
        raise InputError("the criteria's weights are all zero: there would be no total")


def _codes(
    column: "pd.Series[str]", kind: str, names: Sequence[str] | None = None
) -> tuple[Integers, tuple[str, ...]]:
    """Codes into `names`, or into the names that occur, sorted."""
    codes, found = pd.factorize(column)
    if (codes < 0).any():
        raise InputError(f"a rating has no {kind}")
    texts = [str(name) for name in found]
    if names is None:
        names = sorted(texts)
    at = {name: index for index, name in enumerate(names)}
    for text in texts:
        if text not in at:
            raise UnknownNameError(kind, text, names)
    return np.array([at[text] for text in texts], dtype=np.int64)[codes], tuple(names)


def _rescaled(value: Floats, column: Integers, criteria: Sequence[Criterion]) -> Floats:
    minimum = np.array([c.minimum for c in criteria])[column]
    maximum = np.array([c.maximum for c in criteria])[column]
    off = (value < minimum) | (value > maximum)
    if off.any():
        row = int(off.argmax())
        criteria[int(column[row])].check(float(value[row]))
    return np.asarray(100.0 * (value - minimum) / (maximum - minimum))


def _check_unique(keys: Integers, table: pd.DataFrame) -> None:
    order = np.argsort(keys, kind="stable")
    repeated = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(repeated):
        of = table.iloc[int(order[repeated[0] + 1])]
        raise InputError(
            f"{of['annotator']!r} rated {of['criterion']} of {of['model']}/{of['prompt_id']}/{of['sample']} "
            "twice: keep one of them, and the ratings of one study"
        )


def _named(known: Sequence[str], names: Iterable[str]) -> Booleans:
    wanted = set(names)
    return np.array([name in wanted for name in known], dtype=bool)
