"""The pages that are plain files: the rating screen, log-in, proposing prompts.

They are served outside Gradio's renderer, which draws the administrator's alone: so they need no inline
script and no `eval`, a strict Content-Security-Policy can stand over everything an annotator sees, and
they start with 60 KB instead of megabytes.
"""

import html
import json
import re
from pathlib import Path
from string import Template

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from nami_bench.domain import Study

STATIC = Path(__file__).parent / "static"


def add_pages(app: FastAPI, study: Study) -> None:
    """Add "/", "/propose", and the program's files under "/app"."""
    rating = HTMLResponse(render("rate.html", study=study.name))
    app.get("/", response_class=HTMLResponse)(lambda: rating)
    proposing = HTMLResponse(render("propose.html", study=study.name))
    app.get("/propose", response_class=HTMLResponse)(lambda: proposing)
    app.mount("/app", StaticFiles(directory=STATIC))


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
