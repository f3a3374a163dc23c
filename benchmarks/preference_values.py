"""How far HPSv3's and the aesthetic predictors' values here are from those of their authors' own code.

    python -m benchmarks.preference_values -o docs/results/preference/values.json

HPSv3: the toy in tests/data/hpsv3, whose numbers the published package's own class gave on the version of
transformers that it pins. Aesthetic predictors: heads of the published sizes with random weights, on small
random encoders, beside the authors' way written out with torchvision's transforms and torch's layers.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import transformers
from PIL import Image
from skimage import data
from torchvision import transforms as tv

from benchmarks.ratings_statistics import machine
from nami_bench.domain import Prompt
from nami_bench.evaluation.preference.aesthetic import Aesthetic
from nami_bench.evaluation.preference.hpsv3 import HPSv3
from nami_bench.evaluation.protocol import Metric, ScoringItem, ScoringResult
from nami_bench.images import HeldImage
from nami_bench.software import software
from tests.support.aesthetic_models import CLIP_LAYERS, SIGLIP_LAYERS, head_state
from tests.support.hpsv3 import EXPECTED, TOY, instruction_source

CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLIP_SIZE, CLIP_WIDTH = 224, 768
SIGLIP_SIZE, SIGLIP_WIDTH = 384, 1152


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path)
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "hpsv3": hpsv3(Path(folder)),
            "aesthetic 2": aesthetic_2(Path(folder)),
            "aesthetic 2.5": aesthetic_2_5(Path(folder)),
            "machine": machine(),
            "software": software(),
        }
    text = json.dumps(found, indent=1)
    print(text)
    if output:
        output.write_text(f"{text}\n")


def hpsv3(folder: Path) -> dict[str, float]:
    """Largest differences over the toy's cases."""
    (folder / "words.py").write_text(instruction_source(), encoding="utf-8")

    def run(key: str, **options: Any) -> list[float]:
        given = {"weights": TOY / "HPSv3.safetensors", "processor": str(TOY / "model"), "device": "cpu"}
        metric = HPSv3(HPSv3.Options(**given, instruction=folder / "words.py", **options))
        items = [
            ScoringItem(TOY / case["image"], Prompt("00000", case["prompt"])) for case in EXPECTED["cases"]
        ]
        results = list(metric.score(items))
        return [value(r) if key == "mu" else float(r.details[key]) for r in results]

    def published(key: str) -> list[float]:
        return [float(case[key]) for case in EXPECTED["cases"]]

    alone = run("mu", dtype="float32", batch_size=1)
    together = run("mu", dtype="float32", batch_size=12)
    halves = [run("mu", dtype="bfloat16", batch_size=size) for size in (1, 12)]
    return {
        "mu, alone": apart(alone, published("mu")),
        "mu, one batch": apart(together, published("mu")),
        "log_sigma, one batch": apart(run("log_sigma", dtype="float32", batch_size=12), published("sigma")),
        "alone and in one batch": apart(alone, together),
        "positions 3d": apart(run("mu", dtype="float32", positions="3d"), published("mu_3d_positions")),
        "what 3d positions change": apart(published("mu"), published("mu_3d_positions")),
        "bfloat16 and float32": apart(halves[0], alone),
        "bfloat16, alone and in one batch": apart(*halves),
    }


