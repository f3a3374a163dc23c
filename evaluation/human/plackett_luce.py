"""Strengths of models from orders of several images, or from the best and worst of them.

Orders: the Plackett-Luce model with ties of Turner, van Etten, Firth & Kosmidis (2020). The first place goes
to one of the sets S of those that are left, with a probability in proportion to

    delta_|S| * (product of exp(strength) over S)^(1 / |S|),    delta_1 = 1,

then the next place to one of the sets of the others, and so on; sets of a size that was never seen are left
out. Of two images this is Davidson's model, as in `bradley_terry`, with nu = delta_2.

Best and worst: the best is chosen from all in proportion to exp(strength), then the worst from the others in
proportion to exp(-strength) (sequential best-worst choice, Marley & Louviere 2005).

Both leave independence to the annotators: those who see one prompt see the same images, and one person has
one taste. So by default errors are clustered by both, prompts and annotators (Cameron, Gelbach & Miller
2011), with Student's t for as many as there are of the fewer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import get_args

import numpy as np
from scipy import sparse, stats

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.bradley_terry import MOST_MODELS, Strengths
from nami_bench.evaluation.human.choice_model import ChoiceFit, ChoiceSets
from nami_bench.evaluation.human.connectivity import Connectivity, connectivity
from nami_bench.evaluation.human.one_sided import BoundOptions, add_bounds
from nami_bench.evaluation.human.rankings_table import ABSENT, Rankings
from nami_bench.evaluation.human.ratings_array import Floats, Integers
from nami_bench.evaluation.human.strength_errors import Errors, without_negative
from nami_bench.evaluation.human.strength_notes import island_notes, scale_notes
from nami_bench.evaluation.human.strength_scales import on_scales, order_of

FEW_ANNOTATORS = 5
"""Of fewer, the notes say that they are few."""

Stage = tuple[int, tuple[int, ...], tuple[int, ...]]
"""A choice: 1 of the better, -1 of the worse; from which models; and which were chosen."""


def fit_rankings(
    rankings: Rankings,
    *,
    errors: Errors = "clustered",
    prior: float = 0.0,
    level: float = 0.95,
    replicates: int = 200,
    seed: int = 0,
) -> Strengths:
    """Maximum-likelihood strengths; `comparisons` of the result counts rankings, `tie` is delta_2.

    `errors`: "clustered" or "two-way", the sandwich with prompts and annotators as clusters; "bootstrap",
    prompts and annotators resampled `replicates` times, both at once (Owen 2007); "sandwich", every ranking
    for itself; "model", the inverse information. With one annotator the first three are about prompts alone.

    Finite strengths, groups, scales, `prior` and bounds are those of `fit_bradley_terry`, on the pairs that
    the rankings imply (for Plackett-Luce see Hunter 2004); in a bound, a model's rankings of one prompt count
    as one comparison with each other model.

    Raises InputError for more than `MOST_MODELS` models.
    """
    if errors not in get_args(Errors):
        raise UnknownNameError("errors", errors, get_args(Errors))
    if len(rankings.models) > MOST_MODELS:
        raise InputError(
            f"{len(rankings.models)} models are too many to fit at once: take up to {MOST_MODELS}"
        )
    implied = rankings.implied()
    groups = connectivity(rankings.models, implied.left, implied.right, implied.outcome)
    if prior > 0:
        groups = groups.joined()
    only_ties = not groups.won.any()
    kept = groups.of_several()
    own, whole = np.full(len(groups.models), np.nan), np.full((len(groups.models),) * 2, np.nan)
    tie = None if rankings.best_worst else 0.0
    if only_ties:
        own[kept], tie = 0.0, np.inf
    elif len(kept):
        problem = _problem(rankings, groups, prior)
        fit = problem.sets.fit(problem.counts(np.ones(len(rankings))))
        if fit is not None:
            covariance = _covariance(problem, rankings, fit, errors, replicates, seed)
            own[kept] = fit.parameters[: len(kept)]
            whole[np.ix_(kept, kept)] = covariance[: len(kept), : len(kept)]
            tie = problem.tie(fit.parameters[len(kept) :], best_worst=rankings.best_worst)
    strength, error = on_scales(groups, own, whole)
    half = _quantile(rankings, errors, level) * error
    low, high = strength - half, strength + half
    add_bounds(low, high, implied, groups, own, None, BoundOptions(True, False, True, (1 - level) / 2))
    return Strengths(
        models=rankings.models,
        strength=strength,
        low=low,
        high=high,
        standard_error=error,
        own=own,
        covariance=whole,
        effects={},
        tie=tie,
        component=groups.component,
        island=groups.island,
        order=order_of(groups, own, low, high),
        comparisons=len(rankings),
        level=level,
        errors=errors,
        notes=tuple(_notes(rankings, groups, own, low, high, prior, errors, only_ties=only_ties)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """The choices that rankings are made of.

    `pattern`: by ranking, which of the distinct ones it is; `at`, `chosen`: the choices of the distinct ones,
    as (pattern, alternative). `virtual`: how often each alternative was chosen by the prior. `sizes`: of the
    sets whose delta is a parameter.
    """

    sets: ChoiceSets
    pattern: Integers
    patterns: int
    at: Integers
    chosen: Integers
    virtual: Floats
    sizes: tuple[int, ...]

    def counts(self, weight: Floats) -> Floats:
        """How often each alternative was chosen, by rankings with these weights and by the prior."""
        of_pattern = np.bincount(self.pattern, weights=weight, minlength=self.patterns)
        return np.bincount(self.chosen, of_pattern[self.at], minlength=len(self.virtual)) + self.virtual

    def scores(self, fit: ChoiceFit) -> Floats:
        """The gradient of each distinct ranking, shape (patterns, p)."""
        features = self.sets.features[self.chosen].toarray() - fit.means[self.sets.of_set[self.chosen]]
        found = np.zeros((self.patterns, features.shape[1]))
        np.add.at(found, self.at, features)
        return found

    def tie(self, log_delta: Floats, *, best_worst: bool) -> float | None:
        """delta_2; 0 where there was no tie of two, None where there can be none."""
        if best_worst:
            return None
        return float(np.exp(log_delta[self.sizes.index(2)])) if 2 in self.sizes else 0.0


def _problem(rankings: Rankings, groups: Connectivity, prior: float) -> _Problem:
    members, ranks, pattern = rankings.patterns()
    stages = [
        (number, stage)
        for number, (shown, ranked) in enumerate(zip(members.tolist(), ranks.tolist(), strict=True))
        for stage in _stages(shown, ranked, groups.component.tolist(), best_worst=rankings.best_worst)
    ]
    virtual = list(_virtual(groups)) if prior > 0 else []
    sizes = sorted({len(chosen) for _, _, chosen in [*(stage for _, stage in stages), *virtual]})
    kept = groups.of_several()
    column = {int(model): at for at, model in enumerate(kept)}
    alternatives, place = _alternatives([stage for _, stage in stages] + virtual, sizes)
    sets = _sets(alternatives, column, sizes[1:], groups.component[kept])
    extra = np.zeros(len(alternatives))
    for stage in virtual:
        extra[place[stage]] += prior / 2
    return _Problem(
        sets,
        pattern,
        len(members),
        np.array([number for number, _ in stages], dtype=np.int64),
        np.array([place[stage] for _, stage in stages], dtype=np.int64),
        extra,
        tuple(sizes[1:]),
    )


def _stages(
    shown: Sequence[int], ranked: Sequence[int], component: Sequence[int], *, best_worst: bool
) -> Iterator[Stage]:
    """The choices of one ranking among the models of each component: what lies between components has no
    finite strength, and is decided before."""
    there = {model: rank for model, rank in zip(shown, ranked, strict=True) if model != ABSENT}
    for number in {component[model] for model in there}:
        inside = {model: rank for model, rank in there.items() if component[model] == number}
        yield from _extremes(inside, len(there)) if best_worst else _places(inside)


def _places(ranks: dict[int, int]) -> Iterator[Stage]:
    left = tuple(sorted(ranks))
    for place in sorted(set(ranks.values())):
        if len(left) < 2:
            return
        chosen = tuple(model for model in left if ranks[model] == place)
        yield 1, left, chosen
        left = tuple(model for model in left if ranks[model] != place)


def _extremes(ranks: dict[int, int], shown: int) -> Iterator[Stage]:
    best = tuple(model for model, rank in ranks.items() if rank == 1)
    worst = tuple(model for model, rank in ranks.items() if rank == 3)
    everyone = tuple(sorted(ranks))
    if best and len(everyone) > 1:
        yield 1, everyone, best
    others = tuple(model for model in everyone if model not in best)
    if worst and len(others) > 1:
        yield -1, others, worst


def _virtual(groups: Connectivity) -> Iterator[Stage]:
    """Both outcomes of a pair, of every two models of a component."""
    for a, b in combinations(range(len(groups.models)), 2):
        if groups.component[a] == groups.component[b]:
            yield 1, (a, b), (a,)
            yield 1, (a, b), (b,)


def _alternatives(
    stages: Iterable[Stage], sizes: Sequence[int]
) -> tuple[list[tuple[int, Stage]], dict[Stage, int]]:
    """The alternatives of all distinct sets, with the numbers of these, and where each stands."""
    found: list[tuple[int, Stage]] = []
    place: dict[Stage, int] = {}
    for number, (sign, left) in enumerate(dict.fromkeys((sign, left) for sign, left, _ in stages)):
        for size in sizes:
            for chosen in combinations(left, size):
                place[sign, left, chosen] = len(found)
                found.append((number, (sign, left, chosen)))
    return found, place


def _sets(
    alternatives: Sequence[tuple[int, Stage]],
    column: dict[int, int],
    sizes: Sequence[int],
    component: Integers,
) -> ChoiceSets:
    """Strengths are the first columns, the logarithms of the deltas of `sizes` the last."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, (_, (sign, _, chosen)) in enumerate(alternatives):
        rows += [row] * len(chosen)
        columns += [column[model] for model in chosen]
        values += [sign / len(chosen)] * len(chosen)
        if len(chosen) in sizes:
            rows.append(row)
            columns.append(len(column) + sizes.index(len(chosen)))
            values.append(1.0)
    shape = (len(alternatives), len(column) + len(sizes))
    features = sparse.csr_array((values, (rows, columns)), shape=shape)
    of_set = np.array([number for number, _ in alternatives], dtype=np.int64)
    free = [np.flatnonzero(component == number) for number in np.unique(component)]
    return ChoiceSets(features, of_set, free)


