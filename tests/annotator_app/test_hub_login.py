"""Logging in with an account elsewhere, against a provider that runs here; and what a frame shows."""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from nami_bench.annotator_app.hub_login import HubLogin
from nami_bench.config import AnnotateConfig
from nami_bench.domain import Role
from nami_bench.errors import InputError
from tests.support.http_server import Asked, Reply, http_server

PEOPLE = {"code-1": ("sub-1", "lena"), "code-2": ("sub-2", "olaf"), "code-3": ("sub-3", "ada")}
HOST = "lab-study.hf.space"


class Provider:
    """OpenID Connect's code flow with PKCE, as the hub speaks it."""

    address = ""

    def __init__(self) -> None:
        self.challenges: dict[str, str] = {}
        self.is_down = False

    def __call__(self, asked: Asked) -> Reply:
        if self.is_down:
            return Reply(502, b"<html>out of order</html>")
        path = urlsplit(asked.path).path
        if path == "/.well-known/openid-configuration":
            ends = ("authorization", "authorize"), ("token", "token"), ("userinfo", "userinfo")
            return _json({f"{name}_endpoint": f"{self.address}/oauth/{end}" for name, end in ends})
        if path == "/oauth/token":
            return self._token(asked)
        code = asked.headers["Authorization"].removeprefix("Bearer for-")
        subject, name = PEOPLE[code]
        return _json({"sub": subject, "preferred_username": name, "email": "not@asked.for"})

    def _token(self, asked: Asked) -> Reply:
        form = {name: values[0] for name, values in asked.body.items()}
        basic = b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()
        digest = sha256(form["code_verifier"].encode()).digest()
        challenge = urlsafe_b64encode(digest).decode().rstrip("=")
        good = (
            basic == "client:secret"
            and challenge == self.challenges.pop(form["code"], None)
            and form["redirect_uri"] == f"https://{HOST}/login/callback"
        )
        if not good:
            return _json({"error": "invalid_grant"}, 400)
        return _json({"access_token": f"for-{form['code']}", "token_type": "bearer", "expires_in": 60})


def _json(value: object, status: int = 200) -> Reply:
    return Reply(status, value, {"Content-Type": "application/json"})


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    with http_server(made) as made.address:
        yield made


@pytest.fixture
def bench(new_bench: Callable[..., Any]) -> Any:
    return new_bench("hub", strata=("short",))


@pytest.fixture
def browser(
    bench: Any, provider: Provider, listening: Callable[..., AbstractContextManager[str]]
) -> Iterator[Callable[..., httpx.Client]]:
    """`browser(**changes)`: one of a server on which people of the provider may log in."""
    hub = HubLogin("client", "secret", f"https://{HOST}/login/callback", provider.address)
    settings = AnnotateConfig(host_names=(HOST,), framed_by=("https://huggingface.co", "https://*.hf.space"))
    with ExitStack() as stack:

        def open_(**changes: Any) -> httpx.Client:
            address = stack.enter_context(
                listening(bench, settings, all_studies=True, hub=replace(hub, **changes))
            )
            return stack.enter_context(httpx.Client(base_url=address, timeout=30))

        yield open_


def to_the_hub(client: httpx.Client, provider: Provider, code: str) -> str:
    """Begin a log-in; what the hub would send back with the browser."""
    answer = client.get("/login/hub")
    assert answer.status_code == 303
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid profile", "S256")
    provider.challenges[code] = asked["code_challenge"]
    return f"/login/callback?code={code}&state={asked['state']}"


def problem(answer: httpx.Response) -> str:
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers
    found = re.fullmatch(r"\.\./login\?problem=(\w+)", answer.headers["location"])
    assert found is not None
    return found[1]


