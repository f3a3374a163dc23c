"""The log-in page, logging in and out."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from nami_bench.annotator_app.access import COOKIE, LoginCookie
from nami_bench.annotator_app.faults import words_for
from nami_bench.annotator_app.hub_login import PROBLEMS, HubLogin, hub_router
from nami_bench.annotator_app.levels import Level, leads_back, router
from nami_bench.annotator_app.subpath import cookie_path
from nami_bench.annotator_app.views import render
from nami_bench.domain import Annotator, Role
from nami_bench.errors import InputError, RateLimitError, StorageError
from nami_bench.store import Store

_FIRST = {Role.ADMINISTRATOR: "admin/", Role.ADJUDICATOR: "admin/items"}
"""Where people are led who asked for no page, if not to the studies."""

WRONG = "This name and token or password do not match, or the account is disabled."


def login_router(store: Store, cookie: LoginCookie, title: str, hub: HubLogin | None = None) -> APIRouter:
    """/login and /logout, once for all studies: `title` says what people log in to, `hub` where else they
    have an account.

    Whoever asked for a page is led there afterwards; who asked for none, to the console, if that is
    what they have.
    """
    public = router(Level.PUBLIC)
    elsewhere = "" if hub is not None else "hidden"

    def login_page(
        to: str, status: int = 200, problem: str = "", code: str = "", name: str = ""
    ) -> HTMLResponse:
        words = {"to": to, "problem": problem, "problem_code": code, "name": name, "hub": elsewhere}
        return HTMLResponse(render("login.html", title=title, **words), status)

    def enter(request: Request, annotator: Annotator, up: str = "", to: str = "") -> Response:
        session = store.logins.open_session(annotator.name)
        first = _FIRST.get(annotator.role, "./")
        response = RedirectResponse(up + (to if leads_back(to) else first), 303)
        cookie.hand_over(response, request, session)
        return response

    @public.get("/login")
    def ask(to: str = "", problem: str = "") -> HTMLResponse:
        return login_page(to, problem=PROBLEMS.get(problem, ""), code=problem if problem in PROBLEMS else "")

    @public.post("/login")
    def login(
        request: Request,
        name: Annotated[str, Form()] = "",
        token: Annotated[str, Form()] = "",
        to: Annotated[str, Form()] = "",
    ) -> Response:
        name, address = name.strip(), request.client.host if request.client else ""
        try:
            # A token that was pasted may have spaces around it; a password may have them in earnest.
            annotator = store.logins.authenticate(name, token.strip(), address)
            if annotator is None and token != token.strip():
                annotator = store.logins.authenticate(name, token, address)
            if annotator is not None:
                return enter(request, annotator, to=to)
        except RateLimitError as error:
            return login_page(to, 429, f"{str(error).capitalize()}.", "rate_limited", name)
        except InputError:  # no name or password that the database could hold
            pass
        except StorageError as error:
            code, words = words_for(error)
            return login_page(to, 503, f"{words.capitalize()}.", code, name)
        return login_page(to, 401, WRONG, "wrong_login", name)

    @public.post("/logout")
    def logout(request: Request) -> Response:
        store.logins.close_session(cookie.read(request.headers))
        response = RedirectResponse("login", 303)
        for name in (cookie.name(request.headers), COOKIE):
            response.delete_cookie(name, path=cookie_path(request.scope), httponly=True, samesite="lax")
        return response

    if hub is not None:
        public.include_router(hub_router(store, hub, partial(enter, up="../")))
    return public
