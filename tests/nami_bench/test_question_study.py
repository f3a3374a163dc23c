"""Studies that ask people questions: declared, copied, kept; and answers made elsewhere."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nami_bench.domain import Rating, Study
from nami_bench.domain.question import CANNOT_TELL, NOT_ASKED, Question, asked_of_people, not_asked
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.pipeline.question_study import with_questions
from nami_bench.serialize import plain, validated
from nami_bench.store import Store
from nami_bench.study_file import load_study
from tests.support.databases import new_sqlite
from tests.support.question_studies import (
    CATS,
    DOG,
    MODELS,
    add_pictures,
    add_question_study,
    question_file,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "nami.db"
    new_sqlite(path)
    with Store.open(f"sqlite:///{path}") as opened:
        add_pictures(opened, tmp_path / "images")
        yield opened


def test_what_depends_on_a_wrong_answer_is_not_asked_nor_what_depends_on_that() -> None:
    assert not_asked(DOG, {}) == set()
    assert not_asked(DOG, {"1": 0.0}) == {"2", "3", "4"}
    assert not_asked(DOG, {"1": 1.0, "2": 0.0}) == {"4"}
    assert not_asked(DOG[::-1], {"1": 0.0}) == {"2", "3", "4"}


def test_of_a_question_that_expects_no_yes_is_the_wrong_answer() -> None:
    cats = tuple(map(asked_of_people, CATS))
    assert not_asked(cats, {"2": 1.0}) == {"3"}
    assert not_asked(cats, {"2": 0.0}) == set()


def test_people_are_asked_whether_it_is_the_expected_number() -> None:
    assert asked_of_people(CATS[0]).text == "How many cats are there? Two?"
    assert asked_of_people(CATS[0]).expected == "yes"
    assert asked_of_people(Question(1, "Is it red?", expected="No")).expected == "no"


def test_questions_are_copied_into_the_study_and_stay(store: Store, tmp_path: Path) -> None:
    study = add_question_study(store, tmp_path)
    (tmp_path / study.question_file).unlink()
    kept = store.studies.get("asked")
    assert kept == study
    assert kept.questions == {"00000": DOG, "00001": tuple(map(asked_of_people, CATS))}
    assert len(kept.questions_sha256) == 64
    assert [c.name for c in kept.criteria] == ["1", "2", "3", "4"]
    assert [c.name for c in kept.asked("00001")] == ["1", "2", "3"]
    assert validated(Study, plain(kept), "") == kept


def test_images_of_prompts_without_questions_are_not_shown(store: Store, tmp_path: Path) -> None:
    add_question_study(store, tmp_path)
    assert store.items.count("asked") == 4


def test_a_study_file_names_the_questions_and_expects_words(store: Store, tmp_path: Path) -> None:
    question_file(tmp_path)
    path = tmp_path / "study.toml"
    path.write_text(
        """[study]
name = "asked"
prompts = "pets"
mode = "questions"
question_file = "questions.jsonl"
models = ["zebrafish-xl"]

[[check]]
kind = "gold"
prompt = "00001"
models = ["quokka-9b"]
expected = { 1 = "yes", 2 = "no" }
"""
    )
    study = with_questions(store, load_study(path), tmp_path)
    assert study.check_items[0].expected == {"1": (1.0, 1.0), "2": (0.0, 0.0)}
    with pytest.raises(UnknownNameError):
        gold = replace(study.check_items[0], expected={"4": (1.0, 1.0)})
        replace(study, check_items=(gold,))  # prompt 00001 has three questions


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "go together"),
        ('question_file = "questions.jsonl"\ntotal = "geometric"', "no total"),
        ('question_file = "questions.jsonl"\nquestions_sha256 = "ab"', "unknown key"),
    ],
)
def test_a_wrong_study_file_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        f'[study]\nname = "asked"\nprompts = "pets"\nmode = "questions"\nmodels = ["m"]\n{line}\n'
    )
    with pytest.raises(InputError, match=problem):
        load_study(path)


def test_a_study_without_its_questions_is_not_recorded(store: Store) -> None:
    with pytest.raises(InputError, match="no questions"):
        store.studies.add(Study("asked", "pets", MODELS, (), mode="questions", question_file="q.jsonl"))


def test_a_change_keeps_the_questions_without_the_file(store: Store, tmp_path: Path) -> None:
    study = add_question_study(store, tmp_path)
    declared = replace(study, criteria=(), questions={}, questions_sha256="", overlap=3)
    assert store.studies.change(declared) == ["overlap changed"]
    assert store.studies.get("asked").questions == study.questions
    with pytest.raises(InputError, match="question_file cannot change"):
        store.studies.change(replace(declared, question_file="others.jsonl"))


def test_answers_made_elsewhere_are_done_where_each_question_of_the_image_has_one(
    store: Store, tmp_path: Path
) -> None:
    add_question_study(store, tmp_path)
    whole = [
        _answer("ada", "00000", 1, 0.0),
        *(_answer("ada", "00000", at, None, NOT_ASKED) for at in (2, 3, 4)),
    ]
    part = [_answer("bo", "00001", 1, 1.0), _answer("bo", "00001", 2, None, CANNOT_TELL)]
    assert store.ratings.add([*whole, *part]).added == 6
    assert store.annotation.completed("asked") == {"ada": 1}
    store.ratings.add([_answer("bo", "00001", 3, 1.0)])
    assert store.annotation.completed("asked") == {"ada": 1, "bo": 1}


@pytest.mark.parametrize(
    ("question", "value", "reason", "problem"),
    [
        (4, 1.0, None, "no question 4 about prompt 00001"),
        (1, 0.5, None, "no step"),
        (1, None, "prompt unclear", "cannot tell"),
    ],
)
def test_answers_that_are_none_are_refused(
    store: Store, tmp_path: Path, question: int, value: float | None, reason: str | None, problem: str
) -> None:
    add_question_study(store, tmp_path)
    with pytest.raises(InputError, match=problem):
        store.ratings.add([_answer("ada", "00001", question, value, reason)])


def _answer(
    annotator: str, prompt: str, question: int, value: float | None, reason: str | None = None
) -> Rating:
    return Rating("asked", annotator, MODELS[0], prompt, 0, str(question), value, reason)
