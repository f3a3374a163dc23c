"""What a comparison of a model with a variant of it says, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from nami_bench.evaluation.paired_prompts import Interval


class Kind(StrEnum):
    """Where a difference comes from."""

    METRIC = "metric"
    OF_SETS = "metric of whole sets"
    RATINGS = "ratings"
    PAIRS = "pairs"


@dataclass(frozen=True, slots=True)
class Saving:
    """What one image takes of something, of both models; `factor` is the base's over the variant's.

    `images` entered. `interval`: of the factor, over prompts. `reason`: why there is no factor.
    """

    base: float | None = None
    variant: float | None = None
    factor: float | None = None
    interval: Interval | None = None
    images: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """What the variant is better by than the base, in the units of `name`; above 0 is better, also where
    lower values are.

    `instrument` measured, or the study's name. `interval` and `p_value` (two-sided) are of this difference
    alone. `most_lost`: the variant is not worse by more, with half of what the interval leaves out; None
    where nothing shows it. `margin`: what was asked for, None where nothing was. `images` are pairs with both
    values, for pairs of a study its verdicts; they are of `prompts`.
    """

    kind: Kind
    name: str
    instrument: str
    base: float | None
    variant: float | None
    difference: float | None
    interval: Interval | None = None
    p_value: float | None = None
    most_lost: float | None = None
    margin: float | None = None
    images: int = 0
    prompts: int = 0
    reason: str | None = None

    @property
    def is_shown(self) -> bool | None:
        """Whether it is not worse by `margin` or more; None where no margin was asked for."""
        if self.margin is None:
            return None
        return self.most_lost is not None and self.most_lost < self.margin


@dataclass(frozen=True, slots=True)
class ChangedPair:
    """How much a picture changed: `change` is the mean absolute difference in grey, 0-255, None for the
    `reason`. Paths are relative to the workspace's image folder."""

    prompt_id: str
    sample: int
    change: float | None
    base_path: str
    variant_path: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Of `compared` pairs of pictures, whose change has this `median` and `largest` value; `same`: whose
    change is 0. `pairs`: those that changed most, and then those that could not be compared."""

    compared: int = 0
    same: int = 0
    median: float | None = None
    largest: float | None = None
    pairs: tuple[ChangedPair, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Images that have no twin: only one of the models has them, or their seeds differ."""

    base_only: int = 0
    variant_only: int = 0
    other_seed: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.base_only + self.variant_only + self.other_seed


@dataclass(frozen=True, slots=True)
class VariantComparison:
    """A variant beside its base. `texts`: of the prompts of `changes`."""

    base: str
    variant: str
    prompt_set: str
    pairs: int
    prompts: int
    unpaired: Unpaired
    seconds: Saving
    memory: Saving
    differences: tuple[PairedDifference, ...]
    changes: Changes
    level: float
    cautions: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """ "5.1 times as fast; geneval not worse by more than 0.02, 95 %", as far as it is known."""
        asked = [one for one in self.differences if one.margin is not None]
        speed = _speed(self.seconds)
        return "; ".join([*([speed] if speed else []), *_verdicts(asked, self.level)]) or "no speed recorded"

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        rows = [asdict(one) | {"kind": one.kind.value, "shown": one.is_shown} for one in self.differences]
        return {"sentence": self.sentence, **asdict(self), "differences": rows}


def _speed(seconds: Saving) -> str:
    if seconds.factor is None:
        return ""
    return f"{seconds.factor:.3g} times as fast"


def _verdicts(asked: Sequence[PairedDifference], level: float) -> list[str]:
    """Of each margin; where a name stands for several, with what measured."""
    several = {one.name for one in asked if sum(other.name == one.name for other in asked) > 1}
    found = []
    for one in asked:
        name = f"{one.name} ({one.instrument})" if one.name in several else one.name
        claim = f"{name} not worse by more than {one.margin:g}"
        found.append(f"{claim}, {100 * level:g} %" if one.is_shown else f"{claim}: not shown{_loss(one)}")
    return found


def _loss(one: PairedDifference) -> str:
    """By how much it is worse, where that is shown."""
    if one.difference is None or one.interval is None or one.interval[1] >= 0:
        return ""
    low, high = (-edge for edge in one.interval)
    return f" (it is worse, by {-one.difference:.3g}: {high:.3g} to {low:.3g})"
