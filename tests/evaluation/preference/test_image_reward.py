"""ImageReward against the same weights in timm's image encoder and transformers' BERT."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.images import hash_file

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

from torchvision import transforms as tv  # noqa: E402

from nami_bench.evaluation.preference.image_reward import ImageReward  # noqa: E402

TEXTS = ("a cat", "the old dog sleeps", "a red chair in the rain, on the window", "zebra")
SENTENCE = "the old dog sleeps on a red chair in the rain. "


@pytest.fixture(scope="session")
def metric(reward_weights: Path, bert_folder: Path) -> ImageReward:
    return ImageReward(options(reward_weights, bert_folder))


def options(weights: Path, tokenizer: Path, batch_size: int = 3) -> ImageReward.Options:
    return ImageReward.Options(weights, str(tokenizer), batch_size, "cpu")


def item(path: Path, text: str) -> ScoringItem:
    return ScoringItem(path, Prompt("00000", text))


def by_other_means(original: Any, vocabulary: Path, path: Path, text: str) -> float:
    tokens = (vocabulary / "vocab.txt").read_text().split("\n")
    cut = transformers.BertTokenizer(vocab={token: n for n, token in enumerate(tokens)}).tokenize(text)
    ids = [tokens.index(token) for token in ("[CLS]", *cut, "[SEP]")]
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    bicubic = tv.InterpolationMode.BICUBIC
    prepare = tv.Compose([tv.Resize(32, bicubic), tv.CenterCrop(32), tv.ToTensor(), tv.Normalize(mean, std)])
    with Image.open(path) as opened:
        reward = original.reward(prepare(opened.convert("RGB")), ids)
    return (reward - 0.16717362830052426) / 1.0333394966054072


def test_rewards_are_those_of_the_original_parts(
    metric: ImageReward, original_reward: Any, bert_folder: Path, photographs: Mapping[str, Path]
) -> None:
    items = [item(path, text) for path in photographs.values() for text in TEXTS]
    expected = [by_other_means(original_reward, bert_folder, i.image, i.prompt.text) for i in items]
    results = list(metric.score(items))
    assert [r.value for r in results] == pytest.approx(expected, abs=1e-4)
    assert len({round(value, 3) for value in expected}) == len(items)
    assert all(r.details["over_long"] is False for r in results)


def test_a_long_prompt_is_the_token_weighted_mean_of_its_windows(
    metric: ImageReward, original_reward: Any, bert_folder: Path, photographs: Mapping[str, Path]
) -> None:
    length = len(metric._encode(SENTENCE))
    assert 2 * length <= 33 < 3 * length
    text = SENTENCE * 3
    (result,) = metric.score([item(photographs["cat"], text)])
    parts = [
        by_other_means(original_reward, bert_folder, photographs["cat"], t) for t in (SENTENCE * 2, SENTENCE)
    ]
    assert result.value == pytest.approx((2 * parts[0] + parts[1]) / 3, abs=1e-4)
    assert result.details == {"tokens": 3 * length, "windows": 2, "over_long": True}


@pytest.mark.slow
def test_rewards_do_not_depend_on_the_batch(
    reward_weights: Path, bert_folder: Path, photographs: Mapping[str, Path]
) -> None:
    items = [item(path, text) for text in (*TEXTS, SENTENCE * 9) for path in photographs.values()]
    values = [
        [r.value for r in ImageReward(options(reward_weights, bert_folder, n)).score(items)]
        for n in (1, 4, 15)
    ]
    assert values[1] == pytest.approx(values[0], abs=1e-5)
    assert values[2] == pytest.approx(values[0], abs=1e-5)


def test_failures_are_failures(metric: ImageReward, photographs: Mapping[str, Path], tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(photographs["cat"].read_bytes()[:900])
    good = item(photographs["cat"], "a cat")
    results = list(metric.score([item(tmp_path / "damaged.png", "a cat"), item(good.image, ""), good]))
    assert [r.value is None for r in results] == [True, True, False]
    assert results[1].reason == "the prompt has no tokens"


def test_the_instrument_names_weights_and_vocabulary(metric: ImageReward, reward_weights: Path) -> None:
    assert metric.instrument.startswith(f"image-reward-{hash_file(reward_weights)[:12]}+tokenizer-")


def test_damaged_foreign_or_incomplete_weights_are_one_sentence(
    original_reward: Any, bert_folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    lacking = original_reward.state_dict()
    del lacking["blip.text_encoder.encoder.layer.1.crossattention.self.key.bias"]
    torch.save(lacking, tmp_path / "lacking.pt")
    torch.save({"x": torch.zeros(1)}, tmp_path / "foreign.pt")
    (tmp_path / "damaged.pt").write_bytes(b"no weights")
    for name, words in {
        "lacking.pt": r"does not fit .*: encoder\.layer\.1\.crossattention\.self\.key\.bias",
        "foreign.pt": "holds no ImageReward weights: KeyError",
        "damaged.pt": "holds no ImageReward weights: ",
    }.items():
        broken = ImageReward(options(tmp_path / name, bert_folder))
        with pytest.raises(InputError, match=rf"{name} {words}"):
            list(broken.score([item(photographs["cat"], "a cat")]))
    with pytest.raises(InputError, match=r"cannot read the weights .*none\.pt"):
        _ = ImageReward(options(tmp_path / "none.pt", bert_folder)).instrument
    with pytest.raises(InputError, match="holds no BERT tokenizer"):
        _ = ImageReward(options(tmp_path / "lacking.pt", tmp_path)).instrument
