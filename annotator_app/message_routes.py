"""The routes of messages: what an annotator is told of one study, and what they answer."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from nami_bench.annotator_app.engine.answers import MAX_CLIENT_TOKEN
from nami_bench.annotator_app.levels import Level, router
from nami_bench.annotator_app.routes import StudyOf
from nami_bench.annotator_app.studies import Studies
from nami_bench.domain import LONGEST_MESSAGE, Announcement, Message
from nami_bench.store import Store


class Written(BaseModel):
    """POST messages."""

    model_config = ConfigDict(extra="forbid")

    client_token: Annotated[str, Field(min_length=1, max_length=MAX_CLIENT_TOKEN, pattern=r"^[\w-]+$")]
    text: Annotated[str, Field(max_length=2 * LONGEST_MESSAGE)]


class Seen(BaseModel):
    """POST messages/read: all up to this number; POST messages/dismiss: the announcement of this number."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(strict=True, ge=0, lt=2**31)]


def message_router(store: Store, studies: Studies, study_of: StudyOf) -> APIRouter:
    """An annotator's messages in the study that `study_of` finds."""
    told = router(Level.PARTICIPANT)

    async def admitted(request: Request, study: Annotated[str, Depends(study_of)]) -> str:
        return await studies.admitted(study, request.state.annotator)

    Here = Annotated[str, Depends(admitted)]

    def all_of(study: str, annotator: str) -> dict[str, Any]:
        thread = store.messages.thread(study, annotator)
        return {
            "announcements": list(map(_announcement_json, store.announcements.shown_to(study, annotator))),
            "messages": list(map(_message_json, thread)),
            "unread": sum(one.author is not None and not one.is_read for one in thread),
        }

    @told.get("/messages")
    def read(request: Request, study: Here) -> dict[str, Any]:
        return all_of(study, request.state.annotator)

    @told.post("/messages")
    def write(request: Request, study: Here, sent: Written) -> dict[str, Any]:
        store.messages.answer(study, request.state.annotator, sent.text, sent.client_token)
        return all_of(study, request.state.annotator)

    @told.post("/messages/read")
    def mark_read(request: Request, study: Here, seen: Seen) -> dict[str, Any]:
        store.messages.mark_read(study, request.state.annotator, seen.number, by_annotator=True)
        return {}

    @told.post("/messages/dismiss")
    def dismiss(request: Request, study: Here, seen: Seen) -> dict[str, Any]:
        store.announcements.dismiss(study, request.state.annotator, seen.number)
        return {}

    return told


def _announcement_json(one: Announcement) -> dict[str, Any]:
    """Without its author: who works for whom is nothing that annotators need."""
    return {"number": one.number, "text": one.text, "at": one.at.isoformat()}


def _message_json(one: Message) -> dict[str, Any]:
    return {
        "number": one.number,
        "mine": one.author is None,
        "text": one.text,
        "at": one.at.isoformat(),
        "read": one.is_read,
        "about": one.about and {"prompt": one.about.prompt, "comment": one.about.comment},
    }
