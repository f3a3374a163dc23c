"""What metrics and people say of a variant beside its base: paired differences, prompts as the sample."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nami_bench.domain import LOWER_IS_BETTER, Comparison, Outcome, Prompt, Score, SetScore
from nami_bench.evaluation.human.comparisons import compare_models
from nami_bench.evaluation.human.ratings_array import TOTAL, RatingsArray
from nami_bench.evaluation.leaderboard.automatic import GENEVAL
from nami_bench.evaluation.paired_prompts import PairedMean, Values, paired_mean
from nami_bench.evaluation.variant.pairing import Place
from nami_bench.evaluation.variant.results import Kind, PairedDifference

Margins = Mapping[str, float]
"""By the name of a metric or criterion, how much worse is still not worse."""


def metric_differences(
    base: Sequence[Score],
    variant: Sequence[Score],
    places: Sequence[Place],
    prompts: Mapping[str, Prompt],
    margins: Margins,
    level: float,
) -> Iterator[PairedDifference]:
    """Of each metric and instrument that scored both: the mean over images, of GenEval over its tasks.

    Only the images at `places` count.
    """
    first, second = _by_column(base), _by_column(variant)
    for column in sorted(first.keys() & second.keys(), key=lambda key: (key[0] != GENEVAL, key)):
        metric, instrument = column
        found = _paired(first[column], second[column], places, prompts, metric, level)
        means, tested, images = found
        yield _difference(Kind.METRIC, metric, instrument, means, tested, margins.get(metric), images)


def set_differences(base: Sequence[SetScore], variant: Sequence[SetScore]) -> Iterator[PairedDifference]:
    """Of each metric of whole sets: the difference alone, since it has no values by image."""
    others = {(score.metric, score.instrument): score for score in variant}
    for score in base:
        other = others.get((score.metric, score.instrument))
        if other is None or score.value is None or other.value is None:
            continue
        sign = -1.0 if score.lower_is_better else 1.0
        yield PairedDifference(
            Kind.OF_SETS,
            score.metric,
            score.instrument,
            score.value,
            other.value,
            sign * (other.value - score.value),
            images=min(score.images, other.images),
            reason="it has no values by image",
        )


def rating_differences(
    ratings: RatingsArray, base: str, variant: str, study: str, margins: Margins, level: float
) -> Iterator[PairedDifference]:
    """Of each criterion and the total, 0-100: the test that a leaderboard makes of this pair of models."""
    for name in dict.fromkeys((*(criterion.name for criterion in ratings.asked), TOTAL)):
        found = compare_models(ratings, column=name, correction="none", level=level)
        scores = dict(zip(found.models, found.scores, strict=True))
        pair = found.of(variant, base)
        half = found.half_width[found.models.index(variant), found.models.index(base)]
        known = pair.difference is not None and pair.low is not None and pair.high is not None
        yield PairedDifference(
            Kind.RATINGS,
            name,
            study,
            _known(scores[base]),
            _known(scores[variant]),
            pair.difference,
            (pair.low, pair.high) if known else None,  # type: ignore[arg-type]  # both are known
            pair.p_value,
            float(half) - pair.difference if known and pair.difference is not None else None,
            margins.get(name),
            pair.images,
            _prompts_of(ratings, base, variant),
            pair.reason,
        )


def verdict_differences(
    comparisons: Sequence[Comparison], base: str, variant: str, study: str, margins: Margins, level: float
) -> Iterator[PairedDifference]:
    """Of each criterion of a study of pairs: the share of verdicts for the variant less that for the base.

    Ties, "both bad" among them, are verdicts for neither.
    """
    for criterion in dict.fromkeys(one.criterion for one in comparisons):
        by_prompt: dict[str, list[float]] = defaultdict(list)
        for one in comparisons:
            if one.criterion == criterion and one.outcome is not None:
                by_prompt[one.prompt_id].append(_verdict(one, variant))
        if not by_prompt:
            continue
        rows = _rectangle(list(by_prompt.values()))
        verdicts = rows[~np.isnan(rows)]
        shares = float((verdicts < 0).mean()), float((verdicts > 0).mean())
        tested = paired_mean(rows, [None] * len(rows), level=level, largest=1.0)
        yield _difference(Kind.PAIRS, criterion, study, shares, tested, margins.get(criterion), len(verdicts))


def _verdict(one: Comparison, variant: str) -> float:
    if one.outcome not in (Outcome.LEFT, Outcome.RIGHT):
        return 0.0
    return 1.0 if one.winner == variant else -1.0


def _difference(
    kind: Kind,
    name: str,
    instrument: str,
    means: tuple[float | None, float | None],
    tested: PairedMean,
    margin: float | None,
    images: int,
) -> PairedDifference:
    return PairedDifference(
        kind,
        name,
        instrument,
        *means,
        tested.value,
        tested.interval,
        tested.p_value,
        tested.most_lost,
        margin,
        images,
        tested.prompts,
        tested.reason,
    )


def _paired(
    base: Sequence[Score],
    variant: Sequence[Score],
    places: Sequence[Place],
    prompts: Mapping[str, Prompt],
    metric: str,
    level: float,
) -> tuple[tuple[float | None, float | None], PairedMean, int]:
    """Both means, the test, and how many images have both values."""
    first, second = _by_place(base), _by_place(variant)
    both: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for at in places:
        if at in first and at in second:
            both[at[0]].append((first[at], second[at]))
    values = [np.array(pairs) for pairs in both.values()]
    strata = [prompts[prompt].task if metric == GENEVAL else None for prompt in both]
    sign = -1.0 if any(score.details.get(LOWER_IS_BETTER) for score in (*base, *variant)) else 1.0
    rows = _rectangle([(sign * (pairs[:, 1] - pairs[:, 0])).tolist() for pairs in values])
    tested = paired_mean(rows, strata, level=level, largest=_width([*base, *variant]))
    means = tuple(_mean(values, strata, side) for side in (0, 1))
    return (means[0], means[1]), tested, sum(map(len, values))


def _mean(values: Sequence[Values], strata: Sequence[str | None], side: int) -> float | None:
    """The unweighted mean over strata of the mean over images."""
    if not values:
        return None
    parts = [
        np.concatenate([found[:, side] for found, of in zip(values, strata, strict=True) if of == stratum])
        for stratum in dict.fromkeys(strata)
    ]
    return float(np.mean([part.mean() for part in parts]))


def _rectangle(rows: Sequence[Sequence[float]]) -> Values:
    """Rows of different lengths as one array, NaN where a row is shorter."""
    found = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
    return found


def _width(scores: Sequence[Score]) -> float | None:
    """How far apart two values of the metric can be."""
    ranges = {score.value_range for score in scores}
    found = next(iter(ranges)) if len(ranges) == 1 else None
    return None if found is None else found[1] - found[0]


def _by_column(scores: Sequence[Score]) -> dict[tuple[str, str], list[Score]]:
    found: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in scores:
        found[score.metric, score.instrument].append(score)
    return found


def _by_place(scores: Sequence[Score]) -> dict[Place, float]:
    return {(score.prompt_id, score.sample): score.value for score in scores if score.value is not None}


def _prompts_of(ratings: RatingsArray, base: str, variant: str) -> int:
    """How many prompts have ratings of both."""
    codes = [ratings.models.index(name) for name in (base, variant)]
    return len(np.intersect1d(*(ratings.prompt[ratings.model == code] for code in codes)))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
