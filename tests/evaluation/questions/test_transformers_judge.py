"""The judge `transformers` with a tiny Qwen3-VL against GenEval 2's own code, and with a tiny LLaVA."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Sheet

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from nami_bench.evaluation.questions.judges.transformers_model import TransformersJudge  # noqa: E402

PAPER_2 = 'Does this image show "{question}"? Answer the question with Yes or No.'


def judge(folder: Path, **options: Any) -> TransformersJudge:
    return TransformersJudge(TransformersJudge.Options(str(folder), **{"device": "cpu", **options}))


def asked(texts: Iterable[str], image: Image.Image, expected: str = "yes") -> Sheet:
    return Sheet(image, tuple(Question(n, text, expected) for n, text in enumerate(texts)))


def flat(answers: Iterable[Sequence[Answer]]) -> list[Answer]:
    return [answer for of_sheet in answers for answer in of_sheet]


def probabilities(answers: Iterable[Answer]) -> list[float]:
    assert not [answer.problem for answer in answers if answer.problem]
    return [float(answer.probability or 0) for answer in answers]


@pytest.mark.parametrize("options", [{}, {"batch_size": 1}, {"batch_size": 4}, {"reuse": False}], ids=str)
def test_answers_are_those_of_geneval_2(
    toy_model: Path, sheets: list[Sheet], expected: Mapping[str, Any], options: dict[str, Any]
) -> None:
    found = flat(judge(toy_model, **options).answer(sheets))
    assert [answer.text for answer in found] == [one["pred"] for one in expected["questions"]]
    true = [one["prob"] for one in expected["questions"]]
    assert len(true) == 66 and probabilities(found) == pytest.approx(true, abs=1e-5)


def test_the_toy_is_run_in_two_parts(toy_model: Path, sheets: list[Sheet], looks: list[int]) -> None:
    once = judge(toy_model)
    next(once.answer(sheets[:1]))  # both ways are tried
    looks.clear()
    assert len(flat(once.answer(sheets[1:]))) == 61 and len(looks) == 9


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each look took in."""
    found: list[int] = []
    kind = transformers.Qwen3VLVisionModel
    before = kind.forward

    def forward(self: Any, *arguments: Any, **named: Any) -> Any:
        found.append(len(named["grid_thw"] if "grid_thw" in named else arguments[1]))
        return before(self, *arguments, **named)

    monkeypatch.setattr(kind, "forward", forward)
    return found


def test_vqascore_of_geneval_2(
    toy_model: Path, whole_prompt_sheets: list[Sheet], expected: Mapping[str, Any]
) -> None:
    found = flat(judge(toy_model, template=PAPER_2).answer(whole_prompt_sheets))
    assert [answer.text for answer in found] == [one["pred"] for one in expected["vqascore_questions"]]
    true = [one["prob"] for one in expected["vqascore_questions"]]
    assert probabilities(found) == pytest.approx(true, abs=1e-5)


def test_messages_and_spellings_become_the_same_tokens(
    toy_model: Path, sheets: list[Sheet], expected: Mapping[str, Any]
) -> None:
    one = judge(toy_model)
    spelled = expected["first_token_of_spelling"]
    assert {text: one._first_token_of(text) for text in spelled} == spelled
    for sheet, true in zip(sheets, expected["inputs"], strict=False):
        made = one._decoder.inputs([sheet.image], one._words.format(question=sheet.questions[0].text))
        assert made["input_ids"][0].tolist() == true["input_ids"]
        assert made["image_grid_thw"].tolist() == true["image_grid_thw"]
        assert made["pixel_values"].shape == tuple(true["pixel_shape"])
        assert float(made["pixel_values"].sum()) == pytest.approx(true["pixel_sum"], abs=1e-2)


def test_answers_depend_neither_on_order_nor_on_company(toy_model: Path, sheets: list[Sheet]) -> None:
    one = judge(toy_model, batch_size=3)
    turned = [Sheet(sheet.image, sheet.questions[::-1]) for sheet in sheets[::-1]]
    here, there = flat(one.answer(sheets)), flat(one.answer(turned))[::-1]
    assert [answer.text for answer in here] == [answer.text for answer in there]
    assert probabilities(here) == pytest.approx(probabilities(there), abs=1e-5)
    again = flat(one.answer([asked(["Is it red?"] * 3, sheets[0].image), asked([], sheets[0].image)]))
    assert len(again) == 3 and len({round(answer.probability or 0, 6) for answer in again}) == 1
