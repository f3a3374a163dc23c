"""Who may work on a study: everybody, or those who are assigned; and what an assignment leaves."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import Admission, Annotator, Role
from nami_bench.errors import RefusedError, UnknownNameError

Listening = Callable[..., AbstractContextManager[str]]
_numbers = count()


def session(bench: Any, name: str, study: str = "trial") -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, study, name)


def submit(own: AnnotationSession, token: str) -> Any:
    return own.submit(token, Answers(f"a{next(_numbers)}", {"relevance": 60.0, "realism": 3.0}))


def close(bench: Any, **changes: Any) -> None:
    bench.store.studies.change(replace(bench.study, admission=Admission.ASSIGNED, **changes))


def test_who_is_not_assigned_gets_no_item_and_leaves_no_trace(bench: Any) -> None:
    close(bench)
    assert bench.store.studies.get("trial").admission == "assigned"
    with pytest.raises(RefusedError, match="assigned to it") as refused:
        session(bench, "ada").state()
    assert refused.value.code == "not_assigned"
    assert bench.count("member") == bench.count("assignment") == 0

    assert bench.store.enrolments.assign("trial", ["ADA", "ada"], by="root") == ["ada"]
    assert bench.store.enrolments.assign("trial", ["ada"], by="root") == []
    (one,) = bench.store.enrolments.of("trial")
    assert (one.annotator, one.by) == ("ada", "root")
    assert session(bench, "ada").state().items
    with pytest.raises(RefusedError):
        session(bench, "bob").state()


def test_assigned_ones_show_before_they_come(bench: Any) -> None:
    bench.store.enrolments.assign("trial", ["bob"], by="root")
    (bob,) = bench.store.oversight.members("trial")
    assert (bob.name, bob.assigned, bob.came, bob.done) == ("bob", True, False, 0)
    session(bench, "ada").state()
    session(bench, "bob").state()
    found = {one.name: (one.assigned, one.came) for one in bench.store.oversight.members("trial")}
    assert found == {"ada": (False, True), "bob": (True, True)}


def test_an_assignment_taken_back_keeps_what_was_given_and_frees_what_was_held(bench: Any) -> None:
    close(bench, overlap=2)
    bench.store.enrolments.assign("trial", ["ada", "bob"], by="root")
    own = session(bench, "ada")
    held = submit(own, own.state().items[0].token).items[0]
    assert bench.store.enrolments.unassign("trial", ["ada"], by="root") == ["ada"]
    assert bench.store.enrolments.unassign("trial", ["ada"], by="root") == []
    assert len(bench.store.ratings.all("trial")) == 2
    assert sum(cell.done for cell in bench.store.items.progress("trial")) == 1
    for refused in (own.state, lambda: submit(own, held.token)):
        with pytest.raises(RefusedError) as error:
            refused()
        assert error.value.code == "not_assigned"
    assert len(bench.store.ratings.all("trial")) == 2

    bench.store.enrolments.assign("trial", ["ada"], by="root")
    assert own.state().progress.done == 1
    kinds = [event.kind for event in bench.store.oversight.events("trial") if event.annotator == "ada"]
    assert kinds == ["assigned", "unassigned", "assigned"]


def test_all_are_assigned_or_none(bench: Any) -> None:
    with pytest.raises(UnknownNameError):
        bench.store.enrolments.assign("trial", ["ada", "nobody"], by="root")
    assert bench.store.enrolments.of("trial") == []
    assert bench.store.enrolments.admits("trial", "ada")  # everybody, by default
    bench.store.enrolments.assign("trial", ["ada"], by="root")
    bench.store.studies.delete("trial")
    assert bench.count("enrolment") == 0


@pytest.fixture
def house(new_bench: Callable[..., Any], listening: Listening) -> Iterator[tuple[Any, str]]:
    """`trial` for those who are assigned (ada), `second` for everybody; both served, with boards."""
    made = new_bench("house", strata=("short",))
    made.store.studies.add(replace(made.study, name="second", criteria=made.study.criteria[:1]))
    made.tokens["root"] = made.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    close(made, live_leaderboard="annotators")
    made.store.enrolments.assign("trial", ["ada"], by="root")
    with listening(made, all_studies=True) as address:
        yield made, address


@contextmanager
def enter(bench: Any, address: str, name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        assert client.post("/login", data={"name": name, "token": bench.tokens[name]}).status_code == 303
        yield client


def test_nothing_of_a_study_reaches_those_who_are_not_assigned(house: tuple[Any, str]) -> None:
    bench, address = house
    with enter(bench, address, "ada") as ada, enter(bench, address, "bob") as bob:
        listed = ada.get("/studies").json()["studies"]
        assert [(one["name"], one["assigned"]) for one in listed] == [("trial", True), ("second", False)]
        state = ada.get("/study/trial/session").json()
        image = state["items"][0]["images"][0]

        assert [one["name"] for one in bob.get("/studies").json()["studies"]] == ["second"]
        assert bob.get("/").headers["location"] == "study/second/"
        page = bob.get("/study/trial/")
        assert page.status_code == 403
        assert 'data-missing="not_assigned"' in page.text
        for path in ("session", "leaderboard", "item/now/before", image):
            answer = bob.get(f"/study/trial/{path}")
            assert answer.status_code in (403, 404) or answer.json() == {"item": None}, path
        assert bob.get("/study/trial/session").json()["code"] == "not_assigned"
        assert bob.get("/study/trial/leaderboard").json()["code"] == "not_assigned"
        body = {"client_token": "x", "values": {"relevance": 5, "realism": 2}, "duration_ms": 9}
        sent = bob.post(f"/study/trial/item/{state['items'][0]['token']}", json=body)
        assert (sent.status_code, sent.json()["code"], "final" in sent.json()) == (403, "not_assigned", False)
        joined = bob.post("/study/trial/join", json={})
        assert (joined.status_code, joined.json()["code"]) == (403, "not_assigned")
        assert bob.get("/study/second/session").json()["phase"] == "work"
        with enter(bench, address, "root") as root:
            assert [one["name"] for one in root.get("/studies").json()["studies"]] == ["trial", "second"]
            assert root.get("/study/trial/").status_code == 200  # the start page, which asks
            assert root.post("/study/trial/join", json={}).status_code == 200
            assert root.get("/study/trial/session").json()["phase"] == "work"
        assert [one.annotator for one in bench.store.enrolments.of("trial")] == ["ada", "root"]


@pytest.mark.slow
def test_a_server_of_one_study_says_so_at_its_root(
    new_bench: Callable[..., Any], listening: Listening
) -> None:
    bench = new_bench("lone", strata=("short",))
    close(bench)
    with listening(bench) as address, enter(bench, address, "ada") as ada:
        page = ada.get("/")
        assert (page.status_code, 'data-missing="not_assigned"' in page.text) == (403, True)
        assert ada.get("/studies").json()["studies"] == []
        bench.store.enrolments.assign("trial", ["ada"], by="root")
        assert ada.get("/").status_code == 200
        assert ada.get("/session").json()["phase"] == "work"
