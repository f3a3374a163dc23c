"""A tiny CLIP of open_clip's own classes with random weights, and its cosines by the library's own calls."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def write_tiny_clip(folder: Path) -> Path:
    """The folder, as open_clip writes it; its cosines have both signs."""
    import open_clip
    import torch

    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": {}}))
    torch.manual_seed(3)
    torch.save(open_clip.CLIP(**TINY).state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


def naive_cosine(folder: Path, image: Image.Image, text: str) -> float:
    """One image and one short text through the library's documented calls."""
    import torch

    (model, preprocess), tokenizer = _loaded(f"local-dir:{folder}")
    with torch.no_grad():
        a = model.encode_image(preprocess(image.convert("RGB"))[None])[0]
        b = model.encode_text(tokenizer([text]))[0]
    return float(a @ b / (a.norm() * b.norm()))


@cache
def _loaded(name: str) -> tuple[Any, Any]:
    import open_clip

    return open_clip.create_model_from_pretrained(name), open_clip.get_tokenizer(name)
