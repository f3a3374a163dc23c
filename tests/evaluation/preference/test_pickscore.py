"""PickScore with a tiny CLIPModel of transformers and CLIP's own vocabulary."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.images import hash_file

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")
transformers = pytest.importorskip("transformers")

from torchvision import transforms as tv  # noqa: E402

from nami_bench.evaluation.preference.pickscore import PickScore  # noqa: E402

TEXTS = ("a cat", "An astronaut in ORANGE, smiling!", "a cup of coffee & a spoon", "ein Hund")
tokenizer = cache(open_clip.get_tokenizer)  # takes half a second
network_of = cache(transformers.CLIPModel.from_pretrained)
LONG = "A small dog with a blue collar sleeps on the old red chair beside the window. " * 6


@pytest.fixture(scope="session")
def folder(pickscore_folder: Path) -> Path:
    return pickscore_folder


@pytest.fixture(scope="session")
def metric(folder: Path) -> PickScore:
    return PickScore(options(folder))


def options(folder: Path, batch_size: int = 3) -> PickScore.Options:
    return PickScore.Options(model=str(folder), processor=str(folder), batch_size=batch_size, device="cpu")


def item(path: Path, text: str) -> ScoringItem:
    return ScoringItem(path, Prompt("00000", text))


def by_other_means(folder: Path, path: Path, text: str) -> float:
    """Pixels by torchvision, tokens by open_clip, and the similarity that CLIPModel itself gives."""
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    bicubic = tv.InterpolationMode.BICUBIC
    prepare = tv.Compose([tv.Resize(32, bicubic), tv.CenterCrop(32), tv.ToTensor(), tv.Normalize(mean, std)])
    with torch.no_grad():
        found = network_of(folder)(
            input_ids=tokenizer("ViT-B-32")([text])[:, :77],
            pixel_values=prepare(Image.open(path).convert("RGB"))[None],
        )
    return float(found.logits_per_image[0, 0])


def test_scores_are_the_models_own_similarity(
    metric: PickScore, folder: Path, photographs: Mapping[str, Path]
) -> None:
    items = [item(path, text) for path in photographs.values() for text in TEXTS]
    expected = [by_other_means(folder, i.image, i.prompt.text) for i in items]
    results = list(metric.score(items))
    assert [r.value for r in results] == pytest.approx(expected, abs=2e-2)
    assert len({round(value, 1) for value in expected}) > 6 and max(map(abs, expected)) <= 20.1
    assert all(r.details["over_long"] is False for r in results)


def test_long_prompts_are_read_to_their_end_and_flagged(
    metric: PickScore, folder: Path, photographs: Mapping[str, Path]
) -> None:
    path = photographs["cat"]
    one, two = metric.score([item(path, LONG + end) for end in ("It rains at night.", "Bright yellow sun.")])
    assert one.details["over_long"] is True and one.details["windows"] == 2
    assert one.value is not None and one.value != two.value
    sentence = LONG[: len(LONG) // 6]
    parts = [by_other_means(folder, path, t) for t in (sentence * 4, sentence * 2 + "It rains at night.")]
    tokens = one.details["tokens"]
    head = 4 * len(metric._encode(sentence))
    assert one.value == pytest.approx((parts[0] * head + parts[1] * (tokens - head)) / tokens, abs=2e-2)


@pytest.mark.slow
def test_scores_do_not_depend_on_the_batch(folder: Path, photographs: Mapping[str, Path]) -> None:
    items = [item(path, text) for text in (*TEXTS, LONG) for path in photographs.values()]
    values = [[r.value for r in PickScore(options(folder, n)).score(items)] for n in (1, 4, 15)]
    assert values[1] == pytest.approx(values[0], abs=1e-3)
    assert values[2] == pytest.approx(values[0], abs=1e-3)


def test_failures_are_failures(metric: PickScore, photographs: Mapping[str, Path], tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(photographs["cat"].read_bytes()[:900])
    good = item(photographs["cat"], "a cat")
    results = list(metric.score([good, item(damaged, "a cat"), item(good.image, " "), good]))
    assert [r.value is None for r in results] == [False, True, True, False]
    assert "damaged" in str(results[1].reason) and results[2].reason == "the prompt has no tokens"
    assert results[0].value == pytest.approx(results[3].value, abs=1e-3)


def test_the_instrument_names_weights_and_processor(folder: Path, tmp_path: Path) -> None:
    metric = PickScore(options(folder))
    digest = hash_file(folder / "model.safetensors")[:12]
    assert metric.instrument.startswith(f"tiny-pickscore-{digest}+processor-")
    assert metric.instrument.endswith("+windows") and "_model" not in vars(metric)
    with pytest.raises(InputError, match="holds no model: it needs config"):
        _ = PickScore(PickScore.Options(model=str(tmp_path), processor=str(folder))).instrument


def test_what_the_hub_does_not_give_is_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="'nobody/nothing' is no folder, is not complete in the hub's cache"):
        _ = PickScore(PickScore.Options(model="nobody/nothing", processor=str(folder))).instrument


def test_weights_that_lack_a_tensor_are_refused(
    folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    broken = PickScore(PickScore.Options(model=str(tmp_path), processor=str(folder), device="cpu"))
    with pytest.raises(InputError, match=r"visual_projection\.weight"):
        list(broken.score([item(photographs["cat"], "a cat")]))
