"""The image tower: CLIP's vision transformer, of which all tokens are kept.

Modules carry the names that they have in the checkpoint.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from nami_bench.evaluation.questions.judges.mplug.configuration import HEAD_WIDTH, ImageConfig


class ImageTower(nn.Module):
    """Radford et al. (2021), section 2.4, up to the last LayerNorm, without the projection behind it."""

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        width, patch = config.clip_vision_width, config.clip_vision_patch_size
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(config.tokens, width))
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = nn.ModuleDict(
            {"resblocks": nn.Sequential(*(Block(width) for _ in range(config.clip_vision_layers)))}
        )
        self.ln_post = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> Tensor:
        """Of images (n, 3, image_res, image_res) the tokens (n, 1 + patches, width)."""
        # The convolution as a product of matrices: on a GPU, torch rounds convolutions to TF32.
        patches = functional.unfold(pixels, self.conv1.kernel_size, stride=self.conv1.stride)
        tokens = patches.transpose(1, 2) @ self.conv1.weight.flatten(1).T
        first = self.class_embedding.expand(len(pixels), 1, -1)
        tokens = torch.cat([first, tokens], dim=1) + self.positional_embedding
        tokens = self.transformer["resblocks"](self.ln_pre(tokens))
        normed: Tensor = self.ln_post(tokens)
        return normed


class Block(nn.Module):
    """A layer of the tower: LayerNorms stand before attention and feed-forward part."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, width // HEAD_WIDTH, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            OrderedDict(
                c_fc=nn.Linear(width, 4 * width), gelu=QuickGELU(), c_proj=nn.Linear(4 * width, width)
            )
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width) both ways."""
        normed = self.ln_1(tokens)
        tokens = tokens + self.attn(normed, normed, normed, need_weights=False)[0]
        changed: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return changed


class QuickGELU(nn.Module):
    """CLIP's approximation: exact GELU changes answers."""

    def forward(self, x: Tensor) -> Tensor:
        """x sigmoid(1.702 x)."""
        return x * torch.sigmoid(1.702 * x)
