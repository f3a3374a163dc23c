"""Between the vocabulary's dataclasses and plain values (JSON, TOML, a column): one way there, one back."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from nami_bench.errors import InputError

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
        first = problems[0]
        key = ".".join(str(part) for part in named(first["loc"]))
        message = {
            "unexpected_keyword_argument": "unknown key",
            "missing": "is missing",
            "missing_argument": "is missing",
        }.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise InputError(f"{where}: {key}: {message}{more}") from error
    return value


@cache
def _adapter(target: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    # A bare dataclass accepts no config here; the union does, and hands it down to nested ones.
    return TypeAdapter(target | None, config=ConfigDict(extra="forbid"))
