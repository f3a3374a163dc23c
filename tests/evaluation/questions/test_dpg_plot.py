"""Pictures of DPG-Bench's scores."""

import json
import re

import pytest

from nami_bench.errors import InputError
from nami_bench.evaluation.bars import FORMATS
from nami_bench.evaluation.questions.dpg_plot import plot_dpg
from nami_bench.evaluation.questions.dpg_summary import summarize
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.official_csv import Policy
from tests.support.dpg import image_answers
from tests.support.program import nami_bench

WHOLE = Question(1, "Is there a cat?", category="entity - whole", line=7)
RED = Question(2, "Is it red?", parents=(1,), category="attribute - color", line=8)
OWN = Question(3, "Is it ours?", category="own kind", line=9)


def rows(every, prompts=6, **fields):
    """One image of each prompt; the cat is missing from every so many."""
    return [
        image_answers(
            f"{prompt}.png", 0, {WHOLE: "no" if prompt % every else "yes", RED: "yes", OWN: "no"}, **fields
        )
        for prompt in range(prompts)
    ]


def words(picture):
    return " ".join(re.findall(r"<(?:text|tspan)[^>]*>([^<]*)<", picture.decode()))


@pytest.mark.slow
@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_scores_give_the_same_picture(file_format):
    summaries = {"a": summarize(rows(2), Policy.CORRECTED), "b": summarize(rows(3), Policy.CORRECTED)}
    picture = plot_dpg(summaries, file_format)
    assert picture == plot_dpg(summaries, file_format)
    assert picture != plot_dpg({"a": summaries["a"]}, file_format)


def test_every_category_model_and_policy_is_named():
    summaries = {"first": summarize(rows(2), Policy.OFFICIAL), "second": summarize(rows(3), Policy.OFFICIAL)}
    said = words(plot_dpg(summaries, "svg"))
    assert re.search(r"overall entity attribute own kind", said), "in the paper's order, then its own"
    for word in ("first", "second", "judge: judge-1", "policy: official", "95 % intervals", "overall after"):
        assert word in said
    assert "each: the official script passes over the first question" in said
    assert said.count("passes over the first question") == 1
    assert "same prompts" not in said


def test_what_makes_models_unlike_is_said():
    odd = [*rows(2, prompts=5), image_answers("x.png", 0, {WHOLE: "perhaps"})]
    summaries = {"a": summarize(rows(2), Policy.CORRECTED), "b": summarize(odd, Policy.CORRECTED)}
    said = words(plot_dpg(summaries, "svg"))
    assert "the runs are not of the same prompts" in said
    assert "b: 1 of 16 answers are neither yes nor no" in said


def test_one_prompt_has_no_interval_and_a_category_may_have_no_name():
    lone = [image_answers("a.png", 0, {Question(1, "?"): "yes"})]
    said = words(plot_dpg({"a": summarize(lone, Policy.CORRECTED)}, "svg"))
    assert "(none)" in said


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"judge": "judge-2"}, "answers from different judges, judge-1 and judge-2: they cannot be compared"),
        ({"questions_sha256": "22" * 32}, "answers to different question files, 11.* and 22.*: they cannot"),
    ],
)
def test_what_cannot_be_compared_is_refused(fields, complaint):
    summaries = {
        "a": summarize(rows(2), Policy.CORRECTED),
        "b": summarize(rows(2, **fields), Policy.CORRECTED),
    }
    with pytest.raises(InputError, match=complaint):
        plot_dpg(summaries, "svg")


@pytest.fixture
def folder(tmp_path):
    for name, every in (("a", 2), ("b", 3)):
        (tmp_path / name).mkdir()
        lines = "".join(json.dumps(row.to_json()) + "\n" for row in rows(every))
        (tmp_path / name / "results.jsonl").write_text(lines)
    return tmp_path


def test_from_the_command_line(folder):
    both = ("a/results.jsonl", "b/results.jsonl")
    done = nami_bench("dpg", "plot", *both, "--policy", "official", "-o", "out/both.svg", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "wrote out/both.svg\n")
    picture = (folder / "out/both.svg").read_text()
    assert ">a<" in picture and ">b<" in picture, "named after their folders"
    assert "policy: official" in picture
    nami_bench("dpg", "plot", both[0], "--label", "mine", "-o", "one.svg", cwd=folder)
    assert ">mine<" in (folder / "one.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("-o", "x.gif"), "must end in .png, .svg, .pdf"),
        (("--label", "x", "--label", "y", "-o", "x.svg"), "1 results files need 1 --label, got 2"),
        (("--policy", "mine", "-o", "x.svg"), "'mine' is not one of 'corrected', 'official'"),
    ],
)
def test_wrong_use_is_one_sentence(folder, arguments, complaint):
    done = nami_bench("dpg", "plot", "a/results.jsonl", *arguments, cwd=folder)
    assert done.returncode == 2
    assert complaint in done.stderr


@pytest.mark.parametrize("command", ["plot", "browse"])
def test_the_help_shows_an_example(command):
    assert f"Example: nami-bench dpg {command} " in nami_bench("dpg", command, "--help").stdout
