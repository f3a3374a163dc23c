"""The times that were measured, and what follows from them."""

from dataclasses import dataclass
from statistics import median

PLAIN = "plain loop"
"""Under what name NAMI's time in the plain loop stands."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure of every repeat."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def range(self) -> tuple[float, float]:
        """(least, greatest)."""
        return min(self.values), max(self.values)


@dataclass(frozen=True, slots=True)
class PartTime:
    """A part of a run: its seconds, and its FLOPs over all its steps as `forward_flops` counts them."""

    name: str
    seconds: Spread
    flops: int


@dataclass(frozen=True, slots=True)
class RunTime:
    """A run from noise to latents: seconds by the wall clock, and its parts, which add up to no more."""

    seconds: Spread
    parts: tuple[PartTime, ...]

    @property
    def flops(self) -> int:
        """FLOPs of all passes of the transformer."""
        return sum(part.flops for part in self.parts)


@dataclass(frozen=True, slots=True)
class SpeedResult:
    """What was measured: `runs` by the arm's name, and under PLAIN NAMI in the plain loop.

    `difference` is the largest absolute difference between the final latents of NAMI's pipeline and of
    the plain loop, `largest` the largest absolute latent.
    """

    runs: dict[str, RunTime]
    difference: float
    largest: float

    def saved(self, arm: str) -> Spread:
        """Share of the uniform run's time that `arm` saves, repeat by repeat."""
        both = zip(self.runs[arm].seconds.values, self.runs["uniform"].seconds.values, strict=True)
        return Spread(tuple(1 - own / uniform for own, uniform in both))

    def flops_saved(self, arm: str) -> float:
        """Share of the uniform run's FLOPs that `arm` saves."""
        return 1 - self.runs[arm].flops / self.runs["uniform"].flops

    @property
    def speedup(self) -> Spread:
        """The plain loop's time over that of NAMI's pipeline, repeat by repeat."""
        both = zip(self.runs[PLAIN].seconds.values, self.runs["nami"].seconds.values, strict=True)
        return Spread(tuple(plain / own for plain, own in both))
