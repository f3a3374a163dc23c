"""What happened in a study and in the workspace: when, what, about whom, and who did it."""

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.domain import Event

REFRESH_S = 10.0
SHOWN = 500
"""So many of the latest events."""

COLUMNS = ("when (UTC)", "what", "about", "done by", "in words")
ALL = "everything"
DONE_BY = "“Done by” is empty for what the program did by itself."


def build(console: Console) -> None:
    """The page."""
    with gr.Row():
        kind = gr.Dropdown(label="What", choices=[ALL], value=ALL, allow_custom_value=True)
        person = gr.Textbox(label="About or by (a name)", max_length=100)
    page = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)

    def look(call: Call, kind: str | None, person: str) -> str:
        found = console.store.oversight.events(
            call.study,
            SHOWN,
            kind=None if kind in (None, "", ALL) else kind,
            person=person.strip() or None,
        )
        rows = [_row(call.study, one) for one in found]
        return tables.as_html([{"title": "What happened", "columns": COLUMNS, "rows": rows}], [DONE_BY])

    def kinds(call: Call) -> gr.Dropdown:
        return gr.Dropdown(choices=[ALL, *console.store.oversight.event_kinds(call.study)])

    console.show(look, page, inputs=[kind, person], every=REFRESH_S)
    console.show(kinds, kind)
    console.on([kind.input, person.submit, person.blur], look, [kind, person], page, again=True)


def _row(study: str, one: Event) -> tuple[str | None, ...]:
    words = tables.with_item_links(study, one.text)
    return f"{one.at:%Y-%m-%d %H:%M:%S}", one.kind, one.annotator, one.by, words
