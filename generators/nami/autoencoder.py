"""Autoencoders for small models: pixel unshuffle, which has no weights, and principal components."""

from typing import Any

import torch
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


class PatchPCAAutoencoder(PixelUnshuffleAutoencoder):
    """Blocks of pixels by their first principal components: the best linear code of that many values.

    `fit` finds the components and sets `scaling_factor` so that latents have unit variance over all
    channels; the first channels hold most of it. Latents have `latent_channels` channels.
    """

    @register_to_config
    def __init__(
        self,
        downscale_factor: int = 4,
        latent_channels: int = 12,
        scaling_factor: float = 1.0,
        shift_factor: float = 0.0,
    ) -> None:
        super().__init__(downscale_factor, scaling_factor, shift_factor)
        values = 3 * downscale_factor**2
        self.mean = nn.Parameter(torch.zeros(values), requires_grad=False)
        self.basis = nn.Parameter(torch.eye(values)[:latent_channels], requires_grad=False)

    @torch.no_grad()
    def fit(self, pixels: Tensor) -> float:
        """Find the components of `pixels` (batch, 3, height, width); the share of variance they keep."""
        blocks = super().encode(pixels).permute(0, 2, 3, 1).flatten(0, 2).double()
        mean = blocks.mean(dim=0)
        covariance = torch.cov(blocks.T, correction=0)
        # In ascending order, each up to its sign: the first of a component's large values is made positive.
        variances, vectors = torch.linalg.eigh(covariance)
        basis = vectors.T.flip(0)[: self.config.latent_channels]
        large = basis.abs() > 0.5 * basis.abs().amax(dim=1, keepdim=True)
        basis = basis * torch.sign(basis.gather(1, large.int().argmax(dim=1, keepdim=True)))
        kept = variances.flip(0)[: self.config.latent_channels]
        self.mean.copy_(mean)
        self.basis.copy_(basis)
        self.register_to_config(scaling_factor=float(kept.mean() ** -0.5))
        return float(kept.sum() / variances.sum())

    def encode(self, pixels: Tensor) -> Tensor:
        """(batch, 3, height, width) -> (batch, latent_channels, height / f, width / f), not yet scaled."""
        blocks = super().encode(pixels) - self.mean[:, None, None]
        return torch.einsum("cv,bvhw->bchw", self.basis, blocks)

    def decode(self, latents: Tensor, return_dict: bool = True) -> DecoderOutput | tuple[Tensor]:
        """Back to pixels; what the components left out is lost."""
        blocks = torch.einsum("cv,bchw->bvhw", self.basis, latents) + self.mean[:, None, None]
        return super().decode(blocks, return_dict)


def downscale_factor(vae: Any) -> int:
    """Side in pixels of one latent of `vae`."""
    if isinstance(vae, PixelUnshuffleAutoencoder):
        return int(vae.config.downscale_factor)
    return int(2 ** (len(vae.config.block_out_channels) - 1))
