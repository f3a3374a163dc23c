"""Question files: ours is written and read, and all forms have one entrance."""

import json
from pathlib import Path

import pytest

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Item, Question
from nami_bench.evaluation.questions.question_file import (
    Form,
    inspect_questions,
    read_questions,
    text_sha256,
    to_jsonl,
)

GENEVAL2 = Path(__file__).parents[2] / "data" / "geneval2" / "prompts.jsonl"
ITEMS = (
    Item(
        "00000",
        "a red bench\u2028by a “wall”",
        (
            Question(1, "Is there a bench?", category="entity - whole"),
            Question(4, "Is it red?", "yes", (1,), "attribute - color"),
            Question(2, "How many walls are there?", "one", (1, 4)),
        ),
        {"writer": {"b": 1, "a": [None]}, "attempts": 2},
    ),
    Item("x y", "犬", (Question(1, "犬?", "no"),)),
)


@pytest.fixture
def file(tmp_path):
    """`file(text)` writes a file of no telling name."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "questions"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_what_is_written_is_read_and_written_again_to_the_same_bytes(file):
    data = to_jsonl(ITEMS)
    found = read_questions(file(data))
    assert found.items == ITEMS
    assert [[q.line for q in item.questions] for item in found.items] == [[1, 1, 1], [2]]
    assert to_jsonl(found.items) == data
    assert read_questions(file(b"\xef\xbb\xbf\n" + data)).items == ITEMS
    other = Item(
        "00000", ITEMS[0].prompt, ITEMS[0].questions, {"attempts": 2, "writer": {"a": [None], "b": 1}}
    )
    assert to_jsonl([other, ITEMS[1]]) == data
    assert json.loads(data.decode().split("\n")[1]) == {
        "item": "x y",
        "prompt": "犬",
        "prompt_sha256": text_sha256("犬"),
        "questions": [{"id": 1, "question": "犬?", "expected": "no", "parents": [], "category": ""}],
    }


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (Item("a", "p", ()), "'questions' must be a list of questions"),
        (Item("a", "p", (Question(1, "q?", parents=(2,)),)), "depends on 2, which does not exist"),
        (Item("a", "p", (Question(0, "q?"),)), "'id' must be a whole number from 1"),
        (Item("a", "p", (Question(1, "q?"),), {"prompt": "r"}), "'extra' may not hold 'prompt'"),
        (Item("a", "\ud83d", (Question(1, "q?"),)), "surrogates not allowed"),
        (Item("a", "p", (Question(1, "q?"),), {"x": float("nan")}), "not JSON compliant"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(item, words):
    with pytest.raises(InputError, match=f"the questions of 'a' cannot be written: .*{words}"):
        to_jsonl([item])


def test_no_item_is_written_twice():
    with pytest.raises(InputError, match="the questions of 'x y' cannot be written: they are there already"):
        to_jsonl([*ITEMS, ITEMS[1]])


QUESTION = {"id": 1, "question": "q?", "expected": "yes", "parents": [], "category": "c"}


def line(questions=(QUESTION,), **changes):
    row = {"item": "a", "prompt": "p", "prompt_sha256": text_sha256("p"), "questions": list(questions)}
    return json.dumps({**row, **changes})


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"item": "b", "n": NaN}', "'n' is nan"),
        (line(item=3), "'item' must be text, got 3"),
        (line(prompt=" "), "'prompt' must be text"),
        (line(prompt="q"), "its text was changed"),
        (line(prompt_sha256=None), "'prompt_sha256' is not that of the prompt"),
        (line(questions=()), "'questions' must be a list"),
        (line(["q?"]), "a question must be an object"),
        (line([{**QUESTION, "parent": 1}]), "an unknown key 'parent'"),
        (line([{"id": 1, "question": "q?"}]), "a question has no 'category'"),
        (line([QUESTION | {"id": True}]), "'id' must be a whole number"),
        (line([QUESTION | {"expected": ""}]), "'question' and 'expected' of question 1 must be text"),
        (line([QUESTION | {"category": None}]), "'category' of question 1"),
        (line([QUESTION | {"parents": "1"}]), "'parents' of question 1"),
        (line([QUESTION, QUESTION]), "a has a second question 1"),
        (line([QUESTION | {"parents": [3]}]), "question 1 of a depends on 3, which does not exist"),
        (line([QUESTION | {"parents": [1]}]), "question 1 of a depends on itself"),
        (line(item="first"), "first is in the file a second time"),
    ],
)
def test_each_defect_is_named_with_its_line(file, bad, words):
    path = file(line(item="first") + "\n\n" + bad + "\n" + line(item="last") + "\n")
    found = inspect_questions(path)
    (defect,) = found.defects
    assert defect.line == 3 and words in defect.what
    assert {"first", "last"} <= found.questions.by_id.keys()
    with pytest.raises(InputError, match="is not sound: line 3: "):
        read_questions(path)


def test_all_defects_are_found_and_the_first_of_them_said(file):
    path = file("\n".join([line(item=str(n), prompt_sha256="0") for n in range(7)] + [line()]))
    assert [defect.line for defect in inspect_questions(path).defects] == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(InputError, match=r"line 5: [^;]*; and 2 more$"):
        read_questions(path)


def test_a_file_of_geneval2(file):
    found = inspect_questions(GENEVAL2)
    assert (found.form, found.defects, len(found.questions.items)) == (Form.GENEVAL2, (), 10)
    first = found.questions.items[0]
    assert (first.id, first.prompt, first.extra) == ("0", "two teal kettles on a shelf", {"atom_count": 3})
    assert first.questions[0] == Question(1, "How many kettles are in the image?", "two", (), "count")
    assert [question.category for question in first.questions[1:]] == [
        "attribute",
        "object",
        "position",
        "object",
    ]
    assert [question.id for question in first.questions] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"skills": ["object"]}, "'skills' must be a list of 2"),
        ({"skills": ["object", ""]}, "entry 2 of 'skills'"),
        ({"vqa_list": []}, "'vqa_list' must be a list"),
        ({"vqa_list": [["q?", "Yes"], ["q?"]]}, "entry 2 of 'vqa_list'"),
        ({"vqa_list": [["q?", "Yes"], ["q?", " "]]}, "entry 2 of 'vqa_list'"),
        ({"atom_count": "3"}, "'atom_count' must be a whole number"),
        ({"prompt": None}, "'prompt' must be text"),
    ],
)
def test_defects_of_a_file_of_geneval2(file, changes, words):
    good = {
        "prompt": "a jar and a rake",
        "atom_count": 1,
        "vqa_list": [["Is there a jar in the image?", "Yes"], ["Is there a rake in the image?", "Yes"]],
        "skills": ["object", "object"],
    }
    path = file(json.dumps(good) + "\n" + json.dumps(good | changes) + "\n")
    (defect,) = inspect_questions(path).defects
    assert defect.line == 2 and words in defect.what


HEADER = (
    "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,"
    "question_natural_language\n"
)


def test_the_official_table(file):
    rows = (
        "a,a cat,,1,0,,,entity - whole (cat),Is there a cat?\n"
        'a,a cat,,2,"0, 1",,,attribute - color (c),Is it red?\n'
    )
    found = inspect_questions(file("\ufeff" + HEADER + rows))
    assert (found.form, found.defects) == (Form.CSV, ())
    assert found.questions.by_id["a"].questions[1].parents == (1,)
    path = file(HEADER + rows.replace('"0, 1"', "2").replace(",1,0,", ",1,x,"))
    assert [(d.line, d.what) for d in inspect_questions(path).defects] == [
        (2, "the dependency 'x' is no number"),
        (3, "question 2 of a depends on itself"),
    ]
    with pytest.raises(InputError, match="line 3: question 2 of a depends on itself"):
        read_questions(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no questions"),
        ("\ufeff \n", "holds no questions"),
        (b"\xff", "is not UTF-8"),
        ('{"prompt": "a dog"}\n{', "is no question file"),
        ("prompt\na dog\n", "it lacks the columns item_id"),
    ],
)
def test_files_that_are_none(file, content, words):
    with pytest.raises(InputError, match=words):
        inspect_questions(file(content))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_questions(tmp_path / "gone")
