"""The console put together: its pages, the bar above them, its looks."""

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.routes import App

from nami_bench.annotator_app.console.context import KEEP_STUDY, Console
from nami_bench.annotator_app.console.mounting import Surroundings
from nami_bench.annotator_app.console.pages import PAGES, Page

# After each event Gradio would sum up the last ten thousand of them, for a page that is not served.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")

PATH = "/admin"

_HEAD = """
<meta name="referrer" content="same-origin">
<link rel="icon" href="../favicon.ico">
<script src="../app/theme.js"></script>
<script src="../app/console.js"></script>
<link rel="stylesheet" href="../app/colors.css">
<link rel="stylesheet" href="../app/console.css">
"""
_LINKS = """
<a href="../">Studies</a>
<button type="button" data-part="theme" title="Light or dark" aria-label="Light or dark">◐</button>
<form method="post" action="../logout"><button type="submit">Log out</button></form>
"""
_NO_STUDY = (
    '<p><b>There is no study yet.</b> Make one on the page <a href="study">Study</a>: it needs prompts, '
    "and images that models made of them. Then add those who rate on the page "
    '<a href="people">People</a>: each gets a name and a token to log in with.</p>'
)


def build_blocks(title: str, found: Surroundings) -> gr.Blocks:
    """All pages, as one application of Gradio's."""
    with _without_applications():
        blocks = _pages(title, found)
    blocks.is_complete = True
    return blocks


class _Pages(gr.Blocks):
    """Blocks that are configured once, when they are complete: see `_without_applications`."""

    is_complete = False

    def get_config_file(self) -> Any:
        return super().get_config_file() if self.is_complete else {}


@contextmanager
def _without_applications() -> Iterator[None]:
    """At the end of each page Gradio describes all pages so far, and makes an application of a hundred routes
    for them, which the next page's replaces: four fifths of the time. Mounting makes both anew."""
    application: Any = App
    make = App.create_app
    application.create_app = staticmethod(lambda *given, **more: None)
    try:
        yield
    finally:
        application.create_app = staticmethod(make)


def _pages(title: str, found: Surroundings) -> _Pages:
    blocks: _Pages
    with _Pages(title=title, analytics_enabled=False, fill_width=True) as blocks:
        console = Console(
            found.store,
            found.studies,
            found.images_dir,
            found.onlooker,
            found.known,
            found.terms,
            blocks,
        )
        _fill(console, PAGES[0])
    for page in PAGES[1:]:
        with blocks.route(page.title, f"/{page.path}"):
            _fill(console, page)
    return blocks


def mount_blocks(holder: FastAPI, blocks: gr.Blocks) -> None:
    """Mount the console in `holder`, as it wants to be, for whom the gate names."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSR mode is not supported", UserWarning)  # nor is it asked for
        gr.mount_gradio_app(
            holder,
            blocks,
            path=PATH,
            auth_dependency=lambda request: getattr(request.state, "annotator", None),
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            ssr_mode=False,
            show_error=False,
            theme=_theme(),
            head=_HEAD,
        )


def _fill(console: Console, page: Page) -> None:
    gr.components.Navbar(main_page_name=PAGES[0].title)
    gr.HTML(f"<h1>{page.title}</h1>", elem_classes=["console-title"], apply_default_css=False)
    with gr.Row(elem_classes=["console-bar"]):
        console.study = gr.Dropdown(label="Study", choices=[], elem_id="study", min_width=160)
        gr.HTML(_LINKS, elem_classes=["console-links"], apply_default_css=False)
    console.no_study = gr.HTML(
        _NO_STUDY, visible=False, elem_classes=["console-tables"], apply_default_css=False
    )

    def select(request: gr.Request) -> tuple[object, object]:
        names = console.names()
        chosen = console.selected(request, None)
        return gr.Dropdown(choices=names, value=chosen), gr.HTML(visible=chosen is None)

    console.level = page.level
    console.blocks.load(
        select, outputs=[console.study, console.no_study], api_visibility="private", show_progress="hidden"
    )
    console.study.input(
        None, inputs=[console.study], js=KEEP_STUDY, api_visibility="private", show_progress="hidden"
    )
    importlib.import_module(page.module).build(console)


def _theme() -> gr.themes.Base:
    """The rating screen's colors, by their names in static/colors.css; fonts are the machine's own."""
    theme = gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        radius_size="sm",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    colors = {
        "body_background_fill": "ground",
        "body_text_color": "ink",
        "body_text_color_subdued": "quiet",
        "background_fill_primary": "panel",
        "background_fill_secondary": "ground",
        "block_background_fill": "panel",
        "block_border_color": "line",
        "block_label_background_fill": "panel",
        "block_label_text_color": "quiet",
        "block_title_text_color": "quiet",
        "block_info_text_color": "quiet",
        "border_color_primary": "line",
        "border_color_accent": "accent",
        "color_accent": "accent",
        "color_accent_soft": "accent-soft",
        "link_text_color": "accent",
        "link_text_color_hover": "accent",
        "link_text_color_visited": "accent",
        "link_text_color_active": "accent",
        "input_background_fill": "ground",
        "input_border_color": "edge",
        "checkbox_border_color": "edge",
        "checkbox_background_color": "ground",
        "checkbox_label_background_fill": "panel",
        "checkbox_label_background_fill_hover": "sunken",
        "button_primary_background_fill": "accent",
        "button_primary_background_fill_hover": "accent",
        "button_primary_text_color": "on-accent",
        "button_secondary_background_fill": "panel",
        "button_secondary_background_fill_hover": "sunken",
        "button_secondary_border_color": "line",
        "button_secondary_text_color": "ink",
        "button_cancel_background_fill": "warn-soft",
        "button_cancel_background_fill_hover": "warn-soft",
        "button_cancel_text_color": "warn",
        "table_border_color": "line",
        "table_even_background_fill": "panel",
        "table_odd_background_fill": "panel",
        "table_text_color": "ink",
    }
    both = {
        name: f"var(--{color})"
        for key, color in colors.items()
        for name in (key, f"{key}_dark")
        if hasattr(theme, name)
    }
    return theme.set(**both)
