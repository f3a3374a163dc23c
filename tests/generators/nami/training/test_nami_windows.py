"""The training step against a computation written out by hand, in float64."""

from typing import Any

import numpy as np
import pytest
import torch

from nami_bench.generators.nami.bridge import BridgeFlow, RenoiseBridge
from nami_bench.generators.nami.config import NamiConfig
from nami_bench.generators.nami.latents import image_ids, text_ids
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.training.model import (
    NamiTrainingModel,
    StepInputs,
    TextEmbeddings,
    weighted_loss,
)
from nami_bench.generators.nami.training.windows import flow_state, logit_normal_sigma, window_ends
from nami_bench.generators.nami.transformer import NamiTransformer2DModel

SHAPE = NamiConfig(
    in_channels=8,
    num_layers=1,
    num_single_layers=2,
    attention_head_dim=8,
    num_attention_heads=2,
    joint_attention_dim=6,
    pooled_projection_dim=5,
    axes_dims_rope=(2, 2, 4),
    stage_singleblock_index=(1, 1, 2),
    sample_size=8,
)
COUNTS = (3, 2, 2)
WEIGHTS = (0.5, 1.0, 1.5)
EDGES = (0.0, 1 / 3, 2 / 3, 1.0)
LEARNING_RATE, DECAY, EPSILON = 1e-2, 0.01, 1e-8


def _model(start_noise: float = 0.0) -> tuple[NamiTrainingModel, BridgeFlow]:
    torch.manual_seed(0)
    bridge = BridgeFlow(3, 2, (8, 8)).double()
    for parameter in bridge.parameters():
        torch.nn.init.normal_(parameter, 0.8, 0.3)
    transformer = NamiTransformer2DModel.from_shape(SHAPE).double()
    windows = NamiEulerScheduler().windows
    return NamiTrainingModel(transformer, bridge, EDGES, windows, start_noise=start_noise), bridge


def _inputs() -> StepInputs:
    source = torch.Generator().manual_seed(1)
    count = sum(COUNTS)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=source, dtype=torch.float64)

    text = TextEmbeddings(draw(count, 4, 6), draw(count, 5))
    sigma = torch.rand(count, generator=source, dtype=torch.float64)
    return StepInputs(draw(count, 2, 8, 8), draw(count, 2, 8, 8), sigma, COUNTS, text)


def _mean(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The mean of 2x2."""
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def _state(image: np.ndarray[Any, Any], noise: np.ndarray[Any, Any], time: float, halvings: int) -> Any:
    for _ in range(halvings):
        image, noise = _mean(image), 2 * _mean(noise)
    return time * image + (1 - time) * noise


def _pack_by_hand(latents: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    channels, height, width = latents.shape
    tokens = [
        [latents[c, 2 * row + dy, 2 * col + dx] for c in range(channels) for dy in (0, 1) for dx in (0, 1)]
        for row in range(height // 2)
        for col in range(width // 2)
    ]
    return np.array(tokens)


def _loss_by_hand(
    model: NamiTrainingModel, bridge: BridgeFlow, inputs: StepInputs, start_noise: float = 0.0
) -> torch.Tensor:
    """Image by image, window by window, from the paper's formulas."""
    # (T0, L) of the release.
    starts, lengths = (1000, 744, 386), (256, 358, 385)
    total = torch.zeros((), dtype=torch.float64)
    stages = [stage for stage, count in enumerate(COUNTS) for _ in range(count)]
    for n, stage in enumerate(stages):
        image, noise = inputs.latents[n].numpy(), inputs.noise[n].numpy()
        end = _state(image, noise, (stage + 1) / 3, 2 - stage)
        if stage == 0:
            start = 4 * _mean(_mean(noise))
        else:
            before = _state(image, noise, stage / 3, 3 - stage)
            up = before.repeat(2, axis=-1).repeat(2, axis=-2)
            scale, shift = bridge.scale[stage - 1].item(), bridge.shift[stage - 1][0].detach().numpy()
            start = scale * up + shift
            own = _state(image, noise, 0.0, 2 - stage)
            coarse = _mean(own).repeat(2, axis=-1).repeat(2, axis=-2)
            start = start + start_noise * (1 - stage / 3) * (own - coarse)
        sigma = inputs.sigma[n].item()
        tokens = _pack_by_hand(sigma * start + (1 - sigma) * end)
        wanted = _pack_by_hand(start - end)
        assert isinstance(inputs.text, TextEmbeddings)
        height, width = end.shape[-2:]
        predicted = model.transformer(
            torch.from_numpy(tokens)[None],
            timestep=torch.tensor(
                [(starts[stage] - lengths[stage] * (1 - sigma)) / 1000], dtype=torch.float64
            ),
            stage=stage,
            encoder_hidden_states=inputs.text.sequence[n : n + 1],
            pooled_projections=inputs.text.pooled[n : n + 1],
            img_ids=image_ids(height, width),
            txt_ids=text_ids(4),
        ).sample[0]
        total = total + WEIGHTS[stage] * ((predicted - torch.from_numpy(wanted)) ** 2).mean()
    return total / len(stages)


@pytest.mark.parametrize("start_noise", [0.0, 0.7])
def test_a_step_equals_the_formulas(start_noise: float) -> None:
    model, bridge = _model(start_noise)
    inputs = _inputs()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    reference = _loss_by_hand(model, bridge, inputs, start_noise)
    reference.backward()
    # AdamW's first step: the bias corrections cancel, and the update is g / (|g| + eps).
    stepped = {
        name: before[name] * (1 - LEARNING_RATE * DECAY)
        - (0 if p.grad is None else LEARNING_RATE * p.grad / (p.grad.abs() + EPSILON))
        for name, p in model.named_parameters()
    }
    model.zero_grad()

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=DECAY, eps=EPSILON)
    loss = weighted_loss(model(inputs), COUNTS, WEIGHTS)
    loss.backward()
    optimizer.step()

    # The model casts its outputs to float32 for the loss.
    assert loss.item() == pytest.approx(reference.item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, stepped[name], atol=2e-4), name


