"""What adjudicators decide, beside what annotators said."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import Annotator, Role, WhyDecided
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import ImageChoice, Naming
from nami_bench.store.item_answers import ItemChoice
from tests.annotator_app.test_items_returned import items, work

ERROR, SUBJECTIVE = WhyDecided.RATER_ERROR, WhyDecided.SUBJECTIVE


@pytest.fixture
def judged(bench: Any) -> Any:
    """Ada and Bob gave each image some relevance from 0 to 11, and 3 for realism; Judy adjudicates."""
    work(bench, "ada")
    work(bench, "bob")
    bench.store.accounts.add(Annotator("judy", Role.ADJUDICATOR))
    bench.store.accounts.add(Annotator("olga", Role.ADMINISTRATOR))
    return bench


@pytest.mark.slow
def test_a_decision_is_a_row_of_its_own_and_changes_no_rating(judged: Any) -> None:
    store, item = judged.store, items(judged)[0]
    before = store.ratings.all("trial")
    first = store.adjudications.decide("trial", item, {"realism": 3.0}, ERROR, by="judy")
    assert [(one.criterion, one.answer, one.by, one.overruled, one.revision) for one in first] == [
        ("realism", 3.0, "judy", False, 0)
    ]
    second = store.adjudications.decide(
        "trial", item, {"realism": None, "relevance": 90}, WhyDecided.OTHER, "see the text", by="olga"
    )
    assert [(one.criterion, one.answer, one.by, one.overruled, one.revision) for one in second] == [
        ("relevance", 90.0, "olga", True, 0),
        ("realism", None, "olga", False, 1),
    ]
    assert store.ratings.all("trial") == before
    assert store.adjudications.count("trial") == 1
    assert len(store.adjudications.all("trial", history=True)) == 3
    (look,) = store.answers.look("trial", [item])
    assert {name: one.answer for name, one in look.decisions.items()} == {"realism": None, "relevance": 90.0}
    decide = store.adjudications.decide
    decide("trial", item, {"realism": 3.0}, ERROR, by=None, logged_as="olga (command line)")
    assert [(one.by, one.text) for one in store.oversight.events("trial", kind="decided")] == [
        ("olga (command line)", f"item {item} was decided: realism 3 (rater error)"),
        ("olga", f"item {item} was decided: realism has no right answer, relevance 90 (other)"),
        ("judy", f"item {item} was decided: realism 3 (rater error)"),
    ]
    assert items(judged, decided=True) == [item]
    assert len(items(judged, decided=False)) == 11


def test_what_cannot_be_decided(judged: Any) -> None:
    decide, item = judged.store.adjudications.decide, items(judged)[0]
    with pytest.raises(InputError, match="a note must say why all are overruled"):
        decide("trial", item, {"realism": 5.0}, ERROR, by="judy")
    with pytest.raises(InputError, match="what is subjective has no right answer"):
        decide("trial", item, {"realism": 3.0}, SUBJECTIVE, by="judy")
    with pytest.raises(InputError, match="outside its scale"):
        decide("trial", item, {"realism": 7.0}, ERROR, "no", by="judy")
    with pytest.raises(InputError, match="no step"):
        decide("trial", item, {"realism": 3.2}, ERROR, "no", by="judy")
    with pytest.raises(InputError, match="not a number"):
        decide("trial", item, {"realism": "left"}, ERROR, "no", by="judy")
    with pytest.raises(UnknownNameError, match="criterion"):
        decide("trial", item, {"realist": 3.0}, ERROR, by="judy")
    with pytest.raises(InputError, match="'ada' is an annotator"):
        decide("trial", item, {"realism": 3.0}, ERROR, by="ada")
    with pytest.raises(InputError, match="one criterion at least"):
        decide("trial", item, {}, ERROR, by="judy")
    for name in ("ada", "bob"):
        judged.store.exclusions.exclude(name)
    with pytest.raises(InputError, match="there is nothing to decide"):
        decide("trial", item, {"realism": 3.0}, ERROR, by="judy")
    assert judged.store.adjudications.count("trial") == 0


@pytest.mark.slow
def test_erasing_who_decided_brings_back_what_was_decided_before(judged: Any) -> None:
    store, item = judged.store, items(judged)[0]
    store.adjudications.decide("trial", item, {"realism": 3.0}, ERROR, by="olga")
    store.adjudications.decide("trial", item, {"realism": None}, SUBJECTIVE, by="judy")
    store.erasures.erase("judy")
    assert [(one.by, one.answer) for one in store.adjudications.all("trial")] == [("olga", 3.0)]
    name = store.erasures.erase("olga", keep_ratings=True).pseudonym
    assert [(one.by, one.answer) for one in store.adjudications.all("trial")] == [(name, 3.0)]


@pytest.mark.slow
def test_decisions_go_with_their_images_and_do_not_keep_a_study(judged: Any) -> None:
    store = judged.store
    for item in items(judged)[:2]:
        store.adjudications.decide("trial", item, {"realism": 3.0}, ERROR, by=None)
    (look,) = store.answers.look("trial", items(judged)[:1])
    store.removals.remove_images(
        ImageChoice(models=[look.models[0]], prompts=[look.prompt_id]), with_ratings=True
    )
    assert store.adjudications.count("trial") == 1
    for name in ("ada", "bob"):
        store.erasures.erase(name)
    store.studies.delete("trial")
    assert store.studies.names() == []


def test_of_a_pair_the_first_image_stands_on_the_left(bench: Any) -> None:
    bench.store.studies.add(replace(bench.study, name="pairs", mode="pairwise"))
    own = AnnotationSession(bench.store, bench.images_dir, "pairs", "ada")
    for number in range(6):
        token = own.state().items[0].token
        own.submit(token, Answers(f"p{number}", {"relevance": "left", "realism": "tie"}))
    looks = bench.store.answers.look("pairs", bench.store.answers.choose("pairs", ItemChoice()))
    swapped = next(one for one in looks if one.answers[0].sides)
    decide = bench.store.adjudications.decide
    with pytest.raises(InputError, match="a note"):
        decide("pairs", swapped.item, {"relevance": "left"}, ERROR, by=None)
    with pytest.raises(InputError, match="none of left"):
        decide("pairs", swapped.item, {"relevance": 3.0}, ERROR, by=None)
    (one,) = decide("pairs", swapped.item, {"relevance": "right"}, ERROR, by=None)
    assert (one.models, one.answer, one.overruled) == (swapped.models, "right", False)


@pytest.mark.slow
def test_a_merge_takes_over_decisions_that_were_made_later(new_bench: Callable[..., Any]) -> None:
    here, there = (new_bench(name, strata=("short", "long")) for name in ("here", "there"))
    for bench in (here, there):
        work(bench, "ada")
        bench.store.accounts.add(Annotator("judy", Role.ADJUDICATOR))
    there.store.accounts.add(Annotator("omar", Role.ADJUDICATOR))
    first, second, third = items(there)[:3]
    there.store.adjudications.decide("trial", first, {"realism": 3.0}, ERROR, by="judy")
    there.store.adjudications.decide("trial", second, {"realism": 3.0}, ERROR, by="judy")
    mine = here.store.adjudications.decide
    mine("trial", second, {"realism": None}, SUBJECTIVE, "ours is later", by="judy")
    mine("trial", third, {"realism": None}, SUBJECTIVE, "theirs is later", by="judy")
    there.store.adjudications.decide("trial", third, {"realism": 3.0}, ERROR, by="omar")
    merged = here.store.work.merge(there.store.work.of("trial"), Naming(same=("ada",)))
    assert (merged.decisions, merged.items) == (2, 0)
    decided = {one.item: (one.answer, one.by, one.revision) for one in here.store.adjudications.all("trial")}
    assert decided == {first: (3.0, "judy", 0), second: (None, "judy", 0), third: (3.0, "omar", 1)}
    assert not here.store.work.merge(there.store.work.of("trial"), Naming(same=("ada",))).is_news
