"""Small networks of the real classes, with random weights."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.variety_models import dino_folder as dino_folder


@pytest.fixture(scope="session")
def lpips_weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files as torchvision's of SqueezeNet and AlexNet (its convolutions), by LPIPS' names for them."""
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision").models
    folder = tmp_path_factory.mktemp("backbones")
    torch.manual_seed(6)
    made = {"squeeze": models.squeezenet1_1(weights=None), "alex": models.alexnet(weights=None)}
    for name, network in made.items():
        torch.save(network.features.state_dict(prefix="features."), folder / f"{name}.pth")
    return {name: folder / f"{name}.pth" for name in made}


@pytest.fixture(scope="session")
def drawings() -> list[Image.Image]:
    """Six different images of several shapes."""
    rng = np.random.default_rng(0)
    sizes = [(40, 30), (64, 64), (30, 50), (33, 40), (64, 20), (48, 48)]
    small = [rng.integers(0, 255, (4, 4, 3)).astype(np.uint8) for _ in sizes]
    return [
        Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
        for pixels, size in zip(small, sizes, strict=True)
    ]
