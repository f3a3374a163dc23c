"""People answer questions: what is asked, what is stored, what is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from nami_bench.annotator_app.admin import overview
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import Item, View
from nami_bench.annotator_app.routes import item_json, study_json
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import Annotator, CheckItem, CheckKind, Checks
from nami_bench.domain.question import CANNOT_TELL, NOT_ASKED
from nami_bench.errors import RefusedError
from nami_bench.store import Store
from tests.support.databases import assert_last_revisions_in_force, new_sqlite
from tests.support.question_studies import MODELS, PROMPTS, add_pictures, add_question_study

_numbers = count()
NO_DOG = {"1": 0.0}
SEEN = {"1": 1.0, "2": 0.0, "3": 1.0}
UNASKED = {"2": NOT_ASKED, "3": NOT_ASKED, "4": NOT_ASKED}


@dataclass
class Asked:
    """A study of questions, and sessions of its annotators."""

    store: Store
    images_dir: Path

    def session(self, name: str = "ada") -> AnnotationSession:
        return AnnotationSession(self.store, self.images_dir, "asked", name)

    def stored(self, name: str = "ada") -> dict[str, Any]:
        """The answers in force about the dog, by question."""
        rows = [r for r in self.store.ratings.all("asked") if (r.annotator, r.prompt_id) == (name, "00000")]
        return {row.criterion: row.reason if row.value is None else row.value for row in rows}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Asked]:
    path = tmp_path / "nami.db"
    new_sqlite(path)
    with Store.open(f"sqlite:///{path}") as store:
        add_pictures(store, tmp_path / "images")
        for name in ("ada", "bob"):
            store.accounts.add(Annotator(name))
        yield Asked(store, tmp_path / "images")
        assert_last_revisions_in_force(store)


@pytest.fixture
def asked(opened: Asked, tmp_path: Path) -> Asked:
    add_question_study(opened.store, tmp_path)
    return opened


def send(own: AnnotationSession, item: Item, values: Any, reasons: Any = None) -> View:
    return own.submit(item.token, Answers(f"c{next(_numbers)}", values, reasons or {}, duration_ms=900))


def about_dog(own: AnnotationSession) -> Item:
    """An item about the dog, of those in hand."""
    return next(item for item in own.state().items if item.prompt == PROMPTS[0])


def test_an_item_brings_its_own_questions_and_no_model(asked: Asked) -> None:
    items = asked.session().state().items
    assert {len(item.questions) for item in items} == {3, 4}
    sent = item_json(about_dog(asked.session()))
    assert sent["questions"][1] == {"name": "2", "text": "Is the dog brown?", "parents": ["1"], "right": 1.0}
    told = repr((sent, study_json(asked.store.studies.get("asked"))))
    assert not any(model in told for model in MODELS)


def test_what_depends_on_a_wrong_answer_is_stored_as_not_asked(asked: Asked) -> None:
    own = asked.session()
    send(own, about_dog(own), NO_DOG, UNASKED)
    assert asked.stored() == {"1": 0.0, **UNASKED}


def test_a_correction_opens_what_was_not_asked_and_earlier_answers_stay(asked: Asked) -> None:
    own = asked.session()
    item = about_dog(own)
    send(own, item, NO_DOG, UNASKED)
    before = own.before()
    assert before is not None
    assert before.given is not None and before.given.reasons == UNASKED
    assert before.questions == item.questions
    send(own, before, {"1": 1.0, "2": 0.0, "3": 1.0}, {"4": NOT_ASKED})
    assert asked.stored() == {"1": 1.0, "2": 0.0, "3": 1.0, "4": NOT_ASKED}


@pytest.mark.parametrize(
    ("values", "reasons", "problem"),
    [
        (NO_DOG, {"2": NOT_ASKED, "3": CANNOT_TELL, "4": NOT_ASKED}, "question 3 must not be asked"),
        ({"1": 1.0, "2": 1.0, "4": 1.0}, {"3": NOT_ASKED}, "question 3 must be asked"),
        ({"1": 0.0, "2": 0.0}, {"3": NOT_ASKED, "4": NOT_ASKED}, "question 2 must not"),
        ({"1": 1.0, "2": 1.0, "3": 1.0}, {}, "no rating for 4"),
        ({"1": 0.5, "2": 1.0, "3": 1.0, "4": 1.0}, {}, "no step"),
        ({"1": 1.0, "2": 1.0, "3": 1.0}, {"4": "prompt unclear"}, "unknown reason"),
        ({"1": 1.0, "2": 1.0, "3": 1.0, "4": 1.0, "5": 1.0}, {}, "5"),
    ],
)
def test_answers_that_do_not_fit_the_questions_are_refused(
    asked: Asked, values: dict[str, float], reasons: dict[str, str], problem: str
) -> None:
    own = asked.session()
    with pytest.raises(RefusedError, match=problem):
        send(own, about_dog(own), values, reasons)
    assert asked.stored() == {}


def test_who_cannot_tell_is_asked_what_depends_on_it(asked: Asked) -> None:
    own = asked.session()
    send(own, about_dog(own), {"2": 1.0, "3": 0.0}, {"1": CANNOT_TELL, "4": CANNOT_TELL})
    assert asked.stored() == {"1": CANNOT_TELL, "2": 1.0, "3": 0.0, "4": CANNOT_TELL}


def test_everybody_answers_every_image_and_the_overview_measures_agreement(asked: Asked) -> None:
    for name in ("ada", "bob"):
        own = asked.session(name)
        view = own.state()
        while view.items:
            is_dog = len(view.items[0].questions) == 4
            view = send(own, view.items[0], SEEN, {"4": NOT_ASKED} if is_dog else {})
        assert view.phase == "finished"
    assert asked.store.annotation.completed("asked") == {"ada": 4, "bob": 4}
    (agreement,) = overview(asked.store, "asked")["agreement"]
    assert (agreement["criterion"], agreement["alpha"], agreement["items"]) == ("all questions", 1.0, 12)


def test_repeated_items_are_compared_question_by_question(opened: Asked, tmp_path: Path) -> None:
    add_question_study(opened.store, tmp_path, checks=Checks(repeat_every=2, repeat_distance=1))
    own = opened.session()
    view, sent = own.state(), 0
    while view.items:
        is_dog = len(view.items[0].questions) == 4
        view = send(own, view.items[0], SEEN, {"4": NOT_ASKED} if is_dog else {})
        sent += 1
    repeats = [one for one in opened.store.oversight.check_answers("asked") if one.kind == "repeat"]
    assert len(repeats) == sent - 4 > 0
    (member,) = overview(opened.store, "asked")["annotators"]
    assert member["repeat_difference"] == 0.0


def test_gold_and_training_items_know_the_answers(opened: Asked, tmp_path: Path) -> None:
    yes, no = (1.0, 1.0), (0.0, 0.0)
    items = (
        CheckItem(CheckKind.TRAINING, "00000", (MODELS[0],), {"1": yes, "2": no}, feedback={"en": "Look."}),
        CheckItem(CheckKind.GOLD, "00001", (MODELS[0],), {"2": no}),
    )
    add_question_study(opened.store, tmp_path, check_items=items, checks=Checks(gold_every=2))
    own = opened.session()
    view = own.state()
    assert view.phase == "training"
    view = send(own, view.items[0], NO_DOG, UNASKED)
    assert view.feedback is not None
    assert not view.feedback.verdict.passed
    assert view.feedback.verdict.criteria["2"] == {"given": None, "expected": [0.0, 0.0]}
    while view.items:
        is_dog = len(view.items[0].questions) == 4
        view = send(own, view.items[0], SEEN, {"4": NOT_ASKED} if is_dog else {})
    (gold,) = [one for one in opened.store.oversight.check_answers("asked") if one.kind == "gold"]
    assert gold.passed
    assert opened.store.annotation.completed("asked") == {"ada": 2}
