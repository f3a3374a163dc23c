"""The bridges between stages, one interface for all."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nami_bench.errors import InputError
from nami_bench.generators.nami.bridge import (
    BRIDGES,
    Bridge,
    BridgeFlow,
    RenoiseBridge,
    block_noise,
    upsample,
)
from nami_bench.generators.nami.config import NAMI_2B
from nami_bench.generators.nami.cost import shift_map_parameters

CHANNELS = 4
LEARNED = sorted(set(BRIDGES) - {"renoise", "none"})


def make(name: str, **config: Any) -> Bridge:
    torch.manual_seed(0)
    if name == "scale-shift":
        config["latent_size"] = (16, 16)
    return BRIDGES[name](latent_channels=CHANNELS, **config)


def latents(side: int = 4) -> torch.Tensor:
    return torch.randn(2, CHANNELS, side, side, generator=torch.Generator().manual_seed(3))


def seeded() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in (5, 6)]


def test_the_released_bridge_has_the_released_tensors(read_json: Any) -> None:
    facts = read_json("nami_2b_state_dict.json")
    bridge = BridgeFlow()
    assert {name: list(tensor.shape) for name, tensor in bridge.state_dict().items()} == facts["bridge_flow"]
    assert bridge.num_parameters() == shift_map_parameters(NAMI_2B, (128, 128)) == 327_682


def test_the_released_form_is_a_scale_and_a_shift_map() -> None:
    bridge = make("scale-shift")
    with torch.no_grad():
        bridge.scale.copy_(torch.tensor([2.0, 3.0]))
        bridge.shift[1].normal_()
    given = latents(8)
    expected = 3 * given.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) + bridge.shift[1]
    assert torch.equal(bridge(given, 1), expected)


@pytest.mark.parametrize("name", LEARNED)
def test_a_fresh_learned_bridge_is_plain_upsampling(name: str) -> None:
    assert torch.equal(make(name)(latents(), 0), upsample(latents()))


@pytest.mark.parametrize("name", LEARNED)
def test_each_transition_learns_by_itself(name: str) -> None:
    bridge = make(name)
    optimizer = torch.optim.SGD(bridge.parameters(), lr=0.1)
    target = torch.randn(2, CHANNELS, 8, 8, generator=torch.Generator().manual_seed(4))
    losses = []
    for _ in range(3):
        loss = (bridge(latents(), 0) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > losses[1] > losses[2]
    assert torch.equal(bridge(latents(8), 1), upsample(latents(8)))


@pytest.mark.parametrize("name", BRIDGES)
def test_saved_and_loaded_it_is_the_same(name: str, tmp_path: Path) -> None:
    bridge = make(name)
    with torch.no_grad():
        for parameter in bridge.parameters():
            parameter.normal_()
    bridge.save_pretrained(tmp_path)
    loaded = type(bridge).from_pretrained(tmp_path)
    for transition, side in ((0, 4), (1, 8)):
        expected = bridge(latents(side), transition, generator=seeded())
        assert torch.equal(loaded(latents(side), transition, generator=seeded()), expected)
    assert (loaded.transitions, loaded.dtype) == (2, torch.float32)


@pytest.mark.parametrize("name", BRIDGES)
def test_latents_keep_their_dtype(name: str) -> None:
    assert make(name)(latents().to(torch.bfloat16), 0, generator=seeded()).dtype == torch.bfloat16


@pytest.mark.parametrize("name", sorted(set(BRIDGES) - {"scale-shift"}))
def test_bridges_without_a_map_take_every_size(name: str) -> None:
    wide = torch.randn(1, CHANNELS, 2, 6)
    assert make(name)(wide, 1).shape == (1, CHANNELS, 4, 12)


def test_a_shift_map_takes_another_size_only_on_purpose() -> None:
    bridge = make("scale-shift")
    torch.nn.init.constant_(bridge.shift[0], 0.5)
    wide = torch.randn(1, CHANNELS, 4, 6)
    with pytest.raises(InputError, match=r"made for latents of 8x8, not 8x12: .*interpolate_shift=True"):
        bridge(wide, 0)
    torch.testing.assert_close(bridge(wide, 0, interpolate_shift=True), upsample(wide) + 0.5)


def test_what_a_bridge_does_not_have_is_named() -> None:
    bridge = make("mlp")
    with pytest.raises(InputError, match="no transition 2: this bridge has 2"):
        bridge(latents(), 2)
    with pytest.raises(InputError, match="takes 4 latent channels, got 3"):
        bridge(latents()[:, :3], 0)


def test_block_noise_has_unit_variance_and_the_asked_correlation() -> None:
    for gamma in (1 / 3, 0.2):
        generator = torch.Generator().manual_seed(7)
        noise = block_noise(torch.randn(2000, 4, 8, 8, generator=generator), gamma)
        blocks = noise.unfold(2, 2, 2).unfold(3, 2, 2).reshape(-1, 4)
        expected = torch.full((4, 4), -gamma).fill_diagonal_(1.0)
        torch.testing.assert_close(torch.cov(blocks.T), expected, rtol=0, atol=0.01)
        neighbours = (noise[..., 1] * noise[..., 2]).mean().item()
        assert abs(neighbours) < 0.01


def test_renoising_makes_upsampled_noise_white_again() -> None:
    """Pure noise of the stage's own level comes out independent from pixel to pixel (pyramid flow's aim)."""
    bridge = RenoiseBridge(latent_channels=CHANNELS)
    sigma = 0.667
    noise = sigma * torch.randn(2000, CHANNELS, 8, 8, generator=torch.Generator().manual_seed(8))
    crossed = bridge(noise, 0, generator=torch.Generator().manual_seed(9))
    blocks = crossed.unfold(2, 2, 2).unfold(3, 2, 2).reshape(-1, 4)
    covariance = torch.cov(blocks.T)
    # The corrected start sigma of the second stage, in the original's table.
    torch.testing.assert_close(covariance, 0.80024**2 * torch.eye(4), rtol=0, atol=0.01)


def test_no_bridge_is_plain_upsampling() -> None:
    assert torch.equal(make("none")(latents(), 1), upsample(latents()))
    assert not list(make("none").parameters())


def test_renoising_takes_given_noise_in_place_of_its_own() -> None:
    bridge = RenoiseBridge(latent_channels=CHANNELS)
    white = torch.randn(2, CHANNELS, 8, 8, generator=torch.Generator().manual_seed(1))
    drawn = bridge(latents()[:1], 0, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(bridge(latents(), 0, noise=white), bridge(latents(), 0, noise=-white))
    assert torch.equal(bridge(latents()[:1], 0, noise=white[:1]), drawn)


def test_renoising_draws_each_images_noise_from_its_own_generator() -> None:
    bridge = RenoiseBridge(latent_channels=CHANNELS)
    both = bridge(latents(), 0, generator=seeded())
    alone = bridge(latents()[1:], 0, generator=seeded()[1:])
    assert torch.equal(both[1:], alone)
