"""DPG-Bench on a folder, against what its own script gave for the same pictures and answers."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.dpg import dpg_score
from nami_bench.evaluation.questions.dpg_folder import KINDS, check_grids, judge_grids
from nami_bench.evaluation.questions.dpg_summary import summarize
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.grids import Grid, grid_files, look_at, most_common_side, parse_grid
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.questions.official_csv import Policy, read_dpg
from nami_bench.evaluation.questions.results import answered, read_results
from tests.support.judges import LookedUp

DATA = Path(__file__).parents[2] / "data" / "dpg"
EXPECTED = json.loads((DATA / "expected.json").read_text())
EXACT = {"rel": 0, "abs": 1e-9}


def judged(output: Path, used: int = 4, judge: LookedUp | None = None, images: Path = DATA / "images"):
    """The folder's answers, in a results file."""
    questions = read_dpg(DATA / "questions.csv", Policy.OFFICIAL)
    files = grid_files(images)
    looks = look_at(files, lambda count: None)
    judge = judge or LookedUp(DATA / "answers.json")
    return judge_grids(files, looks, questions, Grid(2, 2, used, 16), judge, judge.reading, output)


@pytest.mark.parametrize("used", [4, 1])
def test_official_figures_are_the_scripts(tmp_path, used):
    expected = EXPECTED[f"official_pic_num_{used}"]
    run = judged(tmp_path / "results.jsonl", used)
    found = dpg_score(run.results, Policy.OFFICIAL)
    assert found.score == pytest.approx(expected["score"], **EXACT)
    assert {c.category: c.score for c in found.broad} == pytest.approx(expected["L1"], **EXACT)
    assert {c.category: c.score for c in found.detailed} == pytest.approx(expected["L2"], **EXACT)
    assert {f.file: f.score for f in found.files} == pytest.approx(
        {name: file["score"] for name, file in expected["prompts"].items()}, **EXACT
    )
    for file in found.files:
        assert list(file.cells) == pytest.approx(expected["prompts"][file.file]["crops"], **EXACT)
    assert found.dropped.keys() == {"ghost.png", "opening.png"}
    # stranger.png and notes.txt, which the script drops as well, never came to be judged.
    assert expected["dropped"].keys() == found.dropped.keys() | {"notes.txt", "stranger.png"}


@pytest.mark.parametrize("used", [4, 1])
def test_corrected_figures_are_the_scripts_where_it_passes_over_nothing(tmp_path, used):
    expected = EXPECTED[f"every_row_pic_num_{used}"]
    found = dpg_score(judged(tmp_path / "results.jsonl", used).results, Policy.CORRECTED)
    assert found.score == pytest.approx(expected["score"], **EXACT)
    assert {f.file: f.score for f in found.files} == pytest.approx(
        {name: file["score"] for name, file in expected["prompts"].items()}, **EXACT
    )
    if used == 1:  # else the script's categories are those of one image, and ours of all
        assert {c.category: c.score for c in found.broad} == pytest.approx(expected["L1"], **EXACT)


def test_corrected_categories_are_those_of_all_images(tmp_path):
    rows = judged(tmp_path / "results.jsonl").results
    answers = [
        answered.score
        for row in rows
        if row.file != "ghost.png"
        for answered in row.answers
        if answered.question.category == "attribute - color"
    ]
    (color,) = (c for c in dpg_score(rows, Policy.CORRECTED).detailed if c.category == "attribute - color")
    assert color.score == pytest.approx(100 * sum(answers) / len(answers))
    assert color.questions == len(answers) > color.prompts
    assert color.interval is not None and 0 <= color.interval[0] < color.score < color.interval[1] <= 100


