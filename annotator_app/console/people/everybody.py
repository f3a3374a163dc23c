"""Everybody of a study in one table, whom to look at and why, and the choice of one person."""

import json
from typing import Any

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console

REFRESH_S = 30.0

COLUMNS = (
    "name", "state", "done", "today", "s/item", "gold passed", "agreement", "severity", "flags", "unread",
)  # fmt: skip


def build(console: Console) -> gr.Dropdown:
    """The tables; returns the field in which a person is chosen."""
    people = tables.table("People", COLUMNS)
    note = gr.Textbox(label="To be said of the comparison", interactive=False, visible=False)
    flags = tables.table("Whom to look at, and why", ("name", "kind", "in words"))
    # Custom values: a page that was open through a restart still knows its people; the store checks names.
    person = gr.Dropdown([], label="Person", info="The tabs are about this one.", allow_custom_value=True)

    async def look(call: Call, chosen: str | None) -> tuple[Any, ...]:
        found = json.loads(await console.onlooker.ask("people", call.study))
        names = [one["name"] for one in found["people"]]
        return (
            tables.cells(_row(one) for one in found["people"]),
            gr.update(value=found["note"], visible=bool(found["note"])),
            tables.cells(
                (one["name"], f["kind"], f["words"]) for one in found["people"] for f in one["flags"]
            ),
            gr.update(choices=names, value=chosen if chosen in names else next(iter(names), None)),
        )

    console.show(look, [people, note, flags, person], inputs=person, every=REFRESH_S)
    return person


def state_of(person: dict[str, Any]) -> str:
    """In words."""
    if person["excluded"]:
        return "excluded"
    if not person["active"]:
        return "disabled"
    if person["paused"]:
        return f"paused: {person['paused']}"
    return "at work" if person["came"] else "not come yet"


def figure(values: dict[str, Any] | None, name: str, digits: int) -> str:
    """A figure with its interval, or a dash."""
    found = values and values[name]
    return tables.interval(found["value"], found["low"], found["high"], digits) if found else tables.MISSING


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    values = one["figures"]
    return (
        one["name"],
        state_of(one),
        one["done"],
        one["today"],
        figure(values, "pace", 1),
        figure(values, "gold", 2),
        figure(values, "agreement", 2),
        figure(values, "severity", 1),
        len(one["flags"]),
        one["unread"],
    )
