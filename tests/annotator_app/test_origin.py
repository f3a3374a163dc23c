"""Whose page sent a request, and to which name: cross-site requests, DNS rebinding, and the health route."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from nami_bench.annotator_app import health
from nami_bench.annotator_app.origin import Hosts
from nami_bench.config import AnnotateConfig
from nami_bench.domain import Annotator, Role
from nami_bench.errors import InputError, StorageError

DATA = ("/session", "/item/now/before", "/submissions", "/leaderboard")
ADMIN_DATA = ("/admin/file/ratings.csv", "/admin/picture/1", "/admin/theme.css")
PAGES = ("/", "/propose", "/login")
FOLLOWED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def root(shared: tuple[Any, httpx.Client]) -> Iterator[httpx.Client]:
    """A logged-in administrator."""
    made, annotator = shared
    token = made.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    with httpx.Client(base_url=annotator.base_url, timeout=30) as client:
        assert client.post("/login", data={"name": "root", "token": token}).status_code == 303
        assert client.post("/study/trial/join", json={}).status_code == 200
        yield client


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json()["code"] == "cross_site"


@pytest.mark.slow
@pytest.mark.parametrize("path", [*DATA, *ADMIN_DATA])
def test_other_sites_pages_do_not_fetch_data(root: httpx.Client, path: str) -> None:
    own = str(root.base_url).rstrip("/")
    for headers, expected in (
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),  # typed into the address bar
        ({"Origin": own}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, True),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
    ):
        assert refused(root.get(path, headers=headers)) is expected, headers


@pytest.mark.slow
@pytest.mark.parametrize("path", [*PAGES, "/admin/"])
def test_a_link_on_another_site_leads_here(root: httpx.Client, path: str) -> None:
    for site in ("cross-site", "same-site"):
        assert root.get(path, headers={"Sec-Fetch-Site": site, **FOLLOWED}).status_code == 200
    framed = {"Sec-Fetch-Site": "cross-site", **FOLLOWED, "Sec-Fetch-Dest": "iframe"}
    assert refused(root.get(path, headers=framed)) is (path != "/login")


@pytest.mark.parametrize("path", ["/admin/", "/admin/theme.css", "/session", "/login", "/app/base.css"])
def test_no_answer_invites_another_origins_scripts(root: httpx.Client, path: str) -> None:
    port = root.base_url.port
    for name in ("127.0.0.1", socket.gethostname()):
        host = f"{name}:{port}"
        for origin in (f"http://{host}", "https://evil.example"):
            headers = {"Host": host, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
            answer = root.get(path, headers=headers)
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_only_our_own_names_are_answered_to(root: httpx.Client) -> None:
    port = root.base_url.port
    for host in (
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "192.0.2.7",
        socket.gethostname(),
    ):
        for given in (host, f"{host}:{port}"):
            assert root.get("/login", headers={"Host": given}).status_code == 200, given
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "x" * 5000,
        "a b",
        "[evil",
    ):
        for path in ("/session", "/login", "/app/base.css", "/admin/theme.css", "/nothing"):
            answer = root.get(path, headers={"Host": host})
            assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host"), host
    told = root.get("/login", headers={"Host": "evil.example:80"}).json()["error"]
    assert "'evil.example'" in told
    assert "--host-name" in told and "annotate.host_names in nami.toml" in told
    posted = root.post("/login", data={"name": "root", "token": "x"}, headers={"Host": "evil.example"})
    assert posted.status_code == 421


def test_the_owner_names_further_hosts() -> None:
    hosts = Hosts("nami.lan", ["annotate.example.org"])
    for host in (
        "annotate.example.org",
        "Annotate.Example.org:8443",
        "nami.lan:7860",
        "localhost",
        "10.0.0.7:1",
    ):
        assert hosts.know(host), host
    for host in ("example.org", "evil.annotate.example.org", "annotate.example.org.evil.example", ""):
        assert not hosts.know(host), host
    assert Hosts("127.0.0.1", ["*"]).know("whatever.example")


def test_the_log_says_once_which_name_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    hosts = Hosts("127.0.0.1")
    for name in ("evil.example", "evil.example:80", *(f"h{i}.example" for i in range(100))):
        assert not hosts.know(name)
    assert len([r for r in caplog.records if "'evil.example'" in r.getMessage()]) == 1
    assert len(caplog.records) < 30


@pytest.mark.parametrize("name", ["https://nami.example.org", "nami.example.org:443", "nami example", ""])
def test_what_is_no_host_name_is_refused_in_words(name: str) -> None:
    with pytest.raises(InputError, match="is no host name"):
        AnnotateConfig(host_names=(name,))


@pytest.mark.parametrize("path", ["nami", "/nami/", "/", "//evil.example", "/a/../b", "/a?b"])
def test_what_is_no_root_path_is_refused_in_words(path: str) -> None:
    with pytest.raises(InputError, match=r"the root path .* must be like /nami"):
        AnnotateConfig(root_path=path)


@pytest.mark.slow
def test_a_name_given_on_the_command_line_is_answered_to(
    new_bench: Callable[..., Any], start_server: Callable[..., Any]
) -> None:
    bench = new_bench("named", strata=("short",))
    server = start_server(bench, "--port", "0", "--host-name", "annotate.example.org", "--root-path", "/nami")
    at = urlsplit(server.address)
    assert at.path == "/nami/"
    for prefix in ("/nami", ""):  # handed on as it came, and taken off
        asked = f"http://{at.netloc}{prefix}/login"
        assert httpx.get(asked, headers={"Host": "annotate.example.org"}, timeout=30).status_code == 200
        assert httpx.get(asked, headers={"Host": "other.example.org"}, timeout=30).status_code == 421
    assert (
        "a request was refused: this server does not go by the name 'other.example.org'"
        in server.log.read_text()
    )


def test_health_needs_no_log_in_and_tells_nothing(shared: tuple[Any, httpx.Client]) -> None:
    _, annotator = shared
    with httpx.Client(base_url=annotator.base_url) as probe:
        for headers in ({}, {"Host": "nami.internal:7860"}):
            answer = probe.get("/healthz", headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"live": True, "ready": True})
            assert "no-store" in answer.headers["cache-control"]
        assert probe.head("/healthz").status_code == 200
        assert probe.post("/healthz", json={}).status_code == 404


def test_health_is_503_with_a_word_where_the_database_does_not_answer(
    shared: tuple[Any, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, annotator = shared

    def gone() -> None:
        raise StorageError("the database sqlite:////secret/nami.db refused: disk I/O error")

    monkeypatch.setattr(made.store, "check_reachable", gone)
    answer = annotator.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"live": True, "ready": False, "reason": "database"}
    assert (annotator.get("/healthz/live").status_code, annotator.get("/healthz/live").json()) == (
        200,
        {"live": True},
    )


def test_health_does_not_wait_for_a_database_that_hangs(
    shared: tuple[Any, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, annotator = shared
    answers, asked = threading.Event(), []

    def hang() -> None:
        asked.append(None)
        answers.wait(60)

    monkeypatch.setattr(made.store, "check_reachable", hang)
    monkeypatch.setattr(health, "PATIENCE_S", 0.05)
    try:
        for _ in range(5):
            answer = annotator.get("/healthz")
            assert (answer.status_code, answer.json()["reason"]) == (503, "database_busy")
        assert len(asked) == 1  # however often it is probed, one thread waits
    finally:
        answers.set()
