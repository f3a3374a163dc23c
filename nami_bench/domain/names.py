"""Names: of things, safe as folder names and in URLs, and of people, who are called what they are called."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from nami_bench.errors import InputError

LONGEST = 100
"""Characters of a name."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")

# What Unicode lets a program pass over when it draws a text, beside the category "Cf", and one blank more.
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_UNSEEN_MARKS = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f]")
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def checked_name(kind: str, name: str) -> str:
    """Return `name` if it is safe as a folder name and in a URL, else raise InputError."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{kind} name {name!r} is not usable: take up to {LONGEST} letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit"
        )
    return name


def person_name(kind: str, name: str) -> str:
    """What somebody is called, in the one form in which it is kept: NFC, trimmed, single spaces.

    Any script, e-mail addresses and brackets are welcome. Raises InputError for a name without a letter or
    digit, one that is too long, and characters that nobody sees: controls, changes of direction, fillers
    (joiners may stand where a script writes differently with them).
    """
    tidy = unicodedata.normalize("NFC", name).strip()
    unseen = next((at for at in range(len(tidy)) if _is_unseen(tidy, at)), None)
    if unseen is not None:
        problem = f"character {unseen + 1}, U+{ord(tidy[unseen]):04X}, cannot be seen: type the name anew"
    elif len(tidy := " ".join(tidy.split())) > LONGEST:
        problem = f"it has {len(tidy)} characters, {LONGEST} are the most"
    elif not any(unicodedata.category(c)[0] in "LN" for c in tidy):
        problem = "it needs a letter or a digit"
    elif unicodedata.category(tidy[0])[0] == "M":
        problem = "it begins with a mark that belongs onto a letter"
    else:
        return tidy
    shown = name if len(name) <= LONGEST else f"{name[:LONGEST]}..."
    raise InputError(f"{kind} name {shown!r} is not usable: {problem}")


@lru_cache(4096)
def name_key(name: str) -> str:
    """Equal for two names that people would take for one: upper and lower case make no difference.

    Nor do ways of encoding (NFKC), spaces, what nobody sees, and whether an i has its dot: Turkish keyboards
    and others disagree on which letter belongs to a capital I.
    """
    seen = "".join(
        c
        for c in unicodedata.normalize("NFKC", name)
        if unicodedata.category(c) != "Cf" and not (_SELECTORS.match(c) or _UNSEEN_MARKS.match(c))
    )
    folded = unicodedata.normalize("NFKC", seen.casefold()).casefold()
    return " ".join(folded.replace("i\u0307", "i").replace("\u0131", "i").split())


def matching_name(kind: str, name: str, known: Iterable[str]) -> str | None:
    """The one of the `known` names that `name` means: the very same, else the one with the same `name_key`.

    Raises InputError where two others have that key: names of databases from when case made a difference.
    """
    known = tuple(known)
    if name in known:
        return name
    key = name_key(name)
    found = sorted(one for one in known if name_key(one) == key)
    if len(found) > 1:
        choice = " or ".join(map(repr, found))
        raise InputError(f"{kind} {name!r} could be {choice}: write the name exactly as it is there")
    return found[0] if found else None


def name_in_text(name: str) -> re.Pattern[str]:
    """Finds a person's name as a word, whatever its case, in texts in NFC.

    In scripts without upper and lower case, where words may not be parted, inside words too.
    """
    words = r"\s+".join(map(re.escape, unicodedata.normalize("NFC", name).split()))
    before = r"(?<![\w.-])" if _parts_words(name[:1]) else ""
    after = r"(?![\w-])" if _parts_words(name[-1:]) else ""
    return re.compile(before + words + after, re.IGNORECASE)


def _parts_words(letter: str) -> bool:
    return unicodedata.category(letter) != "Lo"


def _is_unseen(name: str, at: int) -> bool:
    """Whether nobody sees the character at `at`, and it does nothing for its neighbours either."""
    character, before, after = name[at], name[at - 1 : at], name[at + 1 : at + 2]
    if _SELECTORS.match(character):  # choose the form of an ideograph, as in some Japanese names
        return not before or unicodedata.category(before) != "Lo"
    if character in (_JOINER, _NON_JOINER):  # IDNA's rules for both (RFC 5892, appendix A)
        return not (
            (before and unicodedata.combining(before) == 9)
            or (character == _NON_JOINER and _is_joined(before) and _is_joined(after))
        )
    return (
        unicodedata.category(character) in _UNSEEN
        or character in _BLANKS
        or _UNSEEN_MARKS.match(character) is not None
    )


def _is_joined(letter: str) -> bool:
    return bool(letter) and unicodedata.bidirectional(letter) == "AL"
