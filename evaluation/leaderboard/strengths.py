"""What comparisons of images say of models: strengths, by criterion, and by any part of the votes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from nami_bench.domain import Comparison, Outcome
from nami_bench.domain.english import counted
from nami_bench.errors import InputError
from nami_bench.evaluation.human.bradley_terry import Strengths, Ties, fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.comparisons_frame import comparisons_frame, sides
from nami_bench.evaluation.human.concordance import concordance
from nami_bench.evaluation.human.elo import elo_scale
from nami_bench.evaluation.human.ratings_array import TOTAL, RatingsArray
from nami_bench.evaluation.human.strength_errors import Errors

NOTHING = "nothing"
"""What a board without covariates is controlled for."""


@dataclass(frozen=True, slots=True)
class ModelStrength:
    """One model by one criterion.

    `group`: from 1, the largest first; no comparisons join two groups, and each has a scale of its own.
    `elo`, `low`, `high`: strength on Elo's scale with its interval, 1000 the mean and 400 points odds of ten.
    Where no finite strength fits, `elo` is None, and a model that never lost or tied has `low` alone, one
    that never won or tied `high` alone: a bound. `comparisons` = `wins` + `losses` + `ties`, to which
    `both_bad`, among the ties, belongs. Of orders these count the pairs that they imply, and `ranked`, `best`
    and `worst` in how many the model was, stood alone in front, and alone at the end; None of pairs.
    `stratum`: of which part of the votes the strength is, None of all.
    """

    criterion: str
    model: str
    group: int
    elo: float | None
    low: float | None
    high: float | None
    comparisons: int
    wins: int
    losses: int
    ties: int
    both_bad: int
    ranked: int | None = None
    best: int | None = None
    worst: int | None = None
    stratum: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a covariate does, by one criterion: log odds that the left image wins, `low` to `high`, for each
    unit that it has more of `name` than the right one ("left": for standing there). None: not known.

    `deviation`: the standard deviation of that difference over the votes, None of the side.
    """

    criterion: str
    name: str
    estimate: float | None
    low: float | None
    high: float | None
    deviation: float | None
    stratum: str | None = None


