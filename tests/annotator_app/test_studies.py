"""One server for all studies of a workspace, and several servers on one host."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from nami_bench.annotator_app.access import COOKIE
from nami_bench.domain import Annotator, ModelCard, Role

Listening = Callable[..., AbstractContextManager[str]]
_numbers = count()


@pytest.fixture
def house(new_bench: Callable[..., Any], listening: Listening) -> Iterator[tuple[Any, str]]:
    """A workspace with the studies `trial` and `second`, all served; an administrator, too."""
    made = new_bench("house", strata=("short",))
    made.store.studies.add(replace(made.study, name="second", criteria=made.study.criteria[:1]))
    made.tokens["root"] = made.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    with listening(made, all_studies=True) as address:
        yield made, address


@pytest.fixture
def enter() -> Iterator[Callable[..., httpx.Client]]:
    """`enter(bench, address, name)` is a browser that has logged in."""
    clients: list[httpx.Client] = []

    def log_in(bench: Any, address: str, name: str = "ada") -> httpx.Client:
        clients.append(httpx.Client(base_url=address, timeout=30))
        answer = clients[-1].post("/login", data={"name": name, "token": bench.tokens[name]})
        assert answer.status_code == 303
        return clients[-1]

    yield log_in
    for client in clients:
        client.close()


def listed(client: httpx.Client) -> dict[str, str]:
    """The start page's studies and their states."""
    return {one["name"]: one["state"] for one in client.get("/studies").json()["studies"]}


def answer_to(item: dict[str, Any], **values: float) -> dict[str, Any]:
    return {"client_token": f"s{next(_numbers)}", "values": values, "duration_ms": 900}


@pytest.mark.slow
def test_one_log_in_opens_every_study_and_each_has_its_own_work(
    house: tuple[Any, str], enter: Callable[..., httpx.Client]
) -> None:
    bench, address = house
    ada = enter(bench, address)
    assert ada.get("/").status_code == 200
    assert 'data-part="studies"' in ada.get("/").text
    assert listed(ada) == {"trial": "open", "second": "open"}
    states = {name: ada.get(f"/study/{name}/session").json() for name in ("trial", "second")}
    for name, state in states.items():
        assert (state["study"]["name"], state["studies"]) == (name, 2)
        assert f"<title>{name}</title>" in ada.get(f"/study/{name}/").text
        image = ada.get(f"/study/{name}/{state['items'][0]['images'][0]}")
        assert image.headers["content-type"] == "image/png"
    first, second = (states[name]["items"][0] for name in ("trial", "second"))
    assert ada.get(f"/study/second/{first['images'][0]}").status_code == 404
    wrong = ada.post(f"/study/second/item/{first['token']}", json=answer_to(first, relevance=5))
    assert (wrong.status_code, wrong.json()["code"]) == (404, "not_yours")
    body = answer_to(first, relevance=5, realism=2)
    assert ada.post(f"/study/trial/item/{first['token']}", json=body).status_code == 200
    assert (
        ada.post(f"/study/second/item/{second['token']}", json=answer_to(second, relevance=9)).status_code
        == 200
    )
    assert ada.get("/study/second/item/now/before").json()["item"]["token"] == second["token"]
    assert [r.value for r in bench.store.ratings.all("trial")] == [5, 2]
    assert [r.value for r in bench.store.ratings.all("second")] == [9]
    assert [one["done"] for one in ada.get("/studies").json()["studies"]] == [1, 1]


