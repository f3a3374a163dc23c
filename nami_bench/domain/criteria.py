"""What is asked about an image: criteria with their scales, and their total."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from nami_bench.domain.names import checked_name
from nami_bench.errors import InputError, UnknownNameError


@dataclass(frozen=True, slots=True)
class CriterionText:
    """A criterion in another language: its name on the screen, and the words at its anchors."""

    label: str = ""
    anchors: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One rated quality with its scale and the words at its anchors.

    `label` and `anchors` are in the study's first language, `texts` holds the other languages.
    `step` is the distance between two values on the screen; None: 1, or a hundredth of a short scale.
    """

    name: str
    weight: float
    minimum: float = 0.0
    maximum: float = 100.0
    anchors: Mapping[float, str] = field(default_factory=dict)
    step: float | None = None
    label: str = ""
    texts: Mapping[str, CriterionText] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name("criterion", self.name)
        if not -math.inf < self.minimum < self.maximum < math.inf:
            raise InputError(f"criterion {self.name!r}: minimum must be below maximum")
        if not 0 <= self.weight < math.inf:
            raise InputError(f"criterion {self.name!r}: the weight must not be negative")
        if self.step is not None and not 0 < self.step <= self.maximum - self.minimum:
            raise InputError(f"criterion {self.name!r}: step must be above 0 and fit into the scale")
        for anchors in (self.anchors, *(text.anchors for text in self.texts.values())):
            outside = [at for at in anchors if not self.minimum <= at <= self.maximum]
            if outside:
                raise InputError(f"criterion {self.name!r}: the anchor {outside[0]:g} lies outside the scale")

    def check(self, value: float) -> float:
        """Return `value` if it lies on the scale, else raise InputError."""
        if not self.minimum <= value <= self.maximum:  # also catches NaN
            raise InputError(
                f"{self.name} rating {value:g} is outside its scale {self.minimum:g} to {self.maximum:g}"
            )
        return value

    def check_step(self, value: float) -> float:
        """Return `value` if the screen can give it (a step, or the maximum), else raise InputError."""
        steps = (self.check(value) - self.minimum) / self.screen_step
        on_step = math.isclose(steps, round(steps), rel_tol=0, abs_tol=1e-6) or value == self.maximum
        is_minus_zero = value == 0 and math.copysign(1, value) < 0
        if is_minus_zero or not on_step:
            raise InputError(
                f"{self.name} rating {value:.12g} is no step of its scale: "
                f"{self.minimum:g} to {self.maximum:g} in steps of {self.screen_step:g}"
            )
        return value

    def nearest_step(self, value: float) -> float:
        """The value nearest to `value` that the screen gives."""
        steps = round((min(max(value, self.minimum), self.maximum) - self.minimum) / self.screen_step)
        return min(self.minimum + steps * self.screen_step, self.maximum)

    def rescale(self, value: float) -> float:
        """Map the scale linearly onto 0-100."""
        return 100.0 * (value - self.minimum) / (self.maximum - self.minimum)

    @property
    def screen_step(self) -> float:
        """The distance between two values on the screen, one that people count in: 2 is a value of 0 to 3."""
        if self.step is not None:
            return self.step
        span = self.maximum - self.minimum
        whole = span >= 4 and float(self.minimum).is_integer() and float(self.maximum).is_integer()
        return 1.0 if whole else 10.0 ** math.floor(math.log10(span / 100) + 1e-9)


class Total(StrEnum):
    """How criteria are taken together."""

    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"


class Criteria(tuple[Criterion, ...]):
    """Criteria and how their total is taken, which belongs to them as their weights do.

    ARITHMETIC: the weighted mean of the criteria's scores. GEOMETRIC: in each rating the weighted geometric
    mean of its values on 0-100, which is 0 where one of them is and absent where one is; the total is the
    mean of these. Raises UnknownNameError for another total.
    """

    total: Total

    def __new__(cls, members: Iterable[Criterion] = (), total: str = Total.ARITHMETIC) -> "Criteria":
        """Any iterable of criteria; its own total is not asked for (see `of`)."""
        if total not in tuple(Total):
            raise UnknownNameError("total", total, [str(kind) for kind in Total])
        found = super().__new__(cls, members)
        found.total = Total(total)
        return found

    @classmethod
    def of(cls, criteria: Iterable[Criterion]) -> "Criteria":
        """`criteria` themselves, or any others with the arithmetic total."""
        return criteria if isinstance(criteria, Criteria) else cls(criteria)

    def in_words(self) -> str:
        """The total as a formula."""
        whole = sum(c.weight for c in self)
        weighted = [(f"{c.weight / whole:.4g}", c.name) for c in self if c.weight]
        if self.total == Total.GEOMETRIC:
            formula = " * ".join(f"{name}^{weight}" for weight, name in weighted)
            return (
                f"total = mean of {formula}, the weighted geometric mean within each rating: 0 where a "
                "criterion is 0, none where one has no value"
            )
        return f"total = {' + '.join(f'{weight} {name}' for weight, name in weighted)}"
