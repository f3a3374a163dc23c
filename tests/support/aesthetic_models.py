"""Tiny encoders and heads of the aesthetic predictors, in their authors' file forms."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CLIP_LAYERS = (0, 2, 4, 6, 7)
"""Numbers of LAION's linear layers: dropout stood between the first four."""
SIGLIP_LAYERS = (0, 2, 4, 6, 8)


def head_state(prefix: str, numbers: Sequence[int], width: int, seed: int) -> "OrderedDict[str, Any]":
    """The tensors of a head of the published sizes, on features of `width`."""
    import torch

    sizes = (width, 1024, 128, 64, 16, 1)
    generator = torch.Generator().manual_seed(seed)
    state: OrderedDict[str, Any] = OrderedDict()
    for number, inner, outer in zip(numbers, sizes[:-1], sizes[1:], strict=True):
        state[f"{prefix}{number}.weight"] = torch.randn(outer, inner, generator=generator) * inner**-0.5 * 2
        state[f"{prefix}{number}.bias"] = torch.randn(outer, generator=generator) * 0.1
    return state


@pytest.fixture(scope="session")
def clip_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .pth of LAION's form, for `clip_folder`."""
    import torch

    path = tmp_path_factory.mktemp("heads") / "linearMSE.pth"
    torch.save(head_state("layers.", CLIP_LAYERS, 16, seed=5), path)
    return path


@pytest.fixture(scope="session")
def siglip_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .pth of version 2.5's form, for `siglip_folder`."""
    import torch

    path = tmp_path_factory.mktemp("heads") / "aesthetic_predictor_v2_5.pth"
    torch.save(head_state("scoring_head.", SIGLIP_LAYERS, 32, seed=6), path)
    return path


@pytest.fixture(scope="session")
def siglip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole SigLIP model of transformers, text tower and all, as the published one is."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("models") / "tiny-siglip"
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.SiglipConfig(
        text_config={**tower, "vocab_size": 100, "max_position_embeddings": 16},
        vision_config={**tower, "image_size": 28, "patch_size": 14},
    )
    torch.manual_seed(7)
    network = transformers.SiglipModel(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4 if parameter.ndim > 1 else 1)  # as drawn, all images would look alike
    network.save_pretrained(folder)
    transformers.SiglipImageProcessor(size={"height": 28, "width": 28}).save_pretrained(folder)
    return folder