@pytest.mark.slow
def test_studies_come_and_go_without_a_restart(
    house: tuple[Any, str], enter: Callable[..., httpx.Client]
) -> None:
    bench, address = house
    ada, root = enter(bench, address), enter(bench, address, "root")
    now = datetime.now(UTC)

    bench.store.studies.add(replace(bench.study, name="third"))
    assert listed(ada) == {"trial": "open", "second": "open", "third": "open"}
    assert ada.get("/study/third/session").json()["phase"] == "work"

    bench.store.studies.change(replace(bench.study, name="third", closes=now - timedelta(seconds=1)))
    assert listed(ada) == {"trial": "open", "second": "open"}
    assert listed(root)["third"] == "closed"
    assert ada.get("/study/third/session").json()["phase"] == "closed"

    bench.store.studies.add(replace(bench.study, name="soon", opens=now + timedelta(hours=1)))
    assert "soon" not in listed(ada)
    assert listed(root)["soon"] == "not_open"

    ada.get("/study/trial/session")
    bench.store.oversight.pause("trial", "ada", "too fast")
    assert listed(ada) == {"trial": "paused", "second": "open"}
    bench.store.oversight.resume("trial", "ada")
    assert listed(ada) == {"trial": "open", "second": "open"}

    assert ada.get("/study/soon/").status_code == 200
    bench.store.studies.delete("soon")
    assert "soon" not in listed(root)
    deadline = time.monotonic() + 30
    while ada.get("/study/soon/session").json()["code"] != "no_study":  # within REMEMBERED_SECONDS
        assert time.monotonic() < deadline


