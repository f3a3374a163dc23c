"""Pairs of images that people told apart, or did not, beside a metric's scores of both."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from nami_bench.domain import Criterion, Outcome, Ranking
from nami_bench.evaluation.audit.statistics import Bools, Floats, Integers
from nami_bench.evaluation.human.comparisons_frame import same_image
from nami_bench.evaluation.human.table import IMAGE

LISTS = ("listing", "annotator", *IMAGE, "human", "weight")
"""Columns of a table of lists: see `lists_of_ratings`."""

_ROUNDING = 1e-9
UNKNOWN = -1
"""The code of people who are not known one by one, or were taken together."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPairs:
    """One element for each pair of images of one list, in arrays (pairs,).

    A list is what one person, or all together, said of images of one prompt; a vote is a list of two.
    `human`: 1 where the first image is preferred, 0 the second, 0.5 neither. `first`, `second`: the metric's
    scores, higher is better; the first image stood earlier in the list. `listing`, `prompt`, `person`: codes
    from 0, `UNKNOWN` for a person. `weight`: how often it was said.
    """

    human: Floats
    first: Floats
    second: Floats
    listing: Integers
    prompt: Integers
    person: Integers
    weight: Floats

    def of(self, rows: Bools) -> "JudgedPairs":
        """The pairs where `rows`, shape (pairs,), is true."""
        return JudgedPairs(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def with_scores(self, first: Floats, second: Floats) -> "JudgedPairs":
        """The same with another metric's scores."""
        return replace(self, first=first, second=second)

    @property
    def tied(self) -> Bools:
        """Where people prefer neither."""
        return np.asarray(self.human == 0.5)

    @property
    def metric_tied(self) -> Bools:
        """Where the metric scores both alike."""
        return np.asarray(self.first == self.second)

    @property
    def right(self) -> Bools:
        """Where people prefer one image, and the metric the same."""
        return np.where(self.human > 0.5, self.first > self.second, self.first < self.second) & ~self.tied

    def count(self, what: str) -> int:
        """How many lists, prompts or people ("listing", "prompt", "person") there are; unknown ones are 0."""
        codes = getattr(self, what)
        return len(np.unique(codes[codes != UNKNOWN]))


def lists_of_ratings(ratings: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """What each annotator said of the images of each prompt, as `LISTS`; a row for each value.

    `ratings` is the tidy table (see `nami_bench.evaluation.human.table`) of one study. `human`: on 0-100.
    """
    rows = ratings[(ratings["criterion"] == criterion.name) & ratings["value"].notna()]
    table = rows[["annotator", *IMAGE]].astype({"annotator": str, "model": str, "prompt_id": str})
    table = table.assign(human=[criterion.rescale(value) for value in rows["value"]], weight=1.0)
    listing = table.groupby(["annotator", "prompt_id"], sort=False).ngroup()
    return table.assign(listing=listing)[list(LISTS)].reset_index(drop=True)


def means_of(lists: pd.DataFrame) -> pd.DataFrame:
    """All people's mean of each image, as one list for each prompt."""
    means = lists.groupby(list(IMAGE), sort=True)["human"].mean().reset_index()
    means["human"] = means["human"].round(9)  # that 2/3 + 1/3 and 1/2 + 1/2 tie
    listing = means.groupby("prompt_id", sort=False).ngroup()
    return means.assign(listing=listing, annotator=None, weight=1.0)[list(LISTS)]


_PREFERRED = {Outcome.LEFT: 1.0, Outcome.RIGHT: 0.0, Outcome.TIE: 0.5, Outcome.BOTH_BAD: 0.5}


def lists_of_comparisons(table: pd.DataFrame, criterion: str) -> pd.DataFrame:
    """Votes by one criterion, as lists of two; those without an outcome are left out, both bad is a tie.

    `table` is that of `nami_bench.evaluation.human.comparisons_frame`. `annotator` is a code; whoever is not
    known is a voter of their own. An image beside itself is left out.
    """
    rows = table[(table["criterion"] == criterion) & table["outcome"].notna()]
    rows = rows[~same_image(rows)]
    first = rows["outcome"].astype(object).map(_PREFERRED).to_numpy(dtype=np.float64)
    voter = pd.factorize(rows["annotator"].astype(object).replace({"": None}))[0].astype(np.int64)
    unknown = voter < 0
    voter[unknown] = len(rows) + np.arange(int(unknown.sum()))
    weight = (rows["count"] * rows["weight"]).to_numpy(dtype=np.float64)
    return pd.DataFrame(
        {
            "listing": np.repeat(np.arange(len(rows)), 2),
            "annotator": np.repeat(voter, 2),
            "model": _interleaved(rows["left"].astype(str), rows["right"].astype(str)),
            "prompt_id": np.repeat(rows["prompt_id"].astype(str).to_numpy(), 2),
            "sample": _interleaved(rows["left_sample"], rows["right_sample"]),
            "human": np.stack((first, 1 - first), axis=1).ravel(),
            "weight": np.repeat(weight, 2),
        }
    )


def _interleaved(left: "pd.Series[Any]", right: "pd.Series[Any]") -> Any:
    return np.stack((left.to_numpy(), right.to_numpy()), axis=1).ravel()


def lists_of_rankings(rankings: Iterable[Ranking], criterion: str) -> pd.DataFrame:
    """Orders by one criterion, as lists; of best and worst the others tie between them."""
    return _table(_of_rankings(rankings, criterion))


def _of_rankings(rankings: Iterable[Ranking], criterion: str) -> Iterator[tuple[Any, ...]]:
    for at, one in enumerate(rankings):
        if one.ranks is not None and one.criterion == criterion:
            for model, rank in zip(one.models, one.ranks, strict=True):
                yield at, one.annotator or None, model, one.prompt_id, one.sample, -float(rank), 1.0


def _table(rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=list(LISTS))
    return table.astype({"model": str, "prompt_id": str, "human": float, "weight": float})


def pairs_of(lists: pd.DataFrame, scores: pd.DataFrame) -> JudgedPairs:
    """All pairs of each list that a metric has scored both images of.

    `lists` has the columns `LISTS`, `scores` those of IMAGE and `value`, one row for each image.
    """
    return pairs_within(lists.merge(scores[[*IMAGE, "value"]], on=list(IMAGE), how="inner", sort=False))


def pairs_within(table: pd.DataFrame) -> JudgedPairs:
    """All pairs of each list of a table with the columns `LISTS` and `value`, which may be missing."""
    table = table[table["value"].notna()].sort_values("listing", kind="stable")
    person = pd.factorize(table["annotator"])[0]  # None is -1
    prompt = pd.factorize(table["prompt_id"])[0]
    first, second = _within(table["listing"].to_numpy())
    human, value = (table[name].to_numpy(dtype=np.float64) for name in ("human", "value"))
    listing = pd.factorize(table["listing"])[0]
    return JudgedPairs(
        human=(np.sign(human[first] - human[second]) + 1) / 2,
        first=value[first],
        second=value[second],
        listing=listing[first].astype(np.int64),
        prompt=prompt[first].astype(np.int64),
        person=person[first].astype(np.int64),
        weight=table["weight"].to_numpy(dtype=np.float64)[first],
    )


def _within(listing: Integers) -> tuple[Integers, Integers]:
    """The places of both rows of every pair of rows of one list; `listing`, (rows,), is sorted."""
    _, starts, sizes = np.unique(listing, return_index=True, return_counts=True)
    firsts, seconds = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        one, other = np.triu_indices(size, 1)
        begin = starts[sizes == size][:, None]
        firsts.append((begin + one).ravel())
        seconds.append((begin + other).ravel())
    return np.concatenate(firsts), np.concatenate(seconds)


def beside_the_others(lists: pd.DataFrame) -> pd.DataFrame:
    """Each person's lists with `others`, what the others said of the same image on average, beside it.

    Only images that somebody else judged too. Of votes, which are about a pair, the others are those who
    voted on the same two images.
    """
    table = lists.sort_values("listing", kind="stable")
    image = table.groupby(list(IMAGE), sort=False).ngroup().to_numpy()
    if (table.groupby("listing")["listing"].transform("size") == 2).all():
        other = image.reshape(-1, 2)[:, ::-1].ravel()
        image = image * (int(image.max(initial=0)) + 1) + other
    said, weight = (table[name].to_numpy(dtype=np.float64) for name in ("human", "weight"))
    about = np.unique(image, return_inverse=True)[1]
    own = np.minimum(weight, 1.0)  # one voter of as many as a row counts
    rest = np.bincount(about, weights=weight)[about] - own
    total = np.bincount(about, weights=weight * said)[about] - own * said
    left = rest > _ROUNDING
    others = np.divide(total, rest, out=np.zeros_like(total), where=left)
    return table.assign(others=others.round(9)).loc[left]
