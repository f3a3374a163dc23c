"""The owner's console over HTTP: who reaches it, what its pages say and do."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.console.pages import PAGES
from nami_bench.domain import Annotator, Checks, Role
from tests.support.console import ConsolePage

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


def test_logging_in_leads_owners_to_the_console_and_others_to_their_work(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    token = bench.store.accounts.add(Annotator("zoe", Role.ADMINISTRATOR))
    with httpx.Client(base_url=people("root").base_url, timeout=30) as browser:
        for name, key, to, expected in (
            ("ada", bench.tokens["ada"], "", "./"),
            ("zoe", token, "", "admin/"),
            ("zoe", token, "study/trial/", "study/trial/"),
            ("zoe", token, "admin/log?study=trial", "admin/log?study=trial"),
            ("zoe", token, "//evil.example/", "admin/"),
            ("zoe", token, "admin/https://evil.example/", "admin/"),
            ("zoe", token, "admin/../../evil", "admin/"),
            ("ada", bench.tokens["ada"], "study/..%2f/", "./"),
        ):
            answer = browser.post("/login", data={"name": name, "token": key, "to": to})
            assert (answer.status_code, answer.headers["location"]) == (303, expected), to
        browser.post("/logout")
        browser.cookies.clear()
        answer = browser.get("/admin/log?study=trial")
        assert answer.headers["location"] == "../login?to=admin%2Flog%3Fstudy%3Dtrial"


@pytest.mark.slow
def test_owners_get_no_items_until_they_ask_to_rate_as_well(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    root = people("root")
    assert root.get("/studies").json()["studies"][0]["joined"] is False
    assert 'data-part="studies"' in root.get("/").text  # the start page, though there is one study only
    assert 'data-part="studies"' in root.get("/study/trial/").text
    refused = root.get("/session")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_joined")
    assert bench.count("member") == bench.count("assignment") == 0
    for _ in range(2):
        assert root.post("/study/trial/join", json={}).status_code == 200
    assert bench.count("member") == bench.count("event") == 1
    assert len(root.get("/session").json()["items"]) > 0
    assert 'data-part="work"' in root.get("/").text


def test_every_page_opens_for_owners_alone(people: Callable[[str], httpx.Client]) -> None:
    ada, root = people("ada"), people("root")
    for page in PAGES:
        assert ada.get(f"/admin/{page.path}").status_code == 403
        opened = root.get(f"/admin/{page.path}").text
        assert "http://" not in opened and "https://" not in opened, "relative, and nothing from elsewhere"
        config = ConsolePage(root, page.path).config
        assert config["username"] == "root"
        for event in config["dependencies"]:
            assert event["api_visibility"] == "private"
        tables = [one["props"] for one in config["components"] if one["type"] == "dataframe"]
        assert all(table["datatype"] == "str" and not table["interactive"] for table in tables)


@pytest.mark.slow
def test_an_event_is_for_owners_whoever_has_its_number(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    ada, root = people("ada"), people("root")
    page = ConsolePage(root)
    body = {"fn_index": page.events["overview_look"]["id"], "data": ["trial"], "session_hash": "abc"}
    assert ada.post("/admin/gradio_api/queue/join", json=body).status_code == 403
    with httpx.Client(base_url=root.base_url) as stranger:
        assert stranger.post("/admin/gradio_api/queue/join", json=body).status_code == 401
        assert stranger.get("/admin/gradio_api/queue/data?session_hash=abc").status_code == 401
    crossed = {"Sec-Fetch-Site": "cross-site"}
    assert root.post("/admin/gradio_api/queue/join", json=body, headers=crossed).status_code == 403


@pytest.mark.slow
def test_errors_are_said_in_words_and_peoples_words_are_text(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    rate(people("ada"), 1, lambda n: good(50))
    bench.store.oversight.pause("trial", "ada", "<img src=x onerror=alert(1)>")
    page = ConsolePage(people("root"))
    (head, counted), _ = page.call("overview_look", study="trial")
    assert " is paused: &lt;img src=x onerror=alert(1)&gt;" in head
    assert "paused: &lt;img" in counted
    assert "<img" not in head + counted
    (deeper,), said = page.call("overview_look_deeper", study="trial")
    assert said == [] and "relevance" in deeper and "Not enough was judged yet" in deeper


@pytest.mark.slow
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
