"""Proposed prompts: those that wait, each accepted (with changes, or as it is) or refused once."""

from typing import Any

import gradio as gr

from nami_bench import pipeline
from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.domain import PromptSubmission, SubmissionState
from nami_bench.errors import InputError
from nami_bench.pipeline.known_prompts import KnownPrompts
from nami_bench.prompts.proposing import LONGEST
from nami_bench.prompts.vocabulary import CATEGORIES, CHALLENGES, LANGUAGES, checked_tags

REFRESH_S = 10.0
SHOWN = 50
"""So many of those that wait, and of the latest decisions."""

WAITING = (
    "number",
    "text",
    "by",
    "nearest known prompt",
    "category",
    "challenges",
    "language",
    "proposed (UTC)",
)
WIDTHS = ["100px", "280px", "90px", "240px", "100px", "110px", "100px", "130px"]
DECIDED = ("text", "what became of it", "reason", "by", "decided by", "decided (UTC)")
NONE = "none"


def build(console: Console) -> None:
    """The page."""
    heading = gr.Markdown()
    waiting = tables.table("Waiting: choose one", WAITING, column_widths=WIDTHS)
    with gr.Column(visible=False) as form:
        number = gr.Textbox(label="Number", interactive=False)
        text = gr.Textbox(label="Text", lines=3, max_length=LONGEST, interactive=True)
        with gr.Row():
            category = gr.Dropdown([NONE, *CATEGORIES], value=NONE, label="Category")
            challenges = gr.Dropdown([*CHALLENGES], multiselect=True, label="Challenges")
            language = gr.Dropdown([NONE, *LANGUAGES], value=NONE, label="Language")
        accept = gr.Button("Accept as it stands here", variant="primary")
        with gr.Row():
            reason = gr.Textbox(label="Reason for refusing it, which its author reads", max_length=500)
            refuse = gr.Button("Refuse", variant="stop")
    decided = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)
    shown = [heading, waiting, decided]
    fields = [form, number, text, category, challenges, language, reason]

    def look(call: Call) -> tuple[str, tables.Cells, str]:
        return _look(console)

    def choose(call: Call, row: list[str]) -> tuple[Any, ...]:
        one = console.store.proposals.get(row[0])
        tags = one.tags
        chosen = [tag for tag in tags.get("challenge", "").split(", ") if tag]
        return (
            gr.Column(visible=True), one.id, one.text,
            tags.get("category", NONE), chosen, tags.get("language", NONE), "",
        )  # fmt: skip

    def accept_it(
        call: Call, number: str, text: str, category: str, challenges: list[str], language: str
    ) -> tuple[Any, ...]:
        one = console.store.proposals.get(number)
        tags = checked_tags(_given(category), tuple(challenges or ()), _given(language))
        changed = text.strip() != one.text or tags != one.tags
        pipeline.accept_submission(
            console.store,
            console.known,
            number,
            call.owner,
            console.terms.max_words,
            text=text if changed else None,
            tags=tags if changed else None,
        )
        _note(console, call, number, "accepted with changes" if changed else "accepted")
        return (gr.Column(visible=False), *_look(console))

    def refuse_it(call: Call, number: str, reason: str) -> tuple[Any, ...]:
        if not reason.strip():
            raise InputError("say why: the author reads it")
        pipeline.refuse_submission(console.store, number, call.owner, reason)
        _note(console, call, number, "refused")
        return (gr.Column(visible=False), *_look(console))

    console.show(look, shown, every=REFRESH_S)
    console.on_select(waiting, choose, outputs=fields)
    console.on(accept.click, accept_it, [number, text, category, challenges, language], [form, *shown])
    console.on(refuse.click, refuse_it, [number, reason], [form, *shown])


def _note(console: Console, call: Call, number: str, what: str) -> None:
    console.store.oversight.note("prompt_decided", f"proposed prompt {number} was {what}", by=call.owner)
    console.tell(f"It is {what}.")


def _given(choice: str | None) -> str | None:
    return None if choice in (None, "", NONE) else choice


def _look(console: Console) -> tuple[str, tables.Cells, str]:
    store = console.store
    count = store.proposals.count().get(SubmissionState.PENDING, 0)
    who = {"nobody": "Nobody may propose prompts now.", "everybody": "Everybody may propose prompts."}
    said = who.get(console.terms.open_to, "Annotators may propose prompts.")
    waiting = store.proposals.all(SubmissionState.PENDING, limit=SHOWN)
    done = tables.cells(map(_decided_row, store.proposals.decided(SHOWN)))
    return (
        f"{said} {count:,} wait for a decision.",
        tables.cells(_waiting_row(console.known, one) for one in waiting),
        tables.as_html([{"title": "Decided", "columns": DECIDED, "rows": done}], []),
    )


def _waiting_row(known: KnownPrompts, one: PromptSubmission) -> tuple[Any, ...]:
    near = known.nearest(one.text, leaving_out=one.id)
    like = None if near is None else f"{near.similarity:.0%}: {near.prompt.text}"
    tags = (one.tags.get(name) for name in ("category", "challenge", "language"))
    return (one.id, one.text, one.author or "a stranger", like, *tags, tables.moment(one.consented_at))


def _decided_row(one: PromptSubmission) -> tuple[Any, ...]:
    text = one.text if one.edited_text is None else f"{one.edited_text} (it was: {one.text})"
    what = f"{one.state.value}, with changes" if one.is_edited else one.state.value
    at = None if one.decided_at is None else tables.moment(one.decided_at)
    return (text, what, one.reason, one.author or "a stranger", one.decided_by, at)
