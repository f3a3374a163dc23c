"""HPSv2 with a tiny CLIP of open_clip, in the authors' kind of checkpoint."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.images import hash_file

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from nami_bench.evaluation.preference.hpsv2 import HPSv2  # noqa: E402

TEXTS = ("a cat", "An astronaut in ORANGE, smiling!", "a cup of coffee & a spoon")
tokenizer = cache(open_clip.get_tokenizer)  # takes half a second
LONG = "A small dog with a blue collar sleeps on the old red chair beside the window. " * 6


@pytest.fixture(scope="session")
def metric(hps_weights: Path) -> HPSv2:
    return HPSv2(options(hps_weights))


def options(weights: Path, batch_size: int = 3) -> HPSv2.Options:
    return HPSv2.Options(weights=weights, model="tiny-hps", batch_size=batch_size, device="cpu")


def item(path: Path, text: str) -> ScoringItem:
    return ScoringItem(path, Prompt("00000", text))


def by_other_means(weights: Path, path: Path, text: str) -> float:
    """One image and one text; the resizing is torch's own, on the pixels as numbers."""
    network = open_clip.create_model("tiny-hps", pretrained=str(weights)).eval()
    with Image.open(path) as opened:
        array = torch.tensor(list(opened.convert("RGB").tobytes()), dtype=torch.float32) / 255
        width, height = opened.size
    pixels = array.reshape(1, height, width, 3).permute(0, 3, 1, 2)
    scale = 32 / max(width, height)
    size = (round(height * scale), round(width * scale))
    small = torch.nn.functional.interpolate(pixels, size, mode="bicubic", antialias=True)
    square = torch.zeros(1, 3, 32, 32)
    top, left = (32 - size[0]) // 2, (32 - size[1]) // 2
    square[:, :, top : top + size[0], left : left + size[1]] = small
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    with torch.no_grad():
        a = network.encode_image((square - mean) / std)[0]
        b = network.encode_text(tokenizer("ViT-B-32")([text]))[0]
    return float(100 * a @ b / (a.norm() * b.norm()))


def test_scores_are_a_hundred_cosines_of_padded_images(
    metric: HPSv2, hps_weights: Path, photographs: Mapping[str, Path]
) -> None:
    items = [item(path, text) for path in photographs.values() for text in TEXTS]
    expected = [by_other_means(hps_weights, i.image, i.prompt.text) for i in items]
    results = list(metric.score(items))
    assert [r.value for r in results] == pytest.approx(expected, abs=1e-2)
    assert min(expected) < 0 and len({round(value) for value in expected}) > 4
    assert all(r.details["over_long"] is False for r in results)


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (32, 10), (10, 32)])
def test_images_of_any_size_are_scored(metric: HPSv2, tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "odd.png")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "even.png")
    results = list(metric.score([item(tmp_path / n, "a red line") for n in ("odd.png", "even.png")]))
    assert all(r.value is not None for r in results)


def test_long_prompts_are_read_to_their_end_and_flagged(
    metric: HPSv2, photographs: Mapping[str, Path]
) -> None:
    ends = ("It rains at night.", "Bright yellow sun.")
    one, two = metric.score([item(photographs["cat"], LONG + end) for end in ends])
    assert one.details["over_long"] is True and one.value != two.value


@pytest.mark.slow
def test_scores_do_not_depend_on_the_batch(hps_weights: Path, photographs: Mapping[str, Path]) -> None:
    items = [item(path, text) for text in (*TEXTS, LONG) for path in photographs.values()]
    values = [[r.value for r in HPSv2(options(hps_weights, n)).score(items)] for n in (1, 4, 12)]
    assert values[1] == pytest.approx(values[0], abs=1e-3)
    assert values[2] == pytest.approx(values[0], abs=1e-3)


def test_damaged_images_are_failures(metric: HPSv2, photographs: Mapping[str, Path], tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(photographs["cat"].read_bytes()[:900])
    bad, good = metric.score([item(tmp_path / "damaged.png", "a cat"), item(photographs["cat"], "a cat")])
    assert bad.value is None and "damaged" in str(bad.reason) and good.value is not None


def test_the_instrument_names_version_and_weights(hps_weights: Path) -> None:
    digest = hash_file(hps_weights)[:12]
    assert HPSv2(options(hps_weights)).instrument == f"hps-2.1-tiny-hps-{digest}+windows"
    old = HPSv2(HPSv2.Options("2.0", hps_weights, "tiny-hps"))
    assert old.instrument.startswith("hps-2.0-")


def test_what_does_not_exist_or_fit_is_said(
    hps_weights: Path, photographs: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ViT-H-14'"):
        HPSv2(HPSv2.Options(model="ViT-H14"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        InputError, match=r"HPS_v2\.1_compressed\.pt of .xswu/HPSv2. .* name its file with -O weights=FILE"
    ):
        _ = HPSv2(HPSv2.Options()).instrument
    torch.save({"other.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="holds no weights that this model can load"):
        list(HPSv2(options(tmp_path / "other.pt")).score([item(photographs["cat"], "a cat")]))
