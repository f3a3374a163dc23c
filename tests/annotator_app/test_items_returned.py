"""Items returned to the pool, and answers set aside, while a study runs."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import Annotator, Pairs, Stopping
from nami_bench.errors import InputError, RefusedError
from nami_bench.store import Naming, Store
from nami_bench.store.item_answers import ItemChoice
from tests.support.databases import raw

_numbers = count()
OWNER = "olga"


def session(bench: Any, name: str) -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, "trial", name)


def answer(own: AnnotationSession, token: str, score: float = 50.0) -> View:
    return own.submit(token, Answers(f"c{next(_numbers)}", {"relevance": score, "realism": 3.0}))


def work(bench: Any, name: str, most: int = 100) -> int:
    own, done = session(bench, name), 0
    view = own.state()
    while view.items and done < most:
        view, done = answer(own, view.items[0].token, float(done)), done + 1
    return done


def progress(bench: Any) -> tuple[int, int]:
    cells = bench.store.items.progress("trial")
    return sum(cell.done for cell in cells), sum(cell.total for cell in cells)


def counters(bench: Any, item: int) -> tuple[int, int]:
    with raw(bench.store) as connection:
        row = connection.execute(text(f"SELECT taken, completed FROM item WHERE id = {item}")).one()
    return row[0], row[1]


def items(bench: Any, **choice: Any) -> list[int]:
    return list(bench.store.answers.choose("trial", ItemChoice(**choice)))


def full(bench: Any) -> int:
    """Ada and Bob have done everything; an item."""
    assert work(bench, "ada") == work(bench, "bob") == 12
    bench.store.accounts.add(Annotator("cleo"))
    assert session(bench, "cleo").state().phase == "finished"
    return items(bench)[0]


def test_one_more_annotator_is_asked_beyond_the_overlap(bench: Any) -> None:
    item = full(bench)
    assert bench.store.pool.ask_again("trial", item, by=OWNER) == 1  # Cleo
    assert progress(bench) == (24, 25)
    with pytest.raises(InputError, match="in the pool already"):
        bench.store.pool.ask_again("trial", item, by=OWNER)
    assert session(bench, "ada").state().phase == "finished"
    assert work(bench, "cleo") == 1
    (look,) = bench.store.answers.look("trial", [item])
    assert [one.annotator for one in look.answers] == ["ada", "bob", "cleo"]
    assert (look.completed, look.wanted, progress(bench)) == (3, 3, (25, 25))
    assert bench.store.pool.ask_again("trial", item, by=OWNER) == 0
    assert len(bench.store.ratings.all("trial")) == 50
    assert bench.store.oversight.events("trial")[0].by == OWNER


@pytest.mark.parametrize("panel", ["crossed", "spread"])
@pytest.mark.slow
def test_in_any_panel_the_item_comes_when_nothing_else_is_left(bench: Any, panel: str) -> None:
    study = replace(bench.study, name="other", panel=panel, overlap=1)
    bench.store.studies.add(study)

    def do_all(name: str) -> int:
        own, done = AnnotationSession(bench.store, bench.images_dir, "other", name), 0
        while (view := own.state()).items:
            done += 1
            assert view.progress.total >= done
            answer(own, view.items[0].token)
        return done

    assert do_all("ada") == 12
    item = bench.store.answers.choose("other", ItemChoice())[3]
    assert bench.store.pool.ask_again("other", item, by=OWNER) == 0  # Bob has not come yet
    assert (do_all("ada"), do_all("bob")) == (0, 1)
    assert bench.store.answers.look("other", [item])[0].completed == 2


def test_an_item_that_ended_early_goes_on_and_may_end_again(bench: Any) -> None:
    """Also where an answer is set aside on which its end rested."""
    rule = Stopping(rule="agreement", minimum=2, agree=2)
    bench.store.studies.add(replace(bench.study, name="early", overlap=4, stopping=rule))

    def do_all(name: str) -> int:
        bench.store.accounts.all()
        own, done = AnnotationSession(bench.store, bench.images_dir, "early", name), 0
        while (view := own.state()).items:
            done += 1
            answer(own, view.items[0].token)
        return done

    assert do_all("ada") == do_all("bob") == 12
    for name in ("cleo", "dora"):
        bench.store.accounts.add(Annotator(name))
    assert do_all("cleo") == 0  # all agreed
    first, second = bench.store.answers.choose("early", ItemChoice())[:2]
    bench.store.pool.ask_again("early", first, by=OWNER)
    with pytest.raises(InputError, match="in the pool already"):
        bench.store.pool.ask_again("early", first, by=OWNER)
    bench.store.pool.set_aside("early", second, "ada", "slipped", by=OWNER)
    assert do_all("cleo") == 2
    assert do_all("dora") == 0  # they ended again
    states = {one.item: one for one in bench.store.items.states("early")}
    assert [(states[item].completed, states[item].stopped_after) for item in (first, second)] == [
        (3, 3),
        (2, 2),
    ]


def test_verdicts_that_are_set_aside_choose_no_pair_and_have_no_say(bench: Any) -> None:
    pairs = Pairs(choice="adaptive", comparisons=12)
    bench.store.studies.add(replace(bench.study, name="pairs", mode="pairwise", pairs=pairs))
    own = AnnotationSession(bench.store, bench.images_dir, "pairs", "ada")
    for _ in range(3):
        token = own.state().items[0].token
        own.submit(token, Answers(f"c{next(_numbers)}", {"relevance": "left", "realism": "tie"}))
    item = bench.store.answers.choose("pairs", ItemChoice(person="ada"))[0]
    with pytest.raises(InputError, match="adaptive"):
        bench.store.pool.ask_again("pairs", item, by=OWNER)
    bench.store.pool.set_aside("pairs", item, "ada", "why", by=OWNER)
    assert len(bench.store.comparisons.all("pairs")) == 4
    seen = bench.store.annotation.run(lambda desk: desk.verdicts(desk.study("pairs")[0], 0))
    assert {one.item_id for one in seen} == {
        *bench.store.answers.choose("pairs", ItemChoice(person="ada"))
    } - {item}
    assert len(seen) == 4
    (look,) = bench.store.answers.look("pairs", [item])
    (said,) = look.answers
    assert said.values["realism"] == "tie"
    assert said.values["relevance"] == ("right" if said.sides else "left")
    bench.store.pool.count_again("pairs", item, "ada", by=OWNER)
    assert len(bench.store.comparisons.all("pairs")) == 6


def test_an_answer_set_aside_is_kept_does_not_count_and_somebody_else_is_asked(bench: Any) -> None:
    item = full(bench)
    known = bench.store.standing.ratings("trial")
    state = bench.store.standing.state("trial")
    (before,) = bench.store.answers.look("trial", [item])
    with pytest.raises(InputError, match="say why"):
        bench.store.pool.set_aside("trial", item, "ada", " ", by=OWNER)
    bench.store.pool.set_aside("trial", item, "ada", "the image\n had not loaded", by=OWNER)
    with pytest.raises(InputError, match="set aside already"):
        bench.store.pool.set_aside("trial", item, "ada", "again", by=OWNER)

    assert (counters(bench, item), progress(bench)) == ((1, 1), (23, 24))
    assert bench.store.standing.state("trial") != state
    assert len(bench.store.ratings.all("trial")) == len(bench.store.ratings.table("trial")) == 46
    assert len(bench.store.standing.ratings("trial", known).found["realism"][1]) == 23
    assert bench.store.annotation.completed("trial") == {"ada": 11, "bob": 12}
    assert [one.done for one in bench.store.oversight.members("trial")][:2] == [12, 12]  # it was work
    (look,) = bench.store.answers.look("trial", [item])
    ada = look.answers[0]
    assert ada.aside is not None and not ada.counts
    assert (ada.aside.by, ada.aside.reason) == (OWNER, "the image had not loaded")
    assert ada.values == before.answers[0].values
    event = bench.store.oversight.events("trial")[0]
    assert (event.kind, event.annotator) == ("set-aside", "ada") and "had not loaded" in event.text

    assert session(bench, "ada").state().phase == "finished"  # she is not asked again
    assert work(bench, "cleo") == 1
    assert (counters(bench, item), progress(bench)) == ((2, 2), (24, 24))
    bench.store.pool.count_again("trial", item, "ada", by=OWNER)
    assert (counters(bench, item), progress(bench)) == ((3, 3), (24, 24))
    assert len(bench.store.ratings.all("trial")) == 50


@pytest.mark.slow
def test_it_stays_set_aside_whatever_happens_elsewhere(bench: Any) -> None:
    """Exclusion and its undoing, the same ratings imported again and others in their place, a correction."""
    item = full(bench)
    exported = bench.store.ratings.all("trial")
    bench.store.pool.set_aside("trial", item, "ada", "not hers", by=OWNER)
    bench.store.exclusions.exclude("ada")
    with pytest.raises(InputError, match="excluded"):
        bench.store.pool.set_aside("trial", items(bench)[1], "ada", "no", by=OWNER)
    bench.store.exclusions.include("ada")
    assert counters(bench, item) == (1, 1)
    assert bench.store.ratings.add(exported).added == 0
    assert (counters(bench, item), len(bench.store.ratings.all("trial"))) == ((1, 1), 46)
    changed = [
        type(one)(**{**_fields(one), "value": 77.0}) for one in exported if one.criterion == "relevance"
    ]
    assert bench.store.ratings.add(changed, replace=True).replaced == 24
    assert (counters(bench, item), len(bench.store.ratings.all("trial"))) == ((1, 1), 46)
    (look,) = bench.store.answers.look("trial", [item])
    assert [(one.annotator, one.values["relevance"], one.counts) for one in look.answers] == [
        ("ada", 77.0, False),
        ("bob", 77.0, True),
    ]


def test_an_answer_set_aside_is_not_corrected_and_not_gone_back_to(bench: Any) -> None:
    own = session(bench, "ada")
    token = own.state().items[0].token
    sent = Answers("once", {"relevance": 50.0, "realism": 3.0})
    own.submit(token, sent)
    last = own.before()
    assert last is not None and last.token == token
    (item,) = items(bench, person="ada")
    bench.store.pool.set_aside("trial", item, "ada", "a test", by=OWNER)
    assert own.before() is None
    assert own.submit(token, sent).items  # sent once more: it was received
    with pytest.raises(RefusedError, match="set your answer to this item aside") as caught:
        answer(own, token)
    assert caught.value.code == "set_aside"
    with pytest.raises(InputError, match="has not answered"):
        bench.store.pool.set_aside("trial", item, "bob", "nothing there", by=OWNER)


def test_who_is_named_wrongly_is_told(bench: Any) -> None:
    work(bench, "ada", 1)
    with pytest.raises(InputError, match="has no item 999"):
        bench.store.pool.ask_again("trial", 999, by=OWNER)
    with pytest.raises(InputError, match="in the pool already"):
        bench.store.pool.ask_again("trial", items(bench, person="ada")[0], by=OWNER)
    with pytest.raises(InputError, match=r"no answer of 'ada' to item .* is set aside"):
        bench.store.pool.count_again("trial", items(bench, person="ada")[0], "ada", by=OWNER)


@pytest.mark.slow
def test_a_merge_takes_over_what_is_set_aside_there(new_bench: Callable[..., Any], tmp_path: Path) -> None:
    here, there = (new_bench(name, strata=("short", "long")) for name in ("here", "there"))
    work(there, "ada")
    work(here, "bob")
    first, second = items(there)[:2]
    there.store.pool.set_aside("trial", first, "ada", "there", by=OWNER)
    here.store.pool.set_aside("trial", items(here)[2], "bob", "here", by=OWNER)
    merged = here.store.work.merge(there.store.work.of("trial"), Naming(same=("ada",)))
    assert (merged.set_aside, merged.items) == (1, 4)
    assert len(here.store.ratings.all("trial")) == 2 * (3 + 3)
    asides = {
        (one.annotator, one.aside.reason)
        for look in here.store.answers.look("trial", items(here))
        for one in look.answers
        if one.aside
    }
    assert asides == {("ada", "there"), ("bob", "here")}
    assert sum(cell.done for cell in here.store.items.progress("trial")) == 6
    assert not here.store.work.merge(there.store.work.of("trial"), Naming(same=("ada",))).is_news
    there.store.pool.set_aside("trial", second, "ada", "later", by=OWNER)
    again = here.store.work.merge(there.store.work.of("trial"), Naming(same=("ada",)))
    assert (again.set_aside, again.items, len(here.store.ratings.all("trial"))) == (1, 0, 10)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}


def test_erasure_takes_the_reasons_owner_and_all(bench: Any) -> None:
    item = full(bench)
    bench.store.accounts.add(Annotator(OWNER))
    bench.store.pool.set_aside("trial", item, "ada", "why", by=OWNER)
    bench.store.erasures.erase(OWNER)
    (look,) = bench.store.answers.look("trial", [item])
    assert look.answers[0].aside is not None and look.answers[0].aside.by == "erased"
    bench.store.erasures.erase("ada")
    (look,) = bench.store.answers.look("trial", [item])
    assert [one.annotator for one in look.answers] == ["bob"]
    assert counters(bench, item) == (1, 1)
    assert isinstance(bench.store, Store)
