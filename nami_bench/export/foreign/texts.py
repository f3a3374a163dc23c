"""Texts of others: their encoding, and what separates the cells of their tables."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from nami_bench.errors import InputError

_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_GUESSES = ("cp1252", "gb18030", "shift_jis")
_DELIMITERS = (",", ";", "\t", "|")
_CALLED = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
_LOOKED_AT = 20


@contextmanager
def opened_text(name: str, opener: Callable[[], Any], encoding: str | None) -> Iterator[IO[str]]:
    """A file's text with its own line ends. `encoding` None: UTF-8, or what a byte order mark says."""
    with opener() as binary:
        chosen = encoding or _MARKS.get(binary.read(2)) or "utf-8-sig"
    with opener() as binary:
        try:
            text = io.TextIOWrapper(binary, chosen, newline="")
        except LookupError as error:
            raise InputError(
                f"--encoding {chosen!r} is no encoding that is known: cp1252, gb18030 and utf-16 are some"
            ) from error
        yield text


@contextmanager
def text_errors(name: str, opener: Callable[[], Any], encoding: str | None = None) -> Iterator[None]:
    """What is no text, as InputError with its line, and with encodings in which it would be one."""
    try:
        yield
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise InputError(f"{name} is not {encoding}: {error.reason} at byte {error.start}") from error
        raise InputError(_not_utf8(name, opener)) from error


def _not_utf8(name: str, opener: Callable[[], Any]) -> str:
    with opener() as binary:
        for number, line in enumerate(binary, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"{name}, line {number}: this is not UTF-8; {_readings(line, error.start)}"
    return f"{name} is not UTF-8: save it as UTF-8"


def _readings(line: bytes, at: int) -> str:
    """What the bytes around place `at` are in other encodings, as options that name them."""
    begin = max(line.rfind(sign, 0, at) for sign in (b",", b";", b"\t", b'"', b" ")) + 1
    ends = [found for sign in (b",", b";", b"\t", b'"', b" ", b"\r") if (found := line.find(sign, at)) > 0]
    part = line[begin : min(ends, default=len(line))].strip()
    fits = []
    for encoding in _GUESSES:
        try:
            text = part.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.isprintable() and text:
            fits.append(f"--encoding {encoding} reads {text!r}")
    return f"{', '.join(fits)}: give the one that is right" if fits else "save it as UTF-8"


def delimiter_of(name: str, text: str, asked: str) -> str:
    """What separates the cells of a table that begins with `text`: what was `asked`, or what fits alone.

    Of several that occur in the header the one counts that gives the first records as many cells as it.
    """
    if asked != "auto":
        return {"tab": "\t", "\\t": "\t"}.get(asked, asked)
    fits = {sign: width for sign in _DELIMITERS if (width := _width(text, sign)) > 1}
    if not fits:
        return "\t" if name.lower().removesuffix(".gz").endswith(".tsv") else ","
    widest = max(fits.values())
    best = [sign for sign, width in fits.items() if width == widest]
    if len(best) > 1:
        raise InputError(
            f"{name} can be read with {' or '.join(_CALLED[sign] for sign in best)} between its cells: say "
            "which with --delimiter"
        )
    return best[0]


def delimiter_called(sign: str) -> str:
    """A delimiter as people call it."""
    return _CALLED.get(sign, repr(sign))


def _width(text: str, sign: str) -> int:
    """The number of columns by this delimiter; 0 where the first records do not have as many cells."""
    try:
        records = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=sign) if any(r)]
    except csv.Error:
        return 0
    records = records[: _LOOKED_AT + 1]
    if not records:
        return 0
    width = len(records[0])
    whole = records[1:-1] if len(records) > 2 else records[1:]  # the last one may be cut
    return width if all(len(record) == width for record in whole) else 0
