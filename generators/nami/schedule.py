"""How flow time is cut into windows and walked through: arithmetic on plain numbers.

Flow time runs from noise (timestep `num_train_timesteps`) to the image (0). Each stage owns a window
of it and has sigmas of its own, from 1 at the window's start to 0 at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nami_bench.errors import InputError

TimestepSpacing = Literal["linspace", "trailing"]


@dataclass(frozen=True, slots=True)
class StageWindow:
    """One stage's share of flow time: from timestep `start` down to `start - length`."""

    start: int
    length: int

    def timestep(self, sigma: NDArray[np.float64]) -> NDArray[np.float64]:
        """The timestep at the stage's own `sigma`: `start` at 1, `start - length` at 0."""
        return self.start - self.length * (1.0 - sigma)


@dataclass(frozen=True, slots=True)
class Jump:
    """Pyramid Flow's step between two stages: x <- rescale * x + renoise * block noise."""

    rescale: float
    renoise: float


def stage_windows(
    stage_range: Sequence[float], gamma: float, num_train_timesteps: int = 1000
) -> tuple[StageWindow, ...]:
    """Share out the timesteps among the stages, as NAMI's release does.

    `stage_range` runs from 0 to 1 with one entry more than there are stages. A window's length is
    proportional to the distance between its end and its start as Pyramid Flow corrects it for block noise
    of correlation `gamma` (arXiv 2410.05954, section 3.2). Those sigmas serve for nothing else here.

    Raises InputError for a range that does not rise from 0 to 1, or a gamma outside (0, 1/3].
    """
    _check(stage_range, gamma)
    edges = [1.0 - int(edge * num_train_timesteps) / num_train_timesteps for edge in stage_range]
    starts = [1.0, *(1.0 - jump.rescale * (1.0 - edge) for jump, edge in _inner(edges, gamma))]
    distances = [start - end for start, end in zip(starts, edges[1:], strict=True)]
    shares = np.cumsum([0.0, *distances]) / sum(distances)
    # Timestep 0 is the finished image: the last window ends one above it.
    indices = [min(int(share * num_train_timesteps), num_train_timesteps - 1) for share in shares]
    windows = tuple(StageWindow(num_train_timesteps - a, b - a) for a, b in pairwise(indices))
    if any(window.length < 1 for window in windows):
        raise InputError(f"{num_train_timesteps} training timesteps are too few for {list(stage_range)}")
    return windows


def jumps(stage_range: Sequence[float], gamma: float, num_train_timesteps: int = 1000) -> tuple[Jump, ...]:
    """Pyramid Flow's rescale-and-renoise between each stage and the next; see `stage_windows`."""
    _check(stage_range, gamma)
    edges = [1.0 - int(edge * num_train_timesteps) / num_train_timesteps for edge in stage_range]
    return tuple(jump for jump, _ in _inner(edges, gamma))


def stage_steps(
    window: StageWindow, steps: int, spacing: TimestepSpacing = "linspace"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(timesteps, sigmas) of `steps` Euler steps through `window`: shapes (steps,) and (steps + 1,).

    "linspace" is the release's: timesteps from the window's first to its last whole one, so that the
    last step moves by only 1 / length and the steps before it do the work. "trailing" gives every step the
    same move, 1 / steps. For one step, both are a single move through the whole window.
    """
    if steps < 1:
        raise InputError(f"a stage needs at least one step, got {steps}")
    if spacing == "linspace":
        sigmas = np.append(np.linspace(1.0, 1.0 / window.length, steps), 0.0)
    elif spacing == "trailing":
        sigmas = np.linspace(1.0, 0.0, steps + 1)
    else:
        raise InputError(f"unknown timestep spacing {spacing!r}: known are 'linspace' and 'trailing'")
    return window.timestep(sigmas[:-1]), sigmas


def _inner(edges: Sequence[float], gamma: float) -> list[tuple[Jump, float]]:
    """The jump at each edge between two stages, and that edge's sigma."""
    spread = sqrt(1.0 + 1.0 / gamma)
    found = []
    for sigma in edges[1:-1]:
        rescale = 1.0 / (spread * sigma + 1.0 - sigma)
        found.append((Jump(rescale, rescale * sigma / sqrt(gamma)), sigma))
    return found


def _check(stage_range: Sequence[float], gamma: float) -> None:
    rising = all(a < b for a, b in pairwise(stage_range))
    if len(stage_range) < 2 or stage_range[0] != 0 or stage_range[-1] != 1 or not rising:
        raise InputError(f"stage_range {list(stage_range)} must rise from 0 to 1")
    if not 0 < gamma <= 1 / 3:
        # Four values that are correlated by -gamma do not exist beyond one third.
        raise InputError(f"gamma {gamma} must lie above 0 and not above 1/3")
