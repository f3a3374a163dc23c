"""HPSv3 with a tiny network: the numbers of the authors' own class, and what cannot be scored."""

import hashlib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from tests.support.hpsv3 import EXPECTED, TOY, instruction_source

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from nami_bench.evaluation.preference.hpsv3 import (  # noqa: E402
    REWARD,
    HPSv3,
    Instruction,
    preference,
    read_instruction,
)
from nami_bench.evaluation.preference.hpsv3_reader import Hpsv3Reader, NotReadError, resize  # noqa: E402

CASES = EXPECTED["cases"]
TOLERANCE = 5e-5
PUBLISHED = "f6ee57479d4e"
"""Of the SHA-256 of the words in the package hpsv3 1.0.0."""


def metric(instruction: Path, **options: Any) -> HPSv3:
    given = {"weights": TOY / "HPSv3.safetensors", "processor": str(TOY / "model"), "dtype": "float32"}
    return HPSv3(HPSv3.Options(**{**given, "instruction": instruction, "device": "cpu", **options}))


def score(one: HPSv3, *pairs: tuple[Path, str]) -> list[ScoringResult]:
    return list(one.score(ScoringItem(path, Prompt("00000", text)) for path, text in pairs))


def all_cases(one: HPSv3) -> list[ScoringResult]:
    return score(one, *((TOY / case["image"], case["prompt"]) for case in CASES))


def expected(key: str) -> list[float]:
    return [case[key] for case in CASES]


@pytest.fixture(scope="module")
def whole(hpsv3_instruction: Path) -> list[ScoringResult]:
    """All cases in one batch."""
    return all_cases(metric(hpsv3_instruction, batch_size=12))


def test_values_are_the_published_codes(whole: list[ScoringResult]) -> None:
    assert [found.value for found in whole] == pytest.approx(expected("mu"), abs=TOLERANCE)
    log_sigmas = [found.details["log_sigma"] for found in whole]
    assert log_sigmas == pytest.approx(expected("sigma"), abs=TOLERANCE)
    assert [found.details["tokens"] for found in whole] == expected("tokens")


@pytest.mark.slow
def test_a_batch_gives_what_single_images_give(whole: list[ScoringResult], hpsv3_instruction: Path) -> None:
    for size in (1, 5):
        found = all_cases(metric(hpsv3_instruction, batch_size=size))
        assert [one.value for one in found] == pytest.approx([one.value for one in whole], abs=1e-5)


@pytest.mark.slow
def test_positions_in_three_dimensions_are_another_instrument(hpsv3_instruction: Path) -> None:
    plain, other = (metric(hpsv3_instruction, positions=p, batch_size=12) for p in ("1d", "3d"))
    values = [found.value for found in all_cases(other)]
    assert values == pytest.approx(expected("mu_3d_positions"), abs=TOLERANCE)
    assert max(abs(a - b) for a, b in zip(values, expected("mu"), strict=True)) > 0.3
    assert other.instrument == f"{plain.instrument}+3d-positions"


def test_image_and_text_are_read_as_the_published_code_reads_them(hpsv3_instruction: Path) -> None:
    reader, words = Hpsv3Reader(TOY / "model", REWARD), read_instruction(hpsv3_instruction)
    assert words.sha256.startswith(PUBLISHED)
    read = []
    for case in CASES:
        text = words.around(case["prompt"])
        assert hashlib.sha256(reader.written(text).encode()).hexdigest() == case["text_sha256"]
        with Image.open(TOY / case["image"]) as image:
            read.append(reader.read(image.convert("RGB"), case["prompt"], text))
        assert read[-1]["image_grid_thw"].tolist() == [case["image_grid_thw"]]
        assert float(read[-1]["pixel_values"].double().sum()) == pytest.approx(case["pixel_sum"], abs=0.5)
    assert read[0]["input_ids"][0].tolist() == EXPECTED["input_ids_of_case_0"]
    assert reader.batch(read)[1].tolist() == expected("reward_position")


@pytest.mark.parametrize("mark", [REWARD, "<|image_pad|>", "<|im_end|>"])
def test_a_prompt_with_a_mark_has_no_value_and_spoils_no_other(hpsv3_instruction: Path, mark: str) -> None:
    cat = TOY / CASES[0]["image"]
    first, marked, last = score(
        metric(hpsv3_instruction),
        (cat, CASES[0]["prompt"]),
        (cat, f"a {mark} kettle"),
        (cat, CASES[0]["prompt"]),
    )
    assert marked.value is None and f"the prompt holds '{mark}'" in str(marked.reason)
    assert [first.value, last.value] == pytest.approx([CASES[0]["mu"]] * 2, abs=TOLERANCE)


