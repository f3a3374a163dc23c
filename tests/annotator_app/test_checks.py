"""Gold items, repetitions, training, qualification, and the rules that pause."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from nami_bench.annotator_app.engine.answers import Answers, judge
from nami_bench.annotator_app.engine.planting import planted_at, with_planted
from nami_bench.annotator_app.engine.rules import failed_qualification, reason_code, reason_to_pause
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import Annotator, CheckItem, CheckKind, Checks, ModelCard
from nami_bench.errors import InputError, RefusedError
from nami_bench.store import Sent

_numbers = count()
GOOD = {"relevance": 70.0, "realism": 4.0}


def check(kind: str, prompt: int, low: float = 0, high: float = 30, **more: Any) -> CheckItem:
    return CheckItem(CheckKind(kind), f"{prompt:05d}", ("broken",), {"relevance": (low, high)}, **more)


@pytest.fixture
def checked(new_bench: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`checked(items, **checks)`: a study "checked" of 30 images; a model "broken" for known answers."""
    bench = new_bench("checked", strata=("short",) * 15, overlap=2)
    bench.store.catalog.add_model(ModelCard("broken", "folder"))
    for image in bench.store.images.find(models=["quokka-9b"]):
        bench.store.images.put(replace(image, model="broken"))

    def make(items: tuple[CheckItem, ...] = (), **checks: Any) -> Any:
        study = replace(bench.study, name="checked", check_items=items, checks=Checks(**checks))
        bench.store.studies.add(study)
        return replace(bench, study=study)

    yield make


def session(bench: Any, name: str = "ada") -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, "checked", name)


def kind_of(bench: Any, view: View, name: str = "ada") -> str:
    return str(bench.store.annotation.assignment(view.items[0].token, name).kind)


def submit(own: AnnotationSession, view: View, values: Any = None, duration_ms: int = 3000) -> View:
    values = values or {"relevance": float(next(_numbers) % 100), "realism": 4.0}
    return own.submit(view.items[0].token, Answers(f"c{next(_numbers)}", values, duration_ms=duration_ms))


def work_through(bench: Any, values: dict[str, Any], name: str = "ada") -> list[str]:
    """Do everything; `values` by kind. The kinds of the items in the order in which they came."""
    own, kinds = session(bench, name), []
    view = own.state()
    while view.items:
        kinds.append(kind_of(bench, view, name))
        view = submit(own, view, values.get(kinds[-1]))
    return kinds


def test_gold_and_repeats_come_at_their_rates_and_are_not_counted(checked: Callable[..., Any]) -> None:
    bench = checked(
        tuple(check("gold", i) for i in range(4)), gold_every=8, repeat_every=10, repeat_distance=5
    )
    kinds = work_through(bench, {"gold": {"relevance": 10.0, "realism": 1.0}, "repeat": GOOD})
    assert kinds.count("study") == 30
    assert kinds.count("gold") == 4
    # A place that comes before anything was done long enough ago stays an ordinary one.
    assert 2 <= kinds.count("repeat") <= 4
    assert len(bench.store.ratings.all("checked")) == 30 * 2
    assert bench.store.annotation.completed("checked") == {"ada": 30}

    answers = bench.store.oversight.check_answers("checked")
    golds = [a for a in answers if a.kind == "gold"]
    assert {(a.models, a.passed, a.values["relevance"]) for a in golds} == {(("broken",), True, 10.0)}
    repeats = [a for a in answers if a.kind == "repeat"]
    rated = {(r.model, r.prompt_id, r.criterion): r.value for r in bench.store.ratings.all("checked")}
    for answer in repeats:
        assert answer.passed is None
        for criterion, first in answer.expected.items():
            assert rated[answer.models[0], answer.prompt_id, criterion] == first
    assert len({(a.models, a.prompt_id) for a in repeats}) == len(repeats)
    report = bench.store.oversight.members("checked")[0]
    assert (report.gold_passed, report.gold_seen, report.done) == (4, 4, len(kinds))


def test_planted_items_do_not_show(checked: Callable[..., Any]) -> None:
    bench = checked(
        tuple(check("gold", i) for i in range(4)), gold_every=6, repeat_every=7, repeat_distance=3
    )
    own = session(bench)
    view, totals = own.state(), []
    while view.items:
        item, done = view.items[0], view.progress.done
        assert (item.given, view.feedback) == (None, None)
        view = submit(own, view)
        assert view.progress.done == done + 1
        if view.phase == "work":
            totals.append(view.progress.total)
    assert len(set(totals)) == 1  # a total that moved would tell which items are planted
    assert abs(totals[0] - view.progress.done) <= 2


