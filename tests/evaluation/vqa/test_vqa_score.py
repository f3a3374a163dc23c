"""VQAScore with a tiny LLaVA of transformers."""

import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.vqa.question import measurement, question
from nami_bench.images import hash_file

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from nami_bench.evaluation.vqa.transformers_model import VqaScore  # noqa: E402

TEXTS = ("a cat", "a red dog", "old rain")
PAPER = 'Does this figure show "{}"? Please answer yes or no.'


@pytest.fixture(scope="session")
def metric(llava_folder: Path) -> VqaScore:
    return VqaScore(options(llava_folder))


def options(folder: Path, batch_size: int = 4, dtype: str = "float32") -> VqaScore.Options:
    return VqaScore.Options(str(folder), None, dtype, batch_size, "cpu")  # type: ignore[arg-type]


def item(path: Path, text: str) -> ScoringItem:
    return ScoringItem(path, Prompt("00000", text))


def probabilities(folder: Path, path: Path, text: str) -> dict[str, float]:
    """One image through the processor and the network alone, without a chat template: by token."""
    processor = transformers.LlavaProcessor.from_pretrained(folder)
    network = transformers.LlavaForConditionalGeneration.from_pretrained(folder)
    with Image.open(path) as opened:
        asked = f"USER: <image>{PAPER.format(text)} ASSISTANT:"
        inputs = processor(images=opened.convert("RGB"), text=asked, return_tensors="pt")
    with torch.no_grad():
        found = network(**inputs).logits[0, -1].softmax(-1)
    return {word: float(found[number]) for word, number in processor.tokenizer.get_vocab().items()}


def test_the_question_is_the_papers() -> None:
    assert question("a cat") == PAPER.format("a cat")
    assert question('a "{}" sign') == 'Does this figure show "a "{}" sign"? Please answer yes or no.'


def test_the_value_is_the_probability_of_yes(
    metric: VqaScore, llava_folder: Path, photographs: Mapping[str, Path]
) -> None:
    items = [item(path, text) for path in photographs.values() for text in TEXTS]
    expected = [probabilities(llava_folder, i.image, i.prompt.text) for i in items]
    results = list(metric.score(items))
    assert [r.value for r in results] == pytest.approx([p["Yes"] for p in expected], abs=1e-5)
    assert [r.details["yes"] for r in results] == pytest.approx(
        [p["Yes"] + p["yes"] for p in expected], abs=1e-5
    )
    assert [r.details["no"] for r in results] == pytest.approx(
        [p["No"] + p["no"] for p in expected], abs=1e-5
    )
    values = [r.value or 0.0 for r in results]
    assert max(values) - min(values) > 0.02 and all(0 < value < 1 for value in values)


