"""What stands at a study's door: who may come in, what they are shown, and where they are in it.

Nothing here changes anything: link checkers and previews open addresses, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nami_bench.annotator_app.crowd.providers import (
    Exit,
    identity_of,
    is_preview,
    parameters_of,
    provider_of,
)
from nami_bench.annotator_app.crowd.signature import Signatures
from nami_bench.annotator_app.markdown import safe_html
from nami_bench.domain import Agreement, Entry, Identity, Participant, Study, WayOut
from nami_bench.domain.entry import words_in
from nami_bench.domain.entry_question import EntryQuestion
from nami_bench.errors import RefusedError, UnknownNameError
from nami_bench.store import Store
from nami_bench.store.crowd_admission import Coming

PHONE_WIDTH = 600
"""CSS pixels; a narrower window that fingers are used on is a phone's."""


@dataclass(frozen=True, slots=True)
class Knock:
    """What a browser brings: the parameters of the address it was opened with, or an invitation's token."""

    query: str = ""
    link: str = ""


class Door:
    """The doors of all studies with an `[entry]`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._signatures = Signatures()

    def study(self, name: str) -> tuple[Study, Entry]:
        """A study that people come into; raises RefusedError for one that they do not."""
        try:
            study = self._store.studies.get(name)
        except UnknownNameError as error:  # whose words name others
            raise RefusedError("no_study", "this study is not served here now: ask its organizer") from error
        if study.entry is None:
            raise RefusedError("no_entry", "nobody comes into this study by themselves")
        return study, study.entry

    def coming(self, study: str, entry: Entry, knock: Knock) -> Coming:
        """Who knocks; raises RefusedError where that cannot be said, or is not true."""
        if knock.link:
            found = self._store.links.find(knock.link)
            if found is None or found.study != study:
                raise RefusedError("link_unknown", "this link is unknown: it may be cut off")
            return Coming(link=knock.link)
        found_there = parameters_of(knock.query)
        identity = identity_of(entry, found_there)
        return Coming(self._signatures.proven(entry, identity, found_there))

    def is_same(self, participant: Participant, entry: Entry, knock: Knock) -> bool:
        """Whether a browser that is in a study was opened by the very person; else somebody else sits there.

        An address that says nobody, or whose signature has expired since, says nothing against it.
        """
        if knock == Knock():
            return True
        try:
            found = parameters_of(knock.query)
            coming = Coming(link=knock.link) if knock.link else Coming(identity_of(entry, found))
        except RefusedError:
            return True
        return self._store.crowd.came_by(participant.name, coming)

    def preview(self, entry: Entry, knock: Knock) -> dict[str, str] | None:
        """What an address says that shows the door only; None for one that is meant."""
        if knock.link:
            return None
        try:
            found = parameters_of(knock.query)
        except RefusedError:  # said where it matters who it is
            return None
        return found if is_preview(entry, found) else None

    def refuse_strangers(self, study: str, entry: Entry, coming: Coming) -> None:
        """Raise RefusedError where somebody who was never inside cannot begin now."""
        if coming.link:
            found = self._store.links.find(coming.link)
            problem = None if found is None else found.problem(self._store.clock())
            if problem is not None:
                raise RefusedError(problem, "this link opens the study to nobody new")
        elif self._store.crowd.took_part_elsewhere(study, coming.identity):
            raise RefusedError("took_part", "you took part in a study that excludes you from this one")
        if not self._store.crowd.may_begin(study):
            raise RefusedError("study_full", "this study takes nobody new now")

    def way_out(self, participant: Participant) -> tuple[WayOut, Exit] | None:
        """How a participant's part ended, and how they are sent back; None: it did not end."""
        _, entry = self.study(participant.study)
        if participant.way_out is None:
            return None
        return participant.way_out, self.exit(entry, participant.way_out, self.identity(participant))

    def exit(self, entry: Entry, way: WayOut, identity: Identity | None) -> Exit:
        """How somebody is sent back who leaves by `way`."""
        return provider_of(entry).exit(entry, way, identity)

    def identity(self, participant: Participant) -> Identity | None:
        """What the platform calls a participant; None: they came by a link, or it is forgotten."""
        return self._store.crowd.identity(participant.name)


def step_of(entry: Entry, participant: Participant) -> str:
    """Where somebody who agreed is: "consent" again, "questions", "work" or "out"."""
    if participant.way_out is not None:
        return "out"
    if entry.consent.language_of(participant.agreed_sha256) is None:
        return "consent"
    return "questions" if entry.questions and not participant.has_answered else "work"


def agreement_of(entry: Entry, sha256: str, ticked: int) -> Agreement:
    """What somebody agreed to; raises RefusedError where it is not the text as it is now, or a box is not
    ticked."""
    language = entry.consent.language_of(sha256)
    if language is None:
        raise RefusedError("consent_changed", "the text has changed: read it again")
    if ticked != len(entry.consent.boxes):
        raise RefusedError("boxes", "tick every box that you can agree to, or do not agree")
    return Agreement(entry.consent.version, language, sha256)


def device_of(entry: Entry, width: int, touch: bool) -> str:
    """What is kept of a browser: "desktop" or "phone"; raises RefusedError where the work needs another."""
    if not entry.device.fits(width, touch):
        raise RefusedError("device", "this study needs another device")
    return "phone" if touch and width < PHONE_WIDTH else "desktop"


def shown(study: Study, entry: Entry) -> dict[str, Any]:
    """What the page shows of a study before anybody is in it; nothing that tells a model."""
    consent = entry.consent
    return {
        "name": study.name,
        "languages": study.languages,
        "contact": study.contact,
        "consent": {
            language: {
                "html": safe_html(text),
                "boxes": [words_in(box, language) for box in consent.boxes],
                "sha256": consent.sha256(language),
            }
            for language, text in consent.texts.items()
        },
        "minutes": entry.estimate_minutes or None,
        "allowed_minutes": entry.allowed_minutes or None,
        "reward": entry.reward or None,
        "currency": entry.currency,
        "items": study.items_per_annotator or None,
        "device": {
            "min_width": entry.device.min_width,
            "touch": entry.device.touch,
            "keyboard": entry.device.keyboard,
        },
        "questions": [_question_json(question) for question in entry.questions],
        "debrief": {language: safe_html(text) for language, text in entry.debrief.items()},
        "delete_until": consent.delete_until and consent.delete_until.isoformat(),
    }


def exit_json(way: WayOut, found: Exit) -> dict[str, str]:
    """The way back as the page shows it."""
    return {"way": way.value, "code": found.code, "address": found.address}


def _question_json(question: EntryQuestion) -> dict[str, Any]:
    options: list[Mapping[str, Any]] = [
        {"value": option.value, "texts": option.texts} for option in question.options
    ]
    return {
        "name": question.name,
        "texts": question.texts,
        "kind": question.kind,
        "options": options,
        "minimum": question.minimum,
        "maximum": question.maximum,
        "required": question.required,
    }
