"""Values of a study file's tables, as they are shown in a field and read from one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from nami_bench.errors import InputError


def value_at(tables: Any, place: Sequence[str | int]) -> Any:
    """What is at a place; None where nothing is."""
    for part in place:
        if isinstance(part, int):
            tables = tables[part] if isinstance(tables, list) and part < len(tables) else None
        else:
            tables = tables.get(part) if isinstance(tables, Mapping) else None
    return tables


def put(tables: Any, place: Sequence[str | int], value: Any) -> None:
    """Set what is at a place; None takes it away, with the table around it that is empty then."""
    if value is None and value_at(tables, place) is None:
        return
    head, *rest = place
    if isinstance(head, int):
        tables.extend({} for _ in range(head + 1 - len(tables)))
        put(tables[head], rest, value)
    elif not rest:
        tables.pop(head, None) if value is None else tables.update({head: value})
    else:
        inner = tables.setdefault(head, [] if isinstance(rest[0], int) else {})
        put(inner, rest, value)
        if inner == {}:
            del tables[head]


def same(value: Any) -> Any:
    """A value that is shown as it is read."""
    return value


def text(value: str | None) -> str | None:
    """Lines of text; None for none."""
    return value if value and value.strip() else None


def line(value: str | None) -> str | None:
    """One line, trimmed; None for none."""
    return (value or "").strip() or None


def moment_shown(value: datetime | None) -> str:
    """As `moment` reads it."""
    return "" if value is None else value.isoformat(sep=" ")


def moment(value: str | None) -> datetime | None:
    """A day and hour, as 2026-01-31 18:00 +01:00; raises InputError."""
    if not (words := line(value)):
        return None
    try:
        return datetime.fromisoformat(words.replace(" +", "+").replace(" -", "-"))
    except ValueError as error:
        raise InputError(f"{words!r} is no day and hour: write it as 2026-01-31 18:00 +01:00") from error


def anchors_shown(value: Mapping[Any, str] | None) -> str:
    """As `anchors` reads them."""
    return "\n".join(f"{at} = {words}" for at, words in (value or {}).items())


def anchors(value: str | None) -> dict[str, str] | None:
    """The words at points of a scale, one a line: 0 = unrelated; raises InputError."""
    found = {}
    for row in (value or "").splitlines():
        at, sign, words = row.partition("=")
        if row.strip() and not sign:
            raise InputError(
                f"{row!r} says not which point of the scale it is about: write 0 = {row.strip()}"
            )
        if row.strip():
            found[at.strip()] = words.strip()
    return found or None
