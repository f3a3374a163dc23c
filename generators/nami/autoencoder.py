"""Autoencoders: the pixel-unshuffle one, which has no weights, and what all of them must tell."""

from typing import Any

import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class PixelUnshuffleAutoencoder(ModelMixin, ConfigMixin):
    """Pixels as latents: each latent holds a block of `downscale_factor` x `downscale_factor` pixels.

    Lossless and without weights, for models so small that a learned autoencoder would be most of them.
    Latents have 3 * downscale_factor**2 channels; pixels and latents lie in -1..1.
    """

    @register_to_config
    def __init__(
        self, downscale_factor: int = 4, scaling_factor: float = 1.0, shift_factor: float = 0.0
    ) -> None:
        super().__init__()
        # diffusers asks a model's parameters for its device and dtype.
        self.anchor = nn.Parameter(Tensor([0.0]), requires_grad=False)

    def encode(self, pixels: Tensor) -> Tensor:
        """(batch, 3, height, width) -> (batch, 3 f^2, height / f, width / f)."""
        return F.pixel_unshuffle(pixels, self.config.downscale_factor)

    def decode(self, latents: Tensor, return_dict: bool = True) -> DecoderOutput | tuple[Tensor]:
        """The inverse of `encode`."""
        pixels = F.pixel_shuffle(latents, self.config.downscale_factor)
        return DecoderOutput(sample=pixels) if return_dict else (pixels,)


def downscale_factor(vae: Any) -> int:
    """Side in pixels of one latent of `vae`."""
    if isinstance(vae, PixelUnshuffleAutoencoder):
        return int(vae.config.downscale_factor)
    return int(2 ** (len(vae.config.block_out_channels) - 1))
