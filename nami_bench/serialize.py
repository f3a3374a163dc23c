"""Between the vocabulary's dataclasses and plain values (JSON, TOML, a column): one way there, one back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from nami_bench.errors import InputError, did_you_mean

T = TypeVar("T")
Location = Sequence[str | int]


def plain(value: Any) -> dict[str, Any]:
    """A dataclass as values that JSON has; `validated` makes an equal one of them."""
    found: dict[str, Any] = _adapter(cast(Any, type(value))).dump_python(value, mode="json")
    return found


def validated(
    target: type[T],
    raw: Mapping[str, Any],
    where: str,
    named: Callable[[Location], Location] = lambda location: location,
) -> T:
    """Build the dataclass `target` from `raw`, coercing simple types.

    Unknown keys, missing keys and wrong types raise one InputError that begins with `where` and the key's
    place, as `named` calls it.
    """
    from pydantic import ValidationError

    try:
        value: T = _adapter(cast(Any, target)).validate_python(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        # A key that is misspelt is missing as well: the other message is the one that helps.
        first = min(problems, key=lambda problem: problem["type"] != "unexpected_keyword_argument")
        place = named(first["loc"])
        key = ".".join(str(part) for part in place)
        # Where a file calls things by other names, the dataclass's own would not help its author.
        known = _keys_at(target, place[:-1]) if place == first["loc"] else []
        message = {
            "unexpected_keyword_argument": _unknown_key(str(place[-1]), known),
            "missing": "is missing",
            "missing_argument": "is missing",
        }.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
        others = len(problems) - 1
        more = f" (and {others} more problem{'s' * (others > 1)})" if others else ""
        raise InputError(f"{where}: {key}: {message}{more}") from error
    return value


def _unknown_key(key: str, known: Sequence[str]) -> str:
    if not known:
        return "unknown key"
    advice = [did_you_mean(key, known), f"known: {', '.join(sorted(known))}"]
    return f"unknown key: {' '.join(filter(None, advice))}"


def _keys_at(target: Any, place: Location) -> list[str]:
    """The keys of the dataclass at `place` within `target`; none where another type lies on the way."""
    for part in place:
        if isinstance(part, int):
            target = next(iter(get_args(target)), None) if get_origin(target) is tuple else None
        else:
            target = get_type_hints(target).get(part) if is_dataclass(target) else None
    return [field.name for field in fields(target) if field.init] if is_dataclass(target) else []


@cache
def _adapter(target: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    # A bare dataclass accepts no config here; the union does, and hands it down to nested ones.
    return TypeAdapter(target | None, config=ConfigDict(extra="forbid"))
