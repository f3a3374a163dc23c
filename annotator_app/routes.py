"""The routes of annotation work: session, items, images.

They have nothing to do with Gradio: no event queue, no file cache and no session state of Gradio's is in the
way of an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt

from nami_bench.annotator_app.engine.answers import (
    CANNOT_JUDGE,
    MAX_CLIENT_TOKEN,
    MAX_COMMENT,
    MAX_DURATION_MS,
    Answers,
)
from nami_bench.annotator_app.engine.marks import SentMarks
from nami_bench.annotator_app.engine.rules import reason_code
from nami_bench.annotator_app.engine.view import Item, View
from nami_bench.annotator_app.levels import Level, router
from nami_bench.annotator_app.markdown import safe_html
from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.annotator_app.sessions import LAST, AnnotationSession
from nami_bench.annotator_app.studies import Studies
from nami_bench.domain import Criterion, Mode, Question, Region, Role, Study
from nami_bench.domain.marking import MOST
from nami_bench.domain.names import LONGEST
from nami_bench.domain.question import VALUES
from nami_bench.errors import InputError, RefusedError
from nami_bench.store import Store

MAX_SESSIONS = 1024
MOST_IMAGES = 2
"""So many images of an item can be marked."""

MAX_WORDS = 20_000
"""Marked words of a submission: more than the longest prompt has, on two images."""

StudyOf = Callable[..., Awaitable[str]]
"""A dependency of FastAPI's that gives the name of a request's study."""


Share = Annotated[StrictFloat | StrictInt, Field(ge=0, le=1)]
Token = Annotated[str, Path(pattern=r"^[\w-]+$")]
Address = Annotated[str, Path(pattern=r"^[\w.-]+$", max_length=500)]


class SentRegion(BaseModel):
    """A point or box of a submission, in shares of the image as it is drawn."""

    model_config = ConfigDict(extra="forbid")

    image: Annotated[int, Field(strict=True, ge=0, lt=MOST_IMAGES)]
    kind: Annotated[str, Field(max_length=LONGEST)]
    x: Share
    y: Share
    w: Share | None = None
    h: Share | None = None


class SentWord(BaseModel):
    """A marked word of a submission, [start, end) in code points of the prompt."""

    model_config = ConfigDict(extra="forbid")

    image: Annotated[int, Field(strict=True, ge=0, lt=MOST_IMAGES)]
    start: Annotated[int, Field(strict=True, ge=0)]
    end: Annotated[int, Field(strict=True, ge=1)]


class MarksBody(BaseModel):
    """The marks of a submission."""

    model_config = ConfigDict(extra="forbid")

    regions: Annotated[list[SentRegion], Field(max_length=MOST * MOST_IMAGES)] = []
    words: Annotated[list[SentWord], Field(max_length=MAX_WORDS)] = []
    nothing: Annotated[list[StrictInt], Field(max_length=MOST_IMAGES)] = []

    def marks(self) -> SentMarks:
        """As the engine takes them; raises RefusedError for a place that is none."""
        try:
            regions = tuple((one.image, Region(one.kind, one.x, one.y, one.w, one.h)) for one in self.regions)
        except InputError as error:
            raise RefusedError("bad_answers", str(error)) from error
        words = tuple((one.image, one.start, one.end) for one in self.words)
        return SentMarks(regions, words, tuple(self.nothing))


class Submission(BaseModel):
    """What the rating screen sends; numbers must be numbers."""

    model_config = ConfigDict(extra="forbid")

    client_token: Annotated[str, Field(min_length=1, max_length=MAX_CLIENT_TOKEN)]
    values: dict[str, StrictInt | StrictFloat | str]
    reasons: dict[str, str] = {}
    flag: StrictBool = False
    comment: Annotated[str, Field(max_length=MAX_COMMENT)] = ""
    duration_ms: Annotated[int, Field(strict=True, ge=0, le=MAX_DURATION_MS)]
    marks: MarksBody | None = None


def work_router(
    store: Store,
    images_dir: FilePath,
    studies: Studies,
    study_of: StudyOf,
    onlooker: Onlooker,
    *,
    may_propose: bool,
) -> APIRouter:
    """The work on one study, which `study_of` finds for each request; the gate has put in who asks.

    `may_propose`: the screen leads to the page for proposing prompts.
    """
    work = router(Level.PARTICIPANT)
    pictures, key = Pictures(), store.annotation.secret("image-addresses")

    @lru_cache(MAX_SESSIONS)
    def session_of(study: str, annotator: str) -> AnnotationSession:
        return AnnotationSession(store, images_dir, study, annotator, pictures, key)

    Here = Annotated[str, Depends(study_of)]

    @work.get("/session")
    async def enter(request: Request, study: Here) -> JSONResponse:
        name, role = request.state.annotator, request.state.role
        if not await asyncio.to_thread(studies.may_rate, study, name, role):
            raise RefusedError(
                "not_joined", "administrators rate only where they asked to: see the start page"
            )
        view = await asyncio.wrap_future(session_of(study, name).state_later())
        now = await asyncio.to_thread(store.studies.get, study)
        has_choice = studies.only is None and role != Role.PARTICIPANT
        seen = len(await asyncio.to_thread(studies.seen_by, name, role)) if has_choice else 1
        proposes = may_propose and role != Role.PARTICIPANT
        who = {"annotator": name, "role": role, "may_propose": proposes, "studies": seen}
        return JSONResponse({**who, "study": study_json(now), **view_json(view)})

    @work.post("/join")
    async def join(request: Request, study: Here) -> dict[str, Any]:
        await asyncio.to_thread(studies.join, study, request.state.annotator, request.state.role)
        return {}

    @work.post("/item/{token}")
    async def submit(request: Request, study: Here, token: Token, sent: Submission) -> JSONResponse:
        answers = Answers(
            sent.client_token,
            sent.values,
            sent.reasons,
            sent.flag,
            sent.comment,
            sent.duration_ms,
            None if sent.marks is None else sent.marks.marks(),
        )
        session = session_of(study, request.state.annotator)
        view = await asyncio.wrap_future(session.submit_later(token, answers))
        # The sender goes by the token: an answer without it is somebody else's, and acknowledges nothing.
        return JSONResponse({"received": sent.client_token, **view_json(view)})

    @work.get("/item/{token}/before")
    def before(request: Request, study: Here, token: Token) -> dict[str, Any]:
        item = session_of(study, request.state.annotator).before(token)
        return {"item": item and item_json(item)}

    @work.get("/image/{address}")
    def image(request: Request, study: Here, address: Address) -> Response:
        png = session_of(study, request.state.annotator).image_png(address)
        return Response(png, media_type="image/png")

    @work.get("/leaderboard")
    async def live_board(request: Request, study: Here) -> Response:
        live = (await asyncio.to_thread(store.studies.get, study)).live_leaderboard == "annotators"
        if request.state.role != Role.ADMINISTRATOR:
            await studies.admitted(study, request.state.annotator)
            if not live or request.state.role == Role.PARTICIPANT:
                message = {"error": "the leaderboard is not shown to annotators", "code": "forbidden"}
                return JSONResponse(message, 403)
        return JSONResponse({"html": (await onlooker.ask("leaderboard", study)).decode()})

    return work


def named_in_path(studies: Studies) -> StudyOf:
    """The study of /study/NAME/..., where it is served."""

    async def named(study: str) -> str:
        return await studies.named(study)

    return named


def at_the_root(store: Store, studies: Studies) -> StudyOf:
    """The study that is meant where the path names none: the only one, or for an item its own, or the newest.

    So a page goes on that was opened at the root before the server served all studies.
    """

    async def meant(request: Request) -> str:
        lone = await studies.lone()
        if lone is not None:
            return lone
        return await asyncio.to_thread(of_its_item, request)

    def of_its_item(request: Request) -> str:
        found = request.path_params
        token = found.get("token") or found.get("address", LAST).partition(".")[0]
        if token == LAST:
            return studies.newest()
        return store.annotation.assignment(token, request.state.annotator).study

    return meant


def study_json(study: Study) -> dict[str, Any]:
    """What the screen needs to know of a study; not its models, nor its checks."""
    return {
        "name": study.name,
        "mode": study.mode,
        "control": study.control,
        "languages": study.languages,
        "instructions": {language: safe_html(text) for language, text in study.instructions.items()},
        "break_every": study.break_every,
        "choice_submits": study.submits_on_choice,
        "images": study.images_shown,
        "live_leaderboard": study.live_leaderboard,
        "contact": study.contact,
        "reasons": CANNOT_JUDGE,
        "marks": _marking_json(study) if study.marks.asked else None,
        # Questions are those of each item.
        "criteria": []
        if study.mode == Mode.QUESTIONS
        else [_criterion_json(criterion, study.languages) for criterion in study.criteria],
    }


def view_json(view: View) -> dict[str, Any]:
    """STATE: what every answer carries."""
    feedback = view.feedback
    return {
        "phase": view.phase,
        "code": view.code,
        "message": view.message,
        "reason": view.reason and {"code": reason_code(view.reason), "text": view.reason},
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
            "marks": feedback.verdict.marks,
            "text": feedback.text,
        },
    }


def item_json(item: Item) -> dict[str, Any]:
    """ITEM: an image or two, with the answers in force where it was answered before."""
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
            "marks": given.marks,
        },
        "words": item.words or None,
        "questions": list(map(_question_json, item.questions)) or None,
    }


def _marking_json(study: Study) -> dict[str, Any]:
    asked = study.marks
    kinds = [{"name": kind.name, "label": dict(kind.label)} for kind in asked.kinds]
    return {
        "kinds": kinds,
        "shape": asked.shape,
        "words": asked.words,
        "required": asked.required,
        "most": MOST,
    }


def _question_json(question: Question) -> dict[str, Any]:
    return {
        "name": question.criterion,
        "text": question.text,
        "parents": list(map(str, question.parents)),
        "right": VALUES[question.expected],
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
