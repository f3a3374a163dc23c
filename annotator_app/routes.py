"""The routes of annotation work: session, items, images.

They have nothing to do with Gradio: no event queue, no file cache and no session state of Gradio's is in the
way of an answer.
"""

import asyncio
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt

from annotator_app.answers import CANNOT_JUDGE, MAX_CLIENT_TOKEN, MAX_COMMENT, MAX_DURATION_MS, Answers
from annotator_app.markdown import safe_html
from annotator_app.pictures import Pictures
from annotator_app.sessions import AnnotationSession, Item, View
from nami_bench.domain import Criterion, Study
from nami_bench.store import Store

MAX_SESSIONS = 1024


class Submission(BaseModel):
    """What the rating screen sends; numbers must be numbers."""

    model_config = ConfigDict(extra="forbid")

    client_token: Annotated[str, Field(min_length=1, max_length=MAX_CLIENT_TOKEN)]
    values: dict[str, StrictInt | StrictFloat | str]
    reasons: dict[str, str] = {}
    flag: StrictBool = False
    comment: Annotated[str, Field(max_length=MAX_COMMENT)] = ""
    duration_ms: Annotated[int, Field(strict=True, ge=0, le=MAX_DURATION_MS)]


def add_routes(app: FastAPI, store: Store, images_dir: Path, study: str, *, may_propose: bool) -> None:
    """Serve the work on one study; the gate has put the annotator's name into `request.state`.

    `may_propose`: the screen leads to the page for proposing prompts.
    """
    pictures, key = Pictures(), store.secret("image-addresses")

    @lru_cache(MAX_SESSIONS)
    def session_of(annotator: str) -> AnnotationSession:
        return AnnotationSession(store, images_dir, study, annotator, pictures, key)

    def session(request: Request) -> AnnotationSession:
        return session_of(request.state.annotator)

    @app.get("/session")
    async def enter(request: Request) -> JSONResponse:
        view = await asyncio.wrap_future(session(request).state_later())
        now = await asyncio.to_thread(store.study, study)
        name, role = request.state.annotator, request.state.role
        who = {"annotator": name, "role": role, "may_propose": may_propose}
        return JSONResponse({**who, "study": study_json(now), **view_json(view)})

    @app.post("/item/{token}")
    async def submit(request: Request, token: str, sent: Submission) -> JSONResponse:
        answers = Answers(
            sent.client_token, sent.values, sent.reasons, sent.flag, sent.comment, sent.duration_ms
        )
        view = await asyncio.wrap_future(session(request).submit_later(token, answers))
        return JSONResponse(view_json(view))

    @app.get("/item/{token}/before")
    def before(request: Request, token: str) -> dict[str, Any]:
        item = session(request).before(token)
        return {"item": item and item_json(item)}

    @app.get("/image/{address}")
    def image(request: Request, address: str) -> Response:
        return Response(session(request).image_png(address), media_type="image/png")


def study_json(study: Study) -> dict[str, Any]:
    """What the screen needs to know of a study; not its models, nor its checks."""
    return {
        "name": study.name,
        "mode": study.mode,
        "control": study.control,
        "languages": study.languages,
        "instructions": {language: safe_html(text) for language, text in study.instructions.items()},
        "break_every": study.break_every,
        "live_leaderboard": study.live_leaderboard,
        "reasons": CANNOT_JUDGE,
        "criteria": [_criterion_json(criterion, study.languages) for criterion in study.criteria],
    }


def view_json(view: View) -> dict[str, Any]:
    """STATE: what every answer carries."""
    feedback = view.feedback
    return {
        "phase": view.phase,
        "code": view.code,
        "message": view.message,
        "progress": {
            "done": view.progress.done,
            "total": view.progress.total,
            "today": view.progress.today,
            "median_ms": view.progress.median_ms,
        },
        "items": [item_json(item) for item in view.items],
        "feedback": feedback
        and {
            "passed": feedback.verdict.passed,
            "criteria": feedback.verdict.criteria,
            "text": feedback.text,
        },
    }


def item_json(item: Item) -> dict[str, Any]:
    """ITEM: one question, with the answers in force where it was answered before."""
    given = item.given
    return {
        "token": item.token,
        "prompt": item.prompt,
        "images": [f"image/{address}" for address in item.images],
        "given": given
        and {
            "values": given.values,
            "reasons": given.reasons,
            "flag": given.flag,
            "comment": given.comment,
        },
    }


def _criterion_json(criterion: Criterion, languages: tuple[str, ...]) -> dict[str, Any]:
    texts = {languages[0]: (criterion.label, criterion.anchors)}
    texts |= {
        language: (text.label, text.anchors)
        for language, text in criterion.texts.items()
        if language in languages
    }
    return {
        "name": criterion.name,
        "minimum": criterion.minimum,
        "maximum": criterion.maximum,
        "step": criterion.screen_step,
        "label": {language: label or criterion.name for language, (label, _) in texts.items()},
        "anchors": {language: sorted(anchors.items()) for language, (_, anchors) in texts.items()},
    }
