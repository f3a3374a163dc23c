"""Rank correlation of any metric with people, over images and over models."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from nami_bench.evaluation.audit.judge import few_prompts
from nami_bench.evaluation.audit.results import Estimate, RankCorrelation
from nami_bench.evaluation.audit.statistics import Rows, estimates, rank_correlations

LEAST_MODELS = 3
"""Two models are in one order or the other: their correlation is 1 or -1 and says nothing."""


def audit_ranks(
    table: pd.DataFrame, metric: str, prompt_set: str, instrument: str
) -> tuple[RankCorrelation, RankCorrelation]:
    """Correlations over images, then over models.

    `table` has one row for each image that both the metric and people judged: model, prompt_id, `value`
    (higher is better), `people`. A model's value is the mean over these images, on either side.
    """
    value, people = (table[name].to_numpy(dtype=np.float64) for name in ("value", "people"))
    names, model = np.unique(table["model"].to_numpy(dtype=str), return_inverse=True)
    prompts = np.unique(table["prompt_id"].to_numpy(dtype=str), return_inverse=True)[1]

    def over_images(rows: Rows) -> Sequence[float]:
        return rank_correlations(value[rows], people[rows])

    def over_models(rows: Rows) -> Sequence[float]:
        counts = np.bincount(model[rows])
        present = counts > 0
        sums = (np.bincount(model[rows], side[rows])[present] for side in (value, people))
        return rank_correlations(*(total / counts[present] for total in sums))

    def found(level: str, count: int, pair: Sequence[Estimate], notes: Sequence[str]) -> RankCorrelation:
        spearman, kendall = pair
        size = (len(table), len(np.unique(prompts)))
        return RankCorrelation(
            metric, prompt_set, instrument, level, count, *size, spearman, kendall, tuple(notes)
        )

    few = list(few_prompts(len(np.unique(prompts))))
    constant = [
        f"{who} gave every image the same value: no correlation"
        for who, side in (("the metric", value), ("people", people))
        if np.ptp(side) == 0
    ]
    images = found("image", len(table), estimates(over_images, prompts), [*few, *constant])
    if len(names) < LEAST_MODELS:
        nothing = (Estimate(None), Estimate(None))
        return images, found("model", len(names), nothing, [too_few_models(len(names))])
    return images, found("model", len(names), estimates(over_models, prompts), [*few, *constant])


def audit_set_ranks(
    values: Mapping[str, float],
    people: Mapping[str, float],
    metric: str,
    prompt_set: str,
    instrument: str,
    *,
    images: int,
    prompts: int,
) -> RankCorrelation:
    """Correlation over models of a metric that has one value for each (FID): both by model, higher better.

    `images` and `prompts` are what people's values rest on.
    """
    models = sorted(values.keys() & people.keys())
    if len(models) < LEAST_MODELS:
        pair, note = (None, None), too_few_models(len(models))
    else:
        found = rank_correlations(
            np.array([values[model] for model in models]), np.array([people[model] for model in models])
        )
        pair = tuple(number if np.isfinite(number) else None for number in found)  # type: ignore[assignment]
        note = "one value for each model: no interval from resampled prompts"
    spearman, kendall = map(Estimate, pair)
    return RankCorrelation(
        metric, prompt_set, instrument, "model", len(models), images, prompts, spearman, kendall, (note,)
    )


def too_few_models(models: int) -> str:
    """The note on a correlation over fewer models than it takes."""
    return f"{models} models: a correlation over models needs {LEAST_MODELS}"