def test_a_prompt_that_is_too_long_is_refused_and_never_cut(hpsv3_instruction: Path) -> None:
    (found,) = score(metric(hpsv3_instruction), (TOY / CASES[0]["image"], "very long, " * 1500))
    assert found.value is None and found.details == {"over_long": True}
    assert "the model reads 4096" in str(found.reason)


def test_a_strip_is_refused(hpsv3_instruction: Path, tmp_path: Path) -> None:
    Image.new("RGB", (804, 4), "red").save(tmp_path / "strip.png")
    (found,) = score(metric(hpsv3_instruction), (tmp_path / "strip.png", "a strip"))
    assert found.value is None and "the image is 804 x 4" in str(found.reason)
    assert resize(Image.new("RGB", (800, 4))).size == (6356, 56)
    with pytest.raises(NotReadError):
        resize(Image.new("RGB", (4, 804)))


def _changed(tmp_path: Path, **changes: Any) -> Path:
    """The toy's weights with tensors changed; None takes one out."""
    state = {**load_file(TOY / "HPSv3.safetensors"), **{k.replace("__", "."): v for k, v in changes.items()}}
    path = tmp_path / "x.safetensors"
    save_file({name: tensor for name, tensor in state.items() if tensor is not None}, path)
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model__norm__weight": None}, r"norm\.weight"),
        ({"model__norm__bias": torch.zeros(64)}, r"norm\.bias, which the network"),
        ({"rm_head__5__bias": None}, r"5\.bias"),
        ({"rm_head__7__bias": torch.zeros(2)}, r"7\.bias"),
        ({"another__weight": torch.zeros(2)}, r"another\.weight, which HPSv3 does not have"),
        (
            {"model__embed_tokens__weight": torch.zeros(700, 64)},
            "knows 700 tokens and .* 688",
        ),
    ],
)
def test_weights_that_do_not_fit_to_the_last_tensor_are_refused(
    hpsv3_instruction: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        score(metric(hpsv3_instruction, weights=_changed(tmp_path, **changes)), (TOY / "images/0.png", "a"))


def test_the_instruction_is_read_in_the_authors_wheel_and_never_run(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "hpsv3.whl", "w") as wheel:
        source = instruction_source() + "raise RuntimeError('was run')\n"
        wheel.writestr("hpsv3/dataset/data_collator_qwen.py", source)
    words = read_instruction(tmp_path / "hpsv3.whl")
    assert words.sha256.startswith(PUBLISHED)
    assert words.around("a {curly} {text_prompt}").count("a {curly} {text_prompt}") == 1
    (tmp_path / "other.py").write_text("INSTRUCTION = 'no place'\n")
    with pytest.raises(InputError, match="does not hold HPSv3's instruction"):
        read_instruction(tmp_path / "other.py")
    (tmp_path / "broken.whl").write_text("no zip")
    with pytest.raises(InputError, match="cannot read hpsv3/dataset"):
        read_instruction(tmp_path / "broken.whl")


def test_the_instrument_names_all_that_decides_a_value(hpsv3_instruction: Path, tmp_path: Path) -> None:
    one = metric(hpsv3_instruction)
    assert one.instrument.startswith("hpsv3-41c51cf7ac3c+processor-")
    assert one.instrument.endswith(f"+instruction-{PUBLISHED}") and "_network" not in vars(one)
    published = metric(hpsv3_instruction, dtype="bfloat16")
    assert published.instrument == f"{one.instrument}+bfloat16"
    assert published.runs_on["dtype"] == "bfloat16"
    assert Instruction("{text_prompt}.", REWARD).sha256 != Instruction("{text_prompt}", REWARD).sha256
    with pytest.raises(InputError, match="holds no Qwen2-VL processor"):
        Hpsv3Reader(tmp_path, REWARD)


def test_preference_is_a_logistic_of_the_difference() -> None:
    assert preference(2.0, 2.0) == 0.5
    assert preference(1.0, 0.0) == pytest.approx(0.7310585786)
    assert preference(0.0, 1.0) == pytest.approx(1 - 0.7310585786)
    assert (preference(900.0, -900.0), preference(-900.0, 900.0)) == (1.0, 0.0)
