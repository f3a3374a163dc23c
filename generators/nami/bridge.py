"""Bridges: how the latents at the end of one stage become the start of the next, at twice the size.

Every bridge is called alike, so that they can be exchanged and compared:

    bridge(latents, transition, ...)    (batch, channels, h, w) -> (batch, channels, 2h, 2w)

`transition` i leads from stage i to stage i + 1. Freshly made, the learned ones are plain nearest upsampling.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn

from nami_bench.errors import InputError
from nami_bench.generators.nami.schedule import jumps

Generators = torch.Generator | list[torch.Generator] | None


class Bridge(ModelMixin, ConfigMixin):
    """What all bridges share; a subclass sets `transitions` and has `latent_channels` in its config."""

    transitions: int
    """How often latents are handed on: one less than there are stages."""
    draws_noise: ClassVar[bool] = False
    """Whether the bridge adds noise."""

    def forward(
        self,
        latents: Tensor,
        transition: int,
        *,
        generator: Generators = None,
        noise: Tensor | None = None,
        interpolate_shift: bool = False,
    ) -> Tensor:
        """Latents of the next stage, in the dtype of `latents`; computed in the bridge's own.

        `generator` (one, or one for each image) feeds bridges that draw noise; `noise`, white and of the
        next stage's shape, takes the place of what they would draw. `interpolate_shift` lets a bridge whose
        weights are tied to one size stretch them to another; without it, another size raises InputError.
        """
        if not 0 <= transition < self.transitions:
            raise InputError(f"there is no transition {transition}: this bridge has {self.transitions}")
        if latents.shape[1] != self.config.latent_channels:
            raise InputError(
                f"this bridge takes {self.config.latent_channels} latent channels, got {latents.shape[1]}"
            )
        if not interpolate_shift:
            self.check_size(transition, 2 * latents.shape[2], 2 * latents.shape[3])
        if noise is None and self.draws_noise:
            shape = tuple(upsample(latents).shape)
            noise = randn_tensor(shape, generator=generator, device=latents.device, dtype=torch.float32)
        return self.cross(latents.to(self.dtype), transition, noise).to(latents.dtype)

    def check_size(self, transition: int, height: int, width: int) -> None:
        """Raise InputError where the weights are tied to another size of the next stage's latents."""

    def cross(self, latents: Tensor, transition: int, noise: Tensor | None) -> Tensor:
        """`forward` after its checks; `noise` is there for bridges that draw it."""
        raise NotImplementedError


class BridgeFlow(Bridge):
    """The released form: one scalar scale and one full-size shift map for each transition.

    `latent_size` is the (height, width) of the last stage's latents; a shift map fits that size and
    aspect ratio only.
    """

    @register_to_config
    def __init__(
        self, num_stages: int = 3, latent_channels: int = 16, latent_size: tuple[int, int] = (128, 128)
    ) -> None:
        super().__init__()
        self.transitions = num_stages - 1
        height, width = latent_size
        shrinks = [2 ** (num_stages - 1 - stage) for stage in range(1, num_stages)]
        self.scale = nn.Parameter(torch.ones(len(shrinks)))
        self.shift = nn.ParameterList(
            torch.zeros(1, latent_channels, height // shrink, width // shrink) for shrink in shrinks
        )

    def cross(self, latents: Tensor, transition: int, noise: Tensor | None) -> Tensor:
        larger = upsample(latents)
        shift = self.shift[transition]
        if shift.shape[-2:] != larger.shape[-2:]:
            stretched = F.interpolate(shift.float(), larger.shape[-2:], mode="bilinear", antialias=True)
            shift = stretched.to(shift.dtype)
        return self.scale[transition] * larger + shift

    def check_size(self, transition: int, height: int, width: int) -> None:
        own = tuple(self.shift[transition].shape[-2:])
        if own != (height, width):
            raise InputError(
                f"the shift map of transition {transition} is made for latents of {own[0]}x{own[1]}, not "
                f"{height}x{width}: take the model's own image size, or interpolate the map on purpose "
                "(interpolate_shift=True)"
            )


class ChannelLinearBridge(Bridge):
    """One scale and one shift for each channel and transition; fits every size."""

    @register_to_config
    def __init__(self, num_stages: int = 3, latent_channels: int = 16) -> None:
        super().__init__()
        self.transitions = num_stages - 1
        self.scale = nn.Parameter(torch.ones(self.transitions, latent_channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(self.transitions, latent_channels, 1, 1))

    def cross(self, latents: Tensor, transition: int, noise: Tensor | None) -> Tensor:
        return self.scale[transition] * upsample(latents) + self.shift[transition]


class MLPBridge(Bridge):
    """Upsampling plus a three-layer MLP on the channels of each latent pixel; fits every size."""

    @register_to_config
    def __init__(self, num_stages: int = 3, latent_channels: int = 16, hidden_channels: int = 64) -> None:
        super().__init__()
        self.transitions = num_stages - 1
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(latent_channels, hidden_channels, 1),
                nn.SiLU(),
                nn.Conv2d(hidden_channels, hidden_channels, 1),
                nn.SiLU(),
                _zeroed(nn.Conv2d(hidden_channels, latent_channels, 1)),
            )
            for _ in range(self.transitions)
        )

    def cross(self, latents: Tensor, transition: int, noise: Tensor | None) -> Tensor:
        larger = upsample(latents)
        return larger + self.layers[transition](larger)


