"""Latents as the transformer sees them: packed two by two, with positions, beginning as noise."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pack(latents: Tensor) -> Tensor:
    """(batch, channels, height, width) -> (batch, height/2 * width/2, channels * 4): 2x2 pixels a token."""
    batch, channels, height, width = latents.shape
    blocks = latents.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return blocks.permute(0, 2, 4, 1, 3, 5).reshape(batch, height * width // 4, channels * 4)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `pack`, for latents of `height` x `width`."""
    batch, _, values = tokens.shape
    blocks = tokens.reshape(batch, height // 2, width // 2, values // 4, 2, 2)
    return blocks.permute(0, 3, 1, 4, 2, 5).reshape(batch, values // 4, height, width)


def image_ids(height: int, width: int) -> Tensor:
    """Positions (0, row, column) of the packed tokens of `height` x `width` latents: (tokens, 3)."""
    rows, columns = torch.meshgrid(torch.arange(height // 2), torch.arange(width // 2), indexing="ij")
    return torch.stack((torch.zeros_like(rows), rows, columns), dim=-1).reshape(-1, 3).float()


def text_ids(tokens: int) -> Tensor:
    """Positions of the text: all zero, (tokens, 3)."""
    return torch.zeros(tokens, 3)


def shrink_noise(noise: Tensor, halvings: int) -> Tensor:
    """Halve Gaussian noise `halvings` times; the mean of four is doubled, so that the variance stays one."""
    for _ in range(halvings):
        noise = 2 * F.avg_pool2d(noise, 2)
    return noise