def test_somebody_comes_in_and_is_the_same_the_next_time(
    bench: Any, browser: Callable[..., httpx.Client], provider: Provider
) -> None:
    client = browser(administrators=("olaf",))
    assert 'href="login/hub"' in client.get("/login").text
    before = len(bench.store.accounts.all())
    for _ in range(2):
        answer = client.get(to_the_hub(client, provider, "code-1"))
        assert (answer.status_code, answer.headers["location"]) == (303, ".././")
        assert client.get("/studies").json()["annotator"] == "lena"
    assert len(bench.store.accounts.all()) == before + 1
    PEOPLE["code-1"] = ("sub-1", "renamed")
    try:
        client.get(to_the_hub(client, provider, "code-1"))
        assert client.get("/studies").json()["annotator"] == "lena"
    finally:
        PEOPLE["code-1"] = ("sub-1", "lena")
    answer = client.get(to_the_hub(client, provider, "code-2"))
    assert answer.headers["location"] == "../admin/"
    assert bench.store.accounts.get("olaf").role is Role.ADMINISTRATOR


def test_a_name_alone_makes_nobody_the_same(
    bench: Any, browser: Callable[..., httpx.Client], provider: Provider
) -> None:
    client = browser()
    client.get(to_the_hub(client, provider, "code-3"))  # there is an "ada" here, who is somebody else
    assert client.get("/studies").json()["annotator"] == "ada (2)"
    bench.store.erasures.erase("ada (2)")
    client.get(to_the_hub(client, provider, "code-3"))
    assert client.get("/studies").json()["annotator"] == "ada (2)", "erased, and new"


def test_who_may_not(bench: Any, browser: Callable[..., httpx.Client], provider: Provider) -> None:
    client = browser(users=("olaf",))
    assert problem(client.get(to_the_hub(client, provider, "code-1"))) == "hub_not_invited"
    assert client.get(to_the_hub(client, provider, "code-2")).status_code == 303
    bench.store.accounts.set_active("olaf", False)
    assert problem(client.get(to_the_hub(client, provider, "code-2"))) == "hub_not_invited"


def test_what_goes_wrong_is_said(browser: Callable[..., httpx.Client], provider: Provider) -> None:
    client = browser()
    back = to_the_hub(client, provider, "code-1")
    with httpx.Client(base_url=client.base_url) as another:
        assert problem(another.get(back)) == "hub_expired"
    assert problem(client.get(f"{back}x")) == "hub_expired", "forged"
    assert problem(client.get(f"{back}&error=access_denied")) == "hub_refused"
    assert client.get(back).status_code == 303
    assert problem(client.get(back)) == "hub_expired", "used"
    back = to_the_hub(client, provider, "code-1")
    provider.challenges["code-1"] = "another"
    assert problem(client.get(back)) == "hub_refused"
    back = to_the_hub(client, provider, "code-1")
    provider.is_down = True
    assert problem(client.get(back)) == "hub_unreachable"
    assert problem(client.get("/login/hub")) == "hub_unreachable"
    page = client.get("/login?problem=hub_unreachable").text
    assert "does not answer" in page
    assert "nonsense" not in client.get("/login?problem=nonsense").text


def test_without_it_there_is_nothing(shared: tuple[Any, httpx.Client]) -> None:
    _, client = shared
    assert client.get("/login/hub").status_code == 404
    assert re.search(r'<a [^>]*href="login/hub"[^>]* hidden>', client.get("/login").text)


def test_a_frame_shows_one_page_and_only_to_those_named(browser: Callable[..., httpx.Client]) -> None:
    client = browser()
    framed = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}
    for path in ("/", "/study/trial/?PROLIFIC_PID=x", "/admin/", "/login"):
        answer = client.get(path, headers=framed)
        assert answer.status_code == 200
        assert "in a tab of its own" in answer.text
        assert 'href="" target="_blank"' in answer.text, "to this very address, its parameters kept"
        policy = answer.headers["content-security-policy"]
        assert policy.endswith("frame-ancestors https://huggingface.co https://*.hf.space")
        assert "x-frame-options" not in answer.headers
        assert "set-cookie" not in answer.headers
        in_a_tab = client.get(path)
        assert "frame-ancestors 'none'" in in_a_tab.headers["content-security-policy"]
        assert in_a_tab.headers["x-frame-options"] == "DENY"


def test_origins_in_the_settings() -> None:
    for wrong in (
        "huggingface.co",
        "https://huggingface.co/spaces",
        "*",
        "'self'",
        "https://a; script-src *",
    ):
        with pytest.raises(InputError, match="no origin"):
            AnnotateConfig(framed_by=(wrong,))
