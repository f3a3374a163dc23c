"""Studies written as study files: the text that `nami_bench.study_file` reads into an equal `Study`."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import pairwise
from typing import Any

from nami_bench.domain.question import VALUES
from nami_bench.domain.study import Mode, Study
from nami_bench.study_file import in_file
from nami_bench.toml_text import document

_COPIED = ("questions", "questions_sha256")
"""What a study has from its question file."""

_Place = tuple[str | int, ...]


def study_text(study: Study) -> str:
    """A study file in full; of a study of questions without its questions, which have a file of their own."""
    return document(study_tables(study))


def study_tables(study: Study) -> dict[str, Any]:
    """A study file's tables: plain values, as TOML is read.

    `[study]` says all that has a value; other tables what is not as it would be anyway.
    """
    found: dict[str, Any] = {}
    for place, value in _leaves(study):
        _put(found, in_file(place), value)
    if study.mode == Mode.QUESTIONS:
        for check in found.get("check", ()):
            check["expected"] = {name: _yes_or_no(bounds) for name, bounds in check["expected"].items()}
    return found


def _leaves(study: Study) -> Iterator[tuple[_Place, Any]]:
    """Each value that is no dataclass, and where in the study it is."""
    derived = (*_COPIED, "criteria") if study.mode == Mode.QUESTIONS else _COPIED
    for one in fields(study):
        value = getattr(study, one.name)
        is_said = not _is_default(one, value) or (isinstance(value, int | float | str) and value != "")
        if one.name not in derived and is_said:
            yield from _within((one.name,), value)


def _within(place: _Place, value: Any) -> Iterator[tuple[_Place, Any]]:
    if is_dataclass(value):
        said = [one.name for one in fields(value) if not _is_default(one, getattr(value, one.name))]
        for name in said:
            yield from _within((*place, name), getattr(value, name))
        if not said:
            yield place, {}
    elif isinstance(value, Mapping) and value and all(map(is_dataclass, value.values())):
        for key, inner in value.items():
            yield from _within((*place, key), inner)
    elif isinstance(value, tuple) and value and all(map(is_dataclass, value)):
        for number, inner in enumerate(value):
            yield from _within((*place, number), inner)
    else:
        yield place, _plain(value)


def _is_default(one: "Field[Any]", value: Any) -> bool:
    default = one.default_factory() if one.default_factory is not MISSING else one.default
    return bool(value == default)


def _plain(value: Any) -> Any:
    """With texts for keys, as TOML has them, and lists for tuples."""
    if isinstance(value, Mapping):
        return {_text_of(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, str) else value


def _text_of(key: Any) -> str:
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)


def _put(tables: dict[str, Any], place: Any, value: Any) -> None:
    """Put a value into nested tables, where a number in its place is of a list."""
    at: Any = tables
    for part, following in pairwise(place):
        inner: Any = [] if isinstance(following, int) else {}
        if isinstance(at, list):
            if part == len(at):
                at.append(inner)
            at = at[part]
        else:
            at = at.setdefault(part, inner)
    at[place[-1]] = value


def _yes_or_no(bounds: Any) -> Any:
    """The answer that passes in words, where the bounds are those of one."""
    words = {(value, value): answer for answer, value in VALUES.items()}
    return words.get(tuple(bounds), bounds)
