"""The routes of a study's door: /join/STUDY for whom a platform sends, /join/link/TOKEN for who is invited.

A GET shows a page and writes nothing. What the browser brought comes back by POST, in the body: so no token
or id stands in an address that a proxy logs a second time.
"""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from nami_bench.annotator_app.access import LoginCookie
from nami_bench.annotator_app.crowd.credit import grant
from nami_bench.annotator_app.crowd.door import (
    Door,
    Knock,
    agreement_of,
    device_of,
    exit_json,
    shown,
    step_of,
)
from nami_bench.annotator_app.levels import Level, router
from nami_bench.annotator_app.pace import Pace
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.annotator_app.studies import Studies
from nami_bench.annotator_app.views import TITLE, render
from nami_bench.domain import Annotator, Entry, Participant, Role, WayOut
from nami_bench.errors import InputError, RefusedError
from nami_bench.store import Store
from nami_bench.store.logins import SESSION_LIFE, network

NEW_PEOPLE, WITHIN_S = 300, 600.0
"""So many may come in from one network address within this time: a lecture hall has one address."""

_TURNED_AWAY = {"study_full": WayOut.STUDY_FULL, "took_part": WayOut.SCREENED_OUT}
"""Who may not come in and is sent back as one who left by this way."""

_NO_KNOCK = Knock()
_log = logging.getLogger(__name__)
_MOST_SENT = 20_000
Sent = Annotated[str, Field(max_length=_MOST_SENT)]


class Knocking(BaseModel):
    """What every request at the door holds: what the browser was opened with."""

    model_config = ConfigDict(extra="forbid")

    query: Sent = ""
    link: Annotated[str, Field(max_length=200)] = ""
    once: Annotated[str, Field(max_length=64)] = ""

    @property
    def knock(self) -> Knock:
        """As a value."""
        return Knock(self.query, self.link)


class Agreeing(Knocking):
    """POST agree: the text that was on the screen by its hash, and how many boxes were ticked."""

    agrees: StrictBool
    sha256: Annotated[str, Field(max_length=64)] = ""
    ticked: Annotated[StrictInt, Field(ge=0, le=100)] = 0
    width: Annotated[StrictInt, Field(ge=0, le=100_000)] = 0
    touch: StrictBool = False


class Answering(BaseModel):
    """POST answers: by the questions' names."""

    model_config = ConfigDict(extra="forbid")

    answers: dict[str, Annotated[str, Field(max_length=200)]]


class Withdrawing(BaseModel):
    """POST withdraw."""

    model_config = ConfigDict(extra="forbid")

    keep: StrictBool


