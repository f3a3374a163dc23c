"""The flow's windows as training sees them: where each begins and ends, and what lies between.

With x_1 the image's latents and x_0 noise, the flow's state at time t is x_t = t x_1 + (1 - t) x_0. Window
k = 0 .. K-1 (the paper counts from 1) runs from time t_k to t_{k+1} at 1 / 2^(K-1-k) of the full resolution
(arXiv 2503.09242, section 3):

    start  x_s = Bridge(Up(Down(x_{t_k}, one halving more)))     for k = 0: the noise
    end    x_e = Down(x_{t_{k+1}})

Inside, with the window's own sigma from 1 at the start to 0 at the end: x = sigma x_s + (1 - sigma) x_e, and
the velocity to learn is dx / dsigma = x_s - x_e. Down halves images by the mean of 2x2, and noise by the same
mean times two, so that it keeps unit variance: as sampling does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nami_bench.generators.nami.bridge import Bridge, fine_part
from nami_bench.generators.nami.latents import shrink_noise


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """Points inside one window: `noisy` and `velocity` (batch, channels, h, w), `sigma` (batch,)."""

    stage: int
    noisy: Tensor
    velocity: Tensor
    sigma: Tensor


def flow_state(latents: Tensor, noise: Tensor, time: float, halvings: int) -> Tensor:
    """x_t at `time` (0: noise, 1: image), halved `halvings` times; both tensors at the full resolution."""
    small = latents
    for _ in range(halvings):
        small = F.avg_pool2d(small, 2)
    return time * small + (1.0 - time) * shrink_noise(noise, halvings)


def window_ends(
    latents: Tensor,
    noise: Tensor,
    stage: int,
    edges: Sequence[float],
    bridge: Bridge,
    start_noise: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """(x_s, x_e) of window `stage`; `edges` are t_0 = 0, ..., t_K = 1.

    `latents` and `noise` are (batch, channels, height, width) at the full resolution. A bridge that adds
    noise is given the flow's own, the very noise in x_e, as Pyramid Flow couples the ends of a window (arXiv
    2410.05954, section 3.2). No gradient flows into the bridge, which is trained before.

    x_s has nothing finer than the 2x2 blocks that upsampling makes. With the formula as it stands, what is
    finer in x is (1 - sigma) times that of x_e: a model learns to read it off, and in sampling, where it
    begins at zero, leaves it at zero. `start_noise` adds the fine part of the flow's own noise to x_s, the
    same noise that is in x_e, as Pyramid Flow does; at 1, as much of it as x_{t_k} has at this resolution.
    """
    halvings = len(edges) - 2 - stage
    end = flow_state(latents, noise, edges[stage + 1], halvings)
    own = shrink_noise(noise, halvings)
    if stage == 0:
        return own, end
    with torch.no_grad():
        before = flow_state(latents, noise, edges[stage], halvings + 1)
        start = bridge(before, stage - 1, noise=own, interpolate_shift=True)
        if start_noise:
            start = start + start_noise * (1.0 - edges[stage]) * fine_part(own)
    return start, end


def point_in_window(start: Tensor, end: Tensor, stage: int, sigma: Tensor) -> WindowBatch:
    """The flow at the window's own `sigma` (batch,), 1 at its start and 0 at its end."""
    share = sigma.reshape(-1, 1, 1, 1)
    return WindowBatch(stage, share * start + (1.0 - share) * end, start - end, sigma)


def logit_normal_sigma(
    count: int, mean: float, std: float, generator: torch.Generator, device: torch.device
) -> Tensor:
    """`count` sigmas in (0, 1) whose logit is normal (Esser et al. 2024, arXiv 2403.03206, section 3.1)."""
    # Drawn on the CPU, so that a seed means the same points on every device.
    return torch.sigmoid(mean + std * torch.randn(count, generator=generator)).to(device)