@pytest.mark.parametrize("every", [2, 5, 20])
def test_every_stretch_holds_one_planted_item_at_a_place_of_its_own(every: int) -> None:
    checks = Checks(gold_every=every)
    places = [p for p in range(1, 50 * every + 1) if planted_at(3, "ada", p, checks)]
    assert [(p - 1) // every for p in places] == list(range(50))
    assert len({(p - 1) % every for p in places}) == min(every, len({(p - 1) % every for p in places}))
    assert len({(p - 1) % every for p in places}) > 1
    assert places != [p for p in range(1, 50 * every + 1) if planted_at(3, "bob", p, checks)]


def test_the_length_of_the_work() -> None:
    assert with_planted(90, 100, Checks(gold_every=10)) == 99
    assert with_planted(90, 4, Checks(gold_every=10)) == 94
    assert with_planted(90, 0, Checks()) == 90


def test_training_and_qualification_come_first_with_feedback(checked: Callable[..., Any]) -> None:
    bench = checked(
        (
            check("training", 0, feedback={"en": "It shows nothing of it."}),
            check("qualification", 1),
            check("qualification", 2, 60, 100),
        ),
        pass_mark=0.5,
    )
    own = session(bench)
    view = own.state()
    assert (view.phase, len(view.items), view.progress.total) == ("training", 1, 1)
    once = Answers("once", {"relevance": 80.0, "realism": 2.0})
    token = view.items[0].token
    view = own.submit(token, once)
    assert own.submit(token, once).feedback == view.feedback  # the answer was lost on its way
    assert view.feedback is not None
    assert not view.feedback.verdict.passed
    assert view.feedback.verdict.criteria == {"relevance": {"given": 80.0, "expected": [0, 30]}}
    assert view.feedback.text == {"en": "It shows nothing of it."}

    assert (view.phase, len(view.items), view.progress.done) == ("qualification", 2, 0)
    view = submit(own, view, {"relevance": 10.0, "realism": 2.0})
    assert view.feedback is not None and view.feedback.verdict.passed
    done = view.items[0].token
    view = submit(own, view, {"relevance": 10.0, "realism": 2.0})
    assert view.phase == "work"  # one of two is the pass mark
    with pytest.raises(RefusedError, match="answered already"):
        own.submit(done, Answers("again", {"relevance": 70.0, "realism": 2.0}))
    assert own.before() is None  # examples are not gone back to
    assert len(bench.store.ratings.all("checked")) == 0
    assert own.state().phase == "work"


def test_an_example_that_cannot_be_shown_holds_nobody_up(checked: Callable[..., Any]) -> None:
    golds = tuple(check("gold", i) for i in range(2, 6))
    bench = checked((check("training", 0), check("qualification", 1), *golds), gold_every=3)
    own = session(bench)
    assert own.state().phase == "training"
    for image in bench.store.images.find(models=["broken"]):
        bench.store.items.withdraw_image("checked", image.path, "gone")
    kinds = work_through(bench, {})
    assert set(kinds) == {"study"}
    assert own.state().phase == "finished"


def test_who_fails_the_qualification_waits_for_the_administrator(checked: Callable[..., Any]) -> None:
    bench = checked((check("qualification", 1), check("qualification", 2)), pass_mark=0.8)
    own = session(bench)
    view = own.state()
    for _ in range(2):
        view = submit(own, view, {"relevance": 90.0, "realism": 2.0})
    assert (view.phase, view.items) == ("paused", ())
    assert bench.store.oversight.events("checked")[0].kind == "paused"
    assert "passed 0 of 2 qualification items" in bench.store.oversight.events("checked")[0].text
    bench.store.oversight.resume("checked", "ada")
    assert own.state().phase == "work"
    assert [e.kind for e in bench.store.oversight.events("checked")] == ["resumed", "paused"]


def test_failed_gold_pauses_and_deletes_nothing(checked: Callable[..., Any]) -> None:
    bench = checked(tuple(check("gold", i) for i in range(6)), gold_every=2, gold_pass=0.6, gold_window=3)
    own = session(bench)
    view = own.state()
    while view.items:
        kind = kind_of(bench, view)
        view = submit(own, view, {"relevance": 90.0, "realism": 2.0} if kind == "gold" else None)
    assert view.phase == "paused"
    kept = len(bench.store.ratings.all("checked"))
    assert kept > 0
    assert "passed 0 of the last 3 gold items" in str(bench.store.oversight.members("checked")[0].paused)
    # What was in hand went back to the pool.
    assert sum(p.done for p in bench.store.items.progress("checked")) == kept // 2
    with sqlite3.connect(bench.workspace.root / "nami.db") as database:
        assert database.execute("SELECT count(*) FROM assignment WHERE state = 'open'").fetchone() == (0,)
    database.close()

    bench.store.oversight.resume("checked", "ada")
    view = own.state()
    assert len(view.items) == 3
    view = submit(own, view)  # the old failures do not count again
    assert view.phase == "work"
    assert len(bench.store.ratings.all("checked")) >= kept


def test_who_is_paused_cannot_submit(checked: Callable[..., Any]) -> None:
    bench = checked()
    own = session(bench)
    view = own.state()
    bench.store.oversight.pause("checked", "ada", "please call")
    with pytest.raises(RefusedError, match="paused") as caught:
        submit(own, view)
    assert caught.value.code == "paused"
    assert own.state().items == ()
    bench.store.oversight.resume("checked", "ada")
    assert [i.token for i in own.state().items] == [i.token for i in view.items]


@pytest.mark.parametrize(
    ("checks", "durations", "constant", "paused"),
    [
        ({"fastest_ms": 1000, "window": 5}, [500] * 3 + [2000] * 2, False, True),
        ({"fastest_ms": 1000, "window": 5}, [500] * 2 + [2000] * 3, False, False),
        ({"fastest_ms": 1000, "window": 6}, [500] * 5, False, False),
        ({"constant": 5}, [2000] * 5, True, True),
        ({"constant": 6}, [2000] * 5, True, False),
        ({"constant": 5}, [2000] * 5, False, False),
        ({}, [1] * 5, True, False),
    ],
)
def test_haste_and_constancy_pause(
    checked: Callable[..., Any], checks: Any, durations: list[int], constant: bool, paused: bool
) -> None:
    bench = checked((), **checks)
    own = session(bench)
    view = own.state()
    for duration in durations:
        view = submit(own, view, GOOD if constant else None, duration)
    assert (view.phase == "paused") is paused


def test_the_rules_name_their_reasons() -> None:
    def sent(duration: int, value: float) -> Sent:
        answers = {"values": {"a": value}, "reasons": {}}
        return Sent(1, 1, "t", 0, answers, False, "", duration, datetime.now(UTC))

    checks = Checks(gold_pass=0.7, gold_window=2, fastest_ms=1000, window=2, constant=3)
    assert reason_to_pause(checks, [], []) is None
    assert reason_to_pause(checks, [], [True, False]) == (
        "passed 1 of the last 2 gold items, 70% are asked for"
    )
    assert "took less than 1000 ms for 2 of the last 2" in str(
        reason_to_pause(checks, [sent(1, 1), sent(2, 2)], [])
    )
    assert "the same answers to the last 3" in str(reason_to_pause(checks, [sent(5000, 1)] * 3, [True, True]))


def test_what_the_rules_found_has_a_key_by_which_a_page_says_it() -> None:
    sent = Sent(1, 1, "t", 0, {}, False, "", 5, datetime.now(UTC))
    for checks, code in (
        (Checks(gold_pass=0.7, gold_window=2), "gold"),
        (Checks(fastest_ms=1000, window=2), "fast"),
        (Checks(constant=2), "constant"),
    ):
        reason = reason_to_pause(checks, [sent, sent], [False, True])
        assert reason is not None and reason_code(reason) == code
    assert reason_code(failed_qualification(1, 4, 0.8)) == "qualification"
    assert reason_code("by the administrator") == reason_code("excluded") == "organizer"
    assert reason_code("passed by, but nobody was in") is None


def test_a_missing_value_fails_and_sides_are_minded() -> None:
    assert not judge({"a": [0, 5]}, {"values": {}, "reasons": {"a": "other"}}, ("m",)).passed
    pair = {"values": {"a": "left"}, "reasons": {}}
    assert judge({"a": "good"}, pair, ("good", "bad")).passed
    verdict = judge({"a": "good"}, pair, ("bad", "good"))
    assert not verdict.passed
    assert verdict.criteria == {"a": {"given": "left", "expected": "right"}}


def test_known_answers_without_an_image_are_refused(checked: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="gold item broken/00077: broken has no finished image"):
        checked((check("gold", 77),))


def test_an_item_with_a_known_answer_is_not_asked_about(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("own", strata=("short",) * 4, overlap=1)
    gold = CheckItem(CheckKind.GOLD, "00000", ("quokka-9b",), {"relevance": (0, 10)})
    bench.store.studies.add(replace(bench.study, name="checked", check_items=(gold,)))
    assert bench.store.items.count("checked") == 7
    bench.store.accounts.add(Annotator("cyd"))
