"""The log-in page, logging in and out."""

from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from annotator_app.access import COOKIE, session_identifier
from annotator_app.subpath import cookie_path
from annotator_app.views import render
from nami_bench.domain import Study
from nami_bench.errors import InputError, RateLimitError
from nami_bench.store import Store

WRONG = "This name and token or password do not match, or the account is disabled."


def add_login(app: FastAPI, store: Store, study: Study) -> None:
    """Add /login and /logout."""

    def login_page(status: int = 200, problem: str = "", code: str = "") -> HTMLResponse:
        page = render("login.html", study=study.name, problem=problem, problem_code=code)
        return HTMLResponse(page, status)

    @app.get("/login")
    def ask() -> HTMLResponse:
        return login_page()

    @app.post("/login")
    def login(
        request: Request, name: Annotated[str, Form()] = "", token: Annotated[str, Form()] = ""
    ) -> Response:
        name, address = name.strip(), request.client.host if request.client else ""
        try:
            # A token that was pasted may have spaces around it; a password may have them in earnest.
            annotator = store.authenticate(name, token.strip(), address)
            if annotator is None and token != token.strip():
                annotator = store.authenticate(name, token, address)
        except RateLimitError as error:
            return login_page(429, f"{str(error).capitalize()}.", "rate_limited")
        except InputError:  # no name or password that the database could hold
            annotator = None
        if annotator is None:
            return login_page(401, WRONG, "wrong_login")
        response = RedirectResponse("./", 303)
        # Gone when the browser is closed; scripts cannot read it, other sites' requests do not carry it.
        response.set_cookie(
            COOKIE,
            store.open_session(annotator.name),
            httponly=True,
            samesite="lax",
            path=cookie_path(request.scope),
            secure=request.url.scheme == "https",
        )
        return response

    @app.post("/logout")
    def logout(request: Request) -> Response:
        store.close_session(session_identifier(request.headers))
        response = RedirectResponse("login", 303)
        response.delete_cookie(COOKIE, path=cookie_path(request.scope), httponly=True, samesite="lax")
        return response
