"""The application put together: the gate, log-in, the work (`routes`), the pages (`views`), and errors."""

import logging
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException

from annotator_app.access import Gate
from annotator_app.admin_page import add_admin_page
from annotator_app.admin_routes import add_admin_routes
from annotator_app.health import health_router
from annotator_app.login import add_login
from annotator_app.origin import Hosts
from annotator_app.routes import add_routes
from annotator_app.submission_routes import add_queue_routes, add_submission_routes
from annotator_app.subpath import Prefix
from annotator_app.terms import Terms
from annotator_app.views import STATIC, add_pages
from nami_bench.config import AnnotateConfig
from nami_bench.domain import Study
from nami_bench.errors import ImageError, InputError, NamiBenchError, RefusedError
from nami_bench.pipeline.known_prompts import KnownPrompts
from nami_bench.store import Store

_SETTINGS = AnnotateConfig()
_log = logging.getLogger(__name__)

_STATUS = {
    "bad_answers": 400,
    "not_yours": 404,
    "taken_over": 409,
    "reused_client_token": 409,
    "answered": 409,
    "paused": 409,
    "closed": 409,
    "withdrawn": 410,
    "address_expired": 410,
    "no_consent": 400,
    "licence_changed": 409,
    "too_short": 400,
    "too_long": 400,
    "hidden_characters": 400,
    "safety": 400,
    "personal": 400,
    "switches": 400,
    "duplicate": 409,
    "near_duplicate": 409,
    "decided": 409,
    "too_many": 429,
}
"""The HTTP status for the codes of RefusedError."""


def build_app(
    store: Store, images_dir: Path, study: Study, terms: Terms, settings: AnnotateConfig = _SETTINGS
) -> FastAPI:
    """The whole application for one study; every annotator's state is in `store` alone.

    `settings` say by which names and below which path it is reached.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _handle_errors(app)
    add_login(app, store, study)
    add_routes(app, store, images_dir, study.name, may_propose=terms.open_to != "nobody")
    add_admin_routes(app, store, study.name)
    known = KnownPrompts(store)
    add_submission_routes(app, store, known, terms)
    add_queue_routes(app, store, known, terms)
    app.get("/favicon.ico")(lambda: FileResponse(STATIC / "icon.svg"))
    app.include_router(health_router(store))
    add_pages(app, study)
    add_admin_page(app, f"{study.name}: administration")
    hosts = Hosts(settings.host, settings.host_names)
    app.add_middleware(Gate, find=store.session_annotator, proposers=terms.open_to, hosts=hosts)
    if settings.root_path:
        app.add_middleware(Prefix, prefix=settings.root_path)
    return app


def _handle_errors(app: FastAPI) -> None:
    """Errors in words for the annotator; paths and other details go to the log only."""

    def answer(status: int, code: str, message: str) -> JSONResponse:
        return JSONResponse({"error": message, "code": code}, status)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: Exception) -> JSONResponse:
        return answer(422, "malformed", "this was not understood: reload the page")

    @app.exception_handler(HTTPException)
    def unusual(request: Request, error: HTTPException) -> JSONResponse:
        code = "not_found" if error.status_code in (404, 405) else "malformed"
        return answer(error.status_code, code, "this was not understood: reload the page")

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
