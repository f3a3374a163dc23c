"""The question files of DPG-Bench and DSG, sound and unsound, by both policies."""

import csv
import io
import json
from collections import defaultdict
from pathlib import Path

import pytest

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.official_csv import COLUMNS, Policy, read_dpg, read_dsg
from nami_bench.evaluation.questions.rules import Zeroing, arithmetic_mean, zeroed
from tests.support.foreign import FOREIGN, needs

DATA = Path(__file__).parents[2] / "data" / "dpg"
DSG = FOREIGN / "dsg"


def written(tmp_path: Path, *rows: tuple[str, str, str], mark: bool = False, header: tuple = COLUMNS) -> Path:
    """A file of (item, id, dependency); all else is made up."""
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(header)
    for item, number, dependency in rows:
        table.writerow((item, f"about {item}", number, dependency, "entity - whole (x)", f"Is it {number}?"))
    path = tmp_path / "questions.csv"
    path.write_text(buffer.getvalue(), encoding="utf-8-sig" if mark else "utf-8")
    return path


def test_a_sound_file_is_read_alike_by_both_policies(tmp_path):
    path = written(tmp_path, ("a", "1", "0"), ("a", "2", " 1 ,0"), ("b", "1", "0"), mark=True)
    corrected, official = (read_dpg(path, policy) for policy in Policy)
    assert corrected == official and not corrected.notes
    assert [(item.id, item.prompt) for item in corrected.items] == [("a", "about a"), ("b", "about b")]
    one, two = corrected.by_id["a"].questions
    assert (one.parents, two.parents) == ((), (1,))
    assert (one.category, one.broad_category, one.line, two.line) == ("entity - whole", "entity", 2, 3)
    assert read_dsg(path, Policy.CORRECTED).items == corrected.items


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "1", "0"), ("a", "2", "7")], "line 3: question 2 of a depends on 7, which does not exist"),
        ([("a", "1", "2"), ("a", "2", "1")], "line 2: question 1 of a depends on itself; line 3: question 2"),
        ([("a", "1", "1")], "line 2: question 1 of a depends on itself"),
        ([("a", "1", "0"), ("a", "1", "0")], "line 3: a has a second question 1"),
        ([("a", "1", "0"), ("b", "1", "0"), ("a", "2", "0")], "line 4: rows of a lie apart"),
        ([("a", "1", "0, outside")], "line 2: the dependency '0, outside' is no number"),
        ([("a", "1", "")], "line 2: the dependency '(empty)' is no number"),
        ([("a", "1", "-1")], "line 2: the dependency '-1' is no number"),
    ],
)
def test_what_is_unsound_is_named_by_its_line(tmp_path, rows, said):
    for read in (read_dpg, read_dsg):
        with pytest.raises(InputError, match="is not sound") as refused:
            read(written(tmp_path, *rows), Policy.CORRECTED)
        assert said in str(refused.value)


def test_five_defects_are_shown_and_the_others_counted(tmp_path):
    path = written(tmp_path, *((f"i{n}", "1", "9") for n in range(8)))
    with pytest.raises(InputError, match=r"and 3 more$"):
        read_dpg(path, Policy.CORRECTED)


def test_the_official_policy_reads_as_the_script_does():
    found = read_dpg(DATA / "questions.csv", Policy.OFFICIAL)
    assert [q.id for q in found.by_id["twice"].questions] == [3, 4]  # the last block
    again = found.by_id["again"].questions
    assert [(q.id, q.text, q.parents) for q in again] == [
        (1, "Has the drum a stick?", (2,)),
        (2, "Is there a flute?", ()),
    ]
    assert found.by_id["ghost"].by_id[2].parents == (1, 9)
    assert len(found.notes) == 2


def test_what_ends_the_script_is_refused():
    with pytest.raises(InputError, match="line 8: the dependency '1, outside' is no number"):
        read_dpg(DATA / "malformed.csv", Policy.OFFICIAL)
    with pytest.raises(InputError, match="no dependency is a list, which ends the official script"):
        read_dpg(DATA / "all_roots.csv", Policy.OFFICIAL)
    assert read_dpg(DATA / "all_roots.csv", Policy.CORRECTED).questions == 14


def test_an_item_of_dsg_loses_its_dependencies_where_one_is_malformed():
    found = read_dsg(DATA / "malformed.csv", Policy.OFFICIAL)
    assert [q.parents for q in found.by_id["parents"].questions] == [()] * 6
    assert [q.parents for q in found.by_id["chain7"].questions] == [(), (1,), (2,), (3,)]
    assert "parents lost all of theirs" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lacks the columns item_id"),
        (b"item_id,text\nx,y\n", "lacks the columns proposition_id, dependency, tuple"),
        (",".join(COLUMNS).encode() + b"\n", "holds no questions"),
        (",".join(COLUMNS).encode() + b"\na,t,one,0,x (y),Is it?\n", "line 2: proposition_id 'one'"),
        (",".join(COLUMNS).encode() + b"\na,t,1,0,x (y),\n", "line 2: question_natural_language is empty"),
        (",".join(COLUMNS).encode() + b'\na,"t\n', "is not a CSV table"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_what_is_no_question_file_is_said_in_one_sentence(tmp_path, content, said):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_dpg(path, Policy.CORRECTED)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_line_is_counted_where_a_cell_spans_several(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(",".join(COLUMNS) + '\na,"two\nlines",1,0,x,Is it?\na,"two\nlines",2,9,x,Is it?\n')
    with pytest.raises(InputError, match="line 4: question 2 of a depends on 9"):
        read_dpg(path, Policy.CORRECTED)


@needs(DSG, "DSG-1k with three judges' answers, j-min/DSG")
@pytest.mark.parametrize("judge", ["pali17b", "mplug", "instructblip"])
def test_dsgs_published_answers_give_its_published_scores(judge):
    """j-min/DSG at 7330119: answers to SD 2.1's images, with and without dependencies."""
    questions = read_dsg(DSG / "dsg-1k-anns.csv", Policy.OFFICIAL)
    expected = json.loads((DSG / "expected.json").read_text())
    assert {i.id for i in questions.items if not any(q.parents for q in i.questions)} >= set(
        expected["items_whose_dependencies_are_dropped"]
    )
    answers: dict[str, dict[int, str]] = defaultdict(dict)
    with (DSG / f"{judge}_dsg.csv").open() as file:
        for row in csv.DictReader(file):
            if row["t2i_model"] == "sd2dot1":
                answers[row["item_id"]][int(row["question_id"])] = row["answer"]
    for zeroing, key in (
        (Zeroing.BY_ORIGINALS, "with_dependency"),
        (Zeroing.NONE, "without_dependency"),
        (Zeroing.IN_ROW_ORDER, "propagating_like_dpg"),
    ):
        scores = []
        for item in questions.items:
            given = {number: float(text == "yes") for number, text in answers[item.id].items()}
            asked = [question for question in item.questions if question.id in given]
            after = zeroed(asked, given, zeroing).scores.values()
            scores.append(arithmetic_mean(list(after)) if asked else 0.0)
        assert 100 * arithmetic_mean(scores) == pytest.approx(expected["judges"][judge][key]["all"], abs=1e-6)
