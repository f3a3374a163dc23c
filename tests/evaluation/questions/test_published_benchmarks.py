"""Benchmarks that ask questions, with files of our own in the forms that they publish."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.questions.categories import category_scores
from nami_bench.evaluation.questions.corebench import dimension_scores
from nami_bench.evaluation.questions.graph import Item, Question
from nami_bench.evaluation.questions.metric import QuestionMetric
from nami_bench.evaluation.questions.question_file import to_jsonl
from nami_bench.evaluation.questions.tiif import GROUPS, tiif_scores
from tests.support.judges import Says


def metric(name: str, questions: Path, **options: Any) -> QuestionMetric:
    made: QuestionMetric = registry.create(
        "metrics", name, {"questions": questions, "judge": "shapes", **options}
    )
    return made


def ask(asked: QuestionMetric, path: Path, prompts: list[str], judge: Says) -> list[ScoringResult]:
    """What the metric makes of one noisy image for each prompt."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path / "noise.png")
    asked.judge = judge
    return list(
        asked.score(
            ScoringItem(path / "noise.png", Prompt(f"{n:05d}", text)) for n, text in enumerate(prompts)
        )
    )


def values(results: list[ScoringResult]) -> list[float | None]:
    return [result.value for result in results]


def details(results: list[ScoringResult]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(result.item.prompt.id, result.details) for result in results]


def refusal(asked: QuestionMetric) -> str:
    with pytest.raises(InputError) as refused:
        asked.applies_to(Prompt("00000", "a cat"))
    return str(refused.value)


def table(path: Path, *rows: tuple[str, ...]) -> Path:
    cells = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    path.write_text("\n".join(cells) + "\n")
    return path


# TIFA


def test_tifa_takes_any_right_answer_and_zeroes_nothing(tmp_path: Path) -> None:
    questions = (
        Question(1, "What is it?", "cat", category="animal"),
        Question(2, "How many?", "two", parents=(1,), category="counting"),
        Question(3, "Is it red?", "no", category="color"),
    )
    (tmp_path / "own.jsonl").write_bytes(to_jsonl([Item("a", "two cats", questions)]))
    asked = metric("tifa", tmp_path / "own.jsonl")
    assert "+read-word+" in asked.instrument
    judge = Says({"What is it?": "A dog", "How many?": "Two cats.", "Is it red?": "no"})
    (result,) = ask(asked, tmp_path, ["two cats"], judge)
    assert result.value == pytest.approx(2 / 3)
    assert [c.category for c in category_scores([("00000", result.details["answers"])]).broad] == [
        "animal",
        "color",
        "counting",
    ]


# OneIG


def oneig(path: Path) -> tuple[Path, Path]:
    """The folder of questions, and the table of prompts."""
    folder = path / "Q_D"
    folder.mkdir()
    texts = {"1": "Is there a cat", "2": "Is the cat red", "3": "Is the red cat asleep"}
    cat = {"question": json.dumps(texts), "dependency": json.dumps({"1": [0], "2": [1], "3": [2]})}
    dog = {"question": {"1": "Is there a dog"}, "dependency": {"1": [0, 7]}}
    (folder / "object.json").write_text(json.dumps({"000": cat}))
    (folder / "anime.json").write_text(json.dumps({"000": dog}))
    (folder / "anime_zh.json").write_text(json.dumps({"000": dog}))
    prompts = table(
        path / "OneIG-Bench.csv",
        ("category", "id", "prompt_en", "type"),
        ("General_Object", "000", "a red cat, asleep", "NP"),
        ("Anime_Stylization", "000", "a dog", "NP"),
    )
    return folder, prompts


def test_oneig_takes_the_very_word_and_zeroes_by_original_answers(tmp_path: Path) -> None:
    folder, prompts = oneig(tmp_path)
    asked = metric("oneig-alignment", folder, prompts=prompts)
    said = {"Is the cat red": "Yes.", "Is there a dog": "yes"}
    results = ask(asked, tmp_path, ["a red cat, asleep", "a dog"], Says(said, "Yes"))
    assert values(results) == [pytest.approx(1 / 3), 0]
    cat = results[0].details["answers"]
    assert [(one["score"], one["zeroed_by"]) for one in cat] == [(1, None), (0, None), (1, 2)]
    assert asked.questions.notes == ("1 dependencies name no question, and are passed over",)
    assert {one["category"] for one in cat} == {"General_Object"}
    assert not asked.applies_to(Prompt("00002", "a cow", extra={"item": "000"}))


