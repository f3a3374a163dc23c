"""How people whom nobody knows come into a study, and how they leave it: the `[entry]` of a study file.

Frozen values like those of `nami_bench.domain.study`. What a platform's addresses and files look like is the
business of `nami_bench.annotator_app.crowd.providers`; here is what the study's owner says.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from nami_bench.domain.entry_question import EntryQuestion
from nami_bench.errors import InputError

MOST_MINUTES = 7 * 24 * 60
"""The longest time that may be allowed: that of a log-in."""

MOST_CHARACTERS = 200
"""Of a code, and of an id in an address."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class WayOut(StrEnum):
    """How somebody's part in a study ends."""

    COMPLETED = "completed"
    NO_CONSENT = "no_consent"
    SCREENED_OUT = "screened_out"
    FAILED_CHECKS = "failed_checks"
    STUDY_FULL = "study_full"
    TIMED_OUT = "timed_out"
    WITHDREW = "withdrew"
    NOTHING_LEFT = "nothing_left"


FINISHED = (WayOut.COMPLETED, WayOut.NOTHING_LEFT)
"""Who did all that there was to do: to be paid, and counted by the quota."""

PLACEHOLDERS = ("participant", "submission", "study", "code")
"""What an address to return to may hold in braces."""


class Came(StrEnum):
    """By what people come: a platform's address, or invitation links alone."""

    PROLIFIC = "prolific"
    CONNECT = "connect"
    SONA = "sona"
    GENERIC = "generic"
    LINKS = "links"