@pytest.mark.parametrize("policy", Policy)
def test_zeroed_categories_hold_what_the_score_holds(tmp_path, policy):
    """Their sum, over one image a file, is that of all scores after zeroing; before zeroing it is more."""
    rows = judged(tmp_path / "results.jsonl", used=1).results
    zeroed, raw = (dpg_score(rows, policy, zeroed_categories=which) for which in (True, False))
    sizes = {
        row.file: len(row.answers) - (policy is Policy.OFFICIAL) * row.answers[0].first_row for row in rows
    }
    total = sum(file.score * sizes[file.file] for file in zeroed.files)
    for level in ("broad", "detailed"):
        sums = {
            name: sum(c.score * c.questions for c in getattr(found, level)) / 100
            for name, found in (("zeroed", zeroed), ("raw", raw))
        }
        assert sums["zeroed"] == pytest.approx(total, **EXACT)
        assert sums["raw"] > total + 1
    assert (zeroed.score, zeroed.files) == (raw.score, raw.files)


def test_every_answer_is_kept_with_what_zeroed_it(tmp_path):
    judged(tmp_path / "results.jsonl")
    rows = read_results(tmp_path / "results.jsonl")
    (row,) = (r for r in rows if r.place == ("chain7.png", 1))
    assert row.answers[0].answer.text != "yes"
    assert [(a.question.id, a.zeroed_by) for a in row.answers if a.zeroed_by] == [
        (a.question.id, a.question.parents[0]) for a in row.answers if a.score and a.question.parents
    ]
    assert sum(a.first_row for r in rows for a in r.answers) == 4  # opening.png's first question


def test_of_questions_that_share_a_line_the_first_is_the_files_first():
    """As in a file in which a line is an item."""
    asked = [Question(number, f"{number}?", line=1) for number in (1, 2)]
    marked = answered(asked, [Answer("yes")] * 2, {1: 1.0, 2: 1.0}, None, first_line=1)
    assert [one.first_row for one in marked] == [True, False]


