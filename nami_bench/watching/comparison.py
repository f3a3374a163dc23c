"""Whether a checkpoint is better than another: a paired test on shared prompts and seeds.

The difference of two checkpoints is that of their figures: of GenEval the mean over tasks, of another metric
the mean over images. The test is that of `nami_bench.evaluation.paired_prompts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nami_bench.evaluation.human.comparisons import adjusted_p_values
from nami_bench.evaluation.paired_prompts import LEVEL, Values, paired_mean
from nami_bench.watching.results import Interval, Measured, Settings

_GENEVAL = "geneval"


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
    found = paired_mean(differences.reshape(len(strata), settings.samples), strata)
    return Difference(
        old.name, found.value, found.interval, found.p_value, prompts=found.prompts, reason=found.reason
    )


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


def _array(values: Sequence[float | None]) -> Values:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
