"""Runs of official prompts, of rewrites and of parts of a set are told apart wherever their figures show."""

import json
import re
import sys

import pytest

from nami_bench.cli.app import main
from nami_bench.domain import GENEVAL_TASKS
from nami_bench.evaluation.geneval.browser import write_browser
from nami_bench.evaluation.geneval.plot import plot_scores
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.evaluation.geneval.side_by_side import runs
from nami_bench.evaluation.geneval.summary import summarize
from nami_bench.prompts.geneval import geneval_metadata

OFFICIAL = geneval_metadata()


def rows(lines=OFFICIAL):
    """A result of one image for each metadata line; four of five are correct."""
    return [
        ImageResult(
            filename=f"m/{i:05d}/samples/0000.png",
            tag=line["tag"],
            prompt=line["prompt"],
            correct=bool(i % 5),
            reason="",
            metadata=json.dumps(line),
            details="{}",
            detector="d-1",
        )
        for i, line in enumerate(lines)
    ]


def rewritten(lines=OFFICIAL, **keys):
    return [{**line, "prompt": f"A famous picture: {line['prompt']}", **keys} for line in lines]


def notes(lines, expected=OFFICIAL):
    return summarize(rows(lines), expected).notes


def test_further_keys_order_and_nulls_make_no_other_set():
    more = [{"index": i, "exclude": None, **line, "detailed_caption": "x"} for i, line in enumerate(OFFICIAL)]
    plain, kept = summarize(rows(), OFFICIAL), summarize(rows(more), OFFICIAL)
    assert kept == plain
    assert kept.notes == ()
    assert notes(more[:-20]) == ("20 of the 553 expected prompts have no results",)


def test_further_keys_of_an_image_make_no_other_prompt():
    lines = [{**OFFICIAL[0], "seed": seed} for seed in range(4)]
    assert summarize(rows(lines)).prompts == 1


def test_rewrites_are_compared_by_their_clauses_and_named():
    said = "553 of 553 prompts are rewritten: their clauses are the original prompts', their texts are not"
    assert notes(rewritten()) == (said,)
    assert notes(rewritten()[:-3]) == (
        "3 of the 553 expected prompts have no results", said.replace("553 of 553", "550 of 550"),
    )  # fmt: skip
    mixed = [*OFFICIAL[:300], *rewritten()[300:]]
    assert notes(mixed) == (said.replace("553 of 553", "253 of 553"),)


def test_rewrites_of_any_set_are_named_by_their_own_word():
    lines = [{"tag": "counting", "include": [{"class": "star", "count": n}], "prompt": f"{n} bright stars",
              "rewritten_from": f"{n} stars"} for n in (2, 3)]  # fmt: skip
    assert any("2 of 2 prompts are rewritten" in note for note in notes(lines))
    assert any("2 of 2 prompts are rewritten" in note for note in notes(lines, lines))


def test_prompts_of_other_clauses_are_foreign():
    other = [{**line, "include": [{"class": "star", "count": 1}]} for line in OFFICIAL[:2]]
    assert "the prompts are not of the expected set of 553: missing ones were not looked for" in notes(other)
    assert "2 prompts are not of the expected set of 553" in notes([*OFFICIAL[:100], *other])


def summaries():
    three = [line for line in OFFICIAL if line["tag"] in GENEVAL_TASKS[:3]]
    return {
        name: summarize(rows(lines), OFFICIAL)
        for name, lines in (("official", OFFICIAL), ("reworded", rewritten()), ("half", three))
    }


def words(picture):
    return re.findall(r"<(?:text|tspan)[^>]*>([^<]*)<", picture)


def test_an_overall_over_fewer_tasks_is_not_drawn_beside_whole_ones():
    drawn = {run.label: run for run in runs(summaries())}
    assert [name for name, run in drawn.items() if "overall" in run.bars] == ["official", "reworded"]
    assert drawn["half"].no_overall == "3 of 6 tasks"
    assert (drawn["official"].words, drawn["reworded"].words) == ("", "rewritten prompts")
    assert drawn["half"].words == "259 of 553 prompts"


def test_the_picture_says_all_that_the_summaries_note():
    picture = plot_scores(summaries(), "svg").decode()
    said = words(picture)
    assert {"official", "reworded", "half", "rewritten prompts", "no overall: 3 of 6 tasks"} <= set(said)
    text = " ".join(said)
    assert "the runs are not of the same prompts" in text
    assert "no overall score is drawn for half (3 of 6 tasks)" in text
    for name, summary in summaries().items():
        for note in summary.notes:
            assert f"{name}: {note}" in text
    assert picture.count("<pattern") >= 2, "rewrites and parts are hatched"


def test_like_runs_of_the_whole_set_are_drawn_plainly():
    summary = summarize(rows(), OFFICIAL)
    picture = plot_scores({"a": summary, "b": summary}, "svg").decode()
    assert "<pattern" not in picture
    assert not any("note" in word or "prompts are" in word for word in words(picture))


def test_runs_that_share_fewer_tasks_have_a_mean_but_no_overall():
    two = [line for line in OFFICIAL if line["tag"] in ("colors", "position")]
    said = words(plot_scores({"a": summarize(rows(two)), "b": summarize(rows(two))}, "svg").decode())
    assert "overall" not in said
    assert "of 2 tasks" in said


def test_the_page_of_verdicts_names_the_originals(tmp_path):
    found = rows(rewritten(OFFICIAL[:2], rewritten_from="a photo of a bench"))
    write_browser(found, tmp_path / "r.jsonl", tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "2 of 2 images are of rewritten prompts" in page
    assert '"original":"a photo of a bench"' in page


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["nami-bench", "geneval", *args])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
        return capsys.readouterr().out

    return run


def write(path, lines):
    path.write_text("".join(json.dumps({n: getattr(r, n) for n in r.__slots__}) + "\n" for r in rows(lines)))


def test_from_the_command_line(run, tmp_path):
    write(tmp_path / "official.jsonl", OFFICIAL)
    write(tmp_path / "reworded.jsonl", rewritten())
    assert "Note: 553 of 553 prompts are rewritten" in run("summary", "reworded.jsonl")
    run("plot", "official.jsonl", "reworded.jsonl", "-o", "both.svg")
    assert "rewritten prompts" in words((tmp_path / "both.svg").read_text())
    run("browse", "reworded.jsonl")
    assert (
        "553 of 553 images are of rewritten prompts" in (tmp_path / "reworded-browser/index.html").read_text()
    )


def test_another_set_is_named_with_its_file(run, tmp_path):
    own = [
        {"tag": "counting", "include": [{"class": "star", "count": n}], "prompt": f"{n} stars"}
        for n in (2, 3)
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, own)))
    write(tmp_path / "r.jsonl", own[:1])
    assert "Note: the prompts are not of the expected set of 553" in run("summary", "r.jsonl")
    assert "Note: 1 of the 2 expected prompts have no results" in run(
        "summary", "r.jsonl", "--prompts", "own.jsonl"
    )
