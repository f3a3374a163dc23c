"""Tiny networks by whose features images are compared, with random weights."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dino_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DINOv2 model as save_pretrained writes it, of images of another size than it is used on."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("models") / "tiny-dinov2"
    torch.manual_seed(5)
    config = transformers.Dinov2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=70, patch_size=14
    )
    transformers.Dinov2Model(config).save_pretrained(folder)
    return folder
