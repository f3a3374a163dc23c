"""The application: items, images; Gradio draws the page.

Items and images have routes of their own beside Gradio's: no event queue, no file cache and no
session state of Gradio's is in the way of a score, and nothing but these routes carries data.
"""

import logging
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import gradio
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from annotator_app.access import Gate
from annotator_app.login import add_login
from annotator_app.sessions import CANNOT_JUDGE, RatingSession
from annotator_app.views import PAGE_STYLE, STATIC, THEME, build_page
from nami_bench.domain import Criterion, Study
from nami_bench.errors import ImageError, InputError, NamiBenchError
from nami_bench.store import Store

_DAY_MS = 86_400_000
_log = logging.getLogger(__name__)


class Submission(BaseModel):
    """What the rating screen sends; numbers must be numbers."""

    model_config = ConfigDict(extra="forbid")

    values: dict[str, StrictInt | StrictFloat]
    reasons: dict[str, str]
    duration_ms: Annotated[int, Field(strict=True, ge=0, le=_DAY_MS)]


def build_app(store: Store, images_dir: Path, study: Study) -> FastAPI:
    """The whole application for one study; every annotator's state is in `store` alone."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Gate, find=store.session_annotator)
    _handle_errors(app)
    add_login(app, store, study)
    _add_items(app, cache(lambda annotator: RatingSession(store, images_dir, study, annotator)))
    app.get("/favicon.ico")(lambda: FileResponse(STATIC / "icon.svg"))
    app.mount("/app", StaticFiles(directory=STATIC))
    gradio.mount_gradio_app(
        app,
        build_page(study),
        path="/",
        auth_dependency=lambda request: getattr(request.state, "annotator", None),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        show_error=False,
        theme=THEME,
        css=PAGE_STYLE,
    )
    return app


def _add_items(app: FastAPI, session_of: Callable[[str], RatingSession]) -> None:
    @app.get("/item")
    def item(request: Request) -> dict[str, Any]:
        session = session_of(request.state.annotator)
        item, progress = session.next_item(), session.progress()
        return {
            "annotator": request.state.annotator,
            "done": progress.done,
            "total": progress.total,
            "reasons": CANNOT_JUDGE,
            "item": item
            and {
                "token": item.token,
                "prompt": item.prompt,
                "criteria": [_criterion_json(c) for c in item.criteria],
            },
        }

    @app.post("/item/{token}", status_code=204)
    def submit(request: Request, token: str, scores: Submission) -> None:
        session = session_of(request.state.annotator)
        session.submit(token, scores.values, scores.reasons, scores.duration_ms)

    @app.get("/item/{token}.png")
    def image(request: Request, token: str) -> Response:
        return Response(session_of(request.state.annotator).image_png(token), media_type="image/png")


def _criterion_json(criterion: Criterion) -> dict[str, Any]:
    span = criterion.maximum - criterion.minimum
    whole = span >= 4 and all(math.floor(end) == end for end in (criterion.minimum, criterion.maximum))
    return {
        "name": criterion.name,
        "minimum": criterion.minimum,
        "maximum": criterion.maximum,
        "step": 1 if whole else span / 100,
        "anchors": sorted(criterion.anchors.items()),
    }


def _handle_errors(app: FastAPI) -> None:
    """Errors in words for the annotator; paths and other details go to the log only."""

    def answer(status: int, message: str) -> JSONResponse:
        return JSONResponse({"error": message}, status)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: Exception) -> JSONResponse:
        return answer(422, "the scores were not understood: reload the page")

    @app.exception_handler(ImageError)
    def no_image(request: Request, error: Exception) -> JSONResponse:
        _log.warning("an image cannot be shown: %s", error)
        return answer(410, "this image cannot be shown")

    @app.exception_handler(InputError)
    def refused(request: Request, error: Exception) -> JSONResponse:
        return answer(400, str(error))

    @app.exception_handler(NamiBenchError)
    def failed(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s", error)
        return answer(503, "this did not work just now: try again, or tell the organizer")

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:  # uvicorn logs it
        return answer(500, "this did not work: please tell the organizer")
