"""The aesthetic predictors on tiny encoders, against their formulas written out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.images import hash_file
from tests.support.aesthetic_models import CLIP_LAYERS, SIGLIP_LAYERS, head_state

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("transformers")

from nami_bench.evaluation.clip_score import ClipScore  # noqa: E402
from nami_bench.evaluation.open_clip_model import ClipModel  # noqa: E402
from nami_bench.evaluation.preference.aesthetic import Aesthetic, load_head  # noqa: E402
from nami_bench.evaluation.sharing import shared_encodings  # noqa: E402


def metric(**options: Any) -> Aesthetic:
    return Aesthetic(Aesthetic.Options(**{"device": "cpu", "batch_size": 2, **options}))


def values(one: Aesthetic, photographs: Mapping[str, Path], text: str = "a cat") -> list[float]:
    results = list(one.score(ScoringItem(path, Prompt("00000", text)) for path in photographs.values()))
    return [float(result.value) for result in results if result.value is not None]


def by_the_formula(features: Any, state: Mapping[str, Any]) -> list[float]:
    """The unit feature through every layer, in float64 and with numpy alone."""
    found = np.asarray(features, dtype=np.float64)
    found = found / np.linalg.norm(found, axis=-1, keepdims=True)
    for name in [name for name in state if name.endswith("weight")]:
        bias = state[name.replace("weight", "bias")].double().numpy()
        found = found @ state[name].double().numpy().T + bias
    return [float(value) for value in found[:, 0]]


def resized(path: Path, size: tuple[int, int], crop: int) -> Any:
    """Pixels (crop, crop, 3) in 0..1, by Pillow."""
    with Image.open(path) as image:
        whole = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - crop) / 2), round((size[1] - crop) / 2)
    return np.asarray(whole.crop((left, top, left + crop, top + crop)), dtype=np.float64) / 255


def test_version_2_is_laions_formula(
    clip_folder: Path, clip_head: Path, photographs: Mapping[str, Path]
) -> None:
    import open_clip

    network = open_clip.create_model(f"local-dir:{clip_folder}").eval()
    mean = np.array([0.48145466, 0.4578275, 0.40821073])
    deviation = np.array([0.26862954, 0.26130258, 0.27577711])
    pixels = []
    for path in photographs.values():
        with Image.open(path) as image:
            scale = 32 / min(image.size)
            size = (int(image.width * scale), int(image.height * scale))
        pixels.append(((resized(path, size, 32) - mean) / deviation).transpose(2, 0, 1))
    with torch.no_grad():
        features = network.encode_image(torch.tensor(np.stack(pixels), dtype=torch.float32))
    expected = by_the_formula(features, head_state("layers.", CLIP_LAYERS, 16, seed=5))
    found = values(metric(model=str(clip_folder), head=clip_head), photographs)
    assert found == pytest.approx(expected, abs=2e-3)
    assert max(expected) - min(expected) > 0.02


def test_version_2_5_is_its_formula(
    siglip_folder: Path, siglip_head: Path, photographs: Mapping[str, Path]
) -> None:
    from transformers import SiglipModel

    pixels = [resized(path, (28, 28), 28).transpose(2, 0, 1) * 2 - 1 for path in photographs.values()]
    with torch.no_grad():
        network = SiglipModel.from_pretrained(siglip_folder).eval()
        features = network.get_image_features(torch.tensor(np.stack(pixels), dtype=torch.float32))
    expected = by_the_formula(features.pooler_output, head_state("scoring_head.", SIGLIP_LAYERS, 32, seed=6))
    one = metric(version="2.5", model=str(siglip_folder), head=siglip_head)
    assert values(one, photographs) == pytest.approx(expected, abs=1e-4)
    assert max(expected) - min(expected) > 0.02


def test_what_clip_score_has_encoded_is_not_encoded_again(
    clip_folder: Path, clip_head: Path, photographs: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = values(metric(model=str(clip_folder), head=clip_head), photographs)
    items = [ScoringItem(path, Prompt("00000", "a cat")) for path in photographs.values()]
    with shared_encodings():
        list(ClipScore(ClipScore.Options(model=str(clip_folder), device="cpu")).score(items))
        monkeypatch.setattr(ClipModel, "_embed_images", None)
        shared = values(metric(model=str(clip_folder), head=clip_head), photographs)
    assert shared == pytest.approx(alone, abs=1e-5)


@pytest.mark.slow
def test_the_prompt_does_not_matter_nor_does_the_batch(
    clip_folder: Path, clip_head: Path, photographs: Mapping[str, Path]
) -> None:
    one, three = (metric(model=str(clip_folder), head=clip_head, batch_size=size) for size in (1, 3))
    plain = values(one, photographs)
    assert values(three, photographs, "a very long prompt " * 300) == pytest.approx(plain, abs=1e-5)


def test_a_head_in_safetensors_is_another_file_with_the_same_values(
    clip_folder: Path, clip_head: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    save_file(dict(head_state("layers.", CLIP_LAYERS, 16, seed=5)), tmp_path / "head.safetensors")
    first = metric(model=str(clip_folder), head=clip_head)
    second = metric(model=str(clip_folder), head=tmp_path / "head.safetensors")
    assert values(second, photographs) == values(first, photographs)
    assert first.instrument.startswith(f"aesthetic-2-{hash_file(clip_head)[:12]}+tiny-clip-")
    assert second.instrument != first.instrument


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (head_state("scoring_head.", SIGLIP_LAYERS, 16, 5), "all names must begin with layers"),
        ({k: v for k, v in head_state("layers.", CLIP_LAYERS, 16, 5).items() if "7" not in k}, "one number"),
        ({k: v for k, v in head_state("layers.", CLIP_LAYERS, 16, 5).items() if "4" not in k}, "takes 64"),
        ({}, "do not end in one number"),
    ],
)
def test_a_file_that_is_no_head_is_refused(tmp_path: Path, state: dict[str, Any], said: str) -> None:
    torch.save(state, tmp_path / "head.pth")
    with pytest.raises(InputError, match=f"holds no head of the aesthetic predictor 2: .*{said}"):
        load_head(tmp_path / "head.pth", "2")


def test_what_does_not_fit_or_is_not_here_is_one_sentence(
    clip_folder: Path, siglip_folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is not fetched by this program: download the file"):
        _ = metric(version="2.5", model=str(siglip_folder)).instrument
    torch.save(head_state("layers.", CLIP_LAYERS, 768, 5), tmp_path / "wide.pth")
    with pytest.raises(InputError, match=r"is for features of 768 numbers, and tiny-clip-.* gives 16"):
        values(metric(model=str(clip_folder), head=tmp_path / "wide.pth"), photographs)
