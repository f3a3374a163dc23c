"""What happened in a study and in the workspace: when, what, about whom, and who did it."""

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console

REFRESH_S = 10.0
SHOWN = 500
"""So many of the latest events."""

COLUMNS = ("when (UTC)", "what", "about", "done by", "in words")
ALL = "everything"


def build(console: Console) -> None:
    """The page."""
    with gr.Row():
        kind = gr.Dropdown(label="What", choices=[ALL], value=ALL, allow_custom_value=True)
        person = gr.Textbox(label="About or by (a name)", max_length=100)
    events = tables.table("What happened", COLUMNS)
    gr.Markdown("“Done by” is empty for what the program did by itself, and for commands.")

    def look(call: Call, kind: str | None, person: str) -> tables.Cells:
        found = console.store.oversight.events(
            call.study,
            SHOWN,
            kind=None if kind in (None, "", ALL) else kind,
            person=person.strip() or None,
        )
        return tables.cells((f"{e.at:%Y-%m-%d %H:%M:%S}", e.kind, e.annotator, e.by, e.text) for e in found)

    def kinds(call: Call) -> gr.Dropdown:
        return gr.Dropdown(choices=[ALL, *console.store.oversight.event_kinds(call.study)])

    console.show(look, events, inputs=[kind, person], every=REFRESH_S)
    console.show(kinds, kind)
    console.on([kind.input, person.submit, person.blur], look, [kind, person], events)
