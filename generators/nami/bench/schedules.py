"""How far Euler's steps lead away from the exact flow, by schedule, where the exact velocity is known.

No network takes part: for Gaussian targets, and mixtures of them, the velocity of the rectified flow from
noise has a closed form. The sampler's own windows, timesteps and Euler steps are run on it. Resolution does
not change between the windows, and there are no bridges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from torch import Tensor

from nami_bench.generators.nami.schedule import TimestepSpacing
from nami_bench.generators.nami.scheduler import NamiEulerScheduler

SPACINGS: tuple[TimestepSpacing, ...] = get_args(TimestepSpacing)
STEP_COUNTS = tuple(range(4, 21))
POINTS, DIMENSIONS, COMPONENTS = 256, 64, 16
COMPONENT_DEVIATION = 0.3


@dataclass(frozen=True, slots=True)
class MixtureFlow:
    """The flow from standard Gaussian noise to equally likely Gaussians.

    `means` is (components, dimensions), `deviations` (dimensions,), the standard deviations of every
    component. At noise level tau a point is tau * noise + (1 - tau) * target. All in float64.
    """

    means: Tensor
    deviations: Tensor

    def velocity(self, points: Tensor, tau: Tensor) -> Tensor:
        """E[noise - target | point], the flow's derivative by tau: (points, dimensions), like `points`."""
        signal = 1 - tau
        variances = tau**2 + (signal * self.deviations) ** 2
        # Log-likelihoods but for what all components share.
        fit = (points / variances) @ self.means.T - signal / 2 * (self.means**2 / variances).sum(1)
        mean = torch.softmax(signal * fit, dim=1) @ self.means
        # Expected noise less expected target, both linear in the distance from a component's mean.
        slopes = (tau - signal * self.deviations**2) / variances
        return slopes * (points - signal * mean) - mean

    def exact(self, points: Tensor, start: float, end: float) -> Tensor:
        """Where the flow takes `points` from noise level `start` to `end`, by a method of order 8."""

        def derivative(tau: float, flat: NDArray[np.float64]) -> NDArray[np.float64]:
            here = torch.from_numpy(flat).view_as(points)
            return self.velocity(here, torch.tensor(tau, dtype=torch.float64)).flatten().numpy()

        solution = solve_ivp(
            derivative, (start, end), points.flatten().numpy(), method="DOP853", rtol=1e-8, atol=1e-8
        )
        return torch.from_numpy(solution.y[:, -1]).view_as(points)


def targets(seed: int = 0) -> dict[str, MixtureFlow]:
    """What is aimed at, each of variance 1 on average.

    "gaussian" has standard deviations that fall as 1/k, as those of natural images do by frequency;
    "mixture" has clusters around random centres, so that a path can end in another one than the exact path.
    """
    falling = 1 / torch.arange(1, DIMENSIONS + 1, dtype=torch.float64)
    centres = _noise(COMPONENTS, seed)
    centres = (centres - centres.mean(0)) / centres.std(0, correction=0) * (1 - COMPONENT_DEVIATION**2) ** 0.5
    return {
        "gaussian": MixtureFlow(
            torch.zeros(1, DIMENSIONS).double(), falling / falling.square().mean().sqrt()
        ),
        "mixture": MixtureFlow(centres, torch.full((DIMENSIONS,), COMPONENT_DEVIATION).double()),
    }


@dataclass(frozen=True, slots=True)
class EndpointError:
    """Distances from the exact end points, each over the square root of the dimensions.

    `rms` is their root mean square, which a few that end in another cluster dominate; `median` is that of
    the typical point. The target's standard deviation is 1.
    """

    rms: float
    median: float


@dataclass(frozen=True, slots=True)
class ScheduleErrors:
    """The errors of `steps` steps in each stage towards a target, by timestep spacing."""

    target: str
    steps: int
    errors: dict[TimestepSpacing, EndpointError]


def measure_schedules(step_counts: Sequence[int] = STEP_COUNTS, seed: int = 0) -> list[ScheduleErrors]:
    """Errors of both spacings for each target and number of steps, from the same noise."""
    noise = _noise(POINTS, seed + 1)
    schedulers = {spacing: NamiEulerScheduler(timestep_spacing=spacing) for spacing in SPACINGS}
    end = final_noise_level(schedulers["linspace"])
    found = []
    for target, flow in targets(seed).items():
        exact = flow.exact(noise, 1.0, end)
        for steps in step_counts:
            errors = {
                spacing: _error(euler(flow, scheduler, noise, steps), exact)
                for spacing, scheduler in schedulers.items()
            }
            found.append(ScheduleErrors(target, steps, errors))
    return found


def final_noise_level(scheduler: NamiEulerScheduler) -> float:
    """What is left of the noise at the end of the last window: flow time stops just before the image."""
    last = scheduler.windows[-1]
    return (last.start - last.length) / int(scheduler.config.num_train_timesteps)


def euler(flow: MixtureFlow, scheduler: NamiEulerScheduler, points: Tensor, steps: int) -> Tensor:
    """`points` after the sampler's Euler steps, `steps` in each window."""
    total = scheduler.config.num_train_timesteps
    for stage, window in enumerate(scheduler.windows):
        plan = scheduler.stage_steps(stage, steps, dtype=points.dtype)
        for timestep, delta in zip(*plan, strict=True):
            # A window's sigma runs from 1 to 0 while the noise level falls by length / total.
            velocity = flow.velocity(points, timestep / total) * (window.length / total)
            points = scheduler.step(velocity, delta, points)
    return points


def _noise(points: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(points, DIMENSIONS, dtype=torch.float64, generator=generator)


def _error(points: Tensor, exact: Tensor) -> EndpointError:
    distances = (points - exact).square().mean(1).sqrt()
    return EndpointError(float(distances.square().mean().sqrt()), float(distances.median()))
