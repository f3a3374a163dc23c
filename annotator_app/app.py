"""The application put together: the gate, log-in, the work (`routes`), the pages (`views`), and errors."""

import logging
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from annotator_app.access import Gate, LoginCookie
from annotator_app.admin_page import add_admin_page
from annotator_app.admin_routes import add_admin_routes
from annotator_app.health import health_router
from annotator_app.login import login_router
from annotator_app.origin import Hosts
from annotator_app.routes import at_the_root, named_in_path, work_router
from annotator_app.studies import Studies
from annotator_app.submission_routes import add_queue_routes, add_submission_routes
from annotator_app.subpath import Prefix
from annotator_app.terms import Terms
from annotator_app.views import STATIC, TITLE, page_router
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
    "no_study": 503,  # it may be again: what is unsent is kept
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
    store: Store, images_dir: Path, study: Study | None, terms: Terms, settings: AnnotateConfig = _SETTINGS
) -> FastAPI:
    """The whole application, for one study or (None) all of the workspace's; its state is in `store` alone.

    Log-in, pages, administration and proposed prompts belong to the workspace, and there is one of each. The
    work on a study is a router of its own, at /study/NAME; it stands at the root, too, where one study is
    served, and for pages that an older version served there. `settings` say by which names and below which
    path the app is reached.
    """
    studies = Studies(store, None if study is None else study.name)
    cookie = LoginCookie(studies.place)
    may_propose = terms.open_to != "nobody"
    title = TITLE if study is None else study.name
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _handle_errors(app)
    app.include_router(health_router(store))
    app.include_router(login_router(store, cookie, title))
    app.include_router(page_router(studies, may_propose=may_propose))
    for prefix, study_of in (("", at_the_root(store, studies)), ("/study/{study}", named_in_path(studies))):
        work = work_router(store, images_dir, studies, study_of, may_propose=may_propose)
        app.include_router(work, prefix=prefix)
    add_admin_routes(app, store, studies)
    known = KnownPrompts(store)
    add_submission_routes(app, store, known, terms)
    add_queue_routes(app, store, known, terms)
    app.get("/favicon.ico")(lambda: FileResponse(STATIC / "icon.svg"))
    app.mount("/app", StaticFiles(directory=STATIC))
    add_admin_page(app, f"{title}: administration", studies.workspace)
    app.add_middleware(
        Gate,
        find=store.session_annotator,
        proposers=terms.open_to,
        hosts=Hosts(settings.host, settings.host_names),
        cookie=cookie,
    )
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
