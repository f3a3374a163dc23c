"""Who may reach a route: every router carries its level, and what carries none is not served.

The gate (`access`) finds out who sent a request, and for what path of the application's (`state.path`, the
same inside of what is mounted in it); here is decided what that person reaches. A level is a
dependency of FastAPI's on a router, or a wrapper around an application that is mounted (`Guarded`).
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from nami_bench.annotator_app.origin import is_from_our_page, is_opened
from nami_bench.domain import Annotator, Role

Find = Callable[[], Awaitable[Annotator | None]]
"""Who sent a request, by the session in its cookie; None: nobody whom we know."""


class Level(StrEnum):
    """For whom something is."""

    PUBLIC = "public"
    """For everybody; nobody asks who it is, so it works without a database."""
    ANYBODY = "anybody"
    """For everybody, who may have an account."""
    PARTICIPANT = "participant"
    """For whoever may rate, and for those who came by themselves into the study that the path names."""
    ANNOTATOR = "annotator"
    """For whoever may rate, and has an account for it."""
    ADJUDICATOR = "adjudicator"
    """For who decides where annotators disagree: adjudicators and administrators."""
    OWNER = "owner"
    """For administrators."""


_ADMITTED = {
    Level.PARTICIPANT: frozenset({Role.ANNOTATOR, Role.ADMINISTRATOR, Role.PARTICIPANT}),
    Level.ANNOTATOR: frozenset({Role.ANNOTATOR, Role.ADMINISTRATOR}),
    Level.ADJUDICATOR: frozenset({Role.ADJUDICATOR, Role.ADMINISTRATOR}),
    Level.OWNER: frozenset({Role.ADMINISTRATOR}),
}
"""The roles that a level lets in; a level that is not here lets in who has no account, too."""

_BACK = re.compile(r"study/[\w.-]+/|admin/[\w-]*(\?study=[\w.-]+)?")

_WORDS = {
    Level.ADJUDICATOR: "this is for adjudicators and administrators",
    Level.OWNER: "this is for administrators",
}


class Barred(HTTPException):
    """Somebody may not reach this; `page`: a person opened it, who is led to the log-in where that helps."""

    def __init__(self, status: int, code: str, sentence: str, *, page: bool = False) -> None:
        super().__init__(status, sentence)
        self.code, self.page = code, page


class LevelCheck:
    """The dependency: raises Barred, or puts account's name and role into `request.state`."""

    def __init__(self, level: Level, *, pages: bool) -> None:
        self.level, self.pages = level, pages

    async def __call__(self, request: Request) -> None:
        await admit(request, self.level, page=self.pages)


class Guarded:
    """ASGI application: `app` for those of a level, the same for all of it or by path; `is_page(path)` tells
    what a person opens."""

    def __init__(
        self,
        app: ASGIApp,
        level: Level | Callable[[str], Level],
        is_page: Callable[[str], bool] = lambda path: False,
    ) -> None:
        self.app, self._is_page = app, is_page
        self._level_of = level if callable(level) else lambda path: level

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["state"]["path"]
            await admit(Request(scope), self._level_of(path), page=self._is_page(path))
        await self.app(scope, receive, send)


def router(level: Level, *, pages: bool = False) -> APIRouter:
    """A router for those of a level; `pages`: strangers are led from here to the log-in."""
    return APIRouter(dependencies=[Depends(LevelCheck(level, pages=pages))], redirect_slashes=False)


async def admit(request: Request, level: Level, *, page: bool) -> None:
    """See `LevelCheck`; raises what the look-up of a session raises, where the database fails."""
    state = request.state
    state.level = level
    if level is Level.PUBLIC:
        return
    if not is_from_our_page(request.headers) and not is_opened(request.headers):
        raise Barred(403, "cross_site", "another site sent this request")
    account = await state.find_account()
    admitted = _ADMITTED.get(level)
    if account is None and admitted is not None:
        raise Barred(401, "not_signed_in", "log in first", page=page)
    if account is not None and not admits(level, account.role):
        raise Barred(403, "forbidden", _WORDS.get(level, "this is not for your account"))
    if account is not None and account.role is Role.PARTICIPANT and not _is_theirs(account, state.path):
        raise Barred(403, "forbidden", "this is not for participants of a study")
    state.annotator = account and account.name
    state.role = account and account.role.value
    state.only_study = account and account.only_study


def _is_theirs(participant: Annotator, path: str) -> bool:
    """Whether a path is one of the few that a participant reaches: the start, the door, and their study."""
    return path == "/" or path.startswith(("/join/", f"/study/{participant.only_study}/"))


def barred_answer(request: Request, error: Barred) -> Response:
    """What somebody gets who may not reach something."""
    if error.page and error.status_code == 401 and request.method in ("GET", "HEAD"):
        return RedirectResponse(_login_from(request.scope), 303)
    return refusal(error.status_code, error.code, str(error.detail))


def refusal(status: int, code: str, sentence: str) -> Response:
    """A refusal as the browser's scripts read it."""
    return Response(json.dumps({"error": sentence, "code": code}), status, media_type="application/json")


def check_levels(app: FastAPI) -> None:
    """Raise RuntimeError where a route of the assembled application, at whatever depth, carries no level."""
    bare = sorted(_without_level(app.routes, ""))
    if bare:
        raise RuntimeError(
            f"these routes say not for whom they are, and must not be served: {', '.join(bare)}"
        )


def _without_level(routes: Iterable[BaseRoute], prefix: str) -> Iterator[str]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _without_level(included.routes, prefix)
        elif not _has_level(route):
            yield prefix + str(getattr(route, "path", route))


def _has_level(route: Any) -> bool:
    if isinstance(route, Mount):
        return isinstance(route.app, Guarded)
    return any(isinstance(one.dependency, LevelCheck) for one in getattr(route, "dependencies", ()))


def _login_from(scope: Scope) -> str:
    """The relative address of the log-in, from a page's own, that leads back to it."""
    path = scope["state"]["path"]
    up = "../" * (path.count("/") - 1)
    query = scope.get("query_string", b"").decode("latin-1")
    here = path[1:] + (f"?{query}" if query else "")
    return f"{up}login" + (f"?to={quote(here, safe='')}" if leads_back(here) else "")


def leads_back(here: str) -> bool:
    """Whether an address is one of our own pages to which a log-in may lead: a study's, or the console's."""
    return _BACK.fullmatch(here) is not None


def admits(level: Level, role: Role) -> bool:
    """Whether who has an account of that role reaches a level."""
    admitted = _ADMITTED.get(level)
    return admitted is None or role in admitted
