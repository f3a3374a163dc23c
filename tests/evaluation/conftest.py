"""A tiny CLIP of the library's own classes, and real photographs."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as open_clip writes it; random weights whose cosines have both signs."""
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("models") / "tiny-clip"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": {}}))
    torch.manual_seed(3)
    torch.save(open_clip.CLIP(**TINY).state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("photographs")
    pixels = {"astronaut": data.astronaut(), "cat": data.chelsea(), "coffee": data.coffee()}
    for name, array in pixels.items():
        Image.fromarray(array).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in pixels}
