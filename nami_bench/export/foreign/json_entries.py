"""JSON of others as a stream: lists element by element, lines, or one object."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from nami_bench.errors import InputError
from nami_bench.export.foreign.texts import opened_text, text_errors
from nami_bench.foreign_text import parse_json, parse_object

_AT_ONCE = 1 << 20
_BLANKS = " \t\r\n\ufeff"
_BETWEEN = re.compile(r"[\s,]*")

Numbered = Iterator[tuple[int, Mapping[str, Any]]]


def is_array(text: IO[str]) -> bool:
    """Whether a list begins here."""
    return text.read(1024).lstrip(_BLANKS).startswith("[")


def is_lines(name: str, text: IO[str]) -> bool:
    """Whether a text is JSON lines: by its name, or because its first line is an object, and not the last."""
    if name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        return True
    text.seek(0)
    first = text.readline()
    try:
        parse_object(first.strip(_BLANKS))
    except ValueError:
        return False
    return any(line.strip() for line in text)


def line_entries(name: str, opener: Callable[[], Any], encoding: str | None) -> Numbered:
    """The objects of JSON lines, by their lines; raises InputError for a line that is none."""
    with text_errors(name, opener, encoding), opened_text(name, opener, encoding) as text:
        for number, line in enumerate(text, 1):
            if not line.strip(_BLANKS):
                continue
            try:
                yield number, parse_object(line.strip(_BLANKS))
            except ValueError as error:
                raise InputError(f"{name}, line {number}: {error}") from error


def array_entries(name: str, opener: Callable[[], Any], encoding: str | None) -> Numbered:
    """The objects of a list, one after the other; raises InputError for one that is none."""
    with text_errors(name, opener, encoding), opened_text(name, opener, encoding) as text:
        try:
            for number, found in enumerate(_elements(text), 1):
                if not isinstance(found, dict):
                    raise InputError(f"{name}, entry {number}: this is no object with named values")
                yield number, found
        except UnicodeDecodeError:
            raise  # which says more, and is a ValueError
        except ValueError as error:
            raise InputError(f"{name} is no list of JSON: {error}") from error


def document(name: str, opener: Callable[[], Any], encoding: str | None) -> Mapping[str, Any]:
    """The one object of a JSON file."""
    with text_errors(name, opener, encoding), opened_text(name, opener, encoding) as text:
        try:
            found = parse_json(text.read().strip(_BLANKS))
        except UnicodeDecodeError:
            raise
        except ValueError as error:
            raise InputError(f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{name} holds neither a list nor an object, so it can be no judgements")
    return found


def _elements(text: IO[str]) -> Iterator[Any]:
    """What a list holds; raises ValueError for what is no JSON, and where the list does not end."""
    decode = json.JSONDecoder().raw_decode
    buffer = text.read(_AT_ONCE)
    at, size = buffer.index("[") + 1, _AT_ONCE
    while True:
        at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        if buffer.startswith("]", at):
            return
        found, end, problem = None, len(buffer), "it ends before its last bracket"
        try:
            found, end = decode(buffer, at)
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        except json.JSONDecodeError as error:
            problem = problem if at == len(buffer) else str(error.msg)
        if end < len(buffer):
            yield found
            at, size = end, _AT_ONCE
        elif piece := text.read(size):  # what ends with the buffer may go on
            buffer, at, size = buffer[at:] + piece, 0, size * 2  # one huge element is not parsed ever again
        else:
            raise ValueError(problem)
