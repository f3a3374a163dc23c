"""What a look at a question file counts and compares."""

from nami_bench.domain import Prompt
from nami_bench.evaluation.questions.check import CategoryCount, Unasked, check_questions
from nami_bench.evaluation.questions.graph import Defect, Item, Question, QuestionSet
from nami_bench.evaluation.questions.question_file import Form, QuestionFile


def file(*items, defects=()):
    return QuestionFile(Form.OWN, QuestionSet(items, "0" * 64), tuple(defects))


CAT = Item("00000", "a red cat", (Question(1, "a?", category="x"), Question(2, "b?", "yes", (1,), "y")))


def test_counts_by_category_and_notes():
    odd = Item("b", "a red cat", (Question(1, "a?", parents=(2,), category="x"), Question(2, "b?")))
    found = check_questions(file(CAT, odd, defects=[Defect(2, "bad")]))
    assert found.categories == (
        CategoryCount("", 1, 1),
        CategoryCount("x", 2, 2),
        CategoryCount("y", 1, 1),
    )
    assert [note.partition(":")[0] for note in found.notes] == [
        "questions without a category",
        "prompts that are there under another name too",
        "questions that stand before one that they depend on",
    ]
    row = found.to_json()
    assert (row["prompts"], row["questions"], row["defects"]) == (2, 4, [{"line": 2, "what": "bad"}])
    assert "unasked" not in row and check_questions(file(CAT)).notes == ()


def test_prompts_are_known_by_their_text_and_else_by_their_id():
    prompts = [Prompt("00000", "a red  cat"), Prompt("00001", "a dog")]
    assert check_questions(file(CAT), prompts).unasked == (Unasked("00001", "a dog"),)
    changed = [Prompt("00000", "a blue cat")]
    assert check_questions(file(CAT), changed).unasked == (Unasked("00000", "a blue cat", "a red cat"),)


def test_a_prompt_put_in_before_the_others_changes_none_of_them():
    prompts = [Prompt("00000", "a dog"), Prompt("00001", "a red cat")]
    assert check_questions(file(CAT), prompts).unasked == (Unasked("00000", "a dog"),)