def aesthetic_2(folder: Path) -> dict[str, float]:
    """Largest difference from OpenAI's preprocessing, a CLIP, and LAION's layers with their dropout."""
    tiny: dict[str, Any] = {
        "embed_dim": CLIP_WIDTH,
        "vision_cfg": {"image_size": CLIP_SIZE, "layers": 4, "width": 256, "patch_size": 14},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    (folder / "clip").mkdir()
    (folder / "clip" / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": tiny, "preprocess_cfg": {}})
    )
    torch.manual_seed(1)
    network = open_clip.CLIP(**tiny).eval()
    torch.save(network.state_dict(), folder / "clip" / "open_clip_pytorch_model.bin")
    state = head_state("layers.", CLIP_LAYERS, CLIP_WIDTH, seed=2)
    torch.save(state, folder / "laion.pth")
    bicubic = tv.InterpolationMode.BICUBIC
    crop = (tv.Resize(CLIP_SIZE, bicubic), tv.CenterCrop(CLIP_SIZE))
    prepare = tv.Compose([*crop, tv.ToTensor(), tv.Normalize(CLIP_MEAN, CLIP_DEVIATION)])
    with torch.no_grad():
        features = network.encode_image(torch.stack([prepare(image) for image in photographs()]))
        unit = features / features.norm(dim=-1, keepdim=True)
        expected = _sequential(state, "layers.", CLIP_LAYERS)(unit)[:, 0].tolist()
    given = {"model": str(folder / "clip"), "head": folder / "laion.pth", "device": "cpu"}
    return _compared(_values(Aesthetic(Aesthetic.Options(**given))), expected)


def aesthetic_2_5(folder: Path) -> dict[str, float]:
    """Largest difference from transformers' own processor, a SigLIP image tower, and its author's layers."""
    tower = {"hidden_size": SIGLIP_WIDTH, "intermediate_size": 512, "num_attention_heads": 16}
    config = transformers.SiglipVisionConfig(
        **tower, num_hidden_layers=2, image_size=SIGLIP_SIZE, patch_size=14
    )
    torch.manual_seed(3)
    network = transformers.SiglipVisionModel(config).eval()
    network.save_pretrained(folder / "siglip")
    size = {"height": SIGLIP_SIZE, "width": SIGLIP_SIZE}
    processor = transformers.SiglipImageProcessor(size=size)
    processor.save_pretrained(folder / "siglip")
    state = head_state("scoring_head.", SIGLIP_LAYERS, SIGLIP_WIDTH, seed=4)
    torch.save(state, folder / "author.pth")
    resize = tv.Resize((SIGLIP_SIZE, SIGLIP_SIZE), tv.InterpolationMode.BICUBIC)
    prepare = tv.Compose([resize, tv.ToTensor(), tv.Normalize((0.5,) * 3, (0.5,) * 3)])
    with torch.no_grad():
        pixels = torch.stack([prepare(image) for image in photographs()])
        features = network(pixel_values=pixels).pooler_output
        unit = features / features.norm(dim=-1, keepdim=True)
        expected = _sequential(state, "scoring_head.", SIGLIP_LAYERS)(unit)[:, 0].tolist()
    given = {"version": "2.5", "model": str(folder / "siglip"), "head": folder / "author.pth"}
    return _compared(_values(Aesthetic(Aesthetic.Options(**given, device="cpu"))), expected)


def photographs() -> list[Image.Image]:
    """Of several proportions."""
    return [Image.fromarray(pixels) for pixels in (data.astronaut(), data.chelsea(), data.coffee())]


def value(result: ScoringResult) -> float:
    """A result's value; a failure ends the comparison."""
    if result.value is None:
        raise ValueError(result.reason)
    return result.value


def apart(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest difference."""
    return float(np.abs(np.subtract(one, other)).max())


def _sequential(state: dict[str, Any], prefix: str, numbers: Sequence[int]) -> torch.nn.Sequential:
    """All layers, at whose places the file has none dropout."""
    layers = [
        torch.nn.Linear(*reversed(state[f"{prefix}{number}.weight"].shape))
        if number in numbers
        else torch.nn.Dropout(0.2)
        for number in range(max(numbers) + 1)
    ]
    found = torch.nn.Sequential(*layers)
    found.load_state_dict({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    return found.eval()


def _values(metric: Metric) -> list[float]:
    items = [ScoringItem(HeldImage(image, "photograph"), Prompt("00000", "")) for image in photographs()]
    return [value(result) for result in metric.score(items)]


def _compared(found: Sequence[float], expected: Sequence[float]) -> dict[str, float]:
    return {"apart": apart(found, expected), "lowest": min(expected), "highest": max(expected)}


if __name__ == "__main__":
    main()
