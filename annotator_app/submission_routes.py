"""The routes of proposed prompts: who proposes checks and sends them; administrators decide in the console.

What was proposed is shown as text only, and never with a name to anybody but administrators.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from nami_bench import pipeline
from nami_bench.annotator_app.levels import Level, router
from nami_bench.annotator_app.pace import Pace
from nami_bench.annotator_app.terms import Terms
from nami_bench.domain import PromptSubmission, Role
from nami_bench.errors import RefusedError
from nami_bench.pipeline.known_prompts import KnownPrompts, Neighbour, Origin
from nami_bench.prompts.assembly import clean_text
from nami_bench.prompts.proposing import LONGEST, SHORTEST
from nami_bench.prompts.vocabulary import CATEGORIES, CHALLENGES, LANGUAGES, checked_tags
from nami_bench.store import Store
from nami_bench.store.logins import network

MAX_SENT = 10_000
"""Characters of a text that is refused in words of its own; anything longer no person has typed."""

SHOWN_FROM = 0.3
"""From this similarity on, the nearest known prompt is shown to who types."""

CHECKS_PER_MINUTE = 240

Text = Annotated[str, Field(max_length=MAX_SENT)]


class Draft(BaseModel):
    """POST /submissions/check."""

    model_config = ConfigDict(extra="forbid")

    text: Text


class Tagged(BaseModel):
    """A prompt with tags of `nami_bench.prompts.vocabulary`."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    category: str | None = None
    challenges: Annotated[list[str], Field(max_length=len(CHALLENGES))] = []
    language: str | None = None

    def tags(self) -> dict[str, str]:
        """As the embedded prompts have them."""
        return checked_tags(self.category, tuple(self.challenges), self.language)


class Proposal(Tagged):
    """POST /submissions; `licence_sha256` says which text was on the screen."""

    consent: StrictBool
    licence_sha256: str


def submission_router(store: Store, known: KnownPrompts, terms: Terms, level: Level) -> APIRouter:
    """What the page /propose asks for, for whoever may propose."""
    proposing = router(level)
    pace = Pace(CHECKS_PER_MINUTE, 60)

    def take_time(request: Request) -> None:
        name: str | None = request.state.annotator
        address = _address(request)
        if not pace.allows(f"name {name}" if name else f"network {network(address)}"):
            raise RefusedError("too_many", "too many requests: wait a minute")

    @proposing.get("/submissions")
    def own(request: Request) -> dict[str, Any]:
        name: str | None = request.state.annotator
        mine = [] if name is None else store.proposals.all(author=name)
        return {
            "annotator": name,
            "role": request.state.role,
            "terms": {
                "shortest": SHORTEST,
                "longest": LONGEST,
                "max_words": terms.max_words,
                "licence": terms.licence,
                "licence_text": terms.licence_text,
                "licence_sha256": terms.licence_sha256,
            },
            "vocabulary": _VOCABULARY,
            "own": [_json(one) for one in reversed(mine)],
        }

    @proposing.post("/submissions/check")
    def check(request: Request, draft: Draft) -> dict[str, Any]:
        take_time(request)
        text = clean_text(draft.text)
        found = pipeline.examine_text(known, text, terms.max_words)
        return {
            "words": len(text.split()),
            "problems": found.problems,
            "nearest": _nearest_json(found.nearest, request.state.annotator, request.state.role),
        }

    @proposing.post("/submissions")
    def propose(request: Request, sent: Proposal) -> dict[str, Any]:
        take_time(request)
        if not sent.consent:
            raise RefusedError("no_consent", "agree to the licence, or the prompt cannot be used")
        if sent.licence_sha256 != terms.licence_sha256:
            raise RefusedError("licence_changed", "the licence has changed: reload the page and read it")
        submission = PromptSubmission(
            id=secrets.token_hex(5),
            text=clean_text(sent.text),
            licence=terms.licence,
            licence_sha256=terms.licence_sha256,
            consented_at=datetime.now(UTC),
            author=request.state.annotator,
            tags=sent.tags(),
        )
        pipeline.propose_prompt(store, known, submission, terms.max_words, _address(request))
        return {"id": submission.id}

    return proposing


_VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "categories": CATEGORIES,
    "challenges": CHALLENGES,
    "languages": LANGUAGES,
}
_SETS = (Origin.PUBLIC, Origin.RECORDED)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _json(submission: PromptSubmission) -> dict[str, Any]:
    """All but who proposed it and who decided."""
    decided_at = submission.decided_at
    return {
        "id": submission.id,
        "text": submission.text,
        "tags": submission.tags,
        "edited_text": submission.edited_text,
        "edited_tags": submission.edited_tags,
        "licence": submission.licence,
        "at": submission.consented_at.isoformat(),
        "state": submission.state,
        "reason": submission.reason,
        "decided_at": decided_at and decided_at.isoformat(),
    }


def _nearest_json(nearest: Neighbour | None, name: str | None, role: str | None) -> dict[str, Any] | None:
    """What somebody may know of a neighbour of their text.

    Text and origin of what is public: the package's prompts, accepted submissions, and their own. Of a set
    of this workspace only who has an account learns the text, of a submission that waits administrators.
    """
    if nearest is None or nearest.similarity < SHOWN_FROM:
        return None
    prompt = nearest.prompt
    is_own = name is not None and prompt.author == name
    is_shown = (
        is_own
        or role == Role.ADMINISTRATOR
        or prompt.origin in (Origin.PUBLIC, Origin.ACCEPTED)
        or (prompt.origin is Origin.RECORDED and name is not None)
    )
    return {
        "similarity": round(nearest.similarity, 3),
        "origin": _origin(prompt.origin, is_own, is_shown),
        "set": prompt.name if is_shown and prompt.origin in _SETS else None,
        "text": prompt.text if is_shown else None,
    }


def _origin(origin: Origin, is_own: bool, is_shown: bool) -> str:
    """What the page calls it: own, set, hidden (a set that is not to be named), accepted, pending."""
    if is_own:
        return "own"
    if origin in _SETS:
        return "set" if is_shown else "hidden"
    return origin.value