def _covariance(
    problem: _Problem, rankings: Rankings, fit: ChoiceFit, errors: Errors, replicates: int, seed: int
) -> Floats:
    if errors == "model":
        return fit.inverse
    if errors == "bootstrap":
        return _bootstrap(problem, rankings, fit, replicates, seed)
    scores = problem.scores(fit)
    count = len(rankings)
    if errors == "sandwich":
        meat = _meat(problem, scores, np.arange(count), count)
    else:
        meat = _meat(problem, scores, rankings.prompt, rankings.prompts)
        if rankings.annotators > 1:
            both = np.unique(rankings.prompt * rankings.annotators + rankings.annotator, return_inverse=True)
            meat += _meat(problem, scores, rankings.annotator, rankings.annotators)
            meat -= _meat(problem, scores, both[1].reshape(-1), len(both[0]))
    return without_negative(fit.inverse @ meat @ fit.inverse)


def _meat(problem: _Problem, scores: Floats, cluster: Integers, clusters: int) -> Floats:
    """Sums of the rankings' gradients by cluster, squared."""
    ones = np.ones(len(cluster))
    which = sparse.csr_array((ones, (cluster, problem.pattern)), shape=(clusters, len(scores)))
    sums: Floats = np.asarray(which @ scores)
    return np.asarray(sums.T @ sums * (clusters / max(clusters - 1, 1)))


