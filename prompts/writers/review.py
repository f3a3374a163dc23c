"""From a model's answer to a prompt, or to the reason why it is none.

What models say instead of a prompt is known for English and Chinese.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from nami_bench.errors import InputError
from nami_bench.prompts.writers.sentences import cut_to_words, split_sentences

RULES = {
    "unreadable": "holds characters that no text has",
    "refusal": "the model says that it cannot or will not",
    "list": "two or more lines are a list's, or one is a heading",
    "opening": "begins by speaking of the image, or to the reader, where that cannot be cut off",
    "no whole sentence": "no sentence ends, or it ends where the model was stopped",
    "too long": "the first sentence alone has more words than are allowed",
    "too short": "its whole sentences have fewer words than are asked for",
    "loop": "a sentence is repeated, words or characters are repeated at once, or five words in a row occur "
    "three times",
}
"""Why an answer is rejected, in the order in which it is looked at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Words of a prompt, both inclusive. Raises InputError."""

    min_words: int = 60
    max_words: int = 120

    def __post_init__(self) -> None:
        if not 1 <= self.min_words <= self.max_words:
            raise InputError(
                f"a prompt cannot have at least {self.min_words} and at most {self.max_words} words: "
                "give 1 <= --min-words <= --max-words"
            )


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt, or the key of RULES that says why it is none; `text` is what there is of it.

    `opening_cut`: boilerplate was cut off its beginning. `shortened`: sentences were cut off its end.
    """

    text: str
    rejected: str | None = None
    opening_cut: bool = False
    shortened: bool = False


def review(answer: str, finished: bool, limits: Limits) -> Draft:
    """Make a prompt of an answer: one paragraph, no opening, whole sentences within the limits.

    `finished`: the model ended by itself.
    """
    said = without_thoughts(answer)
    if len(said) > _LONGEST:
        said, finished = said[:_LONGEST], False
    if not _is_readable(said):
        return Draft("", "unreadable")
    paragraph = _paragraph(said)
    if _REFUSAL.search(_QUOTED.sub(" ", paragraph)):
        return Draft(paragraph, "refusal")
    if _is_list(said):
        return Draft(paragraph, "list")
    body = _without_opening(paragraph)
    if _OPENING.match(body):
        return Draft(body, "opening")
    text = cut_to_words(body, limits.max_words, finished)
    rejected = _rejected(body, text, limits)
    return Draft(text or body, rejected, opening_cut=body != paragraph, shortened=text != body)


def _rejected(body: str, text: str, limits: Limits) -> str | None:
    if not text:
        return "too long" if split_sentences(body) else "no whole sentence"
    if len(text.split()) < limits.min_words:
        return "too short"
    return "loop" if _is_loop(text) else None


