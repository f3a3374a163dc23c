"""Errors as answers: a status, a stable code, words for the annotator, and whether the refusal is for good.

Paths and other details go to the log only. `final` is what a browser's outbox goes by: only an answer that
carries it says that a submission will never be taken. Proxies answer 400, 403, 404 and 413 of their own
accord, so no status says that.
"""

import logging
import time

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from nami_bench.annotator_app.levels import Barred, barred_answer
from nami_bench.errors import DatabaseLostError, ImageError, InputError, NamiBenchError, RefusedError

LOGGED_EVERY_S = 10.0
"""The same fault is not logged again sooner: with a lost database, every request meets it."""

_STATUS = {
    "bad_answers": 400,
    "not_yours": 404,
    "no_study": 503,
    "not_assigned": 403,
    "not_joined": 403,
    "taken_over": 409,
    "set_aside": 409,
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
    "no_entry": 404,
    "not_inside": 403,
    "arrival_no_id": 400,
    "arrival_other_platform": 400,
    "arrival_too_long": 400,
    "arrival_doubled": 400,
    "arrival_malformed": 400,
    "arrival_other_study": 400,
    "signature_missing": 403,
    "signature_forged": 403,
    "signature_expired": 403,
    "signature_other": 403,
    "signature_unchecked": 503,
    "link_unknown": 404,
    "link_revoked": 403,
    "link_expired": 403,
    "link_used": 403,
    "took_part": 403,
    "study_full": 403,
    "consent_changed": 409,
    "boxes": 400,
    "device": 400,
    "answered_before": 409,
    "not_done": 409,
    "too_late": 409,
    "logged_in": 403,
}
"""The HTTP status for the codes of RefusedError."""

_FOR_NOW = ("paused", "closed", "too_many", "no_study", "not_joined", "not_assigned", "signature_unchecked")
"""Codes of what may be taken later as it is."""

_UNAVAILABLE = ("unavailable", "this did not work just now: try again, or tell the organizer")
_LOST = (
    "database_lost",
    "the server's database is gone or damaged, and nothing can be saved: tell the organizer",
)

_log = logging.getLogger(__name__)
_logged: dict[str, float] = {}


def words_for(error: NamiBenchError) -> tuple[str, str]:
    """(code, words) for what keeps the server from working, without its details; these go to the log."""
    message = str(error)
    now = time.monotonic()
    if now - _logged.get(message, -LOGGED_EVERY_S) >= LOGGED_EVERY_S:
        for old in [text for text, at in _logged.items() if now - at >= LOGGED_EVERY_S]:
            del _logged[old]
        _logged[message] = now
        _log.error("%s", message)
    return _LOST if isinstance(error, DatabaseLostError) else _UNAVAILABLE


def unavailable(error: NamiBenchError) -> JSONResponse:
    """503: send the same again later."""
    return _answer(503, *words_for(error))


def answer_errors(app: FastAPI) -> None:
    """Let `app` answer every error in words."""

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        if all(problem["loc"][:1] == ("path",) for problem in error.errors()):
            return _answer(404, "not_found", "there is nothing here")
        # What is no JSON at all was cut off or changed on its way, and may come through the next time.
        final = all(problem["type"] != "json_invalid" for problem in error.errors())
        return _answer(422, "malformed", "this was not understood: reload the page", final=final)

    @app.exception_handler(Barred)
    async def barred(request: Request, error: Barred) -> Response:
        return barred_answer(request, error)

    @app.exception_handler(HTTPException)
    def unusual(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code in (
            404,
            405,
        ):  # which methods another one could be asked by is nobody's business
            return _answer(404, "not_found", "there is nothing here")
        return _answer(error.status_code, "malformed", "this was not understood: reload the page")

    @app.exception_handler(ImageError)
    def no_image(request: Request, error: Exception) -> JSONResponse:
        return _answer(410, "image_gone", "this image cannot be shown: go on with the next item")

    @app.exception_handler(RefusedError)
    def refused(request: Request, error: RefusedError) -> JSONResponse:
        return _answer(_STATUS[error.code], error.code, str(error), final=error.code not in _FOR_NOW)

    @app.exception_handler(InputError)
    def wrong(request: Request, error: Exception) -> JSONResponse:
        return _answer(400, "wrong_use", str(error), final=True)

    @app.exception_handler(NamiBenchError)
    def failed(request: Request, error: NamiBenchError) -> JSONResponse:
        return unavailable(error)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:  # uvicorn logs it
        return _answer(500, "broken", "this did not work: please tell the organizer")


def _answer(status: int, code: str, words: str, *, final: bool = False) -> JSONResponse:
    return JSONResponse({"error": words, "code": code} | ({"final": True} if final else {}), status)
