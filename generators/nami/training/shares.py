"""How much of a batch, and of the loss, each stage gets as training goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nami_bench.errors import InputError


def shares_at(plan: Sequence[Sequence[float]], progress: float) -> tuple[float, ...]:
    """Each stage's share of a batch, adding up to 1, at `progress` in 0..1 through training.

    `plan` lists ratios such as 4:2:1, 2:4:1, 1:2:4, equally far apart in training; between two of them
    shares move linearly (arXiv 2503.09242, multi-resolution joint training).
    """
    ratios = np.array([np.asarray(ratio, dtype=np.float64) / sum(ratio) for ratio in plan])
    at = min(max(progress, 0.0), 1.0) * (len(ratios) - 1)
    return tuple(float(np.interp(at, np.arange(len(ratios)), column)) for column in ratios.T)


def stage_counts(shares: Sequence[float], batch: int) -> tuple[int, ...]:
    """`batch` images shared out by largest remainders, at least one for each stage that has a share."""
    active = sum(share > 0 for share in shares)
    if batch < active:
        raise InputError(f"a batch of {batch} cannot be shared among {active} stages: raise batch_size")
    least = np.array([1 if share > 0 else 0 for share in shares])
    wanted = np.asarray(shares) * batch
    counts = np.maximum(np.floor(wanted).astype(int), least)
    while counts.sum() < batch:
        counts[int(np.argmax(wanted - counts))] += 1
    while counts.sum() > batch:
        spare = np.where(counts > least, counts - wanted, -np.inf)
        counts[int(np.argmax(spare))] -= 1
    return tuple(int(count) for count in counts)


@dataclass
class StageWeights:
    """Loss weights that follow each stage's own loss, so that no window outweighs the others.

    A stage's weight is 1 / (moving average of its loss) ** `power`, scaled so that the weights' mean is 1;
    power 0 leaves all at 1. The paper adjusts weights "as training goes" and does not say how; this is our
    reading. `averages` is the state to keep.
    """

    stages: int
    power: float = 1.0
    decay: float = 0.99
    averages: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.averages:
            self.averages = [0.0] * self.stages

    def weights(self) -> tuple[float, ...]:
        """Weights for the next step; 1 for every stage until each has been seen."""
        if self.power == 0 or not all(average > 0 for average in self.averages):
            return (1.0,) * self.stages
        raw = np.array(self.averages) ** -self.power
        return tuple(float(weight) for weight in raw / raw.mean())

    def update(self, losses: Sequence[float | None]) -> None:
        """Take in a step's mean losses by stage, None for a stage that had no image."""
        for stage, loss in enumerate(losses):
            if loss is not None:
                old = self.averages[stage]
                self.averages[stage] = loss if old == 0.0 else self.decay * old + (1 - self.decay) * loss