def test_oneig_judges_images_as_jpeg(tmp_path: Path) -> None:
    folder, prompts = oneig(tmp_path)
    seen = {}
    for jpeg in (True, False):
        asked = metric("oneig-alignment", folder, prompts=prompts, jpeg=jpeg)
        judge = Says({}, "Yes")
        ask(asked, tmp_path, ["a dog"], judge)
        seen[jpeg] = np.asarray(judge.images[0])
        assert asked.instrument.endswith("+jpeg75") == jpeg
    with Image.open(tmp_path / "noise.png") as stored:
        assert (seen[False] == np.asarray(stored)).all()
        stored.save(tmp_path / "noise.jpg", quality=75)
    with Image.open(tmp_path / "noise.jpg") as again:
        assert (seen[True] == np.asarray(again)).all()


def test_oneig_asks_in_its_own_words_unless_told_otherwise(tmp_path: Path) -> None:
    folder, prompts = oneig(tmp_path)
    server = {"model": "seer"}
    usual = metric("oneig-alignment", folder, prompts=prompts, judge="openai", judge_options=server)
    assert "+yes-or-no+spellings+words+" in usual.instrument
    own = {**server, "template": "plain", "logprobs": True}
    other = metric("oneig-alignment", folder, prompts=prompts, judge="openai", judge_options=own)
    assert "+plain+spellings+" in other.instrument


def test_oneig_in_chinese_takes_the_chinese_questions(tmp_path: Path) -> None:
    folder, _ = oneig(tmp_path)
    prompts = table(tmp_path / "zh.csv", ("category", "id", "prompt_cn"), ("Anime_Stylization", "000", "狗"))
    asked = metric("oneig-alignment", folder, prompts=prompts)
    assert [(item.id, item.prompt) for item in asked.questions.items] == [("anime/000", "狗")]
    english = metric("oneig-alignment", folder / "object.json", prompts=prompts)
    assert "no questions about prompts in" in refusal(english)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("object.json", "[]", "is no question file of OneIG-Bench"),
        ("object.json", "{", "is not JSON"),
        ("cats.json", "{}", "is named as no category of OneIG-Bench: anime, human"),
        ("object.json", '{"001": {}}', "the table of prompts has no '001' of General_Object"),
        ("object.json", '{"000": {"question": "{"}}', "'000': is not JSON"),
        ("object.json", '{"000": {"question": {"1": null}, "dependency": {}}}', "question 1 must be text"),
        ("object.json", '{"000": {"question": {"1": "A?"}, "dependency": {"1": 0}}}', "dependency of quest"),
        ("object.json", '{"000": {"question": {"a": "A?"}, "dependency": {}}}', "object by question numbers"),
    ],
)
def test_oneig_files_that_are_none_are_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    _, prompts = oneig(tmp_path)
    (tmp_path / name).write_text(content)
    assert said in refusal(metric("oneig-alignment", tmp_path / name, prompts=prompts))


# TIIF


def tiif(path: Path, kinds: list[str]) -> tuple[Path, Path]:
    """Folders of eval prompts and prompts, a line of each kind."""
    asked, prompts = path / "eval", path / "prompts"
    for folder in (asked, prompts):
        folder.mkdir()
    for kind in kinds:
        line = {
            "type": kind,
            "yn_question_list": ["Is it red?", "Is it wet?"],
            "yn_answer_list": ["yes", "No"],
        }
        told = {"type": kind, "short_description": f"a {kind}", "long_description": f"a very long {kind}"}
        (asked / f"{kind}_eval_prompts.jsonl").write_text(json.dumps(line) + "\n")
        (prompts / f"{kind}_prompts.jsonl").write_text(json.dumps(told) + "\n")
    return asked, prompts


