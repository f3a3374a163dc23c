"""A metric's pairwise accuracy against people by every protocol that fits, and the human ceiling."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nami_bench.errors import InputError
from nami_bench.evaluation.audit.accuracy_intervals import mean_over_cells, over_words
from nami_bench.evaluation.audit.accuracy_results import (
    GENAI_BENCH,
    MEANS,
    SINGLE,
    VOTES,
    Accuracy,
    CalibrationBin,
    MetricAccuracy,
    TauCorrelation,
)
from nami_bench.evaluation.audit.ceiling import ceilings
from nami_bench.evaluation.audit.judge import few_prompts
from nami_bench.evaluation.audit.judged_pairs import (
    JudgedPairs,
    means_of,
    pairs_of,
)
from nami_bench.evaluation.audit.protocols import chosen_threshold, protocol
from nami_bench.evaluation.audit.results import Estimate
from nami_bench.evaluation.audit.statistics import Bools, Floats, Integers, estimate_of
from nami_bench.evaluation.audit.ties import (
    MOST_IMAGES,
    CalibratedTies,
    pooled_pairs,
    tau,
    tie_calibrated,
)
from nami_bench.evaluation.human.bootstrap import draw_weights
from nami_bench.evaluation.human.table import IMAGE

BINS = 10
"""Of equally many pairs, of the calibration curve."""
LEAST_IN_BIN = 20
DRAWS = 200
"""Of prompts, for the interval of GenAI-Bench's accuracy: each one looks for the best epsilon again."""
OF_MEANS = ("imagereward", "imagereward-by-list", "hpsv2", "mps")
OF_SINGLE = ("imagereward", "imagereward-by-list", "hpsv2", "mps")
OF_VOTES = ("pickscore", "unifiedreward-diff", "unifiedreward-all")


def metric_accuracy(
    lists: pd.DataFrame, scores: pd.DataFrame, metric: str, prompt_set: str, instrument: str
) -> MetricAccuracy:
    """One metric beside people.

    `lists`: what people said (see `judged_pairs`), by one criterion. `scores`: model, prompt_id, sample and
    `value`, higher is better, one row for each image.

    Raises InputError where no list has two scored images.
    """
    pairs = pairs_of(lists, scores)
    if not len(pairs.human):
        raise InputError(f"{metric} by {instrument} has scored no two images that people compared")
    sizes = lists.groupby("listing")["listing"].size()
    votes = bool((sizes <= 2).all() and lists["human"].isin((0.0, 0.5, 1.0)).all())
    images = lists.drop_duplicates(list(IMAGE))
    scored = images.merge(scores[scores["value"].notna()], on=list(IMAGE))
    found: list[Accuracy] = []
    taus: tuple[TauCorrelation, ...] = ()
    if votes:
        keys = [*OF_VOTES, *(() if pairs.tied.any() else ("hpsv3",))]
        found += (accuracy_by(pairs, key, VOTES) for key in keys)
    else:
        means = means_of(lists)
        means_pairs = pairs_of(means, scores)
        found += (accuracy_by(means_pairs, key, MEANS) for key in OF_MEANS)
        if lists["annotator"].nunique() > 1:
            found += (accuracy_by(pairs, key, SINGLE) for key in OF_SINGLE)
        table = means.merge(scores[scores["value"].notna()], on=list(IMAGE))
        tied, taus = pooled_accuracy(table)
        found.append(tied)
    return MetricAccuracy(
        metric=metric,
        prompt_set=prompt_set,
        instrument=instrument,
        images=len(scored),
        unscored=len(images) - len(scored),
        accuracies=tuple(found),
        taus=taus,
        calibration=tuple(calibration(pairs)),
        ceilings=tuple(ceilings(lists, scores, votes=votes)),
        notes=tuple(few_prompts(pairs.count("prompt"))),
    )


def accuracy_by(pairs: JudgedPairs, key: str, against: str) -> Accuracy:
    """The figure of one protocol with its interval; `against`: MEANS, SINGLE or VOTES."""
    found = protocol(key)
    threshold: float | None = None
    notes: tuple[str, ...] = ()
    if found.chooses:
        credit, weight, thresholds = _cross_fitted(pairs, key)
        threshold = thresholds[0] if thresholds[0] == thresholds[-1] else None
        said = " and ".join(f"{one:g}" for one in thresholds)
        notes = (f"threshold {said}, each chosen on the other half of the prompts",)
    else:
        credit, weight = found.credits(pairs, 0.0)
    counted = weight > 0
    return Accuracy(
        protocol=key,
        words=found.words,
        against=against,
        value=mean_over_cells(credit, weight, pairs.prompt, pairs.person),
        over=over_words(pairs.person, weight),
        pairs=int(counted.sum()),
        all_pairs=len(counted),
        ties=int(pairs.tied.sum()),
        metric_ties=int(pairs.metric_tied.sum()),
        lists=len(np.unique(pairs.listing[counted])),
        prompts=len(np.unique(pairs.prompt[counted])),
        people=pairs.of(counted).count("person"),
        threshold=threshold,
        notes=notes,
    )