class PixelShuffleBridge(Bridge):
    """Upsampling plus a convolutional network that ends in a pixel shuffle; fits every size."""

    @register_to_config
    def __init__(self, num_stages: int = 3, latent_channels: int = 16, hidden_channels: int = 64) -> None:
        super().__init__()
        self.transitions = num_stages - 1
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(latent_channels, hidden_channels, 3, padding=1),
                nn.SiLU(),
                nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1),
                nn.SiLU(),
                _zeroed(nn.Conv2d(hidden_channels, 4 * latent_channels, 3, padding=1)),
                nn.PixelShuffle(2),
            )
            for _ in range(self.transitions)
        )

    def cross(self, latents: Tensor, transition: int, noise: Tensor | None) -> Tensor:
        return upsample(latents) + self.layers[transition](latents)


class UpsampleBridge(Bridge):
    """No bridge: nearest upsampling and nothing else, without parameters; fits every size."""

    @register_to_config
    def __init__(self, num_stages: int = 3, latent_channels: int = 16) -> None:
        super().__init__()
        self.transitions = num_stages - 1
        # diffusers asks each of a pipeline's modules for its dtype and device, which only tensors have.
        self.register_buffer("empty", torch.zeros(0))

    def cross(self, latents: Tensor, transition: int, noise: Tensor | None) -> Tensor:
        return upsample(latents)


class RenoiseBridge(Bridge):
    """Pyramid Flow's jump point: rescale, and add noise that is correlated within 2x2 blocks.

    Nothing is learned (arXiv 2410.05954, section 3.2). `stage_range` and `gamma` are the schedule's;
    nearest upsampling makes the four pixels of a block equal, and noise with the correlation -gamma between
    them makes up for that.
    """

    draws_noise = True

    @register_to_config
    def __init__(
        self,
        stage_range: tuple[float, ...] = (0, 1 / 3, 2 / 3, 1),
        gamma: float = 1 / 3,
        latent_channels: int = 16,
    ) -> None:
        super().__init__()
        factors = [(jump.rescale, jump.renoise) for jump in jumps(stage_range, gamma)]
        self.transitions = len(factors)
        self.register_buffer("factors", torch.tensor(factors).reshape(-1, 2))

    def cross(self, latents: Tensor, transition: int, noise: Tensor | None) -> Tensor:
        assert noise is not None
        rescale, renoise = self.factors[transition].float()
        return rescale * upsample(latents).float() + renoise * block_noise(noise, self.config.gamma)


BRIDGES: dict[str, type[Bridge]] = {
    "scale-shift": BridgeFlow,
    "channel-linear": ChannelLinearBridge,
    "mlp": MLPBridge,
    "pixel-shuffle": PixelShuffleBridge,
    "renoise": RenoiseBridge,
    "none": UpsampleBridge,
}
"""The bridges by name, as an ablation lists them."""


def upsample(latents: Tensor) -> Tensor:
    """Nearest upsampling: (batch, channels, h, w) -> (batch, channels, 2h, 2w)."""
    return F.interpolate(latents, scale_factor=2, mode="nearest")


def block_noise(white: Tensor, gamma: float) -> Tensor:
    """White noise, made into noise of the same variance with the correlation -gamma within 2x2 blocks.

    The block's mean keeps the variance 1 - 3 gamma of a single value, the differences from it 1 + gamma.
    """
    fine = fine_part(white)
    return (1 + gamma) ** 0.5 * fine + max(0.0, 1 - 3 * gamma) ** 0.5 * (white - fine)


def fine_part(latents: Tensor) -> Tensor:
    """What is lost when `latents` are halved: their differences from the mean of each 2x2 block."""
    return latents - upsample(F.avg_pool2d(latents, 2))


def _zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
