"""The pages: the rating screen and the others as plain files, the administrator's drawn by Gradio.

The rating screen is served outside Gradio's renderer: it then needs no inline script and no
`eval`, so that a strict Content-Security-Policy can stand over everything an annotator sees, it
starts with 60 KB instead of megabytes, and it works with any number of server processes.
"""

import html
import json
import re
from pathlib import Path
from string import Template

import gradio
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from nami_bench.domain import Study

STATIC = Path(__file__).parent / "static"

# Fonts by plain name are the machine's own: nothing is fetched from elsewhere.
_THEME = gradio.themes.Default(
    primary_hue="blue",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)
_ADMIN_HEAD = """
<script src="../app/theme.js"></script>
<link rel="stylesheet" href="../app/base.css">
<link rel="stylesheet" href="../app/admin.css">
"""
_START_ADMIN = 'import(new URL("../app/admin.js", document.baseURI)).then((screen) => screen.start(element));'


def add_pages(app: FastAPI, study: Study) -> None:
    """Add "/", "/propose", the program's files under "/app", and Gradio at "/admin".

    To be called last: Gradio answers everything below "/admin" that has no route yet.
    """
    rating = HTMLResponse(render("rate.html", study=study.name))
    app.get("/", response_class=HTMLResponse)(lambda: rating)
    proposing = HTMLResponse(render("propose.html", study=study.name))
    app.get("/propose", response_class=HTMLResponse)(lambda: proposing)
    app.mount("/app", StaticFiles(directory=STATIC))
    gradio.mount_gradio_app(
        app,
        _admin_page(study),
        path="/admin",
        auth_dependency=lambda request: getattr(request.state, "annotator", None),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        show_error=False,
        theme=_THEME,
        head=_ADMIN_HEAD,
    )


def render(page: str, **words: str) -> str:
    """A page of static/ with its $words (escaped), the languages there are, and the modules it loads."""
    languages = _languages()
    names = [f'<option value="{tag}">{html.escape(name)}</option>' for tag, name in languages.items()]
    return Template((STATIC / page).read_text(encoding="utf-8")).substitute(
        {key: html.escape(value) for key, value in words.items()},
        languages=" ".join(languages),
        language_options="".join(names),
        preloads="\n  ".join(
            f'<link rel="modulepreload" href="app/{m}">' for m in sorted(_modules(f"{Path(page).stem}.js"))
        ),
    )


def _modules(name: str) -> set[str]:
    """A module of static/ and all that it imports: named in the page, they load at once."""
    found: set[str] = set()
    new = {name}
    while new:
        found |= new
        texts = [(STATIC / module).read_text(encoding="utf-8") for module in new]
        new = {module for text in texts for module in re.findall(r'from "\./(.+?)"', text)} - found
    return found


def _languages() -> dict[str, str]:
    """What static/texts holds: language tag to the language's own name."""
    files = sorted((STATIC / "texts").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8"))["language.name"] for file in files}


def _admin_page(study: Study) -> gradio.Blocks:
    page = gradio.Blocks(title=f"{study.name}: administration", analytics_enabled=False, fill_width=True)
    with page:
        gradio.HTML(render("admin.html"), js_on_load=_START_ADMIN, apply_default_css=False)
    return page
