"""Pretraining of bridges: each transition alone, by mean squared error.

What a bridge is to give is the same flow state at the next resolution: Down(x_t, h - 1) from Down(x_t, h) at
the time t where two windows meet. The paper (arXiv 2503.09242) does not spell the target out; this is the
natural one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nami_bench.errors import InputError, WorkError
from nami_bench.generators.nami.bridge import Bridge
from nami_bench.generators.nami.training.windows import flow_state


@dataclass(frozen=True, slots=True)
class BridgeFit:
    """Mean squared errors by transition, over the last tenth of training, and of plain upsampling."""

    error: tuple[float, ...]
    upsampling: tuple[float, ...]


def train_bridge(
    bridge: Bridge,
    latents_of: Callable[[int], Tensor],
    edges: Sequence[float],
    steps: int,
    learning_rate: float,
    seed: int,
    on_step: Callable[[int, float], object] = lambda step, loss: None,
) -> BridgeFit:
    """Train `bridge` in place; `latents_of(n)` gives the latents of batch n at the full resolution.

    The learning rate falls to zero along a cosine. Raises InputError for a bridge without parameters,
    WorkError where the loss is no longer finite.
    """
    parameters = [p for p in bridge.parameters() if p.requires_grad]
    if not parameters or bridge.transitions == 0:
        raise InputError("this bridge has nothing to train")
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    noise_source = torch.Generator().manual_seed(seed)
    kept: list[list[float]] = []
    for step in range(steps):
        latents = latents_of(step)
        noise = torch.randn(latents.shape, generator=noise_source).to(latents.device)
        errors = transition_errors(bridge, latents, noise, edges)
        loss = torch.stack([error for error, _ in errors]).sum()
        if not torch.isfinite(loss):
            raise WorkError(f"the bridge's loss is {loss.item()} in step {step}: lower its learning_rate")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step >= min(0.9 * steps, steps - 1):
            kept.append([value.item() for pair in errors for value in pair])
        on_step(step + 1, loss.item())
    means = torch.tensor(kept).mean(dim=0).tolist()
    return BridgeFit(tuple(means[0::2]), tuple(means[1::2]))


def transition_errors(
    bridge: Bridge, latents: Tensor, noise: Tensor, edges: Sequence[float]
) -> list[tuple[Tensor, Tensor]]:
    """For each transition, the bridge's mean squared error, and that of nearest upsampling alone."""
    stages = len(edges) - 1
    errors = []
    for transition in range(stages - 1):
        time, halvings = edges[transition + 1], stages - 1 - transition
        given = flow_state(latents, noise, time, halvings)
        wanted = flow_state(latents, noise, time, halvings - 1)
        made = bridge(given, transition, interpolate_shift=True)
        plain = F.interpolate(given, scale_factor=2, mode="nearest")
        errors.append((F.mse_loss(made, wanted), F.mse_loss(plain, wanted).detach()))
    return errors
