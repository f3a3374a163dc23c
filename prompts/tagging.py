"""Tags that a recipe works out from prompts' texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nami_bench.domain.quoted import quoted, script_of


@dataclass(frozen=True, slots=True)
class Tagging:
    """`rule` says in words what `value` of a prompt's text is; None: it has no such tag."""

    rule: str
    value: Callable[[str], str | None]


def _text(text: str) -> str | None:
    targets = quoted(text)
    return script_of(targets) if targets else None


TAGGINGS: Mapping[str, Tagging] = {
    "text": Tagging(
        "what stands in quotation marks, and is thus to be read in images: latin, chinese, or other for a "
        "script besides",
        _text,
    )
}
"""By the tag's name."""


def tagged(text: str, tags: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """A prompt's tags and those of TAGGINGS, which go before its own of the same name."""
    found = {name: TAGGINGS[name].value(text) for name in names}
    return {**tags, **{name: value for name, value in found.items() if value is not None}}