def _bootstrap(problem: _Problem, rankings: Rankings, fit: ChoiceFit, replicates: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(replicates):
        weight = _drawn(rng, rankings.prompts)[rankings.prompt]
        if rankings.annotators > 1:
            weight = weight * _drawn(rng, rankings.annotators)[rankings.annotator]
        again = problem.sets.fit(problem.counts(weight), start=fit.parameters)
        if again is not None:
            found.append(again.parameters)
    if len(found) < max(2.0, replicates / 2):
        return np.full(fit.inverse.shape, np.nan)  # most resamples have no finite estimate
    return np.atleast_2d(np.cov(np.array(found).T))


def _drawn(rng: np.random.Generator, count: int) -> Floats:
    return np.bincount(rng.integers(0, count, count), minlength=count).astype(float)


def _quantile(rankings: Rankings, errors: Errors, level: float) -> float:
    """Half of an interval in standard errors."""
    share = (1 + level) / 2
    if errors not in ("clustered", "two-way", "bootstrap"):
        return float(stats.norm.ppf(share))
    clusters = [rankings.prompts, *[rankings.annotators] * (rankings.annotators > 1)]
    return float(stats.t.ppf(share, max(min(clusters) - 1, 1)))


def _notes(
    rankings: Rankings,
    groups: Connectivity,
    own: Floats,
    low: Floats,
    high: Floats,
    prior: float,
    errors: Errors,
    *,
    only_ties: bool,
) -> Iterator[str]:
    yield from island_notes(groups)
    kept = groups.of_several()
    if only_ties:
        yield (
            "the images of every item are tied: strengths are equal, and ties alone do not show how sure "
            "that is"
        )
    elif len(kept) and np.isnan(own[kept]).all():
        yield "the strengths have no finite estimate"
    yield from scale_notes(groups, own, low, high, prior, ties=only_ties)
    if errors in ("clustered", "two-way", "bootstrap") and rankings.annotators == 1:
        yield (
            "one annotator made all rankings: the intervals say what other prompts would give, and nothing "
            "of others' taste"
        )
    elif errors in ("clustered", "two-way", "bootstrap") and rankings.annotators < FEW_ANNOTATORS:
        yield (
            f"{rankings.annotators} annotators are few to tell how much tastes differ: the intervals are "
            "wide for it, and rough"
        )
