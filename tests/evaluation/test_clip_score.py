"""CLIPScore with a tiny real CLIP: the library's own classes and tokenizer, random weights."""

import random
from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.token_windows import token_windows
from nami_bench.images import hash_file
from tests.support.tiny_clip import naive_cosine

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from nami_bench.evaluation.clip_score import ClipScore  # noqa: E402
from nami_bench.evaluation.open_clip_model import clip_files  # noqa: E402

tokenizer_of = cache(open_clip.get_tokenizer)  # takes half a second
SENTENCE = "A small dog with a blue collar sleeps on the old red chair beside the window. "


@pytest.fixture(scope="session")
def metric(clip_folder: Path) -> ClipScore:
    return ClipScore(ClipScore.Options(model=str(clip_folder), batch_size=3, device="cpu"))


def item(path: Path, text: str) -> ScoringItem:
    return ScoringItem(path, Prompt("00000", text))


def test_short_prompts_score_as_computed_naively(
    metric: ClipScore, clip_folder: Path, photographs: Mapping[str, Path]
) -> None:
    texts = ["a cat", "An astronaut in ORANGE, smiling!", "a cup of coffee &amp; a spoon", "ein Hund"]
    items = [item(path, text) for path in photographs.values() for text in texts]
    expected = [100 * max(naive_cosine(clip_folder, Image.open(i.image), i.prompt.text), 0.0) for i in items]
    results = list(metric.score(items))
    assert [r.item for r in results] == items
    assert [r.value for r in results] == pytest.approx(expected, abs=1e-3)
    assert any(value == 0 for value in expected) and len({round(value, 3) for value in expected}) > 5
    assert all(r.details["windows"] == 1 and r.details["over_long"] is False for r in results)


def test_a_long_prompt_scores_the_token_weighted_mean_of_its_windows(
    metric: ClipScore, clip_folder: Path, photographs: Mapping[str, Path]
) -> None:
    tokenizer = tokenizer_of(f"local-dir:{clip_folder}")
    length = len(tokenizer.encode(SENTENCE))
    assert 4 * length <= 75 < 5 * length
    text = SENTENCE * 5 + "The end"
    windows = [SENTENCE * 4, SENTENCE + "The end"]
    path = photographs["cat"]
    (result,) = metric.score([item(path, text)])
    sizes = [4 * length, length + 2]
    parts = [max(naive_cosine(clip_folder, Image.open(path), window), 0.0) for window in windows]
    expected = 100 * sum(s * p for s, p in zip(sizes, parts, strict=True)) / sum(sizes)
    assert result.value == pytest.approx(expected, abs=1e-3) and expected > 1
    assert result.details == {"tokens": 5 * length + 2, "windows": 2, "over_long": True}


def test_the_end_of_a_long_prompt_counts(metric: ClipScore, photographs: Mapping[str, Path]) -> None:
    """CLIP's own tokenizer would read both prompts as the same 75 tokens."""
    one, two = (
        [r.value for r in metric.score([item(path, SENTENCE * 5 + end) for path in photographs.values()])]
        for end in ("It rains in the city at night.", "Bright sun over yellow fields.")
    )
    assert one != two


def test_damaged_images_and_empty_prompts_have_a_reason_and_spoil_nothing_else(
    metric: ClipScore, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(photographs["cat"].read_bytes()[:900])
    good = item(photographs["cat"], "a cat")
    items = [
        good,
        item(damaged, "a cat"),
        item(tmp_path / "none.png", "a cat"),
        item(good.image, " \n"),
        good,
    ]
    results = list(metric.score(items))
    assert [r.value is None for r in results] == [False, True, True, True, False]
    assert "damaged" in str(results[1].reason) and "does not exist" in str(results[2].reason)
    assert results[3].reason == "the prompt has no tokens"
    assert results[0].value == pytest.approx(results[4].value, abs=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (3, 700)])