def test_tiif_compares_answers_and_averages_groups_of_types(tmp_path: Path) -> None:
    kinds = ["action+2d", "numeracy", "text", "shape+color", "color+texture"]
    asked, prompts = tiif(tmp_path, kinds)
    measured = metric("tiif", asked, prompts=prompts)
    wet = Says({"Is it wet?": "Yes, it is"})
    results = ask(measured, tmp_path, [f"a {kind}" for kind in kinds], wet)
    dry = Says({"Is it wet?": "no"})
    results[-1:] = ask(measured, tmp_path, ["a color+texture", "a very long text"], dry)
    assert values(results) == [0.5, 0.5, 0.5, 0.5, 1, 1]
    found = tiif_scores(details(results))
    assert found["short"].types["shape+color"] == 50 and found["short"].groups["attribute"] == 75
    assert found["short"].groups.keys() == {"attribute", "relation", "reasoning", "text"}
    assert found["short"].overall is None and found["long"].groups == {"text": 100}
    answers = [(prompt, one["answers"]) for prompt, one in details(results)]
    assert "attribute, short - shape+color" in {c.category for c in category_scores(answers).detailed}
    assert "text, long" in {c.category for c in category_scores(answers).broad}


def test_tiif_is_overall_the_mean_of_nine_groups(tmp_path: Path) -> None:
    assert len(GROUPS) == 9 and sum(map(len, GROUPS.values())) == 39
    assert len({kind for kinds in GROUPS.values() for kind in kinds}) == 39
    kinds = [kinds[0] for kinds in GROUPS.values()]
    asked, prompts = tiif(tmp_path, kinds)
    measured = metric("tiif", asked, prompts=prompts)
    results = ask(measured, tmp_path, [f"a {kind}" for kind in kinds], Says({}, "no"))
    assert tiif_scores(details(results))["short"].overall == 50


def test_tiif_has_no_value_where_an_answer_is_neither_yes_nor_no(tmp_path: Path) -> None:
    asked, prompts = tiif(tmp_path, ["text"])
    (result,) = ask(metric("tiif", asked, prompts=prompts), tmp_path, ["a text"], Says({}, "perhaps"))
    assert result.value is None and result.reason == "the model does not answer yes or no: 'perhaps'"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "style"}, "lines of the type"),
        ({"yn_question_list": []}, "line 1: 'yn_question_list' must be a list of questions"),
        ({"yn_answer_list": ["yes"]}, "'yn_answer_list' must be a list of 2, one for each question"),
        ({"yn_answer_list": ["yes", "maybe"]}, "answer 2 must be yes or no, got 'maybe'"),
        ({"yn_question_list": ["A?", 3]}, "question 2 must be text, got 3"),
        ({"type": None}, "'type' must be text"),
    ],
)
def test_tiif_files_that_are_none_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    asked, prompts = tiif(tmp_path, ["text"])
    path = asked / "text_eval_prompts.jsonl"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert said in refusal(metric("tiif", asked, prompts=prompts))


def test_prompts_of_tiif_without_their_questions_are_refused(tmp_path: Path) -> None:
    asked, prompts = tiif(tmp_path, ["text"])
    assert "'yn_question_list' must be a list" in refusal(metric("tiif", prompts, prompts=prompts))
    assert "'short_description' must be text" in refusal(metric("tiif", asked, prompts=asked))
    (tmp_path / "empty").mkdir()
    assert "empty holds no .jsonl files" in refusal(metric("tiif", tmp_path / "empty", prompts=prompts))


# UniGenBench


def unigenbench(path: Path, dimensions: str | None = None, index: str = "1") -> Path:
    points = {
        "Testpoints": ["Attribute - Color", "Attribute - Size", "Style"],
        "Testpoint Description": ["a red cat", "a huge cat", "an oil painting"],
    }
    return table(
        path / "prompts.csv",
        ("index", "prompt_en", "sub_dims_en"),
        ("0", 'a "huge" red cat in oil', json.dumps(points)),
        (
            index,
            "a plain picture",
            dimensions or '{"Testpoints": ["Style"], "Testpoint Description": ["plain"]}',
        ),
    )


def test_unigenbench_pools_test_points_by_dimension(tmp_path: Path) -> None:
    asked = metric("unigenbench", unigenbench(tmp_path))
    assert asked.instrument.endswith("+unigenbench-question-1")
    first, second = asked.questions.items
    assert [q.category for q in first.questions] == ["Attribute - Color", "Attribute - Size", "Style"]
    assert all(said in first.questions[1].text for said in ('a "huge" red cat in oil', "huge cat"))
    results = ask(
        asked, tmp_path, [first.prompt, second.prompt], Says({first.questions[1].text: "No, it is small."})
    )
    assert values(results) == [pytest.approx(2 / 3), 1]
    found = category_scores((prompt, one["answers"]) for prompt, one in details(results))
    assert {c.category: (c.score, c.questions) for c in found.broad} == {
        "Attribute": (50, 2),
        "Style": (100, 2),
    }


