"""`nami-bench dpg`: exit codes, refusals, and what stands on stdout."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.cli.app import main
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.questions.results import read_results
from tests.support.judges import LookedUp
from tests.support.plugins import use_plugin

DATA = Path(__file__).parents[1] / "data" / "dpg"
HEADER = (
    "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,"
    "question_natural_language\n"
)


class Agrees(LookedUp):
    """Says yes to everything."""

    def __init__(self):
        super().__init__(DATA / "answers.json")

    def answer(self, sheets):
        for sheet in sheets:
            yield [Answer("yes")] * len(sheet.questions)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the program in a folder with images/ and questions.csv; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DATA / "images", tmp_path / "images")
    shutil.copy(DATA / "questions.csv", tmp_path)
    use_plugin(monkeypatch, "looked-up", LookedUp(DATA / "answers.json"))
    use_plugin(monkeypatch, "agrees", Agrees())

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["nami-bench", "dpg", *args])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


OFFICIAL = ("--questions", "questions.csv", "--judge", "looked-up", "--policy", "official")


def test_the_whole_chain_gives_the_scripts_figures(run):
    code, out, err = run("images", *OFFICIAL, "--allow-incomplete", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["summary"]["score"] == pytest.approx(56.25, abs=1e-9)
    assert report["summary"]["other_policy"]["score"] == pytest.approx(56.818181818, abs=1e-9)
    assert report["run"] == {"judged": 48, "reused": 0, "failures": []}
    code, out, _ = run(
        "summary", "images/results.jsonl", "--policy", "official", "--questions", "questions.csv"
    )
    assert code == 0
    assert "Score, by the official script (9 prompts): 56.25" in out
    assert "L1 categories (official, before zeroing)" in out
    code, zeroed, _ = run("summary", "images/results.jsonl", "--policy", "official", "--categories", "zeroed")
    assert code == 0 and "L1 categories (official, after zeroing)" in zeroed
    assert "(9 prompts): 56.25" in zeroed
    code, out, _ = run("images", *OFFICIAL, "--allow-incomplete", "--json")
    assert json.loads(out)["run"]["reused"] == 48


@pytest.mark.parametrize("used", ["1", pytest.param("4", marks=pytest.mark.slow)])
def test_the_toy_mplug_gives_the_scripts_figures_from_image_to_score(run, used):
    """Grid, crop, judge and score: what the official script gave with ModelScope's code for this network."""
    pytest.importorskip("torch")
    whole = json.loads((DATA / "expected_with_toy_mplug.json").read_text())
    expected = whole[f"official_pic_num_{used}"]
    judge = ("--judge", "mplug", "--judge-option", f"model={DATA.parent / 'mplug'}", "--pic-num", used)
    asked = ("--questions", "questions.csv", "--policy", "official", "--allow-incomplete", "--json")
    code, out, err = run("images", *asked, *judge)
    assert code == 0, err
    found = json.loads(out)["summary"]
    assert found["score"] == pytest.approx(expected["score"], abs=1e-9)
    assert {name: file["score"] for name, file in found["files"].items()} == pytest.approx(
        expected["prompts"], abs=1e-9
    )
    # The script prints both levels as one table, in which "global" stands twice.
    detailed = {c["category"]: c["score"] for c in found["detailed"] if c["category"] != "global"}
    assert detailed == pytest.approx({name: expected["categories"][name] for name in detailed}, abs=1e-9)
    corners = ["0,0", "16,0", "0,16", "16,16"]
    for row in read_results(Path("images/results.jsonl")):
        answers = expected["answers"][row.file]  # up to the image at which a file failed
        if corners[row.cell] in answers:
            given = {a.question.text: a.answer.text for a in row.answers if not a.first_row}
            assert given == answers[corners[row.cell]]


def test_one_image_of_each_file(run):
    code, out, _ = run(
        "images", *OFFICIAL, "--allow-incomplete", "--json", "--pic-num", "1", "-o", "one.jsonl"
    )
    assert code == 0 and json.loads(out)["summary"]["score"] == pytest.approx(50.0, abs=1e-9)


def test_an_incomplete_folder_is_listed_and_refused(run):
    code, out, err = run("images", *OFFICIAL)
    assert code == 1 and out == ""
    for line in (
        "missing prompt: unseen: A comet.",
        "unknown prompt: stranger.png: the question file has no item 'stranger'",
        "two files of a prompt: chain7.png: one of 2 of chain7",
        "unreadable image: notes.txt: ",
        "wrong size: ",
        "error: images is not complete (missing prompt: 1,",
    ):
        assert line in err
    assert not Path("images/results.jsonl").exists()


def test_an_unsound_question_file_is_refused_by_the_corrected_policy(run):
    code, _, err = run("images", "--questions", "questions.csv", "--judge", "looked-up")
    assert code == 2 and "questions.csv is not sound: line 24: question 2 of ghost" in err
    assert err.count("\n") == 1


def test_images_that_were_not_judged_are_a_failure(run):
    Image.new("RGB", (32, 32), "red").save("images/parents.png")
    code, out, err = run("images", *OFFICIAL, "--allow-incomplete")
    assert code == 0
    assert "not judged: parents.png, image 0: nobody knows" in err
    assert "Note: 4 images were not judged" in out


def complete(count=3, grid=(2, 2), side=8):
    """A sound question file and a folder of files without a flaw."""
    rows = [f"p{n},prompt {n},,1,0,entity,whole,entity - whole (x),Is there an x?\n" for n in range(count)]
    Path("own.csv").write_text(HEADER + "".join(rows))
    folder = Path("own")
    folder.mkdir()
    for n in range(count):
        size = grid[0] * side, grid[1] * side
        Image.new("RGB", size, (n, 0, 0)).save(folder / f"p{n}.png")


def test_a_complete_folder_is_judged_in_one_command(run):
    complete()
    code, out, err = run("own", "--questions", "own.csv", "--judge", "agrees")
    assert code == 0
    assert "Score, corrected (3 prompts): 100.00" in out
    assert "12 results in own/results.jsonl" in err
    assert run("own", "--questions", "own.csv", "--judge", "agrees")[0] == 0  # its own results do not disturb


def test_single_images_are_a_grid_of_one(run):
    complete(grid=(1, 1))
    code, out, _ = run("own", "--questions", "own.csv", "--judge", "agrees", "--grid", "1x1", "--json")
    assert code == 0 and json.loads(out)["run"]["judged"] == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nowhere", *OFFICIAL), "nowhere is not a folder"),
        (("empty", *OFFICIAL), "empty holds no files"),
        (("images", *OFFICIAL, "--grid", "2"), "the grid '2' is not COLUMNSxROWS"),
        (("images", *OFFICIAL, "--pic-num", "5"), "--pic-num 5: a grid of 2x2 holds 4 images"),
        (("images", *OFFICIAL, "--grid", "3x7"), "no image here is a grid of 3 by 7 square cells"),
        (("images", "--questions", "no.csv", "--judge", "agrees"), "no.csv does not exist"),
        (("images", "--questions", "questions.csv", "--judge", "x", *OFFICIAL[4:]), "unknown judge 'x'"),
        (("summary", "questions.csv"), "questions.csv, line 1 is no result of questions"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_sentence(run, args, said):
    Path("empty").mkdir()
    code, out, err = run(*args)
    assert (code, out) == (2, "") and f"error: {said}" in err.splitlines()[-1]


def test_a_folder_of_no_known_prompt_scores_nothing(run):
    complete()
    code, _, err = run("own", *OFFICIAL, "--allow-incomplete")
    assert code == 2 and "own holds no image of a prompt in questions.csv" in err
