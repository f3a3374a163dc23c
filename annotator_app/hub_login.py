"""Logging in with an account of the Hugging Face hub: OpenID Connect's code flow, with PKCE.

The hub says who somebody is, and nothing more is asked of it or kept: no mail address, no access to anything
there. A cookie of ten minutes ties the answer to the browser that asked.
"""

import hashlib
import json
import logging
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nami_bench.annotator_app.levels import Level, router
from nami_bench.annotator_app.subpath import cookie_path
from nami_bench.domain import Annotator, Role
from nami_bench.errors import InputError
from nami_bench.services.bounded_client import Answer, BoundedClient, NoAnswerError
from nami_bench.store import Store

HUB = "https://huggingface.co"
COOKIE = "nami-hub-login"
PATIENCE_S = 10.0
_LIFE_S = 600
_LONGEST = 100_000
PROBLEMS = {
    "hub_refused": "The hub did not let you in: try again.",
    "hub_expired": "This log-in took too long or was begun in another browser: try again.",
    "hub_unreachable": "The hub does not answer just now: try again later.",
    "hub_not_invited": "This account is not invited to this server: ask whoever runs it.",
}
"""What may go wrong, by its code, which stands in the address of the log-in page then."""

_UNREACHABLE = (NoAnswerError, ValueError, KeyError)
"""What goes wrong with answers that are none of such a provider."""

_log = logging.getLogger(__name__)

Enter = Callable[[Request, Annotator], Response]
"""Opens a session for an account, and leads from below /login/ to where it works."""


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


def hub_router(store: Store, hub: HubLogin, enter: Enter) -> APIRouter:
    """/login/hub, which leads to the hub, and /login/callback, to which it leads back."""
    public = router(Level.PUBLIC)

    def failed(code: str) -> Response:
        return RedirectResponse(f"../login?problem={code}", 303)

    @public.get("/login/hub")
    def begin(request: Request) -> Response:
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        try:
            with BoundedClient(PATIENCE_S) as client:
                asked = _endpoints(client, hub)["authorization_endpoint"]
        except _UNREACHABLE as error:
            return unreachable(error)
        question = {
            "response_type": "code",
            "client_id": hub.client_id,
            "redirect_uri": hub.redirect_uri,
            "scope": "openid profile",
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        answer = RedirectResponse(f"{asked}?{urlencode(question)}", 303)
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

    @public.get("/login/callback")
    def end(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
        known, _, verifier = request.cookies.get(COOKIE, "").partition(".")
        if not known or not secrets.compare_digest(known.encode(), state.encode()):
            return failed("hub_expired")
        if error or not code:
            return failed("hub_refused")
        try:
            told = _who(hub, code, verifier)
        except _Refused:
            return failed("hub_refused")
        except _UNREACHABLE as problem_there:
            return unreachable(problem_there)
        return admit(request, told)

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
        answer.delete_cookie(COOKIE, path=cookie_path(request.scope))
        return answer

    return public


class _Refused(Exception):
    """The hub does not vouch for what it was shown."""


def _who(hub: HubLogin, code: str, verifier: str) -> dict[str, Any]:
    """What the hub says of whoever it gave `code` to."""
    with BoundedClient(PATIENCE_S) as client:
        ends = _endpoints(client, hub)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": hub.redirect_uri,
        }
        secret = (hub.client_id, hub.client_secret)
        answer = _asked(client, "POST", ends["token_endpoint"], data=form, headers=_basic(*secret))
        if answer.status == HTTPStatus.BAD_REQUEST:  # RFC 6749, section 5.2
            raise _Refused
        bearer = {"Authorization": f"Bearer {_object(answer)['access_token']}"}
        return _object(_asked(client, "GET", ends["userinfo_endpoint"], headers=bearer))


def _endpoints(client: BoundedClient, hub: HubLogin) -> dict[str, Any]:
    """Where the provider is asked what (OpenID Connect Discovery 1.0, section 4)."""
    return _object(_asked(client, "GET", f"{hub.provider}/.well-known/openid-configuration"))


def _asked(client: BoundedClient, method: str, address: str, **options: Any) -> Answer:
    return client.send(method, address, max_bytes=_LONGEST, **options)


def _basic(identifier: str, secret: str) -> dict[str, str]:
    """HTTP Basic, as OAuth has it: both form-encoded first (RFC 6749, section 2.3.1)."""
    pair = f"{quote_plus(identifier)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _object(answer: Answer) -> dict[str, Any]:
    """The JSON object that is answered; raises what `_UNREACHABLE` lists."""
    if answer.status != HTTPStatus.OK:
        raise ValueError(f"it answers with status {answer.status}")
    found = json.loads(answer.body)
    if not isinstance(found, dict):
        raise ValueError("it answers with no object")
    return found


def _challenge(verifier: str) -> str:
    """What shows the provider that who asks later knows the verifier (RFC 7636, method S256)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
