"""The two-way bootstrap of scores: prompts and annotators are resampled, each on its own.

A replicate draws as many prompts and as many annotators with replacement; a rating counts as often as its
prompt was drawn times as often as its annotator was: the pigeonhole bootstrap (McCullagh 2000; Owen 2007;
with product weights, Owen & Eckles 2012). Its variance counts the part that neither kind explains three
times, so it errs on the wide side for that part; the parts of prompts and annotators come out (n - 1) / n
of their size, which is 4/5 with five annotators.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from nami_bench.errors import InputError
from nami_bench.evaluation.human.crossed import Over
from nami_bench.evaluation.human.estimates import estimate_scores, sums
from nami_bench.evaluation.human.ratings_array import Floats, RatingsArray

_LARGEST = 2**27
"""Numbers in a result: a gigabyte."""
_WARNINGS = threading.Lock()
_CHUNK = 2**22
"""Numbers in an array of (images, replicates)."""


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapScores:
    """Replicates of all scores.

    `samples`: shape (replicates, models, columns), 0-100; NaN where a model has no score, or where a
    replicate left it without a rating (`notes` count those). `scores`: the estimates, shape (models,
    columns).
    """

    models: tuple[str, ...]
    columns: tuple[str, ...]
    scores: Floats
    samples: Floats
    notes: tuple[str, ...]

    @property
    def standard_error(self) -> Floats:
        """Standard deviation over replicates, shape (models, columns)."""
        return _quietly(np.nanstd, self.samples, axis=0, ddof=1)

    def quantiles(self, shares: Floats, acceleration: Floats | None = None) -> Floats:
        """Quantiles of the replicates, shape (shares, models, columns).

        With `acceleration`, shape (models, columns), at the shares corrected for bias and skewness (BCa,
        Efron 1987, equation 2.3).
        """
        if acceleration is None:
            return _quietly(np.nanquantile, self.samples, shares, axis=0)
        below = np.mean(self.samples < self.scores, axis=0) + np.mean(self.samples == self.scores, axis=0) / 2
        edge = 0.5 / len(self.samples)
        bias = stats.norm.ppf(np.clip(below, edge, 1 - edge))
        shifted = bias + stats.norm.ppf(shares)[:, None, None]
        corrected = stats.norm.cdf(bias + shifted / (1 - acceleration * shifted))
        ordered = np.sort(self.samples, axis=0)
        at = np.clip(corrected * (len(ordered) - 1), 0, len(ordered) - 1)
        lower = np.take_along_axis(ordered, np.floor(at).astype(int), axis=0)
        upper = np.take_along_axis(ordered, np.ceil(at).astype(int), axis=0)
        return np.asarray(lower + (at - np.floor(at)) * (upper - lower))

    def first_probability(self, column: int = -1) -> Floats:
        """Share of replicates in which each model has the highest score, shape (models,); ties are split.

        NaN where there are no replicates of it.
        """
        values = np.nan_to_num(self.samples[:, :, column], nan=-np.inf)
        best = (values == values.max(axis=1, initial=-np.inf, keepdims=True)) & np.isfinite(values)
        counted = best.sum(axis=1, keepdims=True)
        if not counted.any():
            return np.full(values.shape[1], np.nan)
        return np.asarray((best / np.maximum(counted, 1)).sum(axis=0) / (counted > 0).sum())


def bootstrap_scores(
    ratings: RatingsArray, *, over: Over = "both", replicates: int = 1000, seed: int = 0
) -> BootstrapScores:
    """Replicates of the scores of all models, with the same prompts and annotators drawn for all.

    Raises InputError for fewer than 50 replicates, or where their scores would not fit into memory.
    """
    if replicates < 50:
        raise InputError(f"{replicates} replicates are too few for an interval: take 1000")
    shape = (replicates, len(ratings.models), len(ratings.columns))
    if np.prod(shape, dtype=float) > _LARGEST:
        raise InputError(
            f"{replicates} replicates of {shape[1]} models do not fit into memory: "
            "take fewer replicates or models, or the intervals of method 'crossed'"
        )
    rng = np.random.default_rng(seed)
    prompts = draw_weights(len(ratings.prompts), replicates, rng, resampled=over != "annotators")
    annotators = draw_weights(len(ratings.annotators), replicates, rng, resampled=over != "prompts")
    criteria = _complete(ratings, prompts, annotators)
    if criteria is None:
        criteria = np.stack(
            [_incomplete(ratings, index, prompts, annotators) for index in range(len(ratings.criteria))],
            axis=-1,
        )
    scores = estimate_scores(ratings).scores
    used = ratings.weights > 0
    total = criteria[..., used] @ ratings.weights[used]
    samples = np.concatenate((criteria, total[..., None]), axis=-1)
    samples[:, np.isnan(scores)] = np.nan
    if all(np.ptp(kind, axis=0).max(initial=0) == 0 for kind in (prompts, annotators)):
        samples[:] = np.nan
        note = "there are no replicates: one prompt or one annotator cannot be resampled"
        return BootstrapScores(ratings.models, ratings.columns, scores, samples, (note,))
    return BootstrapScores(ratings.models, ratings.columns, scores, samples, _notes(samples, scores))


def draw_weights(members: int, replicates: int, rng: np.random.Generator, *, resampled: bool) -> Floats:
    """How often each member is drawn, shape (replicates, members); once each where none is `resampled`."""
    if not resampled or not members:
        return np.ones((replicates, members))
    drawn = rng.integers(0, members, size=(replicates, members))
    drawn += np.arange(replicates)[:, None] * members
    counts = np.bincount(drawn.ravel(), minlength=replicates * members)
    return counts.reshape(replicates, members).astype(float)


def _complete(ratings: RatingsArray, prompts: Floats, annotators: Floats) -> Floats | None:
    """Replicates of the criteria where every annotator rated every image by every criterion, else None.

    A replicate is then a bilinear form, weights of prompts times means times weights of annotators.
    """
    models, n_prompts, n_annotators = len(ratings.models), len(ratings.prompts), len(ratings.annotators)
    cells = models * n_prompts * n_annotators
    if not cells or len(ratings.model) % cells or np.isnan(ratings.values).any():
        return None
    cell = np.ravel_multi_index(
        (ratings.model, ratings.prompt, ratings.annotator), (models, n_prompts, n_annotators)
    )
    samples = np.bincount(cell, minlength=cells)
    if samples.min() != samples.max():
        return None
    means = sums(cell, ratings.values, cells) / samples[0]
    by_prompt = np.moveaxis(means.reshape(models, n_prompts, -1), 1, 0).reshape(n_prompts, -1)
    by_annotator = (prompts @ by_prompt).reshape(len(prompts), models, n_annotators, -1)
    whole = np.einsum("bmac,ba->bmc", by_annotator, annotators)
    return np.asarray(whole / (prompts.sum(axis=1) * annotators.sum(axis=1))[:, None, None])


def _incomplete(ratings: RatingsArray, criterion: int, prompts: Floats, annotators: Floats) -> Floats:
    """Replicates of one criterion, shape (replicates, models), whatever ratings are missing."""
    rows = np.flatnonzero(~np.isnan(ratings.values[:, criterion]))
    models = len(ratings.models)
    found = np.full((len(prompts), models), np.nan)
    if not len(rows):
        return found
    _, first, image = np.unique(ratings.image()[rows], return_index=True, return_inverse=True)
    at = (image, ratings.annotator[rows])
    shape = (len(first), len(ratings.annotators))
    values = sparse.csr_array((ratings.values[rows, criterion], at), shape=shape)
    given = sparse.csr_array((np.ones(len(rows)), at), shape=shape)
    prompt, model = ratings.prompt[rows][first], ratings.model[rows][first]
    rated, starts = np.unique(model, return_index=True)  # rows are sorted by model
    for part in _chunks(len(prompts), len(first)):
        drawn = annotators[part].T
        raters = np.asarray(given @ drawn)
        weight = prompts[part].T[prompt] * (raters > 0)
        means = np.asarray(values @ drawn) / np.maximum(raters, 1)
        with np.errstate(invalid="ignore"):
            scores = np.add.reduceat(weight * means, starts) / np.add.reduceat(weight, starts)
        found[part][:, rated] = scores.T
    return found


def _chunks(replicates: int, images: int) -> Iterator[slice]:
    step = max(1, _CHUNK // max(images, 1))
    return (slice(start, start + step) for start in range(0, replicates, step))


def _notes(samples: Floats, scores: Floats) -> tuple[str, ...]:
    empty = np.isnan(samples[:, ~np.isnan(scores)]).any(axis=1)
    if not empty.any():
        return ()
    return (
        f"{int(empty.sum())} of {len(samples)} replicates left a model without ratings "
        "and do not count for it: its interval is rough",
    )


def _quietly(function: Callable[..., Floats], *args: object, **kwargs: object) -> Floats:
    """Without numpy's warning where a model has no replicate at all: the NaN is said in words elsewhere."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(function(*args, **kwargs))
