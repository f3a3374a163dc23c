"""Where sentences end: English and its neighbours by rules, Chinese, Japanese and others by their marks.

Every doubt is settled by "no end here": a text cut at an end that was found is never cut in mid-sentence,
though it may be cut sooner than a reader would.
"""

import re
from collections.abc import Iterator

_CLOSERS = "\"'”’»›」』》〉】)]）］"
_OPENERS = "\"'“‘«‹「『《〈【([（［"
# These end a sentence whatever follows; the western ones need a space and no small letter after them.
_OWN_MARKS = "。！？｡؟۔।॥།။።"
_MARK = re.compile(rf"[.!?…{_OWN_MARKS}]+[{re.escape(_CLOSERS)}]*")

# An end inside of one of these is not the end of the sentence around it. A mark of inches opens nothing, nor
# does an apostrophe.
_ENCLOSED = re.compile(
    r"(?<![\w\"])\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|(?<!\w)'(?=\S)(?:[^']|(?<=\w)'(?=\w))*'(?!\w)|‘(?:[^’]|’(?=\w))*’(?!\w)"
    r"|\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]"
)

# Never the last word of a sentence, as far as can be told.
_ABBREVIATION = re.compile(
    r"mrs?|ms|dr|prof|st|sr|jr|rev|hon|gen|col|capt|cmdr|lt|sgt|gov|sen|mt|ft|mme|mlle|messrs|vs|etc|cf|ca|"
    r"approx|viz|inc|ltd|corp|bros|dept|ave|blvd|rd|hwy|ph|bzw|usw|evtl|ggf",
    re.IGNORECASE,
)
# The same, but only where a number follows: "no. 5".
_BEFORE_NUMBER = re.compile(
    r"nos?|nr|nn|figs?|vols?|ch|sec|pp|art|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec", re.IGNORECASE
)
_LAST_WORD = re.compile(r"[^\s(\[“‘\"'«—–/-]*\Z")
_ITEM_NUMBER = re.compile(r"(?:\A|[.!?…]\s)\s*\d{1,3}\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")


def sentence_ends(text: str) -> list[int]:
    """Positions just after each whole sentence of `text`, closing quotes included, in order.

    What stands after the last position is no whole sentence. White space should be single spaces.
    """
    enclosed = [match.span() for match in _ENCLOSED.finditer(text)]
    return [
        match.end()
        for match in _MARK.finditer(text)
        if not _inside(match, enclosed) and _ends_sentence(text, match)
    ]


def split_sentences(text: str) -> list[str]:
    """The whole sentences of `text`."""
    return list(_pieces(text, sentence_ends(text)))


def cut_to_words(text: str, max_words: int, finished: bool = True) -> str:
    """As many whole sentences of `text`, from its beginning, as have at most `max_words` words together.

    Words are what stands between white space. Of a text that is not `finished` the last sentence may only
    look whole and does not count. Empty where not even one sentence fits.
    """
    ends = sentence_ends(text)
    if not finished and ends and ends[-1] == len(text):
        ends.pop()
    fitting = [end for end in ends if len(text[:end].split()) <= max_words]
    return text[: fitting[-1]] if fitting else ""


def _pieces(text: str, ends: list[int]) -> Iterator[str]:
    for start, end in zip([0, *ends], ends, strict=False):
        yield text[start:end].strip()


def _inside(match: re.Match[str], enclosed: list[tuple[int, int]]) -> bool:
    # The last mark before a closing quote reaches to that quote's end, or beyond it.
    return any(start < match.start() and match.end() < end for start, end in enclosed)


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    before, mark, after = text[: match.start()], match[0], text[match.end() :]
    if not after:
        return not _ITEM_NUMBER.search(before)
    marks = mark.rstrip(_CLOSERS)
    if any(char in _OWN_MARKS for char in marks):
        # 「はい。」と言った: what follows a quotation at once may go on with the sentence around it.
        return marks == mark or after[0].isspace()
    following = after.lstrip().lstrip(_OPENERS)
    if not after[0].isspace() or not following or following[0].islower():
        return False
    return marks != "." or not _is_abbreviation(before, following)


def _is_abbreviation(before: str, following: str) -> bool:
    found = _LAST_WORD.search(before)
    word = found[0] if found else ""
    if _INITIALS.fullmatch(word) or _ABBREVIATION.fullmatch(word) or _ITEM_NUMBER.search(before):
        return True
    return bool(_BEFORE_NUMBER.fullmatch(word)) and following[0].isdigit()
