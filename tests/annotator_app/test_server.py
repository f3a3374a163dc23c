"""The application and the command, spoken to over HTTP."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.access import REMEMBERED_SECONDS
from nami_bench.annotator_app.server import serve
from nami_bench.errors import InputError

_numbers = count()


def good(**changes: Any) -> dict[str, Any]:
    """A body that the server takes."""
    values = {"relevance": 70, "realism": 4.5}
    return {"client_token": f"c{next(_numbers)}", "values": values, "duration_ms": 1500, **changes}


@pytest.fixture
def login(bench: Any, address: str) -> Iterator[Callable[[str], httpx.Client]]:
    """`login(name)` is a browser that has logged in."""
    clients: list[httpx.Client] = []

    def enter(name: str) -> httpx.Client:
        clients.append(httpx.Client(base_url=address, timeout=30))
        answer = clients[-1].post("/login", data={"name": name, "token": bench.tokens[name]})
        assert answer.status_code == 303
        return clients[-1]

    yield enter
    for client in clients:
        client.close()


def stored(bench: Any) -> list[tuple[Any, ...]]:
    return [(r.annotator, r.criterion, r.value, r.reason) for r in bench.store.ratings.all("trial")]


def open_item(client: httpx.Client) -> Any:
    return client.get("/session").json()["items"][0]


def until_refused(client: httpx.Client) -> None:
    """Wait, as long as the server promises to take, until the session has ended."""
    deadline = time.monotonic() + REMEMBERED_SECONDS + 1
    while client.get("/session").status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_nothing_but_the_login_page_is_open_to_strangers(
    bench: Any, address: str, login: Callable[[str], httpx.Client]
) -> None:
    item = open_item(login("ada"))
    token = item["token"]
    with httpx.Client(base_url=address) as stranger:
        page = stranger.get("/")
        assert (page.status_code, page.headers["location"]) == (303, "login")
        assert "Token" in stranger.get("/login").text
        assert stranger.get("/session").status_code == 401
        assert stranger.get(f"/{item['images'][0]}").status_code == 401
        assert stranger.post(f"/item/{token}", json=good()).status_code == 401

        for name, given in [("ada", "wrong"), ("nobody", "x"), ("ada", ""), ("ada", bench.tokens["bob"])]:
            answer = stranger.post("/login", data={"name": name, "token": given})
            assert answer.status_code in (401, 422)
            assert "set-cookie" not in answer.headers
        for forged in ("ada", "", "x" * 43, bench.tokens["ada"], f"ada:{bench.tokens['ada']}"):
            assert stranger.get("/session", headers={"Cookie": f"nami-session={forged}"}).status_code == 401
    assert stored(bench) == []


def test_a_disabled_account_is_out_within_seconds(bench: Any, login: Callable[[str], httpx.Client]) -> None:
    ada = login("ada")
    token = open_item(ada)["token"]
    bench.store.accounts.set_active("ada", False)
    until_refused(ada)
    assert ada.post(f"/item/{token}", json=good()).status_code == 401
    again = ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
    assert again.status_code == 401
    assert "disabled" in again.text
    assert stored(bench) == []


def test_logging_out_ends_the_session(login: Callable[[str], httpx.Client]) -> None:
    ada = login("ada")
    assert ada.get("/session").status_code == 200
    assert ada.post("/logout").status_code == 303
    assert ada.get("/session").status_code == 401


def test_an_image_is_for_its_annotator_alone_and_never_cached(login: Callable[[str], httpx.Client]) -> None:
    ada, bob = login("ada"), login("bob")
    item = open_item(ada)
    image = ada.get(f"/{item['images'][0]}")
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert image.content.startswith(b"\x89PNG")
    assert "private" in image.headers["cache-control"]
    assert image.headers["x-content-type-options"] == "nosniff"
    assert not {"etag", "last-modified", "content-disposition"} & set(image.headers)

    assert bob.get(f"/{item['images'][0]}").status_code == 404
    foreign = bob.post(f"/item/{item['token']}", json=good())
    assert foreign.status_code == 404
    assert foreign.json() == {"error": "this item is not assigned to you", "code": "not_yours", "final": True}
    assert bob.get(f"/item/{item['token']}/before").status_code == 404
    assert open_item(bob)["token"] != item["token"]


@pytest.mark.slow
def test_no_header_of_an_image_tells_which_it_is(bench: Any, login: Callable[[str], httpx.Client]) -> None:
    client = login("ada")
    found = []
    state = client.get("/session").json()
    while state["items"]:
        found += [dict(client.get(f"/{one}").headers) for one in state["items"][0]["images"]]
        state = client.post(f"/item/{state['items'][0]['token']}", json=good()).json()
    for headers in found:
        del headers["date"]
    assert len(found) == 12
    assert found == found[:1] * 12
    assert found[0].keys().isdisjoint({"etag", "last-modified", "content-disposition"})


def test_a_session_says_all_that_the_screen_needs(login: Callable[[str], httpx.Client]) -> None:
    state = login("ada").get("/session").json()
    assert (state["annotator"], state["role"], state["phase"]) == ("ada", "annotator", "work")
    assert state["progress"] == {"done": 0, "total": 12, "today": 0, "median_ms": None}
    assert len({item["token"] for item in state["items"]}) == 3
    study = state["study"]
    assert (study["name"], study["mode"], study["control"], study["languages"]) == (
        "trial",
        "rating",
        "slider",
        ["en"],
    )
    assert study["instructions"] == {"en": "<p>Look <em>well</em>.</p>\n"}
    assert study["criteria"][0] == {
        "name": "relevance",
        "minimum": 0,
        "maximum": 100,
        "step": 1,
        "label": {"en": "relevance"},
        "anchors": {"en": [[0, "unrelated"], [100, "all of it"]]},
    }
    assert not {"models", "check_items", "seed"} & set(study)


@pytest.mark.slow
def test_a_study_is_rated_to_the_end_by_two(bench: Any, login: Callable[[str], httpx.Client]) -> None:
    clients = {name: login(name) for name in ("ada", "bob")}
    states = {name: client.get("/session").json() for name, client in clients.items()}
    for done in range(12):
        for name, client in clients.items():
            progress = states[name]["progress"]
            assert (progress["done"], progress["total"], progress["today"]) == (done, 12, done)
            answer = client.post(f"/item/{states[name]['items'][0]['token']}", json=good())
            assert answer.status_code == 200
            states[name] = answer.json()
    for state in states.values():
        assert (state["phase"], state["items"], state["progress"]["done"]) == ("finished", [], 12)
        assert state["progress"]["median_ms"] == 1500
    assert len(stored(bench)) == 12 * 2 * 2
    assert {r.duration_ms for r in bench.store.ratings.all("trial")} == {1500}


def test_backspace_leads_back_and_corrects(bench: Any, login: Callable[[str], httpx.Client]) -> None:
    ada = login("ada")
    assert ada.get("/item/now/before").json() == {"item": None}
    first = open_item(ada)["token"]
    ada.post(f"/item/{first}", json=good(flag=True, comment="<b>odd</b>"))
    item = ada.get("/item/now/before").json()["item"]
    assert item["token"] == first
    assert item["given"] == {
        "values": {"relevance": 70, "realism": 4.5},
        "reasons": {},
        "flag": True,
        "comment": "<b>odd</b>",
        "marks": None,
    }
    body = good(values={"relevance": 1, "realism": 1})
    for _ in range(2):  # sent twice: one correction
        assert ada.post(f"/item/{first}", json=body).status_code == 200
    assert sorted(row[2] for row in stored(bench)) == [1, 1]
    assert ada.post(f"/item/{open_item(ada)['token']}", json=body).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        '{"values": {"relevance": NaN, "realism": 4}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": Infinity, "realism": 4}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": "50", "realism": 4}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": true, "realism": 4}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": null, "realism": 4}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": 101, "realism": 4}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": 50}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": 50}, "reasons": {"realism": "<b>"}, "duration_ms": 5}',
        '{"values": {"relevance": 50, "realism": 4, "x": 1}, "reasons": {}, "duration_ms": 5}',
        '{"values": {"relevance": 50, "realism": 4}, "reasons": {}, "duration_ms": -1}',
        '{"values": {"relevance": 50, "realism": 4}, "reasons": {}, "duration_ms": 1e300}',
        '{"values": {"relevance": 50, "realism": 4}, "reasons": {}, "duration_ms": 5, "annotator": "bob"}',
        '{"values": {"relevance": 50, "realism": 4}, "duration_ms": 5, "client_token": ""}',
        '{"values": {"relevance": 50, "realism": 4}, "duration_ms": 5, "flag": 1}',
        '{"values": {"relevance": "left", "realism": 4}, "duration_ms": 5}',
        '{"values": {}, "reasons": {}, "duration_ms": 5}',
        "[]",
        "{",
        "",
    ],
)
def test_the_server_refuses_bad_scores(shared: tuple[Any, httpx.Client], body: str) -> None:
    bench, ada = shared
    token = open_item(ada)["token"]
    if body.startswith('{"') and "client_token" not in body:
        body = body.replace("{", '{"client_token": "x", ', 1)
    answer = ada.post(f"/item/{token}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()) - {"final"} == {"error", "code"}
    assert stored(bench) == []
    assert open_item(ada)["token"] == token


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/upload"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/openapi.json"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/component_server"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit"),
        ("GET", "/gradio_api/file=nami.toml"),
        ("GET", "/file=nami.db"),
        ("GET", "/config"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/monitoring"),
        ("GET", "/app/../app.py"),
        ("GET", "/app/%2e%2e/app.py"),
        ("GET", "/assets/../../../routes.py"),
        ("GET", "/item/../nami.db"),
        ("DELETE", "/session"),
    ],
)
def test_no_other_route_exists_even_after_logging_in(
    shared: tuple[Any, httpx.Client], method: str, path: str
) -> None:
    _, ada = shared
    # httpx would tidy the dots away: send the path as it is.
    answer = ada.request(method, ada.base_url.copy_with(raw_path=path.encode()))
    assert answer.status_code in (403, 404)


@pytest.mark.slow
def test_no_byte_of_a_session_tells_the_model(bench: Any, login: Callable[[str], httpx.Client]) -> None:
    traffic: list[tuple[str, str]] = []

    def fetch(client: httpx.Client, path: str, **scores: Any) -> httpx.Response:
        answer = client.post(path, **scores) if scores else client.get(path)
        text = f"{path} {answer.headers} {answer.content.decode('latin-1')}"
        traffic.append((path, text))
        return answer

    ada = login("ada")
    page = fetch(ada, "/")
    assert page.status_code == 200
    for asset in set(
        re.findall(r'(?:src|href)="\.?/?((?:assets|app|static)/[^"]+|theme\.css[^"]*)"', page.text)
    ):
        assert fetch(ada, f"/{asset}").status_code == 200
    for own in ("app/rate.js", "login", "favicon.ico"):
        assert fetch(ada, f"/{own}").status_code == 200
    state = fetch(ada, "/session").json()
    for number in range(11):
        item = state["items"][0]
        if number == 5:  # vanishes while it is on the screen
            bench.file(bench.store.annotation.assignment(item["token"], "ada").image).unlink()
            assert fetch(ada, f"/{item['images'][0]}").status_code == 410
            item = fetch(ada, "/session").json()["items"][0]
        assert fetch(ada, f"/{item['images'][0]}").status_code == 200
        fetch(ada, f"/item/{item['token']}", json=good(values={"relevance": 500, "realism": 1}))
        state = fetch(ada, f"/item/{item['token']}", json=good()).json()
        fetch(ada, f"/item/{item['token']}/before")
    assert state["phase"] == "finished"

    secrets = {str(bench.workspace.root), "samples/0000", "nami.db"}
    for image in bench.images:
        secrets |= {image.model, image.sha256, image.path}
    for path, text in traffic:
        assert not [secret for secret in secrets if secret in text], path


def test_the_page_fetches_nothing_from_elsewhere(login: Callable[[str], httpx.Client]) -> None:
    page = login("ada").get("/")
    assert "default-src 'none'; script-src 'self';" in page.headers["content-security-policy"]
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"', page.text)
    assert loaded
    assert not [address for address in loaded if re.match(r"(https?:)?//", address)]


def test_prompts_travel_as_text(login: Callable[[str], httpx.Client]) -> None:
    prompt = open_item(login("ada"))["prompt"]
    assert re.fullmatch(r"picture <i>\d</i> & more", prompt)  # JSON; rate.js sets textContent


@pytest.mark.slow  # two processes that load the server
def test_ctrl_c_ends_cleanly_and_a_login_survives_the_restart(
    bench: Any, start_server: Callable[..., Any]
) -> None:
    server = start_server(bench, "--port", "0")
    with httpx.Client(base_url=server.address, timeout=30) as ada:
        ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        first = open_item(ada)["token"]
        assert ada.post(f"/item/{first}", json=good()).status_code == 200
        second = open_item(ada)["token"]

        code, output = server.interrupt()  # while the browser holds a connection
        assert code == 0
        assert "annotating study 'trial' at http://127.0.0.1:" in output
        assert "stopped" in output
        assert "Traceback" not in output

        start_server(bench, "--port", server.address.rpartition(":")[2])
        assert open_item(ada)["token"] == second
    assert len(stored(bench)) == 2


def test_a_taken_port_is_named(bench: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"cannot listen on 127.0.0.1 port {port}: .* --port"):
            serve(bench.workspace, bench.store, None, host="127.0.0.1", port=port)


def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from nami_bench.cli.app import cli
    from nami_bench.config import init_workspace

    init_workspace(tmp_path / "w")
    result = CliRunner().invoke(cli, ["--workspace", str(tmp_path / "w"), "annotate"])
    assert isinstance(result.exception, InputError)
    assert "nami-bench study create FILE.toml" in str(result.exception)