@pytest.mark.slow
def test_values_do_not_depend_on_the_batch(
    llava_folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    paths = list(photographs.values())
    for number in range(3):  # of one size, so that they share a pass
        Image.open(paths[0]).crop((number * 40, 0, number * 40 + 200, 200)).save(tmp_path / f"{number}.png")
    paths += [tmp_path / f"{number}.png" for number in range(3)]
    items = [item(path, text) for text in TEXTS for path in paths]
    values = [[r.value for r in VqaScore(options(llava_folder, n)).score(items)] for n in (1, 3, 18)]
    assert values[1] == pytest.approx(values[0], abs=1e-5)
    assert values[2] == pytest.approx(values[0], abs=1e-5)


@pytest.mark.slow
def test_a_model_that_takes_images_in_their_own_proportions(
    qwen_folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    for name, size in {"wide": (160, 60), "tall": (60, 160), "also-wide": (160, 60)}.items():
        Image.open(photographs["cat"]).resize(size).rotate(3 * len(name)).save(tmp_path / f"{name}.png")
    items = [item(path, text) for text in TEXTS for path in sorted(tmp_path.glob("*.png"))]
    processor = transformers.Qwen2VLProcessor.from_pretrained(qwen_folder)
    network = transformers.Qwen2VLForConditionalGeneration.from_pretrained(qwen_folder)
    yes, expected = processor.tokenizer.convert_tokens_to_ids("Yes"), []
    for one in items:
        seen = "<|vision_start|><|image_pad|><|vision_end|>"
        asked = f"<|im_start|>user {seen}{PAPER.format(one.prompt.text)}<|im_end|> <|im_start|>assistant "
        with Image.open(one.image) as opened:
            inputs = processor(images=opened, text=asked, return_tensors="pt")
        with torch.no_grad():
            expected.append(float(network(**inputs).logits[0, -1].softmax(-1)[yes]))
    for size in (1, 9):
        values = [result.value for result in VqaScore(options(qwen_folder, size)).score(items)]
        assert values == pytest.approx(expected, abs=1e-5)
    assert len({round(value, 4) for value in expected}) > 3


def test_failures_are_failures(metric: VqaScore, photographs: Mapping[str, Path], tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(photographs["cat"].read_bytes()[:900])
    good = item(photographs["cat"], "a cat")
    bad, first, second = metric.score([item(tmp_path / "damaged.png", "a cat"), good, good])
    assert bad.value is None and "damaged" in str(bad.reason)
    assert first.value == pytest.approx(second.value, abs=1e-5) and first.value is not None


def test_a_question_that_does_not_fit_is_refused_and_counted(
    metric: VqaScore, photographs: Mapping[str, Path]
) -> None:
    long, short = metric.score([item(photographs["cat"], "cat " * 400), item(photographs["cat"], "a cat")])
    assert long.value is None and long.details == {"over_long": True}
    assert "the model reads 256" in str(long.reason) and short.value is not None


def test_a_mark_in_a_prompt_is_mere_text(metric: VqaScore, photographs: Mapping[str, Path]) -> None:
    marked, plain = metric.score([item(photographs["cat"], text) for text in ("a <image> sign", "a sign")])
    assert marked.value is not None and plain.value is not None


def test_the_instrument_names_settings_weights_question_and_dtype(
    llava_folder: Path, photographs: Mapping[str, Path]
) -> None:
    digest = hash_file(llava_folder / "model.safetensors")[:12]
    whole = VqaScore(options(llava_folder)).instrument
    assert re.fullmatch(rf"tiny-llava-[0-9a-f]{{12}}-{digest}\+vqascore-question-1", whole)
    half = VqaScore(options(llava_folder, dtype="bfloat16"))
    assert half.instrument == f"{whole}+bfloat16"
    (result,) = half.score([item(photographs["cat"], "a cat")])
    (exact,) = VqaScore(options(llava_folder)).score([item(photographs["cat"], "a cat")])
    assert result.value == pytest.approx(exact.value, abs=0.1)


def test_models_that_cannot_be_asked_are_refused(
    llava_folder: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    for path in llava_folder.iterdir():
        if "template" not in path.name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="must be a decoder with a chat template"):
        list(VqaScore(options(tmp_path)).score([item(photographs["cat"], "a cat")]))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be asked"):
        list(VqaScore(options(tmp_path)).score([item(photographs["cat"], "a cat")]))


def test_the_measurement_of_listed_tokens() -> None:
    tokens = [("Yes", 0.5), (" Yes", 0.1), ("yes", 0.05), ("No", 0.2), ("▁no", 0.05), ("Yesterday", 0.1)]
    found = measurement(tokens, [text for text, _ in tokens])
    assert found.value == pytest.approx(0.6)
    assert found.details == {"yes": pytest.approx(0.65), "no": pytest.approx(0.25)}
    none = measurement(tokens, ["The", "A"])
    assert none.value is None and "begins 'The'" in str(none.reason)
    assert measurement([("No", 1.0)], ["No"]).value == 0.0
    assert math.isnan(measurement([("Yes", float("nan"))], ["Yes"]).value or 0)


def test_a_chat_template_that_is_overwritten_makes_another_instrument(
    llava_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(llava_folder, tmp_path / "model"))
    before = VqaScore(options(folder)).instrument
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert VqaScore(options(folder)).instrument != before
