"""What the organizers of a study and those who score tell each other."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from nami_bench.errors import InputError

LONGEST_MESSAGE = 2000
"""Characters of a message or an announcement."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What everybody on a study is told, once each, from one time to another (None: at once, without end)."""

    number: int
    text: str
    shown_from: datetime | None
    shown_until: datetime | None
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """The item that a message is about, with the comment that its annotator wrote to it; numbers as in
    `Flag`."""

    number: int
    prompt_id: str
    prompt: str
    comment: str
    item: int | None


@dataclass(frozen=True, slots=True)
class Message:
    """One message between the organizers and an annotator; `author`: the organizer who wrote it, None for
    the annotator. `is_read`: the other side saw it."""

    number: int
    annotator: str
    author: str | None
    text: str
    at: datetime
    is_read: bool
    about: Subject | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """All that was written between the organizers and one annotator; `unread` is what the annotator wrote
    and no organizer saw."""

    annotator: str
    messages: int
    unread: int
    last: datetime


def message_text(text: str) -> str:
    """`text` as it is kept: plain, without blanks around it. Raises InputError for what is no message."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InputError("a message needs words")
    if len(text) > LONGEST_MESSAGE:
        raise InputError(f"the message has {len(text)} characters: at most {LONGEST_MESSAGE} are sent")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise InputError("the message has control characters in it: type it rather than paste it")
    return text
