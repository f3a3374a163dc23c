"""Answers as people and programs write them: other words for outcomes, decimal commas, numbers and words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from nami_bench.domain import Outcome

_WORDS = {
    Outcome.LEFT: ("left", "leftvote", "model_a", "model a", "a", "image a", "left is better", "first"),
    Outcome.RIGHT: ("right", "rightvote", "model_b", "model b", "b", "image b", "right is better", "second"),
    Outcome.TIE: ("tie", "tievote", "draw", "equal", "both", "both equally good", "both good", "same"),
    Outcome.BOTH_BAD: (
        "both_bad", "bothbad", "bothbad_vote", "both bad", "tie (bothbad)", "tie (both bad)", "neither",
    ),
}  # fmt: skip
OUTCOMES = {word: outcome for outcome, words in _WORDS.items() for word in words}
"""What is taken for an outcome without `--values`."""

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_BEFORE_WORDS = re.compile(r"([+-]?\d+)\s*(?:[-–—:=.)(]\s*)?(?=[^\W\d_])", re.ASCII)
_ZONES = {
    "PST": -8,
    "PDT": -7,
    "MST": -7,
    "MDT": -6,
    "CST": -6,
    "CDT": -5,
    "EST": -5,
    "EDT": -4,
    "UTC": 0,
    "GMT": 0,
    "WEZ": 0,
    "BST": 1,
    "CET": 1,
    "MEZ": 1,
    "CEST": 2,
    "MESZ": 2,
}
"""Hours from UTC; CST and BST as America and Britain mean them."""
_GOOGLE = re.compile(r"(\d{4}/\d\d?/\d\d? \d\d?:\d\d:\d\d [AP]M)(?: (?:([A-Z]+)|(?:GMT|UTC)([+-]\d{1,2})))?")
_MILLISECONDS_FROM = 1e11
_MTURK = re.compile(r"\w{3} (\w{3} \d{1,2} \d\d:\d\d:\d\d) (\w{3}) (\d{4})")


def text_of(raw: Any) -> str:
    """A cell's text, trimmed; nothing is an empty text, and whole numbers have no fraction."""
    if raw is None:
        return ""
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, list) and len(raw) == 1:
        return text_of(raw[0])
    return str(raw)


def said_value(text: str, values: Mapping[str, str]) -> str:
    """What `--values` says of an answer, by its word or, of numbers, its worth; else the answer itself."""
    if not values:
        return text
    found = values.get(text.casefold())
    if found is None and _NUMBER.fullmatch(text):
        worth = number_of(text)
        found = next(
            (to for word, to in values.items() if _NUMBER.fullmatch(word) and number_of(word) == worth), None
        )
    return text if found is None else found


def outcome_of(text: str, left: str, right: str, as_named: tuple[str, str]) -> str:
    """The outcome that a text means, which may name the better model, as the file or we call it.

    Raises ValueError for any other text.
    """
    found = OUTCOMES.get(text.casefold())
    if found is not None:
        return found.value
    if text in (left, as_named[0]):
        return Outcome.LEFT.value
    if text in (right, as_named[1]):
        return Outcome.RIGHT.value
    raise ValueError(
        f"outcome {text!r} is not known: say what it means with --values, as --values {text!r}=left"
    )


def number_of(text: str) -> float:
    """A number with a decimal point or comma, or one that words follow; raises ValueError."""
    if _NUMBER.fullmatch(text):
        return float(text.replace(",", "."))
    if (before := _BEFORE_WORDS.match(text)) is not None:
        return float(before[1])
    raise ValueError(
        f"value {text!r} is not a number: say which one it is with --values, as --values {text!r}=1"
    )


def has_comma(text: str) -> bool:
    """Whether a number is written with a decimal comma."""
    return "," in text and _NUMBER.fullmatch(text) is not None


def is_before_words(text: str) -> bool:
    """Whether an answer is a number that words follow: "5 - perfect"."""
    return not _NUMBER.fullmatch(text) and _BEFORE_WORDS.match(text) is not None


def instant_of(raw: Any) -> datetime | None:
    """A time in ISO 8601, in seconds since 1970, or as MTurk or Google Forms writes it; else None.

    UTC where no zone is given. What lies before 1970 or after 2200 is none.
    """
    try:
        at = _instant(raw, text_of(raw))
    except (ValueError, OverflowError, OSError):
        return None
    return at if at is not None and 1970 <= at.year <= 2200 else None


def _instant(raw: Any, text: str) -> datetime | None:
    if isinstance(raw, datetime):
        return raw.replace(tzinfo=UTC) if raw.tzinfo is None else raw.astimezone(UTC)
    if _NUMBER.fullmatch(text):
        seconds = number_of(text)
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS_FROM else seconds, UTC)
    if (parts := _MTURK.fullmatch(text)) is not None:
        local = datetime.strptime(f"{parts[3]} {parts[1]}", "%Y %b %d %H:%M:%S")
        return _in_zone(local, parts[2], 0)
    if (parts := _GOOGLE.fullmatch(text)) is not None:
        local = datetime.strptime(parts[1], "%Y/%m/%d %I:%M:%S %p")
        return _in_zone(local, parts[2] or "UTC", int(parts[3] or 0))
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _in_zone(local: datetime, name: str, hours: int) -> datetime | None:
    """`local` in a zone, and so many hours east of it, in UTC; None for a zone that is not known."""
    if name not in _ZONES:
        return None
    return local.replace(tzinfo=timezone(timedelta(hours=_ZONES[name] + hours))).astimezone(UTC)


def milliseconds_of(row: Mapping[str, Any]) -> int | None:
    """The time taken, of `duration_ms` or `duration_s`; None where it is no number from 0."""
    for name, factor in (("duration_ms", 1), ("duration_s", 1000)):
        text = text_of(row.get(name))
        if _NUMBER.fullmatch(text) and 0 <= (found := number_of(text) * factor) < 1e12:
            return round(found)
    return None
