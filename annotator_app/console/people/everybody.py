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
    """The tables; a row of them, or the field that this returns, chooses a person."""
    people = tables.table(
        "People: choose a row, and the tabs below are about this person", COLUMNS, pinned_columns=1
    )
    note = gr.Textbox(label="To be said of the comparison", interactive=False, visible=False)
    flags = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)
    # Custom values: a page that was open through a restart still knows its people; the store checks names.
    person = gr.Dropdown([], label="Person", allow_custom_value=True, elem_id="person")

    async def look(call: Call, chosen: str | None) -> tuple[Any, ...]:
        found = json.loads(await console.onlooker.ask("people", call.study))
        names = [one["name"] for one in found["people"]]
        linked = call.query.get("person")
        first: dict[str, Any] = {}
        if chosen not in names:
            first["value"] = linked if linked in names else next(iter(names), None)
        return (
            tables.cells(_row(one) for one in found["people"]),
            gr.update(value=found["note"], visible=bool(found["note"])),
            _flags(call.study, found["people"]),
            gr.update(choices=names, **first),  # somebody else may be chosen meanwhile: that stays
        )

    def choose(call: Call, row: list[str]) -> str:
        return row[0]

    console.show(look, [people, note, flags, person], inputs=person, every=REFRESH_S)
    console.on_select(people, choose, outputs=person)
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


def _flags(study: str, people: list[dict[str, Any]]) -> str:
    rows = [
        (tables.person_link(study, one["name"]), flag["kind"], flag["words"])
        for one in people
        for flag in one["flags"]
    ]
    columns = ("name", "kind", "in words")
    return tables.as_html([{"title": "Whom to look at, and why", "columns": columns, "rows": rows}], [])


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
