"""The application and the command, spoken to over HTTP."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotator_app.access import REMEMBERED_SECONDS
from annotator_app.server import serve
from nami_bench.errors import InputError

GOOD = {"values": {"relevance": 70, "realism": 4.5}, "reasons": {}, "duration_ms": 1500}


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
    return [(r.annotator, r.criterion, r.value, r.reason) for r in bench.store.ratings("trial")]


def open_item(client: httpx.Client) -> Any:
    return client.get("/item").json()["item"]


def until_refused(client: httpx.Client) -> None:
    """Wait, as long as the server promises to take, until the session has ended."""
    deadline = time.monotonic() + REMEMBERED_SECONDS + 1
    while client.get("/item").status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_nothing_but_the_login_page_is_open_to_strangers(
    bench: Any, address: str, login: Callable[[str], httpx.Client]
) -> None:
    token = open_item(login("ada"))["token"]
    with httpx.Client(base_url=address) as stranger:
        page = stranger.get("/")
        assert (page.status_code, page.headers["location"]) == (303, "login")
        assert "Token" in stranger.get("/login").text
        assert stranger.get("/item").status_code == 401
        assert stranger.get(f"/item/{token}.png").status_code == 401
        assert stranger.post(f"/item/{token}", json=GOOD).status_code == 401

        for name, given in [("ada", "wrong"), ("nobody", "x"), ("ada", ""), ("ada", bench.tokens["bob"])]:
            answer = stranger.post("/login", data={"name": name, "token": given})
            assert answer.status_code in (401, 422)
            assert "set-cookie" not in answer.headers
        for forged in ("ada", "", "x" * 43, bench.tokens["ada"], f"ada:{bench.tokens['ada']}"):
            assert stranger.get("/item", headers={"Cookie": f"nami-session={forged}"}).status_code == 401
    assert stored(bench) == []


def test_a_disabled_account_is_out_within_seconds(bench: Any, login: Callable[[str], httpx.Client]) -> None:
    ada = login("ada")
    token = open_item(ada)["token"]
    bench.store.set_annotator_active("ada", False)
    until_refused(ada)
    assert ada.post(f"/item/{token}", json=GOOD).status_code == 401
    again = ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
    assert again.status_code == 401
    assert "disabled" in again.text
    assert stored(bench) == []


def test_logging_out_ends_the_session(login: Callable[[str], httpx.Client]) -> None:
    ada = login("ada")
    assert ada.get("/item").status_code == 200
    assert ada.post("/logout").status_code == 303
    assert ada.get("/item").status_code == 401


def test_an_image_is_for_its_annotator_alone_and_never_cached(login: Callable[[str], httpx.Client]) -> None:
    ada, bob = login("ada"), login("bob")
    token = open_item(ada)["token"]
    image = ada.get(f"/item/{token}.png")
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert image.content.startswith(b"\x89PNG")
    assert image.headers["cache-control"] == "private, no-store"
    assert image.headers["x-content-type-options"] == "nosniff"
    assert not {"etag", "last-modified", "content-disposition"} & set(image.headers)

    assert bob.get(f"/item/{token}.png").status_code == 400
    assert bob.post(f"/item/{token}", json=GOOD).json() == {"error": "this item is not assigned to you"}
    assert open_item(bob)["token"] != token


def test_a_study_is_rated_to_the_end_by_two(bench: Any, login: Callable[[str], httpx.Client]) -> None:
    clients = {name: login(name) for name in ("ada", "bob")}
    for done in range(12):
        for client in clients.values():
            state = client.get("/item").json()
            assert (state["done"], state["total"]) == (done, 12)
            assert client.post(f"/item/{state['item']['token']}", json=GOOD).status_code == 204
    for client in clients.values():
        state = client.get("/item").json()
        assert (state["item"], state["done"]) == (None, 12)
    assert len(stored(bench)) == 12 * 2 * 2
    assert {r.duration_ms for r in bench.store.ratings("trial")} == {1500}


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
        '{"values": {}, "reasons": {}, "duration_ms": 5}',
        "[]",
        "{",
        "",
    ],
)
def test_the_server_refuses_bad_scores(shared: tuple[Any, httpx.Client], body: str) -> None:
    bench, ada = shared
    token = open_item(ada)["token"]
    answer = ada.post(f"/item/{token}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]
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
        ("DELETE", "/item"),
    ],
)
def test_no_other_route_exists_even_after_logging_in(
    shared: tuple[Any, httpx.Client], method: str, path: str
) -> None:
    _, ada = shared
    # httpx would tidy the dots away: send the path as it is.
    answer = ada.request(method, ada.base_url.copy_with(raw_path=path.encode()))
    assert answer.status_code in (403, 404)


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
    for own in ("app/rate.js", "theme.css", "login", "favicon.ico"):
        assert fetch(ada, f"/{own}").status_code == 200
    for number in range(12):
        token = fetch(ada, "/item").json()["item"]["token"]
        fetch(ada, f"/item/{token}.png")
        fetch(ada, f"/item/{token}", json={**GOOD, "values": {"relevance": 500, "realism": 1}})
        if number == 5:  # vanishes while it is on the screen
            bench.file(bench.store.assignment(token, "ada").image).unlink()
            assert fetch(ada, f"/item/{token}.png").status_code == 410
        else:
            assert fetch(ada, f"/item/{token}", json=GOOD).status_code == 204
    assert fetch(ada, "/item").json()["item"] is None

    secrets = {str(bench.workspace.root), "samples/0000", "nami.db"}
    for image in bench.images:
        secrets |= {image.model, image.sha256, image.path}
    for path, text in traffic:
        assert not [secret for secret in secrets if secret in text], path


def test_the_page_fetches_nothing_from_elsewhere(login: Callable[[str], httpx.Client]) -> None:
    page = login("ada").get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"', page.text)
    assert loaded
    assert not [address for address in loaded if re.match(r"(https?:)?//", address)]


def test_prompts_travel_as_text(login: Callable[[str], httpx.Client]) -> None:
    prompt = open_item(login("ada"))["prompt"]
    assert re.fullmatch(r"picture <i>\d</i> & more", prompt)  # JSON; rate.js sets textContent


def test_ctrl_c_ends_cleanly_and_a_login_survives_the_restart(
    bench: Any, start_server: Callable[..., Any]
) -> None:
    server = start_server(bench, "--port", "0")
    with httpx.Client(base_url=server.address, timeout=30) as ada:
        ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        first = open_item(ada)["token"]
        assert ada.post(f"/item/{first}", json=GOOD).status_code == 204
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