def test_a_window_begins_where_the_last_one_ended() -> None:
    latents, noise = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8)
    bridge = BridgeFlow(3, 3, (8, 8))
    for stage in (1, 2):
        start, _ = window_ends(latents, noise, stage, EDGES, bridge)
        _, ended = window_ends(latents, noise, stage - 1, EDGES, bridge)
        assert torch.equal(start, torch.nn.functional.interpolate(ended, scale_factor=2))


def test_first_window_begins_with_unit_noise_and_the_last_ends_with_the_image() -> None:
    source = torch.Generator().manual_seed(0)
    latents = torch.randn(4, 2, 64, 64, generator=source)
    noise = torch.randn(4, 2, 64, 64, generator=source)
    bridge = BridgeFlow(3, 2, (64, 64))
    start, _ = window_ends(latents, noise, 0, EDGES, bridge)
    assert start.shape[-2:] == (16, 16)
    assert start.std().item() == pytest.approx(1.0, abs=0.05)
    _, end = window_ends(latents, noise, 2, EDGES, bridge)
    assert torch.equal(end, latents)
    assert torch.equal(flow_state(latents, noise, 0.0, 0), noise)


def test_renoising_with_the_flows_own_noise_starts_on_pyramid_flows_straight_line() -> None:
    """x_s = s Up(Down(x_1)) + (1 - s) n with the very noise n of x_e (arXiv 2410.05954, equation 9)."""
    source = torch.Generator().manual_seed(0)
    latents = torch.randn(3, 2, 16, 16, generator=source)
    noise = torch.randn(3, 2, 16, 16, generator=source)
    bridge = RenoiseBridge((0, 0.25, 0.75, 1), latent_channels=2)
    for stage, edge in ((1, 0.25), (2, 0.75)):
        start, _ = window_ends(latents, noise, stage, (0, 0.25, 0.75, 1), bridge)
        own, blurred = noise, latents
        for _ in range(2 - stage):
            own, blurred = (
                2 * torch.nn.functional.avg_pool2d(own, 2),
                torch.nn.functional.avg_pool2d(blurred, 2),
            )
        blurred = torch.nn.functional.avg_pool2d(blurred, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
        share = edge / (2 - edge)
        torch.testing.assert_close(start, share * blurred + (1 - share) * own, rtol=0, atol=1e-5)


def test_sigmas_have_a_normal_logit() -> None:
    sigma = logit_normal_sigma(20_000, 0.5, 2.0, torch.Generator().manual_seed(0), torch.device("cpu"))
    logits = torch.logit(sigma.double())
    assert logits.mean().item() == pytest.approx(0.5, abs=0.06)
    assert logits.std().item() == pytest.approx(2.0, abs=0.06)
