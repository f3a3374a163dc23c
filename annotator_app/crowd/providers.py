"""The platforms that send people, behind one protocol: what addresses say, and how people are sent back.

Facts about each platform, and what was never tried against the real one: docs/crowd.md. MTurk takes no new
requesters and is not here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from nami_bench.domain import Came, Entry, Identity, WayOut
from nami_bench.domain.entry import MOST_CHARACTERS
from nami_bench.errors import RefusedError

MOST_OF_AN_ADDRESS = 4000
"""Characters of an address's parameters; a signature takes about 800."""

PREVIEW = "preview"
"""The parameter that shows the study's door to its owner, and creates nobody."""


@dataclass(frozen=True, slots=True)
class Names:
    """What an address calls the participant, the submission and the platform's study ("": it has none)."""

    participant: str
    submission: str = ""
    study: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(filter(None, (self.participant, self.submission, self.study)))


@dataclass(frozen=True, slots=True)
class Exit:
    """The way back: a code to be told, and an address to be led to; either may be missing ("")."""

    code: str = ""
    address: str = ""


class Provider(Protocol):
    """One platform."""

    @property
    def names(self) -> Names:
        """Of its parameters."""

    def is_id(self, text: str) -> bool:
        """Whether a participant's id can look like this."""

    def placeholders(self) -> Mapping[str, str]:
        """By parameter, what the platform puts in its place in a study's address ("": it is not known)."""

    def exit(self, entry: Entry, way: WayOut, identity: Identity | None) -> Exit:
        """How somebody is sent back who leaves by `way`."""


@dataclass(frozen=True, slots=True)
class Generic:
    """A platform of which everything is a setting."""

    names: Names

    def is_id(self, text: str) -> bool:
        """Anything that can be read."""
        return text.isprintable()

    def placeholders(self) -> Mapping[str, str]:
        """Not known."""
        return dict.fromkeys(self.names.all, "")

    def exit(self, entry: Entry, way: WayOut, identity: Identity | None) -> Exit:
        """As the settings say."""
        return Exit(entry.code(way), _filled(entry.redirect(way), entry.code(way), identity))


@dataclass(frozen=True, slots=True)
class Prolific(Generic):
    """Prolific: a code for each way out, and one address that takes them all."""

    names: Names = Names("PROLIFIC_PID", "SESSION_ID", "STUDY_ID")

    def is_id(self, text: str) -> bool:
        """24 hexadecimal digits."""
        return re.fullmatch(r"[0-9a-fA-F]{24}", text) is not None

    def placeholders(self) -> Mapping[str, str]:
        """As docs.prolific.com, "The study object", has them."""
        words = ("{{%PROLIFIC_PID%}}", "{{%SESSION_ID%}}", "{{%STUDY_ID%}}")
        return dict(zip(self.names.all, words, strict=False))

    def exit(self, entry: Entry, way: WayOut, identity: Identity | None) -> Exit:
        """The code, and the address that takes it."""
        code = entry.code(way)
        template = entry.redirect(way)
        if code and not template:
            template = "https://app.prolific.com/submissions/complete?cc={code}"
        return Exit(code, _filled(template, code, identity))


@dataclass(frozen=True, slots=True)
class Connect(Generic):
    """CloudResearch Connect: addresses from the project's wizard, of their own for who does not finish."""

    names: Names = Names("participantId", "assignmentId", "projectId")


@dataclass(frozen=True, slots=True)
class Sona(Generic):
    """SONA: a number of two to seven digits; credit is granted from server to server (`credit`)."""

    names: Names = Names("id")

    def is_id(self, text: str) -> bool:
        """Without a zero before it."""
        return re.fullmatch(r"[1-9]\d{1,6}", text, re.ASCII) is not None

    def placeholders(self) -> Mapping[str, str]:
        """SONA's own."""
        return {self.names.participant: "%SURVEY_CODE%"}

    def exit(self, entry: Entry, way: WayOut, identity: Identity | None) -> Exit:
        """To the school's site, for want of another address."""
        template = entry.redirect(way) or ("" if entry.sona is None else entry.sona.site)
        return Exit(entry.code(way), _filled(template, entry.code(way), identity))


