"""The administrator's routes over HTTP."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.admin import check_answers_csv
from nami_bench.domain import Annotator, CheckAnswer, Checks, Role

_numbers = count()


def good(relevance: float = 70, **changes: Any) -> dict[str, Any]:
    values = {"relevance": relevance, "realism": 4}
    return {"client_token": f"c{next(_numbers)}", "values": values, "duration_ms": 1500, **changes}


@pytest.fixture
def people(bench: Any, address: str) -> Iterator[Callable[[str], httpx.Client]]:
    """`people(name)` is a browser that has logged in; "root" is an administrator."""
    tokens = {**bench.tokens, "root": bench.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))}
    clients: list[httpx.Client] = []

    def enter(name: str) -> httpx.Client:
        clients.append(httpx.Client(base_url=address, timeout=30))
        assert clients[-1].post("/login", data={"name": name, "token": tokens[name]}).status_code == 303
        return clients[-1]

    yield enter
    for client in clients:
        client.close()


def rate(client: httpx.Client, items: int, body: Callable[[int], dict[str, Any]]) -> None:
    state = client.get("/session").json()
    for number in range(items):
        state = client.post(f"/item/{state['items'][0]['token']}", json=body(number)).json()


def test_annotators_get_none_of_it(people: Callable[[str], httpx.Client]) -> None:
    ada = people("ada")
    for path in ("overview", "ratings.csv", "leaderboard"):
        assert ada.get(f"/admin/{path}").status_code == 403
    for path, body in (
        ("pause", {"study": "trial", "annotator": "bob", "reason": "x"}),
        ("resume", {"study": "trial", "annotator": "ada"}),
        ("annotators", {"name": "eve", "role": "administrator"}),
    ):
        assert ada.post(f"/admin/{path}", json=body).status_code == 403
    assert ada.get("/leaderboard").status_code == 403


def test_an_overview_has_what_the_page_shows(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    rate(people("ada"), 12, lambda n: good(n * 8))
    rate(people("bob"), 6, lambda n: good(n * 8, flag=n == 3, comment="<b>odd</b>" if n == 3 else ""))
    view = people("root").get("/admin/overview", params={"study": "trial"}).json()
    assert view["studies"] == ["trial"]
    assert view["study"] == {
        "name": "trial",
        "mode": "rating",
        "overlap": 2,
        "opens": None,
        "closes": None,
        "live_leaderboard": "administrators",
    }
    assert view["progress"] == {"done": 18, "total": 24}
    assert [(s["stratum"], s["total"]) for s in view["by_stratum"]] == [
        ("community", 8),
        ("long", 8),
        ("short", 8),
    ]
    assert sum(m["done"] for m in view["by_model"]) == 18
    ada, bob = view["annotators"]
    assert (ada["name"], ada["done"], ada["today"], ada["median_ms"]) == ("ada", 12, 12, 1500)
    assert (bob["name"], bob["done"], bob["flags"], bob["paused"]) == ("bob", 6, 1, None)
    assert set(ada) == {
        "name", "role", "active", "paused", "done", "today", "median_ms", "gold_passed", "gold_seen",
        "repeat_difference", "withheld", "flags", "excluded", "assigned", "came",
    }  # fmt: skip
    (flag,) = view["flags"]
    assert (flag["annotator"], flag["flag"], flag["comment"]) == ("bob", True, "<b>odd</b>")
    assert flag["model"] in {"zebrafish-xl", "quokka-9b"}
    relevance, realism = view["agreement"]
    assert (relevance["criterion"], relevance["items"]) == ("relevance", 6)
    assert relevance["alpha"] is not None
    assert realism["alpha"] is None and realism["note"]  # everybody gave the same


def test_pausing_and_resuming(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    ada, root = people("ada"), people("root")
    token = ada.get("/session").json()["items"][0]["token"]
    body = {"study": "trial", "annotator": "ada", "reason": "please call"}
    assert root.post("/admin/pause", json=body).status_code == 200
    state = ada.get("/session").json()
    assert (state["phase"], state["items"], state["code"]) == ("paused", [], "paused")
    assert state["reason"] == {"code": None, "text": "please call"}
    refused = ada.post(f"/item/{token}", json=good())
    assert (refused.status_code, refused.json()["code"]) == (409, "paused")
    view = root.get("/admin/overview").json()
    assert view["annotators"][0]["paused"] == "please call"
    assert view["events"][0]["kind"] == "paused"
    assert root.post("/admin/resume", json={"study": "trial", "annotator": "ada"}).status_code == 200
    assert ada.get("/session").json()["items"][0]["token"] == token
    assert root.post("/admin/pause", json={**body, "annotator": "nobody"}).status_code == 400
    assert root.post("/admin/pause", json={**body, "study": "other"}).status_code == 400


def test_adding_an_annotator_shows_the_token_once(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    root = people("root")
    added = root.post("/admin/annotators", json={"name": "eve", "role": "annotator"}).json()
    assert bench.store.logins.authenticate("eve", added["token"]) == Annotator("eve")
    assert added["token"] not in root.get("/admin/overview").text
    for body in ({"name": "EVE"}, {"name": "a\nb"}, {"name": "zoe", "role": "king"}, {"name": "simulated-9"}):
        assert root.post("/admin/annotators", json=body).status_code in (400, 422)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["lena@uni.example", "Jörg Müller", "李雷", "A1B2C3 (MTurk)", "=1+1, 'x'; \"y\"", "../x"]
)
def test_people_of_any_name_log_in_work_and_are_paused(
    bench: Any, people: Callable[[str], httpx.Client], address: str, name: str
) -> None:
    root = people("root")
    added = root.post("/admin/annotators", json={"name": f" {name} "}).json()
    assert added["name"] == name
    with httpx.Client(base_url=address, timeout=30) as browser:
        login = browser.post("/login", data={"name": name.upper(), "token": added["token"]})
        assert (login.status_code, login.headers["set-cookie"].isascii()) == (303, True)
        item = browser.get("/session").json()["items"][0]
        assert browser.get(f"/{item['images'][0]}").status_code == 200
        assert browser.post(f"/item/{item['token']}", json=good()).status_code == 200
        assert browser.get("/session").json()["annotator"] == name
        pause = {"study": "trial", "annotator": name.lower()}
        assert root.post("/admin/pause", json=pause).status_code == 200
        assert browser.get("/session").json()["phase"] == "paused"
    rows = list(csv.DictReader(io.StringIO(root.get("/admin/ratings.csv").text)))
    assert {row["annotator"].removeprefix("'") for row in rows} == {name}
    assert [one["name"] for one in root.get("/admin/overview").json()["annotators"]] == [name]


def test_ratings_and_leaderboard_are_handed_out(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    root = people("root")
    rate(people("ada"), 12, lambda n: good(n))
    answer = root.get("/admin/ratings.csv", params={"study": "trial"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 24
    assert {row["annotator"] for row in rows} == {"ada"}
    page = root.get("/admin/leaderboard", params={"study": "trial"}).json()["html"]
    assert "quokka-9b" in page and page.lstrip().lower().startswith("<!doctype html")
    assert root.get("/admin/ratings.csv", params={"study": "nix"}).status_code == 400


def test_answers_to_planted_items_are_a_table_without_formulas() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    answer = CheckAnswer(
        "s",
        "ann",
        "gold",
        "00000",
        0,
        ("m",),
        {"fit": -4.0},
        {"looks": "=cmd()"},
        {},
        True,
        0,
        True,
        None,
        at,
    )
    text = check_answers_csv([answer]).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert text.count("\r\n") == text.count("\n") == 3
    assert [(row[header.index("value")], row[header.index("reason")]) for row in rows] == [
        ("-4.0", ""),
        ("", "'=cmd()"),
    ]


def test_a_study_may_show_its_leaderboard_to_annotators(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    ada = people("ada")
    rate(ada, 12, lambda n: good(n))
    assert ada.get("/leaderboard").status_code == 403
    bench.store.studies.change(
        replace(bench.study, live_leaderboard="annotators", checks=Checks(constant=50))
    )
    assert "quokka-9b" in ada.get("/leaderboard").json()["html"]