def join_router(store: Store, images_dir: Path, studies: Studies, cookie: LoginCookie) -> APIRouter:
    """The door of every study that is served here; a participant's log-in is `cookie`'s."""
    doors = router(Level.ANYBODY)
    door = Door(store)
    pace = Pace(NEW_PEOPLE, WITHIN_S)

    def whoever(request: Request) -> Annotator | None:
        return store.logins.session_annotator(cookie.read(request.headers))

    def inside(request: Request, study: str, knock: Knock = _NO_KNOCK) -> Participant | None:
        """The participant of this study whose browser this is, unless somebody else knocks with it."""
        somebody = whoever(request)
        if somebody is None or somebody.only_study != study:
            return None
        found = store.crowd.of_account(somebody.name)
        if found is None or not door.is_same(found, door.study(study)[1], knock):
            return None
        return found

    def inside_or_refuse(request: Request, study: str) -> Participant:
        found = inside(request, study)
        if found is None:
            raise RefusedError("not_inside", "your browser is not in this study: open your link again")
        return found

    def let_in(request: Request, participant: Participant) -> JSONResponse:
        response = JSONResponse(where(participant))
        session = store.logins.open_participants_session(participant.name)
        cookie.hand_over(response, request, session, int(SESSION_LIFE.total_seconds()))
        return response

    def where(participant: Participant) -> dict[str, Any]:
        """Where somebody is in a study, and the way out for who has left."""
        study, entry = door.study(participant.study)
        found: dict[str, Any] = {"step": step_of(entry, participant), "study": shown(study, entry)}
        found["is_back"] = found["step"] == "consent"
        if (out := door.way_out(participant)) is not None:
            found["exit"] = exit_json(*out)
            found["credit"] = store.crowd.credit(participant.name)
        return found

    def turned_away(entry: Entry, study: str, knock: Knock, refusal: RefusedError) -> JSONResponse | None:
        """The page of a way out for who may not come in; None: there is none for this refusal."""
        way = _TURNED_AWAY.get(refusal.code)
        if way is None:
            return None
        identity = None if knock.link else door.coming(study, entry, knock).identity
        found = exit_json(way, door.exit(entry, way, identity))
        return sent_back(study, refusal.code, found)

    def sent_back(study: str, why: str, found: dict[str, str]) -> JSONResponse:
        about = shown(*door.study(study))
        return JSONResponse({"step": "turned_away", "why": why, "exit": found, "study": about})

    @doors.api_route("/join/link/{token}", methods=["GET", "HEAD"], response_class=HTMLResponse)
    async def by_link(token: str) -> HTMLResponse:
        found = await asyncio.to_thread(store.links.find, token)
        if found is None or not await studies.has(found.study):
            return _page(studies, "", "../../", token, 404, "link_unknown")
        return _page(studies, found.study, "../../", token)

    @doors.api_route("/join/{study}", methods=["GET", "HEAD"], response_class=HTMLResponse)
    async def by_platform(study: str) -> HTMLResponse:
        if not await studies.has(study):
            return _page(studies, "", "../", "", 404, "no_study")
        return _page(studies, study, "../")

    @doors.post("/join/{study}/door")
    def look(request: Request, study: str, sent: Knocking) -> Response:
        _served(studies, study)
        value, entry = door.study(study)
        if (captured := door.preview(entry, sent.knock)) is not None:
            return JSONResponse({"step": "preview", "captured": captured, "study": shown(value, entry)})
        if (participant := inside(request, study, sent.knock)) is not None:
            return JSONResponse(where(participant))
        if (somebody := whoever(request)) is not None and somebody.role is not Role.PARTICIPANT:
            about = {"annotator": somebody.name, "study": shown(value, entry)}
            return JSONResponse({"step": "logged_in", **about})
        coming = door.coming(study, entry, sent.knock)
        if (known := store.crowd.find(study, coming)) is not None:
            found = where(known)
            is_proven = coming.identity is None or coming.identity.is_proven
            # Where somebody is, and their way out, is for who is let in; that is a POST of its own.
            return JSONResponse({"step": "return", "is_proven": is_proven, "study": found["study"]})
        try:
            door.refuse_strangers(study, entry, coming)
        except RefusedError as refusal:
            if (answer := turned_away(entry, study, sent.knock, refusal)) is not None:
                return answer
            raise
        return JSONResponse({"step": "consent", "is_back": False, "study": shown(value, entry)})

    @doors.post("/join/{study}/agree")
    def agree(request: Request, study: str, sent: Agreeing) -> Response:
        _served(studies, study)
        _, entry = door.study(study)
        participant = inside(request, study, sent.knock)
        if not sent.agrees:
            _take_time(pace, request)
            return refuse(study, entry, sent.knock, participant)
        if participant is not None:
            if step_of(entry, participant) == "consent":
                store.crowd.agree_again(participant.name, agreement_of(entry, sent.sha256, sent.ticked))
            return JSONResponse(where(inside_or_refuse(request, study)))
        somebody = whoever(request)
        if somebody is not None and somebody.role is not Role.PARTICIPANT:
            raise RefusedError("logged_in", "you are logged in as somebody who rates here: log out first")
        coming = replace(door.coming(study, entry, sent.knock), once=sent.once)
        agreement = agreement_of(entry, sent.sha256, sent.ticked)
        device = device_of(entry, sent.width, sent.touch)
        _take_time(pace, request)
        try:
            return let_in(request, store.crowd.admit(study, coming, agreement, device))
        except RefusedError as refusal:
            if (answer := turned_away(entry, study, sent.knock, refusal)) is not None:
                return answer
            raise

    def refuse(study: str, entry: Entry, knock: Knock, participant: Participant | None) -> Response:
        """Send somebody back who does not agree; who is inside withdraws by it, what they gave is kept."""
        if participant is not None:
            return JSONResponse(where(store.crowd.withdraw(participant.name, keep=True)))
        identity = door.coming(study, entry, knock).identity
        store.crowd.turn_away(study, WayOut.NO_CONSENT)
        found = exit_json(WayOut.NO_CONSENT, door.exit(entry, WayOut.NO_CONSENT, identity))
        return sent_back(study, "no_consent", found)

    @doors.post("/join/{study}/return")
    def come_back(request: Request, study: str, sent: Knocking) -> Response:
        _served(studies, study)
        _, entry = door.study(study)
        coming = door.coming(study, entry, sent.knock)
        _take_time(pace, request)
        participant = store.crowd.come_back(study, coming)
        if participant is None:
            raise RefusedError("not_yours", "nobody came to this study by this address")
        return let_in(request, participant)

    @doors.post("/join/{study}/answers")
    def answers(request: Request, study: str, sent: Answering) -> Response:
        participant = inside_or_refuse(request, study)
        try:
            return JSONResponse(where(store.crowd.answer(participant.name, sent.answers)))
        except RefusedError as refusal:
            if refusal.code != "answered_before":
                raise
            return JSONResponse(where(inside_or_refuse(request, study)))  # sent twice: nothing is wrong

    @doors.post("/join/{study}/leave")
    def leave(request: Request, study: str) -> Response:
        participant = inside_or_refuse(request, study)
        AnnotationSession(store, images_dir, study, participant.name).leave()
        participant = inside_or_refuse(request, study)
        _credit(store, door, participant)
        return JSONResponse(where(participant))

    @doors.post("/join/{study}/withdraw")
    def withdraw(request: Request, study: str, sent: Withdrawing) -> Response:
        participant = inside_or_refuse(request, study)
        return JSONResponse(where(store.crowd.withdraw(participant.name, keep=sent.keep)))

    return doors


def _credit(store: Store, door: Door, participant: Participant) -> None:
    """Ask the platform for credit; that it cannot be asked for keeps nobody from leaving."""
    _, entry = door.study(participant.study)
    try:
        grant(store, entry, participant)
    except InputError as error:
        _log.error("%s", error)


def _served(studies: Studies, study: str) -> None:
    if studies.only not in (None, study):
        raise RefusedError("no_study", "this study is not served here now: ask its organizer")


def _take_time(pace: Pace, request: Request) -> None:
    address = request.client.host if request.client else ""
    if not pace.allows(f"network {network(address)}"):
        raise RefusedError("too_many", "too many people came from your network just now: wait ten minutes")


def _page(
    studies: Studies, study: str, home: str, link: str = "", status: int = 200, problem: str = ""
) -> HTMLResponse:
    page = render(
        "join.html",
        title=study or TITLE,
        place=f"{studies.workspace}/{study}",
        home=home,
        study=study,
        link=link,
        problem=problem,
    )
    return HTMLResponse(page, status)