def _cross_fitted(pairs: JudgedPairs, key: str) -> tuple[Floats, Floats, list[float]]:
    """Credits with the threshold of each half of the prompts chosen on the other half, as PickScore's is on
    another set of prompts."""
    half = pairs.prompt % 2 == 1
    credit, weight = (np.zeros(len(half)) for _ in range(2))
    thresholds = []
    for mine in (half, ~half):
        if mine.any():
            other = pairs.of(~mine) if (~mine).any() else pairs
            thresholds.append(chosen_threshold(other))
            credit[mine], weight[mine] = protocol(key).credits(pairs.of(mine), thresholds[-1])
    return credit, weight, thresholds


def pooled_accuracy(table: pd.DataFrame) -> tuple[Accuracy, tuple[TauCorrelation, ...]]:
    """GenAI-Bench's accuracy, all images together, and Kendall's taus, with intervals over prompts.

    `table` has a row for each image: prompt_id, human, value.
    """
    human, value = (table[name].to_numpy(dtype=np.float64) for name in ("human", "value"))
    prompt = pd.factorize(table["prompt_id"])[0].astype(np.int64)
    pairs = pooled_pairs(len(table))
    said, called = (side[pairs.first] - side[pairs.second] for side in (human, value))
    ties = CalibratedTies(said, called)
    best = ties.best(np.ones(len(said)))
    one, other = prompt[pairs.first], prompt[pairs.second]
    drawn = draw_weights(int(prompt.max()) + 1, DRAWS, np.random.default_rng(0), resampled=True)
    draws = np.array([ties.best(times[one] * times[other]).accuracy for times in drawn])
    notes = [f"{MOST_IMAGES} of {len(table)} images at random: all pairs are too many"]
    accuracy = Accuracy(
        protocol=GENAI_BENCH,
        words=(
            f"{GENAI_BENCH}: ties of people count, scores are called alike up to the epsilon that is best "
            "on these very pairs, all pairs of images whatever their prompts (GenAI-Bench, Li et al. 2024; "
            "Deutsch et al. 2023)"
        ),
        against=MEANS,
        value=estimate_of(best.accuracy, draws) if prompt.max() else Estimate(best.accuracy),
        over="prompts",
        pairs=len(said),
        all_pairs=len(said),
        ties=int((said == 0).sum()),
        metric_ties=int((called == 0).sum()),
        lists=1,
        prompts=len(np.unique(prompt)),
        people=0,
        threshold=best.epsilon,
        notes=tuple(notes) if len(table) > MOST_IMAGES else (),
    )
    return accuracy, tuple(_taus(said, called, one, one == other, best.epsilon))


def _taus(
    said: Floats, called: Floats, prompt: Integers, inside: Bools, epsilon: float
) -> Iterator[TauCorrelation]:
    """Without grouping, and as means over prompts of each prompt's own; those have intervals."""
    for variant, tied in (("a", 0.0), ("b", 0.0), ("eq", epsilon)):
        found = tau(said, called, variant, tied)
        value = Estimate(found if np.isfinite(found) else None)
        yield TauCorrelation(variant, "no grouping", value, tied, len(said))
    said, called, prompt = said[inside], called[inside], prompt[inside]
    order = np.argsort(prompt, kind="stable")
    groups = np.split(order, np.unique(prompt[order], return_index=True)[1][1:])
    own = tie_calibrated(said, called).epsilon
    for variant, tied in (("a", 0.0), ("b", 0.0), ("eq", own)):
        taus = np.array([tau(said[rows], called[rows], variant, tied) for rows in groups])
        value = _mean_of_prompts(taus[np.isfinite(taus)])
        yield TauCorrelation(variant, "by prompt", value, 0.0 if np.isnan(tied) else tied, len(said))


def _mean_of_prompts(values: Floats) -> Estimate:
    if not len(values):
        return Estimate(None)
    codes = np.arange(len(values))
    alone = np.zeros(len(values), dtype=np.int64)
    return mean_over_cells(values, np.ones(len(values)), codes, alone, is_share=False)


def calibration(pairs: JudgedPairs) -> Iterator[CalibrationBin]:
    """How often people prefer the image with the higher score, by how much higher it is.

    Of judgements that prefer one, and pairs that the metric tells apart, in `BINS` of equally many, fewer
    where there would be less than `LEAST_IN_BIN` in one.
    """
    told = pairs.of(~pairs.tied & ~pairs.metric_tied & (pairs.weight > 0))
    bins = min(BINS, len(told.human) // LEAST_IN_BIN)
    if bins < 1:
        return
    size = np.abs(told.first - told.second)
    edges = np.quantile(size, np.linspace(0, 1, bins + 1))
    at = np.clip(np.searchsorted(edges[1:-1], size, side="right"), 0, bins - 1)
    for bin_ in np.unique(at):
        rows = told.of(at == bin_)
        mine = size[at == bin_]
        yield CalibrationBin(
            low=float(mine.min()),
            high=float(mine.max()),
            pairs=len(mine),
            agreement=mean_over_cells(rows.right.astype(float), rows.weight, rows.prompt, rows.person),
            expected=float(np.average(1 / (1 + np.exp(-mine)), weights=rows.weight)),
        )
