"""Where images lie: a small language for the names of files, and the layouts of public benchmarks in it.

    {stratum}/{index:05d}.jpg       {prompt}_{any}.png      {model}/{id}_{sample}

`{id}`       the id that a prompt has in its source; 007 and 7 are one
`{index}`    the prompt's place in its set from 0, or in its stratum where the pattern has one
`{number}`   the same from 1
`{prompt}`   the text, as far as names of files can hold it
`{sample}`   which of a prompt's images, from 0; `{nth}` the same from 1
`{stratum}`  the stratum, or the group of the source
`{model}`    whose images they are
`{any}`      anything

`:05d` after a number means that many digits or more. No placeholder reaches beyond a folder. A pattern
without an ending fits .png, .jpg, .jpeg and .webp. Without `{sample}` or `{nth}`, files of one prompt count
up in the order of their names.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nami_bench.errors import InputError

ENDINGS = ("png", "jpg", "jpeg", "webp")
PLACES = ("id", "index", "number", "prompt")
"""Placeholders that tell a prompt: a pattern has exactly one of them."""
_NUMBERS = ("index", "number", "sample", "nth")
_TEXTS = {"id": r"[^/]+?", "prompt": r"[^/]+", "stratum": r"[^/]+", "model": r"[^/]+", "any": r"[^/]+?"}
_PART = re.compile(r"\{(?P<name>\w*)(?::0?(?P<digits>\d+)d)?\}|(?P<brace>[{}])|(?P<text>[^{}]+)")


@dataclass(frozen=True, slots=True)
class Layout:
    """A pattern, and in a word where it is from ("" for one of the user's)."""

    pattern: str
    origin: str
    _expression: "re.Pattern[str]"

    @classmethod
    def parse(cls, pattern: str, origin: str = "") -> "Layout":
        """Raises InputError that says what is wrong with the pattern."""
        expression, names = "", []
        for part in _PART.finditer(pattern.removeprefix("./")):
            if part["brace"]:
                raise InputError(f"layout {pattern!r}: a brace stands alone; placeholders are as {{index}}")
            name = part["name"]
            expression += re.escape(part["text"]) if name is None else _group(pattern, part, name in names)
            names += [] if name in (None, "any") else [name]
        told = [name for name in names if name in PLACES]
        if len(told) != 1:
            raise InputError(
                f"layout {pattern!r} must have exactly one of {', '.join(f'{{{name}}}' for name in PLACES)}"
            )
        if not re.search(rf"\.(?:{'|'.join(ENDINGS)})$", pattern, re.IGNORECASE):
            expression += rf"\.(?i:{'|'.join(ENDINGS)})"
        return cls(pattern, origin, re.compile(expression))

    @property
    def numbers_samples(self) -> bool:
        """Whether names say which of a prompt's images a file is."""
        return "{sample" in self.pattern or "{nth" in self.pattern

    def match(self, name: str) -> dict[str, str] | None:
        """What a file's name, with its folders, says by placeholder; None where it does not fit."""
        found = self._expression.fullmatch(name)
        return None if found is None else {key: value for key, value in found.groupdict().items() if value}

    def is_tried(self, have_ids: bool) -> bool:
        """Whether it is worth a try where nobody says how images lie: by ids where prompts have them, else by
        place; a name of five digits is always tried as GenEval's place."""
        padded = "{index:" in self.pattern or self.origin == "GenEval"
        by_place = "{index" in self.pattern or "{number" in self.pattern
        return have_ids if "{id}" in self.pattern else padded or not (by_place and have_ids)

    def of_all(self, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
        """What those of the names say that fit."""
        return {name: said for name in names if (said := self.match(name)) is not None}

    def __str__(self) -> str:
        """The pattern as an option, and where it is from."""
        return f"{self.pattern!r}{f' ({self.origin})' if self.origin else ''}"


def _group(pattern: str, part: "re.Match[str]", again: bool) -> str:
    name, digits = part["name"], part["digits"]
    if name in _NUMBERS:
        # Nobody pads a number that counts from 1 without saying so: 00001 is the second of a set.
        alone = r"[1-9]\d*" if name == "number" else r"\d+"
        expression = rf"\d{{{digits},}}" if digits else alone
    elif name in _TEXTS and digits is None:
        expression = _TEXTS[name]
    elif name in _TEXTS:
        raise InputError(f"layout {pattern!r}: {{{name}}} is no number and has no digits")
    else:
        known = ", ".join(f"{{{one}}}" for one in (*_TEXTS, *_NUMBERS))
        raise InputError(f"layout {pattern!r}: there is no {{{name}}}; there are {known}")
    if name == "any":
        return f"(?:{expression})"
    return f"(?P={name})" if again else f"(?P<{name}>{expression})"


KNOWN = tuple(
    Layout.parse(pattern, origin)
    for pattern, origin in (
        ("{index}/samples/{sample}", "GenEval"),
        ("{index:05d}_{sample}", "flat"),
        ("{index:05d}-{sample}", "flat"),
        ("{index:05d}", "flat"),
        ("{id}", "DPG-Bench, WISE"),
        ("{id}_{sample}", "LongText-Bench"),
        ("{id}-{sample}", "by id"),
        ("{index}_{sample}", "LongText-Bench"),
        ("{number}", "WISE"),
        ("{stratum}/{index:05d}", "HPSv2"),
        ("{stratum}/{model}/{id}", "OneIG-Bench"),
        ("{stratum}/{id}", "MJHQ-30K"),
        ("{any}/{id}", "MJHQ-30K"),
        ("{model}/{index:05d}", "GenAI-Bench"),
        ("{model}/{id}", "GenAI-Bench"),
        ("{model}/{id}_{sample}", "ImageReward"),
        ("{prompt}_{any}", "T2I-CompBench"),
        ("samples/{prompt}_{any}", "T2I-CompBench"),
        ("{prompt}", "by text"),
    )
)
"""Tried where nobody says how a folder is laid out."""
