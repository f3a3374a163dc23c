"""On which scale values are: said by who reads them, or refused where it was only assumed and looks wrong.

Values from 1 to 5 or 0 to 1 all lie on 0 to 100, too, and would make every model look terrible.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from nami_bench.domain import Criteria, Criterion
from nami_bench.errors import InputError, UnknownNameError

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*(?:\.\.|-|–)\s*({_NUMBER})\s*", re.ASCII)
_USED_SHARE = 0.1
_USUAL = ((0, 1), (1, 5), (1, 7), (0, 5), (1, 10), (0, 10))


@dataclass(frozen=True, slots=True)
class Scales:
    """Lowest and highest value, of every criterion and of single ones; `Scales()` says nothing."""

    all: tuple[float, float] | None = None
    by_criterion: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def of(self, criterion: str) -> tuple[float, float] | None:
        """The scale of a criterion, None where none was said."""
        return self.by_criterion.get(criterion, self.all)

    def applied(self, criteria: Sequence[Criterion]) -> Criteria:
        """The criteria on these scales; raises UnknownNameError for the scale of a criterion not among them.

        Words at anchors, and the step, belong to a scale: another one has none of them.
        """
        for name in self.by_criterion:
            if name not in [c.name for c in criteria]:
                raise UnknownNameError("criterion", name, [c.name for c in criteria], "in --scale")
        moved = (_on(criterion, self.of(criterion.name)) for criterion in criteria)
        return Criteria(moved, Criteria.of(criteria).total)


NO_SCALES = Scales()


def parse_scales(texts: Sequence[str]) -> Scales:
    """`1-5` or `1..5` for every criterion, `NAME=1-5` for one; raises InputError for anything else."""
    every: list[tuple[float, float]] = []
    single: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, equals, words = text.rpartition("=")
        if (equals and name.strip() in single) or (not equals and every):
            raise InputError(f"--scale {text!r}: there is another --scale for the same: give one of them")
        if equals:
            single[name.strip()] = _range(text, words)
        else:
            every.append(_range(text, words))
    return Scales(every[0] if every else None, single)


@dataclass(frozen=True, slots=True)
class LowValues:
    """Values of which none exceeds a tenth of their scale: whose, that scale, the lowest and the highest."""

    criteria: tuple[str, ...]
    minimum: float
    maximum: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return (
            f"the values of {', '.join(self.criteria)} are {self.lowest:g} to {self.highest:g}, at most a "
            f"tenth of the scale {self.minimum:g} to {self.maximum:g}"
        )

    @property
    def usual(self) -> str:
        """A usual scale that such values are on, as --scale takes it."""
        fits = ((a, b) for a, b in _USUAL if a <= self.lowest and self.highest <= b)
        return "{}-{}".format(*next(fits, ("LOWEST", "HIGHEST")))

    @property
    def assumed(self) -> str:
        """The scale that was assumed, as --scale takes it."""
        return (
            f"{self.minimum:g}..{self.maximum:g}"
            if self.minimum < 0
            else f"{self.minimum:g}-{self.maximum:g}"
        )


def low_values(table: pd.DataFrame, assumed: Mapping[str, Sequence[Criterion]]) -> LowValues | None:
    """What in `table` (see `nami_bench.evaluation.human.table`) uses no more than a tenth of its scale; None:
    nothing.

    `assumed`: by study, the criteria on whose scales values were read though nobody said so. Scales of less
    than ten points are passed over: what lies in their lowest tenth is the lowest value, and no other scale.
    """
    low = [found for study, criteria in assumed.items() for found in _unused(table, study, criteria)]
    if not low:
        return None
    first = low[0][0]
    return LowValues(
        tuple(dict.fromkeys(criterion.name for criterion, _, _ in low)),
        first.minimum,
        first.maximum,
        min(lowest for _, lowest, _ in low),
        max(highest for _, _, highest in low),
    )


def _unused(
    table: pd.DataFrame, study: str, criteria: Sequence[Criterion]
) -> Iterator[tuple[Criterion, float, float]]:
    """The criteria of whose scale a study's values use no more than a tenth, with the lowest and highest."""
    rows = table[table["study"] == study]
    values = rows.groupby("criterion", observed=True)["value"].agg(["min", "max"]).dropna()
    for criterion in criteria:
        span = criterion.maximum - criterion.minimum
        if span < 10 or criterion.name not in values.index:
            continue
        lowest, highest = map(float, values.loc[criterion.name])
        if highest <= criterion.minimum + _USED_SHARE * span:
            yield criterion, lowest, highest


def _on(criterion: Criterion, scale: tuple[float, float] | None) -> Criterion:
    if scale is None or scale == (criterion.minimum, criterion.maximum):
        return criterion
    return replace(criterion, minimum=scale[0], maximum=scale[1], anchors={}, step=None, texts={})


def _range(text: str, words: str) -> tuple[float, float]:
    found = _RANGE.fullmatch(words)
    if found is None or not float(found[1]) < float(found[2]):
        raise InputError(
            f"--scale {text!r} is no scale: write the lowest and the highest value, as 1-5 or 0..1"
        )
    return float(found[1]), float(found[2])