@dataclass(frozen=True, slots=True)
class Controlled:
    """A model's strength, with its place from 1, on the board that is controlled for these covariates."""

    criterion: str
    controlled_for: str
    model: str
    place: int
    elo: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class StrengthTable:
    """Strengths by criterion and group, the strongest first: nobody before a model that always beat it.

    `model`: "bradley-terry" of pairs, "plackett-luce" of orders, "best-worst". `ties`: how it takes them.
    `comparisons`: of orders, rankings. `annotators`: whose names are known; `unknown`: votes by others.
    `withheld`: those that an annotator could not judge. `notes`: what
    must be said about the numbers. `left_out` says whose comparisons do not count. `effects` are of the side
    and the covariates that strengths are controlled for; `control` shows the boards without them, with each
    alone, and with all. `strata`: by what column of the votes rows of parts of them are, None for none.
    """

    study: str
    level: float
    ties: str
    errors: Errors
    rows: tuple[ModelStrength, ...]
    comparisons: int
    withheld: int
    annotators: int
    notes: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    model: str = "bradley-terry"
    effects: tuple[Effect, ...] = ()
    control: tuple[Controlled, ...] = ()
    strata: str | None = None
    unknown: int = 0

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How strengths are estimated: see `nami_bench.evaluation.human.bradley_terry`."""

    side: bool = False
    ties: Ties = "davidson"
    errors: Errors = "clustered"
    prior: float = 0.0
    level: float = 0.95

    def fit(self, table: Comparisons) -> Strengths:
        """The strengths by these comparisons."""
        return fit_bradley_terry(table, **asdict(self))


def strength_table(
    comparisons: Sequence[Comparison] | pd.DataFrame,
    *,
    side: bool = False,
    ties: Ties = "davidson",
    errors: Errors = "clustered",
    prior: float = 0.0,
    level: float = 0.95,
    ratings: RatingsArray | None = None,
    left_out: Iterable[str] = (),
    covariates: Collection[str] = (),
    by: str | None = None,
) -> StrengthTable:
    """Strengths of all models by each criterion that was compared.

    `comparisons`: as they are, or as a table (see `nami_bench.evaluation.human.comparisons_frame`). `side`
    estimates how much the left place helps; `ties`, `errors` and `prior`: see
    `nami_bench.evaluation.human.bradley_terry`. With `ratings` of the same models the notes say how far the
    two agree. `covariates`: columns of the table, the left image's value less the right one's, whose effects
    are taken out. `by`: a column whose values each get strengths of their own beside those of all.

    Raises InputError where there is nothing to compare.
    """
    whole = comparisons if isinstance(comparisons, pd.DataFrame) else comparisons_frame(comparisons)
    given = whole["outcome"].notna().to_numpy()
    judged = whole if given.all() else whole[given]
    if not len(judged):
        raise InputError("there are no comparisons yet: a study of pairs gives them")
    kept = _of_two_models(judged)
    options = FitOptions(side, ties, errors, prior, level)
    made = _Board(options, tuple(covariates), ratings)
    for criterion in kept["criterion"].unique():
        rows = (kept["criterion"] == criterion).to_numpy()
        made.add(str(criterion), kept if rows.all() else kept[rows], by)
    same = len(judged) - len(kept)
    said = (
        (f"{counted(same, 'comparison')} of two images of one model say nothing of models",) if same else ()
    )
    return StrengthTable(
        study=str(judged["study"].iloc[0]),
        level=level,
        ties=ties,
        errors=errors,
        rows=tuple(made.rows),
        comparisons=int(judged["count"].sum()),
        withheld=len(whole) - len(judged),
        annotators=int(judged["annotator"].nunique()),
        notes=(*said, *made.notes),
        left_out=tuple(left_out),
        effects=tuple(made.effects),
        control=tuple(made.control),
        strata=by,
        unknown=int(judged["count"].to_numpy()[judged["annotator"].isna().to_numpy()].sum()),
    )


def _of_two_models(judged: pd.DataFrame) -> pd.DataFrame:
    left, right, models = sides(judged)
    same = left == right
    if same.all():
        raise InputError(
            f"all comparisons are of two images of one model ({models[int(left[0])]}): they rank no models, "
            "and can say how well a metric agrees with people"
        )
    return judged[~same] if same.any() else judged


class _Board:
    """Strengths as they are added, criterion by criterion."""

    def __init__(
        self, options: FitOptions, covariates: tuple[str, ...], ratings: RatingsArray | None
    ) -> None:
        self.options, self.covariates, self.ratings = options, covariates, ratings
        self.rows: list[ModelStrength] = []
        self.notes: list[str] = []
        self.effects: list[Effect] = []
        self.control: list[Controlled] = []

    def add(self, criterion: str, part: pd.DataFrame, by: str | None) -> None:
        """Everything of one criterion, the strata of `by` too."""
        table = Comparisons.from_table(part, self.covariates)
        found = self._fitted(criterion, part, table, None)
        if self.ratings is not None:
            self.notes.append(f"{criterion}: {_agreement(self.ratings, table, found, criterion)}")
        if self.covariates:
            self.control += self._controlled(criterion, table, found)
        if by is None:
            return
        for stratum, rows in part.groupby(by, observed=True):
            self._fitted(criterion, rows, Comparisons.from_table(rows, self.covariates), str(stratum))
        if missing := int(part[by].isna().sum()):
            self.notes.append(f"{criterion}: {counted(missing, 'comparison')} without {by} are in no part")

    def _fitted(
        self, criterion: str, part: pd.DataFrame, table: Comparisons, stratum: str | None
    ) -> Strengths:
        found = self.options.fit(table)
        bad = (part["outcome"] == Outcome.BOTH_BAD).to_numpy()
        self.rows += _rows(criterion, table, bad[(part["weight"] != 0).to_numpy()], found, stratum)
        where = criterion if stratum is None else f"{criterion}, {stratum}"
        self.notes += [f"{where}: {note}" for note in _notes(found)]
        self.effects += _effects(criterion, table, found, stratum)
        return found

    def _controlled(self, criterion: str, table: Comparisons, found: Strengths) -> Iterator[Controlled]:
        """The boards without covariates, with each alone, and with all of them, which is `found`."""
        names = ("left",) * self.options.side + self.covariates
        sets = [(), *([(name,) for name in names] if len(names) > 1 else [])]
        for chosen in sets:
            values = {name: table.covariates[name] for name in chosen if name != "left"}
            options = replace(self.options, side="left" in chosen)
            yield from _places(criterion, chosen, options.fit(replace(table, covariates=values)))
        yield from _places(criterion, names, found)


def _places(criterion: str, names: Sequence[str], found: Strengths) -> Iterator[Controlled]:
    for place, index in enumerate(found.order.tolist(), 1):
        elo, low, high = (on_elo(x[index]) for x in (found.strength, found.low, found.high))
        called = ", ".join(names) or NOTHING
        yield Controlled(criterion, called, found.models[index], place, elo, low, high)


def _effects(criterion: str, table: Comparisons, found: Strengths, stratum: str | None) -> Iterator[Effect]:
    for name, values in found.effects.items():
        estimate, low, high = (float(value) if isfinite(value) else None for value in values)
        deviation = float(table.covariates[name].std()) if name in table.covariates else None
        yield Effect(criterion, name, estimate, low, high, deviation, stratum)


def _rows(
    criterion: str,
    table: Comparisons,
    both_bad: "np.ndarray[Any, Any]",
    found: Strengths,
    stratum: str | None,
) -> Iterator[ModelStrength]:
    count = _tally(table, both_bad)
    for index in found.order.tolist():
        elo, low, high = (on_elo(x[index]) for x in (found.strength, found.low, found.high))
        wins, losses, ties, bad = map(int, count[index])
        yield ModelStrength(
            criterion,
            found.models[index],
            group=int(found.island[index]) + 1,
            elo=elo,
            low=low,
            high=high,
            comparisons=wins + losses + ties,
            wins=wins,
            losses=losses,
            ties=ties,
            both_bad=bad,
            stratum=stratum,
        )


def _tally(table: Comparisons, both_bad: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Votes won, lost, tied and both bad, shape (models, 4)."""
    times = np.ones(len(table.left)) if table.times is None else table.times
    found = np.zeros((len(table.models), 4))
    for models, won in ((table.left, 0), (table.right, 2)):
        for column, rows in enumerate(
            (table.outcome == won, table.outcome == 2 - won, table.outcome == 1, both_bad)
        ):
            found[:, column] += np.bincount(models, times * rows, len(table.models))
    return found


