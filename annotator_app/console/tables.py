"""Tables of the console: every cell is text, and what people typed stays what they typed."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup, escape

from nami_bench.domain.english import with_interval

MISSING = "–"

_LONG = 26
"""A cell of more characters holds words, and is wide enough for some of them on a line."""

_INTERVAL = re.compile(r"(\d) \[(\S+), (\S+)\]$")
_ITEM = re.compile(r"\bitem (\d{1,9})\b")

Cells = list[list[str]]
"""Rows of a table, as `table` takes them."""


def table(title: str, columns: Sequence[str], **more: Any) -> gr.Dataframe:
    """An empty table with these headings, read-only, to be filled with `cells`."""
    settings: dict[str, Any] = {
        "wrap": True,
        "max_height": 480,
        "interactive": False,
        "elem_classes": ["console-table"],
        "buttons": ["copy"],
    }
    return gr.Dataframe(
        value=[], headers=[*columns], datatype="str", type="array", label=title, **settings | more
    )


def cells(rows: Iterable[Iterable[Any]]) -> Cells:
    """What `table` shows: each value by `cell`."""
    return [[cell(value) for value in row] for row in rows]


def cell(value: Any) -> str:
    """Text for a value: whole numbers in groups of three, others with two digits, None as a dash; `Markup`
    of ours as it is."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, Markup):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else str(value)


def number(value: float | None, digits: int = 2) -> str:
    """A number with a fixed count of digits; None and what is no number as a dash."""
    return MISSING if value is None or value != value else f"{value:,.{digits}f}"


def interval(value: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    """`0.62 [0.55, 0.69]`; without an interval the value alone, or a dash."""
    return with_interval(value, low, high, digits) or MISSING


def moment(at: str | datetime) -> str:
    """A time as `2026-11-30 18:05:12 UTC`; given as text, it is ISO's."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def share(done: int, total: int) -> str:
    """`12 / 40 (30 %)`; `12` where nobody knows how many there will be."""
    return f"{done:,} / {total:,} ({done / total:.0%})".replace("%", " %") if total else f"{done:,}"


def as_html(sections: Iterable[Mapping[str, Any]], notes: Iterable[str]) -> str:
    """Tables under headings, for `gr.HTML`, and notes below them; everything in them is escaped.

    A section is `{"title", "columns", "rows"}`, its cells texts, `Markup` of ours, or None.
    """
    said = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    return "".join(map(_as_html, sections)) + (f"<ul>{said}</ul>" if said else "")


def _as_html(section: Mapping[str, Any]) -> str:
    title = escaped(section["title"])
    if not section["rows"]:
        return f"<h2>{title}</h2><p>None yet.</p>"
    head = "".join(
        f'<th scope="col">{escaped(name)}</th>' if name else "<td></td>" for name in section["columns"]
    )
    heads = f"<thead><tr>{head}</tr></thead>" if any(section["columns"]) else ""
    body = "".join("<tr>" + "".join(map(_td, row)) + "</tr>" for row in section["rows"])
    return (
        f'<h2>{title}</h2><div class="scrolls" tabindex="0" role="group" aria-label="{title}">'
        f"<table>{heads}<tbody>{body}</tbody></table></div>"
    )


def _td(value: str | None) -> str:
    shown = MISSING if value is None else value
    text = shown.striptags() if isinstance(shown, Markup) else shown
    if not isinstance(shown, Markup):
        shown = _INTERVAL.sub("\\1\N{NO-BREAK SPACE}[\\2,\N{NO-BREAK SPACE}\\3]", shown)
    words = ' class="words"' if len(text) > _LONG else ""
    return f"<td{words}>{escape(shown)}</td>"


def item_link(study: str, item: int, words: str | None = None) -> Markup:
    """A cell of `as_html` that leads to an item on its page."""
    shown = f"Item {item}" if words is None else words
    return Markup('<a href="items?study={}&amp;item={}">{}</a>').format(quote(study), item, shown)


def person_link(study: str, name: str) -> Markup:
    """A cell of `as_html` that leads to somebody on the page of people."""
    return Markup('<a href="people?study={}&amp;person={}">{}</a>').format(quote(study), quote(name), name)


def with_item_links(study: str, text: str) -> Markup:
    """A text as a cell of `as_html`, in which `item 12` leads there."""
    said = escape(text)
    return Markup(_ITEM.sub(lambda found: item_link(study, int(found[1]), found[0]), said))


def escaped(text: str) -> str:
    """People's words inside HTML of ours."""
    return html.escape(text)
