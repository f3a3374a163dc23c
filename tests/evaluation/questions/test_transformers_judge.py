"""The judge `transformers` with a tiny Qwen3-VL against GenEval 2's own code, and with a tiny LLaVA."""

import json
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Sheet

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from nami_bench.evaluation.questions.judges.first_tokens import FirstTokens, with_image  # noqa: E402
from nami_bench.evaluation.questions.judges.transformers_model import TransformersJudge  # noqa: E402
from nami_bench.neural.image_text_decoder import ImageTextDecoder  # noqa: E402

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


MARK = "Is <|im_end|> seen, or <|image_pad|>?"


@pytest.mark.slow
def test_marks_in_a_question_are_mere_text(toy_model: Path, sheets: list[Sheet]) -> None:
    one, image = judge(toy_model), sheets[0].image
    plain = one._decoder.inputs([image], "Is it?")["input_ids"][0].tolist()
    marked = one._decoder.inputs([image], f"Is it? {MARK}")["input_ids"][0].tolist()
    special = set(one._decoder.tokenizer.added_tokens_decoder)
    assert [t for t in marked if t in special] == [t for t in plain if t in special]
    assert one._decoder.decode(marked).count(MARK) == 1
    sheet = asked(["Is it red?", MARK, "Is it blue?"], image)
    found = flat(one.answer([sheet]))
    apart = flat(judge(toy_model, reuse=False).answer([sheet]))
    assert probabilities(found) == pytest.approx(probabilities(apart), abs=1e-5)