def on_elo(strength: float) -> float | None:
    """A strength on Elo's scale, None where there is none that is finite."""
    return float(elo_scale(np.asarray(strength))) if isfinite(strength) else None


def _notes(found: Strengths) -> list[str]:
    notes = list(found.notes)
    if "left" in found.effects and isfinite(found.effects["left"][0]):
        value, low, high = 100 * expit(np.array(found.effects["left"]))
        interval = f"{low:.1f}-{high:.1f}%" if isfinite(low) else "no interval: verdicts do not show how sure"
        notes.append(
            f"of two equal images the left one wins {value:.1f}% of the decided comparisons ({interval})"
        )
    return notes


def _agreement(ratings: RatingsArray, table: Comparisons, found: Strengths, criterion: str) -> str:
    column = criterion if criterion in ratings.columns else TOTAL
    with_ratings = concordance(ratings, table, found, column)
    kendall, agreed = with_ratings.kendall, with_ratings.agreed
    order = "not comparable" if kendall is None else f"Kendall's tau-b {kendall:z.2f}"
    share = "no decided comparison has ratings" if agreed is None else (
        f"{100 * agreed:.0f}% of {with_ratings.decided} decided comparisons prefer the image rated higher"
    )  # fmt: skip
    return f"beside ratings ({column}): {order} over {with_ratings.models} models; {share}"
