"""What comparisons of images say of models: strengths, by criterion."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from nami_bench.domain import Comparison, Outcome
from nami_bench.errors import InputError
from nami_bench.evaluation.human.bradley_terry import Strengths, Ties, fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.concordance import concordance
from nami_bench.evaluation.human.elo import elo_scale
from nami_bench.evaluation.human.ratings_array import TOTAL, RatingsArray
from nami_bench.evaluation.human.strength_errors import Errors


@dataclass(frozen=True, slots=True)
class ModelStrength:
    """One model by one criterion.

    `group`: from 1, the largest first; no comparisons join two groups, and each has a scale of its own.
    `elo`, `low`, `high`: strength on Elo's scale with its interval, 1000 the mean and 400 points odds of ten.
    Where no finite strength fits, `elo` is None, and a model that never lost or tied has `low` alone, one
    that never won or tied `high` alone: a bound. `comparisons` = `wins` + `losses` + `ties`, to which
    `both_bad`, among the ties, belongs. Of orders these count the pairs that they imply, and `ranked`, `best`
    and `worst` in how many the model was, stood alone in front, and alone at the end; None of pairs.
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


@dataclass(frozen=True, slots=True)
class StrengthTable:
    """Strengths by criterion and group, the strongest first: nobody before a model that always beat it.

    `model`: "bradley-terry" of pairs, "plackett-luce" of orders, "best-worst". `ties`: how it takes them.
    `comparisons`: of orders, rankings. `withheld`: those that an annotator could not judge. `notes`: what
    must be said about the numbers. `left_out` says whose comparisons do not count.
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

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def strength_table(
    comparisons: Sequence[Comparison],
    *,
    side: bool = False,
    ties: Ties = "davidson",
    errors: Errors = "clustered",
    prior: float = 0.0,
    level: float = 0.95,
    ratings: RatingsArray | None = None,
    left_out: Iterable[str] = (),
) -> StrengthTable:
    """Strengths of all models by each criterion that was compared.

    `side` estimates how much the left place helps; `ties`, `errors` and `prior`: see
    `nami_bench.evaluation.human.bradley_terry`. With `ratings` of the same models the notes say how far the
    two agree.

    Raises InputError where there is nothing to compare.
    """
    judged = [one for one in comparisons if one.outcome is not None]
    if not judged:
        raise InputError("there are no comparisons yet: a study of pairs gives them")
    rows: list[ModelStrength] = []
    notes: list[str] = []
    for criterion in dict.fromkeys(one.criterion for one in judged):
        part = [one for one in judged if one.criterion == criterion]
        table = Comparisons.from_table(pd.DataFrame(
            [(one.left, one.right, str(one.outcome), one.prompt_id) for one in part],
            columns=["left", "right", "outcome", "prompt_id"],
        ))  # fmt: skip
        found = fit_bradley_terry(table, side=side, ties=ties, errors=errors, prior=prior, level=level)
        rows += _rows(criterion, part, found)
        notes += [f"{criterion}: {note}" for note in _notes(found)]
        if ratings is not None:
            notes.append(f"{criterion}: {_agreement(ratings, table, found, criterion)}")
    return StrengthTable(
        study=judged[0].study,
        level=level,
        ties=ties,
        errors=errors,
        rows=tuple(rows),
        comparisons=len(judged),
        withheld=len(comparisons) - len(judged),
        annotators=len({one.annotator for one in judged}),
        notes=tuple(notes),
        left_out=tuple(left_out),
    )


def _rows(criterion: str, part: Sequence[Comparison], found: Strengths) -> list[ModelStrength]:
    tally: dict[str, Counter[str]] = {model: Counter() for model in found.models}
    for one in part:
        for model in (one.left, one.right):
            kind = "ties" if one.winner is None else "wins" if one.winner == model else "losses"
            tally[model][kind] += 1
            tally[model]["both_bad"] += one.outcome is Outcome.BOTH_BAD
    rows = []
    for index in found.order.tolist():
        count = tally[found.models[index]]
        elo, low, high = (on_elo(x[index]) for x in (found.strength, found.low, found.high))
        rows.append(
            ModelStrength(
                criterion,
                found.models[index],
                group=int(found.island[index]) + 1,
                elo=elo,
                low=low,
                high=high,
                comparisons=count["wins"] + count["losses"] + count["ties"],
                wins=count["wins"],
                losses=count["losses"],
                ties=count["ties"],
                both_bad=count["both_bad"],
            )
        )
    return rows


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
