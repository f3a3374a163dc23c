"""What orders of images, or their best and worst, say of models: strengths, by criterion."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from nami_bench.domain import Ranking
from nami_bench.errors import InputError
from nami_bench.evaluation.human.agreement import krippendorff_alpha
from nami_bench.evaluation.human.bradley_terry import Strengths
from nami_bench.evaluation.human.plackett_luce import fit_rankings
from nami_bench.evaluation.human.rankings_table import Rankings
from nami_bench.evaluation.human.strength_errors import Errors
from nami_bench.evaluation.leaderboard.strengths import ModelStrength, StrengthTable, on_elo

_PLACES = ("wins", "losses", "ties", "ranked", "best", "worst")


def rank_strength_table(
    rankings: Sequence[Ranking],
    *,
    errors: Errors = "clustered",
    prior: float = 0.0,
    level: float = 0.95,
    left_out: Iterable[str] = (),
) -> StrengthTable:
    """Strengths of all models by each criterion; `errors` and `prior`: see `fit_rankings`.

    Raises InputError where there is nothing to compare, or where orders are mixed with best and worst.
    """
    judged = [one for one in rankings if one.ranks is not None]
    if not judged:
        raise InputError("there are no rankings yet: a study that puts images in order gives them")
    if len({one.best_worst for one in judged}) > 1:
        raise InputError("orders cannot be taken together with best and worst: give one kind at a time")
    rows: list[ModelStrength] = []
    notes: list[str] = []
    for criterion in dict.fromkeys(one.criterion for one in judged):
        part = [one for one in judged if one.criterion == criterion]
        table = Rankings.of(part)
        found = fit_rankings(table, errors=errors, prior=prior, level=level)
        rows += _rows(criterion, part, found)
        notes += [f"{criterion}: {note}" for note in (*found.notes, _agreement(part))]
    return StrengthTable(
        study=judged[0].study,
        level=level,
        ties="none" if judged[0].best_worst else "sets",
        errors=errors,
        rows=tuple(rows),
        comparisons=len(judged),
        withheld=len(rankings) - len(judged),
        annotators=len({one.annotator for one in judged}),
        notes=tuple(notes),
        left_out=tuple(left_out),
        model="best-worst" if judged[0].best_worst else "plackett-luce",
    )


def _rows(criterion: str, part: Sequence[Ranking], found: Strengths) -> list[ModelStrength]:
    tally = _tally(part)
    rows = []
    for index in found.order.tolist():
        model = found.models[index]
        elo, low, high = (on_elo(x[index]) for x in (found.strength, found.low, found.high))
        group = int(found.island[index]) + 1
        wins, losses, ties, ranked, best, worst = (tally[model, name] for name in _PLACES)
        pairs = wins + losses + ties
        counts = (pairs, wins, losses, ties, 0, ranked, best, worst)
        rows.append(ModelStrength(criterion, model, group, elo, low, high, *counts))
    return rows


def _tally(part: Sequence[Ranking]) -> Counter[tuple[str, str]]:
    tally: Counter[tuple[str, str]] = Counter()
    for one in part:
        for first, second, better in one.pairs:
            names = {1: ("wins", "losses"), -1: ("losses", "wins"), 0: ("ties", "ties")}[better]
            tally.update([(first, names[0]), (second, names[1])])
        tally.update((model, "ranked") for model in one.models)
        tally.update((model, name) for model, name in ((one.best, "best"), (one.worst, "worst")) if model)
    return tally


def _agreement(part: Sequence[Ranking]) -> str:
    """How far annotators agree on the pairs that are implied, as on pairs that are asked about.

    Krippendorff's alpha takes what ties and incomplete designs leave, where Kendall's W wants whole orders of
    the same images. Pairs of one item are not independent, so no interval is given.
    """
    units: dict[tuple[str, int, frozenset[str]], int] = {}
    values: dict[str, int] = {}
    said = [
        (
            units.setdefault((one.prompt_id, one.sample, frozenset((first, second))), len(units)),
            values.setdefault({1: first, -1: second, 0: ""}[better], len(values)),
        )
        for one in part
        for first, second, better in one.pairs
    ]
    unit, value = np.array(said, dtype=np.int64).reshape(-1, 2).T
    found = krippendorff_alpha(unit, value.astype(float), "nominal", replicates=0)
    if found.alpha is None:
        return f"agreement on implied pairs: {'; '.join(found.notes)}"
    return (
        f"agreement on implied pairs (Krippendorff's alpha, nominal): {found.alpha:z.2f}, of {found.units} "
        "pairs of images that two annotators or more judged"
    )