def test_images_of_any_size_are_scored(metric: ClipScore, tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "odd.png"
    Image.new("RGB", size, "red").save(path)
    (result,) = metric.score([item(path, "a red line")])
    assert result.value is not None


def test_weights_that_give_nan_are_a_failure_and_not_a_zero(
    clip_folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    state = torch.load(clip_folder / "open_clip_pytorch_model.bin")
    state["visual.proj"].fill_(torch.nan)
    torch.save(state, tmp_path / "weights.pth")
    (tmp_path / "open_clip_config.json").write_bytes((clip_folder / "open_clip_config.json").read_bytes())
    broken = ClipScore(ClipScore.Options(model=str(tmp_path), device="cpu"))
    (result,) = broken.score([item(photographs["cat"], "a cat")])
    assert result.value is None
    assert result.reason == "the model gave numbers that are not finite"


def test_the_instrument_names_the_weights_and_needs_no_model_in_memory(clip_folder: Path) -> None:
    metric = ClipScore(ClipScore.Options(model=str(clip_folder)))
    digest = hash_file(clip_folder / "open_clip_pytorch_model.bin")[:12]
    assert metric.instrument.startswith("tiny-clip-") and metric.instrument.endswith(f"-{digest}+windows")
    assert "_model" not in vars(metric)


def test_weights_in_a_file_are_read_with_the_tags_activation_and_preprocessing(tmp_path: Path) -> None:
    """OpenAI's weights under a plain model name need QuickGELU, though open_clip's config has GELU."""
    (tmp_path / "w.safetensors").write_bytes(b"12")
    files = clip_files("ViT-L-14", "openai", tmp_path / "w.safetensors")
    assert files.identity == "ViT-L-14-openai-6b51d431df5d"  # sha256 of "12"
    assert files.arguments["force_quick_gelu"] is True
    assert files.arguments["force_preprocess_cfg"]["mean"] == (0.48145466, 0.4578275, 0.40821073)
    laion = clip_files("ViT-B-32", "laion2b_s34b_b79k", tmp_path / "w.safetensors")
    assert laion.arguments["force_quick_gelu"] is False


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"model": "ViT-L-41"}, UnknownNameError, "unknown open_clip model 'ViT-L-41': did you mean"),
        ({"pretrained": "opennai"}, UnknownNameError, "did you mean 'openai'"),
        ({"weights": Path("nothing.pt")}, InputError, "cannot read the weights nothing.pt: No such file"),
        ({"model": "."}, InputError, "holds no open_clip model: open_clip_config.json is missing"),
    ],
)
def test_what_does_not_exist_is_said(
    options: dict[str, Any],
    kind: type[Exception],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=words):
        _ = ClipScore(ClipScore.Options(**options)).instrument


def test_damaged_or_foreign_weights_are_one_sentence(
    clip_folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "open_clip_config.json").write_bytes((clip_folder / "open_clip_config.json").read_bytes())
    image = item(photographs["cat"], "a cat")
    for name, content in (("a.pth", b"no weights"), ("a.safetensors", b"no weights at all, not even near")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"holds no weights that this model can load"):
            list(ClipScore(ClipScore.Options(model=str(tmp_path), device="cpu")).score([image]))
        (tmp_path / name).unlink()
    torch.save({"other.weight": torch.zeros(2)}, tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"b\.pth holds no weights that this model can load"):
        list(ClipScore(ClipScore.Options(model=str(tmp_path), device="cpu")).score([image]))


def test_a_batch_size_below_one_and_an_unknown_device_are_refused(
    clip_folder: Path, photographs: Mapping[str, Path]
) -> None:
    with pytest.raises(InputError, match="batch_size must be at least 1"):
        ClipScore(ClipScore.Options(batch_size=0))
    metric = ClipScore(ClipScore.Options(model=str(clip_folder), device="abacus"))
    with pytest.raises(InputError, match="device 'abacus' cannot be used here"):
        list(metric.score([item(photographs["cat"], "a cat")]))


def lengths(word: str) -> list[int]:
    """A stand-in for a tokenizer: one token for each letter."""
    return [ord(letter) for letter in word if not letter.isspace()]


def test_windows_are_cut_at_sentence_ends_else_between_words_else_within_one() -> None:
    def windows(text: str, limit: int) -> list[str]:
        return ["".join(map(chr, window)) for window in token_windows(text, lengths, limit)]

    assert windows("", 4) == windows(" \n", 4) == []
    assert windows("ab cd", 4) == ["abcd"]
    assert windows("ab. cd ef", 6) == ["ab.", "cdef"]
    assert windows("ab cd ef", 5) == ["abcd", "ef"]
    assert windows("ab abcdefgh ij", 4) == ["ab", "abcd", "efgh", "ij"]
    assert windows("一只小狗。睡在椅子上", 4) == ["一只小狗", "。睡在椅", "子上"]
    assert windows('He said "no." Then left', 13) == ['Hesaid"no."', "Thenleft"]


def test_no_token_is_lost_and_no_window_is_too_long() -> None:
    rng = random.Random(0)
    for _ in range(300):
        words = ["".join(rng.choices("abc.", k=rng.randint(1, 9))) for _ in range(rng.randint(0, 30))]
        limit = rng.randint(1, 12)
        windows = token_windows(" ".join(words), lengths, limit)
        assert list(chain.from_iterable(windows)) == lengths("".join(words))
        assert all(0 < len(window) <= limit for window in windows)


@pytest.mark.slow
def test_scores_do_not_depend_on_the_batch(clip_folder: Path, photographs: Mapping[str, Path]) -> None:
    items = [item(path, f"a photo of {name}. " * n) for n in (1, 40) for name, path in photographs.items()]
    values = [
        [
            r.value
            for r in ClipScore(ClipScore.Options(str(clip_folder), batch_size=n, device="cpu")).score(items)
        ]
        for n in (1, 2, 6)
    ]
    assert np.ptp(np.array(values, dtype=float), axis=0).max() < 1e-3
