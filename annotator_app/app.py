"""The annotation server: log-in and errors; `routes` carries the work, `views` the pages."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from annotator_app.access import Gate, sign_in, sign_out
from annotator_app.routes import add_routes
from annotator_app.sessions import open_study
from annotator_app.views import STATIC, add_pages, render
from nami_bench.domain import Study
from nami_bench.errors import ImageError, InputError, NamiBenchError, RefusedError, WorkError
from nami_bench.store import Store

_log = logging.getLogger(__name__)

_STATUS = {
    "bad_answers": 400,
    "not_yours": 404,
    "taken_over": 409,
    "reused_client_token": 409,
    "answered": 409,
    "paused": 409,
    "withdrawn": 410,
    "address_expired": 410,
}
"""The HTTP status for the codes of RefusedError."""


def build_app(store: Store, images_dir: Path, study: Study) -> FastAPI:
    """The whole application for one study; every annotator's state is in `store` alone."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Gate, authenticate=store.authenticate)
    _handle_errors(app)
    _add_login(app, store, study)
    add_routes(app, store, images_dir, study.name)
    app.get("/favicon.ico")(lambda: FileResponse(STATIC / "icon.svg"))
    add_pages(app, study)
    return app


def serve(
    store: Store,
    images_dir: Path,
    study_name: str | None,
    host: str,
    port: int,
    on_ready: Callable[[str, Study], object] = lambda address, study: None,
) -> None:
    """Serve a study (None: the newest) until interrupted; port 0 takes a free one.

    `on_ready(address, study)` is called once the address takes connections. Raises InputError where
    there is nothing to annotate or the address cannot be had, WorkError where the server fails to start.
    """
    study = open_study(store, study_name)
    with _listen(host, port) as listener:
        app = build_app(store, images_dir, study)
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        on_ready(address, study)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return
        if not server.started:
            raise WorkError("the annotation server did not start: the lines above say why")


def _add_login(app: FastAPI, store: Store, study: Study) -> None:
    def login_page(problem: str = "", status: int = 200) -> HTMLResponse:
        return HTMLResponse(render("login.html", study=study.name, problem=problem, problem_code=""), status)

    @app.get("/login")
    def ask() -> HTMLResponse:
        return login_page()

    @app.post("/login")
    def login(request: Request, name: Annotated[str, Form()], token: Annotated[str, Form()]) -> Response:
        name, token = name.strip(), token.strip()
        if store.authenticate(name, token) is None:
            return login_page("This name and token do not match, or the account is disabled.", 401)
        response = RedirectResponse("./", 303)
        sign_in(response, name, token, https=request.url.scheme == "https")
        return response

    @app.post("/logout")
    def logout() -> Response:
        response = RedirectResponse("login", 303)
        sign_out(response)
        return response


def _handle_errors(app: FastAPI) -> None:
    """Errors in words for the annotator; paths and other details go to the log only."""

    def answer(status: int, code: str, message: str) -> JSONResponse:
        return JSONResponse({"error": message, "code": code}, status)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: Exception) -> JSONResponse:
        return answer(422, "malformed", "this was not understood: reload the page")

    @app.exception_handler(ImageError)
    def no_image(request: Request, error: Exception) -> JSONResponse:
        return answer(410, "image_gone", "this image cannot be shown: go on with the next item")

    @app.exception_handler(RefusedError)
    def refused(request: Request, error: RefusedError) -> JSONResponse:
        return answer(_STATUS[error.code], error.code, str(error))

    @app.exception_handler(InputError)
    def wrong(request: Request, error: Exception) -> JSONResponse:
        return answer(400, "wrong_use", str(error))

    @app.exception_handler(NamiBenchError)
    def failed(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s", error)
        return answer(503, "unavailable", "this did not work just now: try again, or tell the organizer")

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:  # uvicorn logs it
        return answer(500, "broken", "this did not work: please tell the organizer")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port or --host"
        ) from error


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