@dataclass(frozen=True, slots=True)
class Consent:
    """What people agree to before anything is collected.

    `texts`: Markdown by language, as it was approved. `version`: what its author calls it. `boxes`: what must
    be ticked, each by language. Who withdraws may have everything deleted until `delete_until`.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    version: str = "1"
    boxes: tuple[Mapping[str, str], ...] = ()
    delete_until: datetime | None = None

    def __post_init__(self) -> None:
        if not any(text.strip() for text in self.texts.values()):
            raise InputError("entry.consent.texts is empty: nobody can agree to nothing")
        if any(not words for words in self.boxes):
            raise InputError("entry.consent.boxes: each box needs a text")
        if self.delete_until is not None and self.delete_until.tzinfo is None:
            raise InputError("entry.consent.delete_until needs a time zone, as 2026-01-31T18:00:00Z")

    def sha256(self, language: str) -> str:
        """Hex, of the text in a language with its boxes: what an agreement is an agreement to."""
        shown = [self.texts[language], *(words_in(box, language) for box in self.boxes)]
        return hashlib.sha256("\x1f".join(shown).encode()).hexdigest()

    def language_of(self, sha256: str) -> str | None:
        """The language whose text, as it is now, has this hash; None: it is another text."""
        return next((language for language in self.texts if self.sha256(language) == sha256), None)


@dataclass(frozen=True, slots=True)
class Device:
    """What the work needs: a window of at least `min_width` CSS pixels, a `keyboard`; `touch`: fingers do."""

    min_width: int = 0
    touch: bool = True
    keyboard: bool = False

    def fits(self, width: int, touch: bool) -> bool:
        """Whether a device does; `touch`: fingers are what it is used with, so no keyboard is at hand."""
        return width >= self.min_width and (not touch or (self.touch and not self.keyboard))


@dataclass(frozen=True, slots=True)
class Bonus:
    """What is paid beside the reward: `amount` and `per_item`, `most` in all (0: no limit).

    Only to who passed at least the share `gold_pass` of the gold items (0: to everybody who finished).
    """

    amount: float = 0
    per_item: float = 0
    gold_pass: float = 0
    most: float = 0

    def __post_init__(self) -> None:
        if min(self.amount, self.per_item, self.most) < 0:
            raise InputError("entry.bonus: amounts must not be negative")
        if not 0 <= self.gold_pass <= 1:
            raise InputError("entry.bonus.gold_pass must lie between 0 and 1")

    def due(self, items: int, gold_passed: int, gold_seen: int) -> float:
        """Somebody's, in the study's currency, in hundredths."""
        if self.gold_pass and (not gold_seen or gold_passed / gold_seen < self.gold_pass):
            return 0.0
        due = self.amount + self.per_item * items
        return round(min(due, self.most) if self.most else due, 2)


@dataclass(frozen=True, slots=True)
class Signature:
    """How a platform signs arrivals: a JWT in the address, checked with keys from an address or from a file.

    `keys` is that file's text, a JSON Web Key Set; `audience` our own domain, as the platform was told it.
    """

    audience: str
    keys_url: str = ""
    keys: str = ""
    parameter: str = "prolific_token"

    def __post_init__(self) -> None:
        if bool(self.keys_url) == bool(self.keys):
            raise InputError("entry.signature: give one of keys_url and keys_file (or keys, its text)")
        if self.keys_url:
            check_web_address("entry.signature.keys_url", self.keys_url)
        if not self.audience:
            raise InputError("entry.signature.audience is empty: name our domain, as the platform knows it")


@dataclass(frozen=True, slots=True)
class Sona:
    """A school's SONA site, as "https://school.sona-systems.com", and the study's number there.

    The credit token is a secret and never part of a study: it is read from the environment of the server,
    from the variable `credit_token_env`.
    """

    site: str
    experiment: str
    credit_token_env: str = "NAMI_SONA_CREDIT_TOKEN"

    def __post_init__(self) -> None:
        check_web_address("entry.sona.site", self.site)
        if not self.experiment.isascii() or not self.experiment.isdigit():
            raise InputError("entry.sona.experiment must be the study's number on the SONA site")


@dataclass(frozen=True, slots=True)
class Entry:
    """How people come into a study by themselves, and leave it.

    `provider`: who sends them. `parameters`: what the address calls the participant, the submission and the
    platform's study, where that is not as usual. `platform_studies`: arrivals for others are refused.
    `codes` and `redirects`: by way out, the code to be told, and the address to be led back to. `quota`: at
    so many who finished, nobody new begins; `places`: so many are inside or have finished at most (0: no
    limit). `allowed_minutes`: a place is held for so long. `refuse_from`: whoever took part in one of these
    studies does not take part in this one. `reward` is paid to who finishes, in `currency`;
    `estimate_minutes` is what was announced. `is_open`: new people may begin.
    """

    consent: Consent
    provider: Came = Came.LINKS
    is_open: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    platform_studies: tuple[str, ...] = ()
    codes: Mapping[WayOut, str] = field(default_factory=dict)
    redirects: Mapping[WayOut, str] = field(default_factory=dict)
    quota: int = 0
    places: int = 0
    estimate_minutes: float = 0
    allowed_minutes: float = 0
    reward: float = 0
    currency: str = "GBP"
    bonus: Bonus = Bonus()
    questions: tuple[EntryQuestion, ...] = ()
    device: Device = Device()
    debrief: Mapping[str, str] = field(default_factory=dict)
    refuse_from: tuple[str, ...] = ()
    signature: Signature | None = None
    sona: Sona | None = None

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_ways_out()
        self._check_provider()
        names = [question.name for question in self.questions]
        if len(set(names)) != len(names):
            raise InputError("entry.question: each name stands there once")
        if not _CURRENCY.fullmatch(self.currency):
            raise InputError(f"entry.currency {self.currency!r} must be three letters, such as GBP")

    @property
    def languages(self) -> set[str]:
        """All in which it has texts."""
        options = [option.texts for question in self.questions for option in question.options]
        texts = (self.consent.texts, *self.consent.boxes, self.debrief, *options)
        return {tag for one in (*texts, *(q.texts for q in self.questions)) for tag in one}

    def code(self, way: WayOut) -> str:
        """The code of a way out, "" where there is none; who finds nothing left has finished."""
        return self.codes.get(way) or (self.codes.get(WayOut.COMPLETED, "") if way in FINISHED else "")

    def redirect(self, way: WayOut) -> str:
        """The address's template of a way out, "" where there is none."""
        return self.redirects.get(way) or (
            self.redirects.get(WayOut.COMPLETED, "") if way in FINISHED and way not in self.codes else ""
        )

    def _check_numbers(self) -> None:
        for name in ("quota", "places", "estimate_minutes", "allowed_minutes", "reward"):
            if getattr(self, name) < 0:
                raise InputError(f"entry.{name} must not be negative")
        if self.allowed_minutes > MOST_MINUTES:
            raise InputError(f"entry.allowed_minutes must be at most {MOST_MINUTES}, a week")
        if self.allowed_minutes and self.allowed_minutes < self.estimate_minutes:
            raise InputError("entry.allowed_minutes must not be shorter than estimate_minutes")
        if self.places and self.places < self.quota:
            raise InputError("entry.places must not be fewer than the quota, which could never be met")

    def _check_ways_out(self) -> None:
        for way, code in self.codes.items():
            if not code or len(code) > MOST_CHARACTERS or not code.isprintable() or " " in code:
                raise InputError(f"entry.codes.{way} is one word of at most {MOST_CHARACTERS} characters")
        for way, address in self.redirects.items():
            check_web_address(f"entry.redirects.{way}", address)

    def _check_provider(self) -> None:
        if unknown := sorted({*self.parameters} - {"participant", "submission", "study"}):
            raise InputError(
                f"entry.parameters.{unknown[0]}: unknown key; known: participant, submission, study"
            )
        if self.provider is Came.GENERIC and not self.parameters.get("participant"):
            raise InputError("entry.parameters.participant: name the parameter that holds the person's id")
        if (self.provider is Came.SONA) != (self.sona is not None):
            raise InputError("entry.sona and the provider 'sona' go together")
        if self.signature is not None and self.provider is not Came.PROLIFIC:
            raise InputError("entry.signature is of the provider 'prolific' alone")


def check_web_address(where: str, address: str) -> None:
    """Raise InputError unless an address is HTTPS to a host that is written out (HTTP: to this machine).

    What stands in braces must be one of PLACEHOLDERS, and behind the host.
    """
    parts = urlsplit(address)
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (parts.scheme == "https" or is_local) or not parts.hostname or "{" in parts.netloc:
        raise InputError(f"{where} {address!r} must begin with https:// and a host that is written out")
    if parts.username is not None or not address.isprintable() or " " in address:
        raise InputError(f"{where} {address!r} must hold neither a log-in nor blanks")
    if unknown := sorted({*_PLACEHOLDER.findall(address)} - {*PLACEHOLDERS}):
        raise InputError(f"{where}: {{{unknown[0]}}} is unknown; use {_listed(PLACEHOLDERS)}")


def words_in(texts: Mapping[str, str], language: str) -> str:
    """The words of a language, else those of the first there is."""
    return texts.get(language) or next(iter(texts.values()), "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
