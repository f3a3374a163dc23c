"""Whether ratings and pairwise comparisons of the same models tell the same story."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from nami_bench.errors import InputError
from nami_bench.evaluation.human.bradley_terry import Strengths
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.estimates import estimate_scores
from nami_bench.evaluation.human.ratings_array import TOTAL, Floats, Integers, RatingsArray


@dataclass(frozen=True, slots=True)
class Concordance:
    """How far the two agree, over models and over single prompts.

    `kendall`: tau-b of the models' scores and strengths, of the largest group that comparisons join; models
    that only won stand first, those that only lost last. None for fewer than two models in common. Of
    `decided` comparisons, those without a tie whose two models have different mean ratings on the prompt,
    the share `agreed` (0-1) prefers the one rated higher; None where there are none. `undecided`: the
    comparisons left out.
    """

    models: int
    kendall: float | None
    decided: int
    agreed: float | None
    undecided: int


def concordance(
    ratings: RatingsArray, comparisons: Comparisons, strengths: Strengths, column: str = TOTAL
) -> Concordance:
    """Ratings against comparisons and their `strengths`; without prompts, over models only.

    Raises InputError where no model is in both.
    """
    common = [name for name in ratings.models if name in comparisons.models]
    if not common:
        raise InputError("the ratings and the comparisons have no model in common")
    index = ratings.column(column)
    scores = estimate_scores(ratings).scores[:, index]
    ours = np.array([scores[ratings.models.index(name)] for name in common])
    theirs = _merits(strengths)[[strengths.models.index(name) for name in common]]
    known = ~(np.isnan(ours) | np.isnan(theirs))
    kendall = float(stats.kendalltau(ours[known], theirs[known]).statistic) if known.sum() > 1 else np.nan
    table = _prompt_means(ratings, index, comparisons)
    left, right = (table[side, comparisons.prompt] for side in (comparisons.left, comparisons.right))
    decided = (comparisons.outcome != 1) & (np.abs(left - right) > 1e-9)  # false where one is NaN
    agreed = (left > right) == (comparisons.outcome == 0)
    return Concordance(
        models=int(known.sum()),
        kendall=None if np.isnan(kendall) else kendall,
        decided=int(decided.sum()),
        agreed=float(agreed[decided].mean()) if decided.any() else None,
        undecided=int((~decided).sum()),
    )


def _merits(strengths: Strengths) -> Floats:
    """Strengths on the scale of the largest group, infinite where a bound is all there is; NaN elsewhere."""
    merits = strengths.strength.copy()
    merits[np.isinf(strengths.high)] = np.inf
    merits[np.isinf(strengths.low)] = -np.inf
    return np.where(strengths.island == 0, merits, np.nan)


def _prompt_means(ratings: RatingsArray, index: int, comparisons: Comparisons) -> Floats:
    """Mean ratings by the comparisons' models and prompts, NaN where there are none."""
    shares = ratings.weights
    used = shares > 0
    values = ratings.values[:, used] @ shares[used] if index == len(shares) else ratings.values[:, index]
    models = _codes(ratings.models, comparisons.models)[ratings.model]
    prompts = _codes(ratings.prompts, comparisons.prompt_ids)[ratings.prompt]
    rows = (models >= 0) & (prompts >= 0) & ~np.isnan(values)
    shape = (len(comparisons.models), comparisons.prompts)
    cells = models[rows] * shape[1] + prompts[rows]
    total, count = (np.bincount(cells, x, shape[0] * shape[1]) for x in (values[rows], np.ones(rows.sum())))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count).reshape(shape)


def _codes(names: Sequence[str], known: Sequence[str]) -> Integers:
    at = {name: code for code, name in enumerate(known)}
    return np.array([at.get(name, -1) for name in names], dtype=np.int64)
