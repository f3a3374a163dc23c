"""One person: figures, messages, work."""

import json
from typing import Any

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.annotator_app.console.people.everybody import figure
from nami_bench.domain import LONGEST_MESSAGE, Flag, Message
from nami_bench.errors import InputError

_FIGURES = (
    ("pace", "seconds for an item, median", 1),
    ("pace_today", "the same, today", 1),
    ("gold", "share of items with known answers that were passed", 2),
    ("repeats", "repeated items differ by, points of 0-100 (of verdicts: percent that changed)", 1),
    ("agreement", "agreement with the others, kappa", 2),
    ("severity", "severity: mean difference from the others, points of 0-100", 1),
    ("spread", "use of the scale: standard deviation over that of the others", 2),
    ("repetition", "how often two of their items have the very same answers, share", 3),
    ("lean", "left less right of decided verdicts", 2),
)
_PLAIN = (
    ("shared", "items shared with others"),
    ("top_share", "share of the commonest answers to an item"),
    ("longest_run", "longest run of the very same answers"),
    ("run_by_chance", "so long a run comes by chance in one of twenty orders"),
    ("entropy", "entropy of the answers to an item, bits"),
)


def build_figures(console: Console, person: gr.Dropdown) -> None:
    """All figures of the person."""
    figures = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)

    async def look_at(call: Call, name: str | None) -> str:
        found = json.loads(await console.onlooker.ask("people", call.study))
        values = next((one["figures"] for one in found["people"] if one["name"] == name), None)
        rows: list[tuple[Any, ...]] = []
        if values is not None:
            rows = [
                (words, figure(values, key, digits), _from(values[key])) for key, words, digits in _FIGURES
            ]
            rows += ((words, values[key], None) for key, words in _PLAIN)
        title = f"Figures of {name}, with 95 % intervals" if name else "Figures"
        columns = ("what", "value", "from")
        return tables.as_html([{"title": title, "columns": columns, "rows": tables.cells(rows)}], [])

    console.show(look_at, figures, inputs=person)
    console.on(person.change, look_at, person, figures, again=True)


def _from(found: dict[str, Any] | None) -> int | None:
    """From how many observations a figure is."""
    return None if found is None else int(found["n"])


_THREAD = ("when (UTC)", "by", "about", "text", "read")
_SAID = ("number", "item", "prompt", "comment")


def _message_row(study: str, one: Message) -> tuple[Any, ...]:
    about: str | None = None
    if one.about is not None:
        about = f"{one.about.number}: {one.about.comment}"
        if one.about.item is not None:
            about = tables.item_link(study, one.about.item, about)
    author = one.author or one.annotator
    return f"{one.at:%Y-%m-%d %H:%M}", author, about, one.text, tables.cell(one.is_read)


def _said(study: str, flag: Flag) -> tuple[Any, ...]:
    item = None if flag.item is None else tables.item_link(study, flag.item)
    return str(flag.number), item, flag.prompt_id, flag.comment or "flagged"


def build_messages(console: Console, person: gr.Dropdown) -> None:
    """The person's thread, and announcements to everybody."""
    thread = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)
    seen = gr.Button("Mark as read")
    comments = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)
    text = gr.Textbox(label="Message to this person", lines=2, max_length=LONGEST_MESSAGE)
    about = gr.Number(label="About their comment, number (0: none)", value=0, precision=0, minimum=0)
    send = gr.Button("Send", variant="primary")
    everybody = gr.Textbox(label="Announcement to everybody here", lines=2, max_length=LONGEST_MESSAGE)
    announce = gr.Button("Announce")

    def read(call: Call, name: str | None) -> tuple[str, str]:
        if not name:
            return "", ""
        found = console.store.messages.thread(call.study, name)
        own = [flag for flag in console.store.oversight.flags(call.study) if flag.annotator == name]
        rows = [_message_row(call.study, one) for one in found]
        said = [_said(call.study, one) for one in own]
        return (
            tables.as_html([{"title": "Messages", "columns": _THREAD, "rows": rows}], []),
            tables.as_html([{"title": "Their comments and flags", "columns": _SAID, "rows": said}], []),
        )

    def mark_read(call: Call, name: str | None) -> tuple[str, str]:
        whom = chosen(name)
        if found := console.store.messages.thread(call.study, whom):
            console.store.messages.mark_read(call.study, whom, found[-1].number, by_annotator=False)
        return read(call, whom)

    def write(call: Call, name: str | None, words: str, number: float | None) -> tuple[Any, ...]:
        whom = chosen(name)
        console.store.messages.write(call.study, whom, words, call.owner, int(number or 0) or None)
        console.tell(f"Sent to {whom}")
        return ("", 0, *mark_read(call, whom))

    def tell_everybody(call: Call, words: str) -> str:
        console.store.announcements.add(call.study, words, call.owner)
        console.tell("Announced: everybody on this study sees it until they have read it")
        return ""

    console.show(read, [thread, comments], inputs=person)
    console.on(person.change, read, person, [thread, comments], again=True)
    console.on(seen.click, mark_read, person, [thread, comments])
    console.on(send.click, write, [person, text, about], [text, about, thread, comments])
    console.on(announce.click, tell_everybody, everybody, everybody)


def build_work(console: Console, person: gr.Dropdown) -> None:
    """Pausing with a reason that the person reads, and assignments."""
    with gr.Row():
        reason = gr.Textbox(label="Reason, which the person reads", max_length=500)
        pause = gr.Button("Pause")
        resume = gr.Button("Resume")
    names = gr.Textbox(label="Assign to this study: names of accounts, one a line", lines=3)
    with gr.Row():
        assign = gr.Button("Assign them")
        unassign = gr.Button("Take this person's assignment back")

    def pause_one(call: Call, name: str | None, why: str) -> str:
        whom = chosen(name)
        console.store.oversight.pause(call.study, whom, why.strip() or "by the administrator", by=call.owner)
        console.tell(f"{whom} is paused")
        return ""

    def resume_one(call: Call, name: str | None) -> None:
        whom = chosen(name)
        console.store.oversight.resume(call.study, whom, by=call.owner)
        console.tell(f"{whom} can go on")

    def assign_all(call: Call, text: str) -> str:
        wanted = [line.strip() for line in text.splitlines() if line.strip()]
        new = console.store.enrolments.assign(call.study, wanted, call.owner)
        console.tell(f"Assigned: {', '.join(new) or 'nobody new'}")
        return ""

    def unassign_one(call: Call, name: str | None) -> None:
        whom = chosen(name)
        gone = console.store.enrolments.unassign(call.study, [whom], call.owner)
        console.tell(f"{whom} is not assigned any more" if gone else f"{whom} was not assigned")

    console.on(pause.click, pause_one, [person, reason], reason)
    console.on(resume.click, resume_one, person)
    console.on(assign.click, assign_all, names, names)
    console.on(unassign.click, unassign_one, person)


def chosen(name: str | None) -> str:
    """The person; raises InputError where none is chosen."""
    if not name:
        raise InputError("choose a person first")
    return name