_LONGEST = 20_000  # characters that are looked at
_THOUGHTS = re.compile(r"\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
_EMPHASIS = re.compile(r"\*\*|__|`+")
_QUOTES = {'"': '"', "“": "”", "«": "»", "「": "」"}
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|「[^」]*」|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*'(?!\w)")
_LIST_LINE = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+\S", re.MULTILINE)
_HEADING = re.compile(r"^\s*#{1,6}\s+\S", re.MULTILINE)

_REFUSAL = re.compile(
    r"\b(?:I(?:'|’)?m|I am|we(?:'|’)re|we are) "
    r"(?:very |so |really |truly )?(?:sorry|unable|not able|afraid)\b"
    r"|\bI (?:don['’]t|do not) (?:have|see) (?:the ability|access|an? image|any image)\b"
    r"|\bI (?:can['’]t|cannot|can not|won['’]t|will not|could not|couldn['’]t) "
    r"(?:\w+ )?(?:help|assist|describe|see|view|provide|comply|write|create|identify|access|process|"
    r"generate|fulfil+|continue|do|open|analy[sz]e)\b"
    r"|\bI (?:must |have to |apologi[sz]e|decline|need to decline)"
    r"|\bas an? (?:AI|artificial intelligence|(?:large )?language model|text-based)\b"
    r"|\b(?:no|without an) image (?:was|is|has been|were|to) "
    r"|\b(?:please|could you) (?:provide|upload|share|attach|send|clarify)\b"
    r"|抱歉|对不起|很遗憾|作为(?:一个|一名)?(?:人工智能|AI|语言模型)|我(?:无法|不能|没有办法)",
    re.IGNORECASE,
)

_PICTURE = r"(?:image|picture|photo|photograph)\b"
_THIS = rf"(?:the|this|that|your) (?:[\w-]+ ){{0,4}}?{_PICTURE}"
_MEANWHILE = (
    r"(?: (?:\w+ly|also|itself|here|above|below|(?:you (?:have )?|you['’]ve )?"
    r"(?:provided|shared|attached|given|sent|uploaded)))*"
)
_SHOWS = r"(?:shows|depicts|displays|features|presents|captures|portrays|illustrates|showcases|represents)\b"
_SAYS = r"(?:is|contains|reveals|includes|provides|offers|conveys|appears|seems|consists)\b"
_WE_SEE = r"(?:(?:we|you|one|I|the viewer|viewers) (?:can |could |may )?(?:see|observe|notice|find)s?\b)"
_OPENING = re.compile(
    rf"{_THIS}{_MEANWHILE} (?:{_SHOWS}|{_SAYS})"
    rf"|(?:the|this) (?:[\w-]+ ){{0,2}}?scene{_MEANWHILE} {_SHOWS}"
    rf"|(?:in|on|within) {_THIS}"
    rf"|{_WE_SEE}"
    r"|(?:image|picture|photo|scene|visual) (?:description|prompt)\b"
    r"|(?:sure|certainly|of course|absolutely|okay|ok|great)\b[,!.:]"
    r"|here(?:['’]s| is| are) (?:a|an|the|your|my) (?:[\w-]+ ){0,5}?"
    r"(?:prompt|description|caption|paragraph|text)\b"
    r"|below is (?:a|an|the|your|my)\b"
    r"|[这该此本]?[张幅个]?(?:图片|图像|照片|画面|图)(?:中|里|上|内|展示|显示|描绘|呈现|展现|是)",
    re.IGNORECASE,
)

# What may go, since the rest is a sentence without it: a greeting, a label or announcement before a colon,
# "In this image," before a clause, and "The image shows" before what can stand alone as prompts often do
# ("A dog on a beach."), but not before "a dog and has warm colors".
_STANDS_ALONE = (
    r"(?=(?:a|an|the|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d+|no|many|several|some|"
    r"rows|numerous|various|dozens|hundreds|multiple|both|half|part)\b)"
    rf"(?![^.]*\band (?:\w+ly )?(?:{_SHOWS}|{_SAYS}|has\b|was\b))"
)
_CUT = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok|great)\b(?: thing)?[,!.:]+\s*"
    r"|(?:here(?:['’]s| is)|below is)\b[^.:!?]{0,120}:\s*"
    r"|(?:image |picture |long |detailed |text-to-image )*(?:prompt|description|caption|answer)\s*:\s*"
    rf"|(?:in|within) (?:the|this) {_PICTURE},?\s+"
    rf"(?:{_WE_SEE}\s+{_STANDS_ALONE}|(?!{_WE_SEE})(?<=,\s)(?=\w))"
    rf"|(?:the|this) (?:{_PICTURE}|scene) (?:{_SHOWS}|is of|is)\s+{_STANDS_ALONE}",
    re.IGNORECASE,
)


def without_thoughts(answer: str) -> str:
    """The answer without the reasoning that some models write before it."""
    match = _THOUGHTS.match(answer)
    return answer[match.end() :] if match else answer


def _is_readable(text: str) -> bool:
    return not any(
        char == "\ufffd" or (unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") and not char.isspace())
        for char in text
    )


def _paragraph(text: str) -> str:
    """NFC, white space single, emphasis and quotes around the whole removed."""
    plain = " ".join(_EMPHASIS.sub("", unicodedata.normalize("NFC", text)).split())
    return _unquoted(plain)


def _unquoted(text: str) -> str:
    closing = _QUOTES.get(text[:1])
    is_quoted = closing is not None and text.endswith(closing) and closing not in text[1:-1]
    return text[1:-1].strip() if is_quoted else text


def _is_list(text: str) -> bool:
    return len(_LIST_LINE.findall(text)) > 1 or _HEADING.search(text) is not None


def _without_opening(paragraph: str) -> str:
    text = paragraph
    while match := _CUT.match(text):
        text = _unquoted(text[match.end() :])
    return text if text == paragraph else text[:1].upper() + text[1:]


_REPEATED_AT_ONCE = re.compile(r"(\w.{3,99}?)\1{2,}")
_RUN = 5


def _is_loop(text: str) -> bool:
    sentences = [words for sentence in split_sentences(text) if (words := _words(sentence))]
    if len(set(sentences)) < len(sentences) or _REPEATED_AT_ONCE.search(text.casefold()):
        return True
    return max(Counter(_runs(_words(text))).values(), default=0) >= 3


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def _runs(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (words[at : at + _RUN] for at in range(len(words) - _RUN + 1))
