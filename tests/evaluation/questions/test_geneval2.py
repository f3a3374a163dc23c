"""The metric `geneval2` with a tiny Qwen3-VL against GenEval 2's code: see tests/data/geneval2/README.md."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.questions.geneval2 import GenEval2, atomicity_scores, skill_scores, tifa_score
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Reading
from nami_bench.evaluation.questions.judges.shapes import ShapesJudge

pytest.importorskip("torch")
pytest.importorskip("transformers")

TOY = Path(__file__).parents[2] / "data" / "geneval2"
METHODS = ("soft-tifa-gm", "soft-tifa-am", "tifa", "vqascore")


def metric(method: str = "soft-tifa-gm", **judge_options: Any) -> GenEval2:
    options = {"model": str(TOY / "model"), "device": "cpu", **judge_options}
    asked = {"questions": TOY / "prompts.jsonl", "judge": "transformers", "judge_options": options}
    made: GenEval2 = registry.create("metrics", "geneval2", {**asked, "method": method})
    return made


def items() -> list[ScoringItem]:
    images = json.loads((TOY / "images.json").read_text())
    return [
        ScoringItem(TOY / path, Prompt(f"{n:05d}", text)) for n, (text, path) in enumerate(images.items())
    ]


@cache
def results(method: str) -> list[ScoringResult]:
    return list(metric(method).score(items()))


def details(method: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(result.item.prompt.id, result.details) for result in results(method)]


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_those_of_the_authors_code(expected: Mapping[str, Any], method: str) -> None:
    true = expected["methods"][method.replace("-", "_")]
    values = [result.value for result in results(method) if result.value is not None]
    assert len(values) == 10 and 100 * fmean(values) == pytest.approx(true["score"], abs=1e-3)
    found = [[answer["score"] for answer in one["answers"]] for _, one in details(method)]
    assert len(found) == len(true["score_lists"])
    for mine, theirs in zip(found, true["score_lists"], strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)


def test_skills_and_atomicities_are_those_of_the_authors_code(expected: Mapping[str, Any]) -> None:
    skills = {one.category: one.score for one in skill_scores(details("soft-tifa-gm"))}
    assert skills == pytest.approx(expected["per_skill_am"], abs=1e-3)
    atoms = atomicity_scores(details("soft-tifa-gm"))
    true = expected["per_atomicity_gm"]
    assert [one.category for one in atoms] == [str(number) for number in range(3, 11)]
    assert {one.category: one.score for one in atoms} == pytest.approx(
        {number: one["value"] for number, one in true.items()}, abs=1e-3
    )
    assert {one.category: one.prompts for one in atoms} == {n: one["total"] for n, one in true.items()}
    assert atoms[0].interval is not None and atoms[-1].interval is None


def test_instruments_name_words_and_method() -> None:
    instruments = {method: metric(method).instrument for method in METHODS}
    assert len(set(instruments.values())) == 4
    assert "+one-word+spellings+read-probability+" in instruments["soft-tifa-gm"]
    assert "+plain+spellings+" in instruments["vqascore"] and instruments["tifa"].endswith("+tifa")
    assert "+yes-or-no+" in metric(template="yes-or-no").instrument


@pytest.mark.parametrize(
    ("question", "expected_answer", "said", "score"),
    [
        ("Is it red?", "yes", " yes", 1),
        ("Is it red?", "no", "YES", 1),  # whatever the file lists
        ("Is it red?", "yes", "yes.", 0),
        ("Is it red?", "yes", "", 0),
        ("How many cats?", "two", "Two", 1),
        ("How many cats?", "two", " 2", 1),
        ("How many cats?", "two", "  2", 0),
        ("How many cats?", "ten", "1", 0),
        ("How many cats?", "twelve", "other", 1),
    ],
)
def test_tifa_goes_by_spellings(question: str, expected_answer: str, said: str, score: int) -> None:
    assert tifa_score(Question(1, question, expected_answer), Answer(said)) == score


def test_a_judge_without_probabilities_is_refused_where_they_are_needed(monkeypatch: Any) -> None:
    def answer(_self: Any, sheets: Any) -> Any:
        return ([Answer("yes") for _ in sheet.questions] for sheet in sheets)

    monkeypatch.setattr(ShapesJudge, "answer", answer)
    options = {"questions": TOY / "prompts.jsonl", "judge": "shapes"}
    asked = registry.create("metrics", "geneval2", options)
    with pytest.raises(InputError, match="gives no probabilities, which soft-tifa-gm needs"):
        list(asked.score(items()[:1]))
    by_words = registry.create("metrics", "geneval2", {**options, "method": "tifa"})
    assert by_words.reading is Reading.WORD
    (result,) = by_words.score(items()[:1])
    assert result.value == 0.8  # all but the number


def test_other_files_and_methods_are_refused(tmp_path: Path) -> None:
    other = Path(__file__).parents[2] / "data" / "dpg" / "questions.csv"
    asked = registry.create("metrics", "geneval2", {"questions": other, "judge": "shapes"})
    with pytest.raises(InputError, match="is not GenEval 2's file: its questions are in the form of DPG"):
        asked.applies_to(Prompt("00000", "a cat"))
    with pytest.raises(InputError, match="metric 'geneval2': method"):
        metric("soft-tifa")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"prompt": "a cat", "atom_count": 1, "vqa_list": [["A cat?", "Yes"]], "skills": []}\n')
    asked = registry.create("metrics", "geneval2", {"questions": broken, "judge": "shapes"})
    with pytest.raises(InputError, match="line 1: 'skills' must be a list of 1"):
        asked.applies_to(Prompt("00000", "a cat"))


def test_results_of_other_metrics_have_no_atomicity() -> None:
    with pytest.raises(ValueError, match="'atom_count'"):
        atomicity_scores([("00000", {"answers": []})])
