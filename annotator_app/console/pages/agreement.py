"""How far annotators agree: by criterion, by stratum, and every two of them."""

import json

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console

REFRESH_S = 60.0


def build(console: Console) -> None:
    """The page."""
    page = gr.HTML("<p>It is being computed …</p>", elem_classes=["console-tables"], apply_default_css=False)

    async def look(call: Call) -> str:
        found = json.loads(await console.onlooker.ask("agreement_page", call.study))
        computed = f"Computed {tables.moment(found['at'])}."
        return tables.as_html(found["tables"], [*found["notes"], computed])

    console.show(look, page, every=REFRESH_S)