def test_a_study_appears_once_its_first_image_is_there(
    house: tuple[Any, str], enter: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nami_bench.annotator_app import studies

    monkeypatch.setattr(studies, "REMEMBERED_SECONDS", 0.0)
    bench, address = house
    ada, root = enter(bench, address), enter(bench, address, "root")
    bench.store.catalog.add_model(ModelCard("new", "folder"))
    bench.store.studies.add(replace(bench.study, name="third", models=("new",)))
    assert "third" not in listed(ada)
    assert listed(root)["third"] == "empty"
    bench.store.images.put(replace(bench.images[0], model="new"))
    assert listed(ada)["third"] == "open"


def test_a_study_that_is_not_here_says_so_and_refuses_nothing_for_good(
    house: tuple[Any, str], enter: Callable[..., httpx.Client]
) -> None:
    bench, address = house
    ada = enter(bench, address)
    page = ada.get("/study/gone/")
    assert page.status_code == 404
    assert 'data-missing="missing"' in page.text
    for name in ("gone", "tri%61lx", "%2e%2e", "<b>", "x" * 500):
        for answer in (
            ada.get(f"/study/{name}/session"),
            ada.post(f"/study/{name}/item/x", json={"client_token": "c", "values": {}, "duration_ms": 1}),
        ):
            # 503: what a page has not sent yet stays in its outbox.
            assert (answer.status_code, answer.json().get("code")) in ((503, "no_study"), (404, "not_found"))
    assert ada.get("/study/tri%61l/session").status_code == 200
    assert ada.get("/study/a/b/session").status_code == 404


def test_a_lone_study_opens_at_once(
    new_bench: Callable[..., Any], listening: Listening, enter: Callable[..., httpx.Client]
) -> None:
    bench = new_bench("lone", strata=("short",))
    with listening(bench, all_studies=True) as address:
        ada = enter(bench, address)
        opened = ada.get("/", follow_redirects=True)
        assert str(opened.url) == f"{address}/study/trial/"
        assert ada.get("/session").json()["study"]["name"] == "trial"
        bench.store.studies.delete("trial")
        assert ada.get("/").status_code == 200
        assert listed(ada) == {}
        assert ada.get("/session").json()["code"] == "wrong_use"


@pytest.mark.parametrize(
    ("to", "lands"),
    [
        ("study/second/", "/study/second/"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("study/../../evil/", "/"),
        ("study/x/\\r\\nSet-Cookie: a=b", "/"),
    ],
)
def test_who_asked_for_a_study_is_led_there_after_the_log_in(
    house: tuple[Any, str], to: str, lands: str
) -> None:
    bench, address = house
    with httpx.Client(base_url=address, timeout=30) as client:
        if to == "study/second/":
            for path in ("/study/second/", "/study/second"):
                page = client.get(path, follow_redirects=True)
                assert page.url.path == "/login"
                assert 'name="to" value="study/second/"' in page.text
        form = {"name": "ada", "token": bench.tokens["ada"], "to": to}
        wrong = client.post("/login", data={**form, "token": "wrong"})
        assert wrong.status_code == 401
        answer = client.post("/login", data=form)
        assert (answer.status_code, urljoin(f"{address}/login", answer.headers["location"])) == (
            303,
            address + lands,
        )


def test_strangers_learn_of_no_study(house: tuple[Any, str]) -> None:
    _, address = house
    with httpx.Client(base_url=address, timeout=30) as stranger:
        for path in ("/studies", "/study/trial/session", "/study/gone/session", "/study/trial/leaderboard"):
            assert stranger.get(path).status_code == 401
        assert stranger.post("/study/trial/item/x", json={}).status_code == 401
        assert stranger.get("/study/trial/").headers["location"] == "../../login?to=study%2Ftrial%2F"
        assert stranger.get("/study/gone/").headers["location"] == "../../login?to=study%2Fgone%2F"


def test_pages_that_were_opened_at_the_root_before_go_on(
    house: tuple[Any, str], enter: Callable[..., httpx.Client]
) -> None:
    """An older server served one study at the root; a newer study must not get its answers."""
    bench, address = house
    ada = enter(bench, address)
    item = ada.get("/study/trial/session").json()["items"][0]
    assert ada.get(f"/{item['images'][0]}").status_code == 200
    assert ada.post(f"/item/{item['token']}", json=answer_to(item, relevance=5, realism=2)).status_code == 200
    assert ada.get(f"/item/{item['token']}/before").status_code == 200
    assert len(bench.store.ratings.all("trial")) == 2
    assert ada.post("/item/unknown", json=answer_to(item, relevance=5)).json()["code"] == "not_yours"


def test_one_study_stands_at_the_root_and_under_its_name(
    new_bench: Callable[..., Any], listening: Listening, enter: Callable[..., httpx.Client]
) -> None:
    bench = new_bench("one", strata=("short",))
    bench.store.studies.add(replace(bench.study, name="second"))
    with listening(bench) as address:
        ada = enter(bench, address)
        assert "<title>trial</title>" in ada.get("/").text
        assert ada.get("/session").json()["study"]["name"] == "trial"
        assert ada.get("/study/trial/session").json()["studies"] == 1
        assert listed(ada) == {"trial": "open"}
        assert ada.get("/study/second/").status_code == 404
        assert ada.get("/study/second/session").json()["code"] == "no_study"


@pytest.mark.slow
def test_servers_on_one_host_do_not_log_each_others_annotators_out(
    new_bench: Callable[..., Any], listening: Listening
) -> None:
    """Cookies know no ports: one browser, three servers, two of them of one workspace."""
    one, other = new_bench("one", strata=("short",)), new_bench("other", strata=("short",))
    with (
        listening(one) as first,
        listening(other) as second,
        listening(one, all_studies=True) as third,
        httpx.Client(timeout=30) as browser,
    ):
        for bench, address, name in ((one, first, "ada"), (other, second, "bob"), (one, third, "bob")):
            form = {"name": name, "token": bench.tokens[name]}
            assert browser.post(f"{address}/login", data=form).status_code == 303
        for address, name in ((first, "ada"), (second, "bob"), (third, "bob")):
            assert browser.get(f"{address}/session").json()["annotator"] == name
        assert browser.post(f"{second}/logout").status_code == 303
        assert browser.get(f"{second}/session").status_code == 401
        assert browser.get(f"{first}/session").json()["annotator"] == "ada"


def test_who_logged_in_before_an_update_stays_logged_in(house: tuple[Any, str]) -> None:
    bench, address = house
    older = {"Cookie": f"{COOKIE}={bench.store.logins.open_session('ada')}"}
    with httpx.Client(base_url=address, headers=older, timeout=30) as page:
        assert page.get("/session").json()["annotator"] == "ada"
        assert page.post("/logout").status_code == 303
        assert page.get("/session").status_code == 401


def test_administration_is_of_the_newest_study_where_none_is_named(
    house: tuple[Any, str], enter: Callable[..., httpx.Client]
) -> None:
    bench, address = house
    root = enter(bench, address, "root")
    assert "second-ratings.csv" in root.get("/admin/file/ratings.csv").headers["content-disposition"]
    assert (
        "trial-ratings.csv" in root.get("/admin/file/ratings.csv?study=trial").headers["content-disposition"]
    )
    for name in ("second", "trial"):
        bench.store.studies.delete(name)
    assert "no study yet" in root.get("/admin/file/ratings.csv").json()["error"]