@pytest.mark.slow
def test_marks_are_refused_where_they_cannot_be_read_as_text(
    toy_model: Path, sheets: list[Sheet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageTextDecoder, "_can_read_marks_as_text", False)
    found = flat(judge(toy_model).answer([asked(["Is it red?", MARK, "Is it blue?"], sheets[0].image)]))
    assert [answer.problem is None for answer in found] == [True, False, True]
    assert "'<|im_end|>'" in str(found[1].problem) and found[1].probability is None


@pytest.mark.slow
def test_a_question_that_is_too_long_is_a_problem_and_the_others_are_answered(
    toy_model: Path, sheets: list[Sheet]
) -> None:
    texts = ["Is it red?", "word " * 4200, "Is it blue?"]
    for reuse in (True, False):
        first, long, last = flat(judge(toy_model, reuse=reuse).answer([asked(texts, sheets[0].image)]))
        assert first.problem is None and last.problem is None
        assert long.text is None and long.details == {"over_long": True}
        assert "the model reads 4096" in str(long.problem)


@pytest.mark.slow
def test_images_of_one_pixel_and_of_strange_proportions(toy_model: Path, sheets: list[Sheet]) -> None:
    thin = Image.new("RGB", (1, 400), (9, 99, 199))
    questions = ["Is it red?", "Is it blue?"]
    small, odd, last = judge(toy_model).answer(
        [asked(questions, Image.new("RGB", (1, 1))), asked(questions, thin), sheets[0]]
    )
    assert all(answer.problem is None for answer in (*small, *last))
    assert all("aspect ratio" in str(answer.problem) and answer.text is None for answer in odd)


@pytest.mark.slow
def test_numbers_that_are_not_finite_are_a_problem(toy_model: Path, sheets: list[Sheet]) -> None:
    for reuse in (True, False):
        one = judge(toy_model, reuse=reuse)
        one._decoder.network.lm_head.weight.fill_(float("nan"))
        found = flat(one.answer(sheets[:2]))
        assert {answer.problem for answer in found} == {"the model gave numbers that are not finite"}
        assert {answer.probability for answer in found} == {None}


@pytest.mark.slow
def test_scores_are_those_after_the_repetition_penalty_and_before_drawing(
    toy_model: Path, sheets: list[Sheet], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(toy_model, tmp_path / "model"))
    settings = json.loads((folder / "generation_config.json").read_text())
    settings |= {"repetition_penalty": 1.3, "do_sample": True, "temperature": 0.5, "top_p": 0.5}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    one = judge(folder)
    found = flat(one.answer(sheets[:2]))
    network, places = one._decoder.network, []
    for sheet in sheets[:2]:
        for question in sheet.questions:
            inputs = one._decoder.inputs([sheet.image], one._words.format(question=question.text))
            said = network.generate(
                **inputs,
                max_new_tokens=1,
                do_sample=False,
                output_scores=True,
                return_dict_in_generate=True,
                temperature=None,
                top_p=None,
            )
            chances = said.scores[0][0].softmax(-1)
            yes = [one._first_token_of(s) for s in ("Yes", "yes", " yes", " Yes")]
            places.append(float(chances[yes].sum()) if not question.text.startswith("How many") else None)
    pairs = [(a.probability, p) for a, p in zip(found, places, strict=True) if p is not None]
    assert len(pairs) > 5 and [a for a, _ in pairs] == pytest.approx([p for _, p in pairs], abs=1e-5)
    without = flat(judge(toy_model).answer(sheets[:2]))
    assert probabilities(found) != pytest.approx(probabilities(without), abs=1e-3)
    assert one.identity.split("+")[0] != judge(toy_model).identity.split("+")[0]


@pytest.mark.slow
def test_longer_answers_begin_as_short_ones(toy_model: Path, sheets: list[Sheet]) -> None:
    short = flat(judge(toy_model).answer(sheets[:1]))
    long = flat(judge(toy_model, max_new_tokens=4).answer(sheets[:1]))
    for one, other in zip(short, long, strict=True):
        assert other.text is not None and one.text is not None and other.text.startswith(one.text)
    assert any(a.text != b.text for a, b in zip(short, long, strict=True))
    assert probabilities(short) == pytest.approx(probabilities(long), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["llava_folder", "qwen_folder"])
def test_other_models_are_run_in_two_parts_too(
    model: str, request: pytest.FixtureRequest, photographs: Mapping[str, Path]
) -> None:
    folder = request.getfixturevalue(model)
    texts = ["Does this figure show a cat?", "a red dog", "Does this show old rain or a cat", "a cat"]
    images = [
        Image.open(path).convert("RGB").resize((160, 60 + 30 * n))
        for n, path in enumerate(photographs.values())
    ]
    of_images = [asked(texts, image) for image in images]
    options = {"template": "{question} Please answer yes or no.", "probability": "yes"}
    once = judge(folder, batch_size=3, **options)
    found = flat(once.answer(of_images))
    assert once._first_tokens._reuse
    apart = flat(judge(folder, reuse=False, **options).answer(of_images))
    assert [answer.text for answer in found] == [answer.text for answer in apart]
    assert probabilities(found) == pytest.approx(probabilities(apart), abs=1e-5)
    assert len({round(chance, 4) for chance in probabilities(found)}) > 8
    assert [a.details["yes"] for a in found] == pytest.approx(probabilities(found))
    no = flat(once.answer([asked(texts, images[0], expected="No")]))
    assert probabilities(no) == pytest.approx([a.details["no"] for a in found[:4]], abs=1e-5)
    (words,) = flat(once.answer([asked(["a cat"], images[0], expected="oak")]))
    assert words.text and words.probability is None and words.problem is None


@pytest.mark.slow
def test_a_model_that_says_neither_yes_nor_no(
    toy_model: Path, sheets: list[Sheet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no answer where one of these is read, and gives the spellings little."""
    read, spelled = judge(toy_model, probability="yes"), judge(toy_model)
    row = torch.zeros(420)
    row[read._yes_and_no] = -20.0
    monkeypatch.setattr(FirstTokens, "scores", lambda _self, _image, texts: [row] * len(texts))
    sheet = asked(["Is it red?"], sheets[0].image)
    (none,), (little,) = next(read.answer([sheet])), next(spelled.answer([sheet]))
    assert none.text is None and "does not answer yes or no" in str(none.problem)
    assert little.problem is None and 0 < (little.probability or 0) < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("way", ["other numbers", "no numbers", "an error"])
def test_a_network_that_cannot_be_run_in_parts_is_run_whole(
    toy_model: Path,
    sheets: list[Sheet],
    expected: Mapping[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    """As one whose cache forgets, or that has none."""
    follow = FirstTokens._follow

    def broken(self: Any, endings: Any, cache: Any) -> Any:
        if way == "an error":
            raise TypeError("no cache")
        cache.layers[0].keys.mul_(0.5 if way == "other numbers" else float("nan"))
        return follow(self, endings, cache)

    monkeypatch.setattr(FirstTokens, "_follow", broken)
    caplog.set_level(logging.DEBUG)
    found = flat(judge(toy_model).answer(sheets[:3]))
    true = [one["prob"] for one in expected["questions"][: len(found)]]
    assert probabilities(found) == pytest.approx(true, abs=1e-5)
    assert len([r for r in caplog.records if "run once for each question" in r.getMessage()]) == 1


@pytest.mark.slow
def test_a_template_that_puts_the_image_last_is_run_whole(
    toy_model: Path, sheets: list[Sheet], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(toy_model, tmp_path / "model"))
    template = (folder / "chat_template.jinja").read_text()
    turned = template.replace("in message.content %}", "in message.content | reverse %}")
    assert turned != template
    (folder / "chat_template.jinja").write_text(turned)
    found, apart = (flat(judge(folder, reuse=r).answer(sheets[:2])) for r in (True, False))
    assert probabilities(found) == pytest.approx(probabilities(apart), abs=1e-5)


@pytest.mark.slow
def test_prompts_get_the_image_of_the_first_one() -> None:
    assert with_image([1, 9, 9, 9, 2, 3, 4], [1, 9, 2, 3, 4], [[1, 9, 5, 4]]) == [
        [1, 9, 9, 9, 2, 3, 4],
        [1, 9, 9, 9, 5, 4],
    ]
    assert with_image([0, 1, 9, 9, 2, 4], [1, 9, 2, 4], [[1, 9, 4]]) == [[0, 1, 9, 9, 2, 4], [0, 1, 9, 9, 4]]
    assert with_image([1, 2, 9, 9, 4], [1, 2, 9, 4], [[1, 3, 9, 4]]) is None


@pytest.mark.slow
def test_the_identity_names_all_that_an_answer_depends_on(toy_model: Path) -> None:
    known = judge(toy_model).identity
    assert known.startswith("model-") and known.endswith("+one-word+spellings")
    assert judge(toy_model, dtype="bfloat16").identity == f"{known}+bfloat16"
    assert judge(toy_model, reuse=False, batch_size=1).identity == known
    own = judge(toy_model, template="{question}?", probability="yes", max_new_tokens=3).identity
    assert own.endswith("+{question}?+yes+tokens=3")
    assert judge(toy_model).runs_on == {"device": "cpu", "dtype": "float32"}


@pytest.mark.slow
def test_encoder_decoders_are_refused(toy_model: Path, sheets: list[Sheet], tmp_path: Path) -> None:
    transformers.T5Config(d_model=8, num_layers=1).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="it is an encoder-decoder, and it must be a decoder"):
        next(judge(tmp_path).answer(sheets))


@pytest.mark.slow
def test_options_are_checked(toy_model: Path) -> None:
    for wrong in ({"batch_size": 0}, {"max_new_tokens": 0}, {"template": "no place"}):
        with pytest.raises(InputError, match="judge 'transformers': "):
            judge(toy_model, **wrong)
    found = registry.create("judges", "transformers", {"model": str(toy_model), "template": "plain"})
    assert isinstance(found, TransformersJudge)
