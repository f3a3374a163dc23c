"""The leaderboard of a study, what it rests on, and its files."""

import json
from urllib.parse import quote

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.annotator_app.study_files import FILES

REFRESH_S = 60.0


def build(console: Console) -> None:
    """The page."""
    page = gr.HTML("<p>It is being computed …</p>", elem_classes=["console-tables"], apply_default_css=False)

    async def look(call: Call) -> str:
        found = json.loads(await console.onlooker.ask("leaderboard_page", call.study))
        warning = found["warning"]
        said = f'<p class="warning">{tables.escaped(warning)}</p>' if warning else ""
        base = {"title": "What it rests on", "columns": ["", ""], "rows": found["rests_on"]}
        return (
            f"<p>{tables.escaped(found['title'])}</p>{_links(call.study)}{said}"
            + tables.as_html(found["tables"], found["notes"])
            + tables.as_html([base], [])
        )

    console.show(look, page, every=REFRESH_S)


def _links(study: str) -> str:
    files = [one.name for one in FILES if one.name.startswith("leaderboard.")]
    links = (f'<a href="file/{name}?study={quote(study)}">{name}</a>' for name in files)
    return f'<p class="links">{" ".join(links)}</p>'
