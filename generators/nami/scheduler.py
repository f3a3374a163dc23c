"""The scheduler component of the pipeline: windows of flow time, and Euler steps through them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from nami_bench.generators.nami.schedule import StageWindow, TimestepSpacing, stage_steps, stage_windows


class StageSteps(NamedTuple):
    """One stage's steps on the device: `timesteps` (n,), `deltas` (n,), sigma's change in each step."""

    timesteps: Tensor
    deltas: Tensor


class NamiEulerScheduler(SchedulerMixin, ConfigMixin):
    """Euler's method through each stage's window of flow time; the defaults are the release's.

    See `nami_bench.generators.nami.schedule` for `stage_range`, `gamma` and the two kinds of
    `timestep_spacing`: "linspace" as released, "trailing" for n steps that all do the same work.
    """

    @register_to_config
    def __init__(
        self,
        stage_range: Sequence[float] = (0, 1 / 3, 2 / 3, 1),
        gamma: float = 1 / 3,
        num_train_timesteps: int = 1000,
        timestep_spacing: TimestepSpacing = "linspace",
    ) -> None:
        self.windows: tuple[StageWindow, ...] = stage_windows(stage_range, gamma, num_train_timesteps)
        stage_steps(self.windows[0], 1, timestep_spacing)  # an unknown spacing fails here

    def stage_steps(
        self, stage: int, steps: int, *, dtype: torch.dtype, device: torch.device | str = "cpu"
    ) -> StageSteps:
        """The steps of `stage`, ready on `device`; timesteps in `dtype`, deltas in float32.

        Timesteps are rounded to the latents' dtype here, because the model was run so in training.
        """
        timesteps, sigmas = stage_steps(self.windows[stage], steps, self.config.timestep_spacing)
        deltas = torch.from_numpy(sigmas[1:] - sigmas[:-1])
        return StageSteps(
            torch.from_numpy(timesteps).to(dtype).to(device), deltas.to(torch.float32).to(device)
        )

    @staticmethod
    def step(velocity: Tensor, delta: Tensor, sample: Tensor) -> Tensor:
        """One Euler step, x + delta v, in float32 and returned in the dtype of `sample`."""
        return (sample.float() + delta * velocity.float()).to(sample.dtype)
