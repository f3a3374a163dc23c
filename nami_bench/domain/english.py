"""A few rules of English, for sentences that are put together: articles, plurals, number words, counts,
numbers with their intervals."""

from collections.abc import Mapping

_NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_IRREGULAR = {"person": "people", "knife": "knives", "mouse": "mice", "sheep": "sheep", "tooth": "teeth"}


def with_article(phrase: str) -> str:
    """'an orange', 'a bench': by the first letter."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def plural(noun: str) -> str:
    """Of a noun, or of a compound whose last word is its noun: 'wine glasses', 'computer mice'."""
    before, space, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("y") and last[-2:-1] not in tuple("aeiou"):
        last = last[:-1] + "ies"
    else:
        last += "es" if last.endswith(("s", "x", "z", "ch", "sh")) else "s"
    return before + space + last


def number_word(number: int) -> str:
    """'twelve'; larger numbers in digits."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def tally(counts: Mapping[str, int]) -> str:
    """'3 done, 1 failed' from {'done': 3, 'failed': 1, 'refused': 0}."""
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing to do"


def counted(number: int, thing: str) -> str:
    """'1 image', '2 images'."""
    return f"{number} {thing}{'s' * (number != 1)}"


def with_interval(
    value: float | None, low: float | None, high: float | None, decimals: int = 2, sign: str = ""
) -> str | None:
    """'0.62 [0.55, 0.69]'; the value alone where there is no interval, None without a value.

    An end that nobody knows is '…'. `sign` "+" where a number without one would be read as an amount.
    """
    if value is None:
        return None
    shown = [f"{one:{sign}z,.{decimals}f}" if one is not None else "…" for one in (value, low, high)]
    return shown[0] if low is None and high is None else f"{shown[0]} [{shown[1]}, {shown[2]}]"
