"""The Board's human scores: of studies of ratings, and of studies of pairs and orders."""

from collections.abc import Callable, Sequence
from typing import cast

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.comparisons import MOST_MODELS, Correction, compare_models
from nami_bench.evaluation.human.crossed import Over
from nami_bench.evaluation.human.intervals import Method, ScoreIntervals, score_intervals
from nami_bench.evaluation.human.ratings_array import TOTAL, RatingsArray
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.evaluation.leaderboard.strengths import ModelStrength, StrengthTable
from nami_bench.site.views import ALL, Cell, Part, Scored, View, ViewColumn, places_of

_OVER = {
    "both": "other prompts and other people of the same kind",
    "prompts": "other prompts, with these people",
    "annotators": "other people, on these prompts",
}


def ratings_view(
    ratings: RatingsArray,
    models: Sequence[str],
    parts: Sequence[Part],
    precision: Precision,
    *,
    total_title: str,
    simulated: bool,
) -> View:
    """Criteria and total, 0-100, with their intervals at `precision` and tests of all pairs, on every part.

    `simulated`: whether none of the ratings is a person's.
    """
    names = [TOTAL, *(criterion.name for criterion in ratings.asked)]
    if len(ratings.asked) == 1:
        names = [TOTAL]  # it would be said twice
    scored: dict[tuple[str, str], Scored] = {}
    for part in parts:
        of_part = ratings if part.key == ALL else ratings.of_prompts(part.prompts)
        if len(of_part.model):
            intervals = _intervals(of_part, precision)
            for name in names:
                scored[name, part.key] = _scored(of_part, intervals, name, models, precision)
    return View(
        "human",
        "Human scores (simulated)" if simulated else "Human scores",
        tuple(_column(name, ratings.asked, total_title) for name in names),
        scored,
        note="The mean over images of each image's mean over its raters, from 0 to 100. Intervals and tests "
        f"are about {_OVER[intervals.over if scored else precision.over]}.",
        level=precision.level,
        tests=f"paired, on the images that both have ratings of; correction: {precision.correction}",
    )


def _column(name: str, criteria: Sequence[Criterion], total_title: str) -> ViewColumn:
    single = criteria[0].name if len(criteria) == 1 else total_title
    return ViewColumn(name, single if name == TOTAL else name, 1, (0.0, 100.0))


def _intervals(ratings: RatingsArray, precision: Precision) -> ScoreIntervals:
    return score_intervals(
        ratings,
        method=cast(Method, precision.method),
        over=cast(Over, precision.over),
        level=precision.level,
        replicates=precision.replicates,
        seed=precision.seed,
    )


def _scored(
    ratings: RatingsArray,
    intervals: ScoreIntervals,
    name: str,
    models: Sequence[str],
    precision: Precision,
) -> Scored:
    images = {model: _images(ratings, at) for at, model in enumerate(ratings.models)}
    found = [(intervals.of(model, name), images[model]) for model in models]
    cells = [None if one is None else Cell(one.estimate, one.low, one.high, n) for one, n in found]
    if not 2 <= len(ratings.models) <= MOST_MODELS:
        return Scored(tuple(cells))
    differences = compare_models(
        ratings,
        column=name,
        over=cast(Over, precision.over),
        correction=cast(Correction, precision.correction),
        level=precision.level,
    )
    return Scored(tuple(cells), places_of(differences, models), tuple(differences.pairs()))


def _images(ratings: RatingsArray, model: int) -> int:
    rows = ratings.model == model
    return len({*zip(ratings.prompt[rows].tolist(), ratings.sample[rows].tolist(), strict=True)})


def strengths_view(
    table: Callable[[Part], StrengthTable | None], models: Sequence[str], parts: Sequence[Part]
) -> View | None:
    """Strengths on Elo's scale by criterion on every part; `table` gives those of a part, None where there
    are no verdicts on it. None where there are none at all."""
    tables = {part.key: found for part in parts if (found := table(part)) is not None}
    if ALL not in tables:
        return None
    whole = tables[ALL]
    criteria = list(dict.fromkeys(row.criterion for row in whole.rows))
    scored = {
        (criterion, key): Scored(tuple(_strength(found.rows, criterion, model) for model in models))
        for key, found in tables.items()
        for criterion in criteria
    }
    what = "pairs" if whole.model == "bradley-terry" else "orders"
    return View(
        "human",
        "Human verdicts",
        tuple(ViewColumn(criterion, criterion, 0) for criterion in criteria),
        scored,
        note=f"Strengths from {what} on Elo's scale ({whole.model}): 1000 is the mean, 400 points are odds "
        "of ten to one. A model that never lost, or never won, has a bound instead of a number.",
        level=whole.level,
    )


def _strength(rows: Sequence[ModelStrength], criterion: str, model: str) -> Cell | None:
    for row in rows:
        if row.criterion == criterion and row.model == model:
            return Cell(row.elo, row.low, row.high, row.comparisons)
    return None