@pytest.mark.parametrize(
    ("dimensions", "said"),
    [
        ("{", "line 3: 'sub_dims_en' is not JSON"),
        ("{}", "'Testpoints' must be a list of texts"),
        (
            '{"Testpoints": ["Style", 1], "Testpoint Description": ["a"]}',
            "'Testpoints' must hold texts alone",
        ),
        ('{"Testpoints": ["Style"], "Testpoint Description": ["a", "b"]}', "'Testpoints' are 1, and"),
    ],
)
def test_tables_that_are_none_of_unigenbench_are_refused(tmp_path: Path, dimensions: str, said: str) -> None:
    assert said in refusal(metric("unigenbench", unigenbench(tmp_path, dimensions)))


def test_what_is_no_table_of_unigenbench_is_refused(tmp_path: Path) -> None:
    assert "the index '0' occurs a second time" in refusal(
        metric("unigenbench", unigenbench(tmp_path, index="0"))
    )
    other = table(tmp_path / "other.csv", ("index", "prompt_zh"), ("0", "猫"))
    assert "is no English table of UniGenBench: it lacks the columns prompt_en, sub_dims_en" in refusal(
        metric("unigenbench", other)
    )
    assert "does not exist" in refusal(metric("unigenbench", tmp_path / "nothing.csv"))


# T2I-CoReBench


def corebench(path: Path) -> Path:
    folder = path / "data"
    folder.mkdir()
    for sub, name, questions in (
        ("Multi-Instance", "C-MI-001", ["Is there a cat?", "Is there a dog?"]),
        ("Multi-Instance", "C-MI-002", ["Is there a cow?", "Is there a pig?", "Is there a hen?", "A fox?"]),
        ("Logical Reasoning", "R-LR-001", ["Is box 1 red?"]),
    ):
        row = {
            "Main Class": "Composition" if name.startswith("C") else "Reasoning",
            "Sub Class": sub,
            "Prompt": f"the prompt of {name}",
            "Checklist": [{"question": text, "tags": ["0-hop"]} for text in questions],
        }
        file = folder / f"{name[:4]}.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, name: row}))
    return folder


def test_corebench_averages_images_within_a_dimension(tmp_path: Path) -> None:
    asked = metric("corebench", corebench(tmp_path))
    prompts = [item.prompt for item in asked.questions.items]
    results = ask(asked, tmp_path, prompts, Says({"A fox?": "no", "Is there a dog?": '"no"'}))
    assert values(results) == [0.5, 0.75, 1]
    found = {one.category: (one.score, one.questions) for one in dimension_scores(details(results))}
    assert found == {
        "Composition - Multi-Instance": (pytest.approx(62.5), 2),
        "Reasoning - Logical Reasoning": (100, 1),
    }
    (silent,) = ask(asked, tmp_path, prompts[2:], Says({}, "It is unclear."))
    assert silent.value is None and "does not answer yes or no" in str(silent.reason)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "is no checklist of T2I-CoReBench"),
        ('{"R-LR-001": 1}', "'R-LR-001': it must be an object with 'Prompt' and 'Checklist'"),
        ('{"R-LR-001": {"Main Class": "R"}}', "'Sub Class' must be text, got None"),
        (
            '{"a": {"Main Class": "R", "Sub Class": "L", "Prompt": "a", "Checklist": []}}',
            "'Checklist' must be a list",
        ),
        (
            '{"a": {"Main Class": "R", "Sub Class": "L", "Prompt": "a", "Checklist": ["A?"]}}',
            "'question' must be text, got None",
        ),
    ],
)
def test_checklists_that_are_none_are_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "R-LR.json").write_text(content)
    assert said in refusal(metric("corebench", tmp_path / "R-LR.json"))


def test_a_checklist_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    folder = corebench(tmp_path)
    (folder / "again.json").write_text((folder / "C-MI.json").read_text())
    assert "C-MI-001 is in" in refusal(metric("corebench", folder))