@dataclass(frozen=True, slots=True)
class Links(Generic):
    """Nobody sends them: they come by invitation links alone."""

    names: Names = Names("")


_NAMED: dict[Came, Generic] = {
    Came.PROLIFIC: Prolific(),
    Came.CONNECT: Connect(),
    Came.SONA: Sona(),
    Came.LINKS: Links(),
}


def provider_of(entry: Entry) -> Provider:
    """The platform of a study, its parameters named as the study says."""
    usual = _NAMED.get(entry.provider)
    names = usual.names if usual is not None else Names("")
    said = entry.parameters
    chosen = Names(*(said.get(key, getattr(names, key)) for key in ("participant", "submission", "study")))
    return type(usual)(chosen) if usual is not None else Generic(chosen)


def parameters_of(query: str) -> dict[str, str]:
    """An address's parameters; raises RefusedError where they are too long, or one is there twice."""
    if len(query) > MOST_OF_AN_ADDRESS:
        raise RefusedError("arrival_too_long", "the address is too long")
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError("arrival_doubled", "the address says the same thing twice")
    return found


def is_preview(entry: Entry, found: Mapping[str, str]) -> bool:
    """Whether an address shows the door only: because it says so, or has placeholders that nobody filled."""
    known = provider_of(entry).placeholders()
    return PREVIEW in found or any(word and found.get(name) == word for name, word in known.items())


def identity_of(entry: Entry, found: Mapping[str, str]) -> Identity:
    """Who somebody is by an address's parameters, unproven; raises RefusedError with a key for its kind."""
    provider = provider_of(entry)
    names = provider.names
    participant = found.get(names.participant, "").strip() if names.participant else ""
    if not participant:
        if _others(entry, found):
            raise RefusedError("arrival_other_platform", "the address is that of another platform")
        raise RefusedError("arrival_no_id", "the address does not say who you are")
    submission, study = (found.get(name, "").strip() for name in (names.submission, names.study))
    if any(len(one) > MOST_CHARACTERS for one in (participant, submission, study)):
        raise RefusedError("arrival_too_long", "the address is too long")
    if not provider.is_id(participant) or not (submission + study).isprintable():
        raise RefusedError("arrival_malformed", "the address holds no id of the platform's")
    if entry.platform_studies and study not in entry.platform_studies:
        raise RefusedError("arrival_other_study", "the address belongs to another study of the platform's")
    return Identity(entry.provider.value, participant, submission, study)


def join_address(entry: Entry, base: str, study: str) -> str:
    """The address to give to the platform, its own placeholders in it; `base` is that of the server."""
    address = f"{base.rstrip('/')}/join/{quote(study, safe='')}"
    words = provider_of(entry).placeholders()
    # The placeholders stand as the platform wants them, not encoded.
    pairs = [f"{quote(name)}={word or name.upper()}" for name, word in words.items()]
    return f"{address}?{'&'.join(pairs)}" if pairs else address


def _others(entry: Entry, found: Mapping[str, str]) -> Sequence[str]:
    """Parameters by which another platform names its participants."""
    mine = provider_of(entry).names.all
    return [
        one.names.participant
        for came, one in _NAMED.items()
        if came is not entry.provider and one.names.participant in {*found} - {*mine}
    ]


def _filled(template: str, code: str, identity: Identity | None) -> str:
    """An address with what it leaves open; "" where that cannot be said any more.

    The host is the template's: what is filled in is encoded, and stands behind it.
    """
    if not template:
        return ""
    values = {"code": code}
    if identity is not None:
        values |= {"participant": identity.participant, "submission": identity.submission}
        values |= {"study": identity.platform_study}
    try:
        address = re.sub(r"\{(\w+)\}", lambda one: quote(values[one[1]], safe=""), template)
    except KeyError:
        return ""
    here, there = urlsplit(template), urlsplit(address)
    return address if (here.scheme, here.netloc) == (there.scheme, there.netloc) else ""
