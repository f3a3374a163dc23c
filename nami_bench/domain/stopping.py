"""When an item of a study has enough judgements, and when a study has cost enough."""

from dataclasses import dataclass
from enum import StrEnum

from nami_bench.errors import InputError


class Rule(StrEnum):
    """By what an item ends before it has the study's whole overlap."""

    NONE = "none"
    AGREEMENT = "agreement"
    INTERVAL = "interval"


class Stopped(StrEnum):
    """Why an item ended early."""

    AGREED = "agreed"
    CANNOT_AGREE = "cannot agree"
    NARROW = "interval narrow enough"


@dataclass(frozen=True, slots=True)
class Stopping:
    """The rule by which items of a study end early; the study's `overlap` is the most that an item gets.

    `minimum`: nothing ends with fewer judgements. "agreement" ends an item when `agree` judgements agree, or
    when that can no longer be reached: equal verdicts on pairs, ratings `within` so many points (of 0-100) of
    one another. "interval" ends it when the 95 % interval of its mean reaches no
    further than `half_width` points to either side. With several criteria each of them must allow it.
    """

    rule: str = Rule.NONE
    minimum: int = 3
    agree: int = 3
    within: float = 10.0
    half_width: float = 10.0

    def __post_init__(self) -> None:
        if self.rule not in tuple(Rule):
            raise InputError(f"stopping.rule is {self.rule!r}: use " + " or ".join(map(repr, map(str, Rule))))
        if self.minimum < 2 or self.agree < 2:
            raise InputError("stopping.minimum and stopping.agree must be at least 2")
        if not 0 <= self.within < 100:
            raise InputError("stopping.within must lie between 0 and 100 points")
        if not 0 < self.half_width < 100:
            raise InputError("stopping.half_width must lie between 0 and 100 points")


@dataclass(frozen=True, slots=True)
class Budget:
    """What a study may cost (0: no limit); what is in somebody's hands may always be finished.

    `answers` that annotators give to the work in all, planted items included; `per_day`: of one annotator on
    one day. `hourly_pay` in `currency` is for the estimate of `nami-bench study status`; it ends nothing.
    """

    answers: int = 0
    per_day: int = 0
    hourly_pay: float = 0.0
    currency: str = "USD"

    def __post_init__(self) -> None:
        for name in ("answers", "per_day", "hourly_pay"):
            if getattr(self, name) < 0:
                raise InputError(f"budget.{name} must not be negative")
        if not self.currency.isalpha() or len(self.currency) != 3:
            raise InputError(f"budget.currency is {self.currency!r}: three letters, as EUR")
