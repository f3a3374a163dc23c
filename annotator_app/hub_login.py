"""Logging in with an account of the Hugging Face hub: OpenID Connect's code flow, with PKCE.

The hub says who somebody is, and nothing more is asked of it or kept: no mail address, no access to anything
there. A cookie of ten minutes ties the answer to the browser that asked.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from nami_bench.annotator_app.subpath import cookie_path
from nami_bench.domain import Annotator, Role
from nami_bench.errors import InputError
from nami_bench.store import Store

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

HUB = "https://huggingface.co"
COOKIE = "nami-hub-login"
PATIENCE_S = 10.0
_LIFE_S = 600
_FAILED = {
    "hub_refused": "The hub did not let you in: try again.",
    "hub_expired": "This log-in took too long or was begun in another browser: try again.",
    "hub_unreachable": "The hub does not answer just now: try again later.",
    "hub_not_invited": "This account is not invited to this server: ask whoever runs it.",
}
_UNREACHABLE = (httpx.HTTPError, ValueError, KeyError, TypeError)
"""What goes wrong with answers that are none of such a provider."""

_log = logging.getLogger(__name__)

Enter = Callable[[Request, Annotator], Response]
"""Opens a session for an account, and leads to where it works."""

Problem = Callable[[str, str], Response]
"""The log-in page with a problem: its code, and its words."""


@dataclass(frozen=True, slots=True)
class HubLogin:
    """How to ask the hub, and who may come in: `users`, everybody whom the hub lets through where there are
    none, and `administrators`; both are names there.

    `redirect_uri` is the address of our /login/callback as the hub knows it.
    """

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    provider: str = HUB
    users: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()

    def role(self, name: str) -> Role | None:
        """As what somebody of this name there comes in; None: not at all."""
        if name in self.administrators:
            return Role.ADMINISTRATOR
        return Role.ANNOTATOR if not self.users or name in self.users else None


def add_hub_routes(router: APIRouter, store: Store, hub: HubLogin, enter: Enter, problem: Problem) -> None:
    """Add /login/hub, which leads to the hub, and /login/callback, to which it leads back."""

    def failed(code: str) -> Response:
        answer = problem(code, _FAILED[code])
        answer.delete_cookie(COOKIE)
        return answer

    @router.get("/login/hub")
    async def begin(request: Request) -> Response:
        verifier = secrets.token_urlsafe(48)
        try:
            async with _client(hub) as client:
                asked = (await _metadata(client, hub))["authorization_endpoint"]
                address, state = client.create_authorization_url(asked, code_verifier=verifier)
        except _UNREACHABLE as error:
            return unreachable(error)
        answer = RedirectResponse(address, 303)
        answer.set_cookie(
            COOKIE,
            f"{state}.{verifier}",
            max_age=_LIFE_S,
            httponly=True,
            samesite="lax",  # it must come along when the hub leads back
            path=cookie_path(request.scope),
            secure=request.url.scheme == "https",
        )
        return answer

    @router.get("/login/callback")
    async def end(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
        known, _, verifier = request.cookies.get(COOKIE, "").partition(".")
        if not known or not secrets.compare_digest(known.encode(), state.encode()):
            return failed("hub_expired")
        if error or not code:
            return failed("hub_refused")
        try:
            told = await _who(hub, code, verifier)
        except _Refused:
            return failed("hub_refused")
        except _UNREACHABLE as problem_there:
            return unreachable(problem_there)
        return await run_in_threadpool(admit, request, told)

    def unreachable(error: Exception) -> Response:
        _log.error("log-in through %s: %r", hub.provider, error)
        return failed("hub_unreachable")

    def admit(request: Request, told: dict[str, Any]) -> Response:
        subject, name = told.get("sub"), told.get("preferred_username")
        if not isinstance(subject, str) or not isinstance(name, str):
            return failed("hub_refused")
        role = hub.role(name)
        if role is None:
            return failed("hub_not_invited")
        try:
            account = store.accounts.of_outside(hub.provider, subject, name, role)
        except InputError:
            return failed("hub_refused")
        if not account.active:
            return failed("hub_not_invited")
        answer = enter(request, account)
        answer.delete_cookie(COOKIE)
        return answer


class _Refused(Exception):
    """The hub does not vouch for what it was shown."""


async def _who(hub: HubLogin, code: str, verifier: str) -> dict[str, Any]:
    """What the hub says of whoever it gave `code` to."""
    from authlib.integrations.base_client import OAuthError

    async with _client(hub) as client:
        metadata = await _metadata(client, hub)
        try:
            await client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=verifier)
        except OAuthError as error:
            raise _Refused from error
        answer = await client.get(metadata["userinfo_endpoint"])
        answer.raise_for_status()
        told = answer.json()
        return told if isinstance(told, dict) else {}


async def _metadata(client: "AsyncOAuth2Client", hub: HubLogin) -> dict[str, Any]:
    """Where the provider is asked what (OpenID Connect Discovery 1.0, section 4)."""
    answer = await client.get(f"{hub.provider}/.well-known/openid-configuration", withhold_token=True)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _client(hub: HubLogin) -> "AsyncOAuth2Client":
    try:
        from authlib.integrations.httpx_client import AsyncOAuth2Client
    except ModuleNotFoundError as error:
        raise InputError("logging in through the hub needs authlib: pip install 'nami-bench[hub]'") from error
    return AsyncOAuth2Client(
        hub.client_id,
        hub.client_secret,
        scope="openid profile",
        redirect_uri=hub.redirect_uri,
        code_challenge_method="S256",
        timeout=PATIENCE_S,
    )
