"""Question metrics on images: values by DPG-Bench's and DSG's rules, and what is kept of them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.questions.benchmarks import Dpg, Dsg
from nami_bench.evaluation.questions.grids import Grid, grid_files
from nami_bench.evaluation.questions.judge import Answer, Reading
from nami_bench.evaluation.questions.official_csv import Policy
from nami_bench.images import decode_as_stored, read_file
from tests.support.judges import LookedUp
from tests.support.plugins import use_plugin

DATA = Path(__file__).parents[2] / "data" / "dpg"
EXPECTED = json.loads((DATA / "expected.json").read_text())["every_row_pic_num_4"]["prompts"]


@pytest.fixture
def judge(monkeypatch):
    made = LookedUp(DATA / "answers.json")
    use_plugin(monkeypatch, "looked-up", made)
    return made


@pytest.fixture
def cells(tmp_path):
    """The cells of DPG-Bench's fixtures as images of their own, with their prompts: {file: [item, ...]}."""
    found = {}
    for file in grid_files(DATA / "images"):
        if file.path.name not in EXPECTED:
            continue
        cut = Grid(2, 2, 4, 16).cut(decode_as_stored(read_file(file.path), file.path))
        prompt = Prompt("00000", "its text is another", extra={"item": file.item})
        for number, image in enumerate(cut):
            path = tmp_path / f"{file.path.stem}-{number}.png"
            image.save(path)
            found.setdefault(file.path.name, []).append(ScoringItem(path, prompt))
    return found


def metric(kind=Dpg, questions=DATA / "questions.csv", **options):
    return kind(kind.Options(questions, "looked-up", policy=Policy.OFFICIAL, **options))


@pytest.fixture
def sound(tmp_path):
    """The fixtures' items without a flaw."""
    lines = (DATA / "questions.csv").read_text().splitlines(keepends=True)
    path = tmp_path / "sound.csv"
    path.write_text("".join(line for line in lines if line.startswith(("item_id", "chain7", "parents"))))
    return path


def test_an_image_scores_what_its_cell_scores(judge, cells):
    items = [item for of_file in cells.values() for item in of_file]
    results = list(metric().score(items))
    assert [result.item for result in results] == items
    expected = [score for name in cells for score in EXPECTED[name]["crops"]]
    assert [result.value for result in results] == pytest.approx(expected, abs=1e-9)


def test_dsg_hands_no_zero_on(judge, cells, sound):
    (ours,), (theirs,) = (list(metric(kind, sound).score(cells["chain7.png"][1:2])) for kind in (Dpg, Dsg))
    assert ours.value == 0.0 and theirs.value == pytest.approx(0.5)
    zeroed = [(a["id"], a["score"], a["zeroed_by"]) for a in theirs.details["answers"]]
    assert [by for _, _, by in zeroed].count(None) < len(zeroed)
    assert theirs.details["over_long"] is False


def test_questions_are_found_by_the_published_name_else_by_the_text(judge):
    found = metric()
    (item,) = (i for i in found.questions.items if i.id == "456")
    assert found.item_of(Prompt("00007", "x", extra={"item_id": 456})) is item
    assert found.item_of(Prompt("00007", f" {item.prompt}\n")) is item
    assert found.item_of(Prompt("456", "no such text")) is None
    assert not found.applies_to(Prompt("456", "no such text"))


def test_an_image_that_cannot_be_read_or_judged_has_a_reason_in_its_place(judge, cells, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    Image.new("RGB", (16, 16), "red").save(tmp_path / "unknown.png")
    first, second = cells["twice.png"][:2]
    torn, unknown = (ScoringItem(tmp_path / name, first.prompt) for name in ("torn.png", "unknown.png"))
    results = list(metric().score([torn, first, torn, unknown, second, torn]))
    assert [result.value is None for result in results] == [True, False, True, True, False, True]
    assert "torn.png" in results[0].reason and results[3].reason == "nobody knows"


def test_a_parent_that_does_not_exist_leaves_no_value(judge, cells, tmp_path):
    images = Grid(2, 2, 4, 16).cut(Image.open(DATA / "images" / "ghost.png"))
    for number, image in enumerate(images):
        image.save(tmp_path / f"{number}.png")
    items = [ScoringItem(tmp_path / f"{n}.png", Prompt("0", "", extra={"item": "ghost"})) for n in range(4)]
    reasons = {result.reason for result in metric().score(items) if result.value is None}
    assert reasons == {"question 2 depends on 9, which does not exist"}


def test_the_instrument_names_judge_reading_questions_and_policy(judge, sound):
    assert metric().instrument.startswith("looked-up+questions-")
    assert metric().instrument.endswith("+official")  # not the usual one of DPG-Bench
    assert not metric(Dsg, sound).instrument.endswith("+official")
    assert "+read-word+" in metric(read=Reading.WORD).instrument
    with pytest.raises(InputError, match="is not sound"):
        _ = Dpg(Dpg.Options(DATA / "questions.csv", "looked-up")).instrument


def test_options_come_as_text_from_the_command_line(judge):
    options = {
        "questions": str(DATA / "questions.csv"),
        "judge": "looked-up",
        "policy": "official",
        "read": "word",
    }
    made = registry.create("metrics", "dpg", options)
    assert (made.reading, made.options.policy) == (Reading.WORD, Policy.OFFICIAL)


def test_a_judge_without_probabilities_is_not_read_for_them(judge, cells):
    with pytest.raises(InputError, match="gives no probabilities"):
        list(metric(read=Reading.PROBABILITY).score(cells["twice.png"]))


def test_images_are_read_while_the_judge_answers(judge, cells):
    """Sheets are taken one by one: a judge need not see them all before it answers."""
    taken = []

    class OneByOne(LookedUp):
        def answer(self, sheets):
            for sheet in sheets:
                taken.append("taken")
                yield [Answer("yes")] * len(sheet.questions)

    found = metric()
    found.judge = OneByOne(DATA / "answers.json")
    results = found.score(cells["twice.png"])
    next(results)
    assert len(taken) == 1
