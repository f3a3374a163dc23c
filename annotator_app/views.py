"""The page that Gradio draws: instructions, and the rating screen of static/rate.js."""

from pathlib import Path

import gradio

from nami_bench.domain import Study

STATIC = Path(__file__).parent / "static"
PAGE_STYLE = (STATIC / "rate.css").read_text(encoding="utf-8")

# Fonts by plain name are the machine's own: nothing is fetched from elsewhere.
THEME = gradio.themes.Default(
    primary_hue="blue",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)

_START = 'import(new URL("app/rate.js", document.baseURI)).then((screen) => screen.start(element));'


def build_page(study: Study) -> gradio.Blocks:
    """The page of one study, the same for every annotator; rate.js fills in what differs."""
    page = gradio.Blocks(title=study.name, analytics_enabled=False, fill_width=True)
    with page:
        if instructions := study.instructions.get(study.languages[0], "").strip():
            with gradio.Accordion("Instructions", open=False, elem_id="instructions"):
                gradio.Markdown(instructions)
        gradio.HTML(
            (STATIC / "rate.html").read_text(encoding="utf-8"),
            js_on_load=_START,
            apply_default_css=False,
        )
    return page
