"""Whether a checkpoint is better than another: a paired test on shared prompts and seeds.

The difference of two checkpoints is that of their figures: of GenEval the mean over tasks, of another metric
the mean over images. Prompts are what was drawn: with d_p the mean over a prompt's images of the difference,
the variance of a task's mean is that between its d_p, and the t quantile has the degrees of freedom of Welch
and Satterthwaite (1946) over the tasks. Where the d_p of each task are all equal, the sign test takes its
place: p = 1 where all are 0, and two checkpoints of which one is right on every prompt are told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from nami_bench.evaluation.human.comparisons import adjusted_p_values
from nami_bench.watching.results import Interval, Measured, Settings

LEVEL = 0.95
_GENEVAL = "geneval"
_ROUNDING = 1e-12
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a checkpoint is better by than another, with its 95 % interval; above 0 is better, also where
    lower values are. `p_value` is two-sided, `p_adjusted` that by Holm over all tests of the run.
    `reason`: why there is no test."""

    against: str
    value: float | None
    interval: Interval | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    prompts: int = 0
    reason: str | None = None

    @property
    def is_better(self) -> bool:
        """Whether it is better by the uncorrected test, at 5 % two-sided."""
        return self.p_value is not None and self.p_value < 1 - LEVEL and (self.value or 0) > 0


def difference(new: Measured, old: Measured, metric: str, settings: Settings) -> Difference:
    """The paired test of `new` against `old` by `metric`."""
    first, second = new.scores.get(metric), old.scores.get(metric)
    if first is None or second is None or first.value is None or second.value is None:
        return Difference(old.name, None, reason="one of them has no value")
    sign = -1.0 if metric in settings.lower_is_better else 1.0
    if not first.values or not second.values:
        plain = sign * (first.value - second.value)
        return Difference(old.name, plain, reason=f"{metric} has no values by image")
    differences = sign * (_array(first.values) - _array(second.values))
    strata = [prompt[1] if metric == _GENEVAL else None for prompt in settings.prompts]
    return _tested(differences.reshape(len(strata), settings.samples), strata, old.name)


def against_best(measured: Sequence[Measured], metric: str, settings: Settings) -> list[Difference | None]:
    """Of each checkpoint, in the order given, the test against the best of those before it; None for the
    first. p-values are adjusted by Holm over all of them."""
    found: list[Difference | None] = []
    for place, one in enumerate(measured):
        best = best_of(measured[:place], metric, settings)
        found.append(None if best is None else difference(one, best, metric, settings))
    return _adjusted(found)


def best_of(measured: Sequence[Measured], metric: str, settings: Settings) -> Measured | None:
    """The checkpoint with the best figure, the earlier of equal ones; None where none has one."""
    sign = -1.0 if metric in settings.lower_is_better else 1.0
    valued = [one for one in measured if metric in one.scores and one.scores[metric].value is not None]
    return max(valued, key=lambda one: sign * (one.scores[metric].value or 0.0), default=None)


def is_overtaken(measured: Sequence[Measured], last: int, metric: str, settings: Settings) -> bool | None:
    """Whether one of the `last` checkpoints is better than the best of those before them, by tests that Holm
    corrects for the `last`; of a metric without values by image, whether its figure is.

    None where there are no more than `last`, or nothing before them has a figure.
    """
    best = best_of(measured[:-last], metric, settings)
    if len(measured) <= last or best is None:
        return None
    tests = _adjusted([difference(one, best, metric, settings) for one in measured[-last:]])
    return any(_counts_as_better(test) for test in tests if test is not None)


def _counts_as_better(test: Difference) -> bool:
    if test.value is None or test.value <= 0:
        return False
    return test.p_adjusted < 1 - LEVEL if test.p_adjusted is not None else test.prompts == 0


def _adjusted(tests: Sequence[Difference | None]) -> list[Difference | None]:
    p_values = np.array(
        [np.nan if test is None or test.p_value is None else test.p_value for test in tests], dtype=float
    )
    adjusted = adjusted_p_values(p_values, "holm")
    return [
        test if test is None or test.p_value is None else replace(test, p_adjusted=float(p))
        for test, p in zip(tests, adjusted, strict=True)
    ]


def _tested(differences: Values, strata: Sequence[str | None], against: str) -> Difference:
    """`differences`: (prompts, samples), NaN where one of the two has no value."""
    shared = ~np.isnan(differences)
    counts = shared.sum(axis=1)
    kept = counts > 0
    if not kept.any():
        return Difference(against, None, reason="they share no image with a value")
    sums = np.where(shared, differences, 0.0).sum(axis=1)[kept]
    kinds = np.array([str(stratum) for stratum in strata])[kept]
    parts = [_stratum(sums[kinds == kind], counts[kept][kinds == kind]) for kind in dict.fromkeys(kinds)]
    value = float(np.mean([mean for mean, _, _ in parts]))
    prompts = int(kept.sum())
    if any(freedom < 1 for _, _, freedom in parts):
        return Difference(against, value, prompts=prompts, reason="a task has one prompt only")
    variances = np.array([variance for _, variance, _ in parts]) / len(parts) ** 2
    total = float(variances.sum())
    if total <= _ROUNDING**2:
        return Difference(against, value, None, _sign_test(sums), prompts=prompts)
    freedom = total**2 / float((variances**2 / np.array([f for _, _, f in parts])).sum())
    error = float(np.sqrt(total))
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    p_value = 2 * float(stdtr(freedom, -abs(value) / error))
    return Difference(against, value, (value - half, value + half), p_value, prompts=prompts)


def _sign_test(sums: Values) -> float:
    """For prompts that, within a task, all differ by the same: nothing shows how they spread."""
    from scipy.stats import binomtest

    differ = sums[np.abs(sums) > _ROUNDING]
    return float(binomtest(int((differ > 0).sum()), len(differ)).pvalue) if len(differ) else 1.0


def _stratum(sums: Values, counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """(mean over images, its variance by the spread between prompts, degrees of freedom)."""
    prompts, images = len(sums), int(counts.sum())
    mean = float(sums.sum()) / images
    if prompts < 2:
        return mean, 0.0, 0.0
    pulls = sums - mean * counts
    return mean, float((pulls**2).sum()) * prompts / (prompts - 1) / images**2, float(prompts - 1)


def _array(values: Sequence[float | None]) -> Values:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