@pytest.mark.parametrize("after", [0, 1, 7, 25])
def test_an_interrupted_run_ends_in_the_same_bytes(tmp_path, after):
    judged(tmp_path / "whole.jsonl")
    with pytest.raises(KeyboardInterrupt):
        judged(tmp_path / "results.jsonl", judge=LookedUp(DATA / "answers.json", stop_after=after))
    torn = (tmp_path / "results.jsonl").read_bytes()[:-40]  # a kill in the middle of a line
    (tmp_path / "results.jsonl").write_bytes(torn)
    judge = LookedUp(DATA / "answers.json")
    run = judged(tmp_path / "results.jsonl", judge=judge)
    assert (tmp_path / "results.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert run.reused == max(after - 1, 0)
    again = judged(tmp_path / "results.jsonl", judge=LookedUp(DATA / "answers.json", stop_after=0))
    assert again.reused == len(again.results) == 48


def test_results_of_another_judge_or_of_a_changed_image_are_not_mixed_in(tmp_path):
    images = shutil.copytree(DATA / "images", tmp_path / "images")
    judged(tmp_path / "results.jsonl", images=images)
    other = LookedUp(DATA / "answers.json")
    other.identity = "another"
    with pytest.raises(InputError, match="results of the judge looked-up, not another"):
        judged(tmp_path / "results.jsonl", judge=other, images=images)
    Image.new("RGB", (32, 32), "red").save(images / "chain7.png")
    with pytest.raises(InputError, match=r"image 0 of another chain7\.png than the folder's"):
        judged(tmp_path / "results.jsonl", images=images)


def test_an_image_that_was_not_answered_for_is_in_no_result(tmp_path):
    images = shutil.copytree(DATA / "images", tmp_path / "images")
    Image.new("RGB", (32, 32), "red").save(images / "chain7.png")
    run = judged(tmp_path / "results.jsonl", images=images)
    assert [(f.file, f.cell, f.reason) for f in run.failures] == [
        ("chain7.png", cell, "nobody knows") for cell in range(4)
    ]
    assert "chain7.png" not in {row.file for row in run.results}


def test_a_folder_is_held_against_the_questions():
    questions = read_dpg(DATA / "questions.csv", Policy.OFFICIAL)
    files = grid_files(DATA / "images")
    looks = look_at(files, lambda count: None)
    found = check_grids(files, looks, questions, Grid(2, 2, 4, most_common_side(looks.values(), 2, 2)))
    by_kind = {kind: [p.where for p in found.problems if p.kind == kind] for kind in KINDS}
    assert by_kind["missing prompt"] == ["unseen"]
    assert by_kind["unknown prompt"] == ["stranger.png"]
    assert by_kind["two files of a prompt"] == ["chain7.copy.png", "chain7.png"]
    assert by_kind["unreadable image"] == ["notes.txt"]
    assert len(by_kind["wrong size"]) == 2
    assert found.expected_images == 48


def test_the_first_of_files_with_the_same_bytes_is_no_problem(tmp_path):
    for name in ("chain7", "parents", "upside"):
        Image.new("RGB", (32, 32), "blue").save(tmp_path / f"{name}.png")
    files = grid_files(tmp_path)
    looks = look_at(files, lambda count: None)
    questions = read_dpg(DATA / "questions.csv", Policy.OFFICIAL)
    found = check_grids(files, looks, questions, Grid(2, 2, 4, 16))
    doubled = [(p.where, p.what) for p in found.problems if p.kind == "duplicate image"]
    assert doubled == [(name, "the same bytes as chain7.png") for name in ("parents.png", "upside.png")]


def test_what_lies_beyond_the_edge_is_black_and_what_is_transparent_is_white():
    small = Image.new("RGB", (20, 20), "white")
    cells = Grid(2, 2, 4, 16).cut(small)
    assert [cell.getpixel((0, 0)) for cell in cells] == [(255,) * 3] * 4
    assert [cell.getpixel((15, 15)) for cell in cells] == [(255,) * 3, (0,) * 3, (0,) * 3, (0,) * 3]
    clear = Image.new("RGBA", (32, 32), (200, 10, 10, 0))
    assert Grid(2, 2, 1, 16).cut(clear)[0].getpixel((3, 3)) == (255, 255, 255)


def test_results_are_no_images(tmp_path):
    names = ("results.jsonl", "dpg-bench_20240405-120000_results.txt", ".DS_Store", "notes.txt", "a.png")
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "results-browser").mkdir()
    assert [file.path.name for file in grid_files(tmp_path)] == ["a.png", "notes.txt"]


@pytest.mark.parametrize("text", ["", "2", "2x", "0x2", "2x2x2", "two", "2X2", "100x1"])
def test_a_grid_that_is_none(text):
    with pytest.raises(InputError, match="is not COLUMNSxROWS"):
        parse_grid(text)


def test_both_scores_stand_side_by_side_with_what_they_rest_on(tmp_path):
    rows = judged(tmp_path / "results.jsonl").results
    questions = read_dpg(DATA / "questions.csv", Policy.OFFICIAL)
    text = summarize(rows, Policy.OFFICIAL, questions).to_text()
    assert "Score, by the official script (9 prompts): 56.25" in text
    assert "Score, corrected (10 prompts): 56.82" in text
    assert "2 files have no score" in text and "1 of 12 prompts have no results" in text
    assert "are neither yes nor no, and count as wrong" in text
    assert "cannot be reproduced" in text and "cannot be" not in summarize(rows, Policy.CORRECTED).to_text()


def test_answers_to_other_questions_are_refused(tmp_path):
    rows = judged(tmp_path / "results.jsonl").results
    with pytest.raises(InputError, match="answers to another question file"):
        summarize(rows, Policy.CORRECTED, read_dpg(DATA / "all_roots.csv", Policy.CORRECTED))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "not an object"),
        ("{}", "'answers' is not what it should be"),
        ('{"answers": []}', "it has no answers"),
        ("{", "line 1 is no result"),
    ],
)
def test_a_line_that_is_no_result_is_named(tmp_path, line, said):
    path = tmp_path / "x.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError) as refused:
        read_results(path)
    assert said in str(refused.value) and "line 1" in str(refused.value)
