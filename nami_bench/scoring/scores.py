"""What a `Scorer` answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nami_bench.domain import Prompt
from nami_bench.domain.clauses import line_key
from nami_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from nami_bench.evaluation.geneval.summary import GenEvalSummary

GENEVAL = "geneval"


@dataclass(frozen=True, slots=True)
class MeanScore:
    """The mean of a metric's `values` values over `prompts` prompts, with its 95 % `interval`.

    The interval holds for other prompts of the same kind; None where one prompt, or equal values, do not show
    how they spread.
    """

    metric: str
    instrument: str
    mean: float
    interval: tuple[float, float] | None
    values: int
    prompts: int


@dataclass(frozen=True, eq=False)
class Scores:
    """One metric's values of a number of images.

    `values`: float64, (images,), NaN where an image has none; of a metric of whole sets (FID, KID), (1,).
    `reasons` says, for each value, why there is none, else None. `details`: what the metric tells of each
    value, JSON. `instrument` names everything that the values depend on beside the image; values of two
    instruments are not comparable. `measured_with`: versions, device and dtype. `value_range`: the lowest and
    the highest value, where there are such.
    """

    metric: str
    instrument: str
    prompts: tuple[Prompt, ...]
    values: NDArray[np.float64]
    reasons: tuple[str | None, ...]
    details: tuple[Mapping[str, Any], ...]
    measured_with: Mapping[str, Any] = field(default_factory=dict)
    value_range: tuple[float, float] | None = None
    of_set: bool = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def failures(self) -> dict[int, str]:
        """Why there is no value, by place."""
        return {place: reason for place, reason in enumerate(self.reasons) if reason is not None}

    @property
    def rewards(self) -> dict[str, NDArray[np.float64]]:
        """GenEval's rewards by name, each (images,), NaN where an image has none; see docs/rewards.md.

        Raises InputError where the metric gave none: GenEval does with the option rewards=True.
        """
        rows = [one.get("rewards") for one in self.details]
        known = next((row for row in rows if row), None)
        if known is None and len(self.failures) < len(self):
            raise InputError(f"{self.metric} gave no rewards: ask for Scorer('geneval', rewards=True, ...)")
        return {
            name: np.array([row[name] if row else np.nan for row in rows], dtype=np.float64)
            for name in known or ()
        }

    def summary(self) -> "GenEvalSummary | MeanScore":
        """The figures over all images that have a value: GenEval's overall score and tasks with intervals, of
        another metric its mean with its interval.

        Raises InputError where no image has a value.
        """
        if self.of_set:
            return MeanScore(
                self.metric, self.instrument, float(self.values[0]), None, 1, len(set(self._prompt_keys))
            )
        scored = np.flatnonzero(~np.isnan(self.values))
        if not len(scored):
            reason = next(iter(self.failures.values()), "there are no images")
            raise InputError(f"{self.metric} has no value to summarize: {reason}")
        return self._geneval(scored) if self.metric == GENEVAL else self._mean(scored)

    def to_frame(self) -> "pd.DataFrame":
        """One row for each value: metric, prompt, value, reason, and GenEval's rewards where it gave any."""
        import pandas as pd

        prompts = [None] if self.of_set else [prompt.text for prompt in self.prompts]
        columns = {"metric": self.metric, "prompt": prompts, "value": self.values, "reason": self.reasons}
        given = any("rewards" in one for one in self.details)
        return pd.DataFrame({**columns, **(self.rewards if given else {})})

    @classmethod
    def joined(cls, parts: Sequence["Scores"]) -> "Scores":
        """The scores of several batches of images as one, in their order.

        Raises InputError where they are of different instruments, or of whole sets.
        """
        if not parts:
            raise InputError("there are no scores to join")
        if any(part.of_set for part in parts) and len(parts) > 1:
            raise InputError(f"{parts[0].metric} measures whole sets: their values do not join")
        if other := next((part for part in parts if part.instrument != parts[0].instrument), None):
            raise InputError(
                f"scores of different instruments do not join: {parts[0].instrument} and {other.instrument}"
            )
        return replace(
            parts[0],
            prompts=tuple(chain.from_iterable(part.prompts for part in parts)),
            values=np.concatenate([part.values for part in parts]),
            reasons=tuple(chain.from_iterable(part.reasons for part in parts)),
            details=tuple(chain.from_iterable(part.details for part in parts)),
        )

    @property
    def _prompt_keys(self) -> list[str]:
        return [repr(line_key(prompt.metadata())) for prompt in self.prompts]

    def _geneval(self, scored: NDArray[np.int64]) -> "GenEvalSummary":
        from nami_bench.evaluation.geneval.results import ImageResult
        from nami_bench.evaluation.geneval.summary import summarize

        return summarize(
            [
                ImageResult.of(f"{at}", self.prompts[at], self.values[at] == 1.0, self.instrument)
                for at in scored
            ]
        )

    def _mean(self, scored: NDArray[np.int64]) -> MeanScore:
        from nami_bench.evaluation.shares import mean_over_prompts

        keys = self._prompt_keys
        pairs = [(keys[at], float(self.values[at])) for at in scored]
        mean, interval = mean_over_prompts(pairs, self.value_range)
        return MeanScore(
            self.metric, self.instrument, mean, interval, len(pairs), len({key for key, _ in pairs})
        )
