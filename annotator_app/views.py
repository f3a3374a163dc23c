"""The pages that are plain files: the rating screen, log-in, proposing prompts.

They are served outside Gradio's renderer, which draws the owner's console alone: so they need no inline
script and no `eval`, a strict Content-Security-Policy can stand over everything an annotator sees, and
they start with 60 KB instead of megabytes.
"""

import html
import json
import re
from functools import cache
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from nami_bench.annotator_app.levels import Level, router
from nami_bench.annotator_app.studies import Studies
from nami_bench.annotator_app.subpath import with_slash, without_slash
from nami_bench.domain import Role

STATIC = Path(__file__).parent / "static"
TITLE = "NAMI-Bench"


def page_router(studies: Studies) -> APIRouter:
    """The start page or the one study's at "/", and each study's below "/study"."""
    pages = router(Level.PARTICIPANT, pages=True)

    def may_rate(request: Request, study: str) -> bool:
        return studies.may_rate(study, request.state.annotator, request.state.role)

    @pages.api_route("/", methods=["GET", "HEAD"])
    def root(request: Request) -> Response:
        if request.state.role == Role.PARTICIPANT:
            return RedirectResponse(f"study/{quote(request.state.only_study, safe='')}/", 303)
        only = studies.only
        if only is not None and may_rate(request, only):
            if not studies.admits(only, request.state.annotator):
                return _start_page(studies, 403, missing="not_assigned")
            return HTMLResponse(_rating_page(studies, only, home=""))
        seen = studies.seen_by(request.state.annotator, request.state.role)
        if len(seen) == 1 and may_rate(request, seen[0]["name"]):  # nothing to choose
            return RedirectResponse(f"study/{quote(seen[0]['name'], safe='')}/", 303)
        return _start_page(studies)

    @pages.api_route("/study/{study}/", methods=["GET", "HEAD"])
    async def rating(request: Request, study: str) -> Response:
        if not await studies.has(study):
            return _start_page(studies, 404, home="../../", missing="missing")
        if not await run_in_threadpool(may_rate, request, study):
            return _start_page(studies, home="../../")
        if not await run_in_threadpool(studies.admits, study, request.state.annotator):
            return _start_page(studies, 403, home="../../", missing="not_assigned")
        return HTMLResponse(_rating_page(studies, study, home="../../"))

    return pages


def choice_router(studies: Studies, *, may_propose: bool) -> APIRouter:
    """What the start page shows."""
    choice = router(Level.ANNOTATOR)

    @choice.get("/studies")
    def to_choose_from(request: Request) -> dict[str, Any]:
        name, role = request.state.annotator, request.state.role
        seen = studies.seen_by(name, role)
        return {"annotator": name, "role": role, "may_propose": may_propose, "studies": seen}

    return choice


def proposing_page(studies: Studies, level: Level) -> APIRouter:
    """The page "/propose", for whoever may."""
    pages = router(level, pages=True)
    page = HTMLResponse(render("propose.html", title=studies.only or TITLE, place=studies.workspace))

    @pages.api_route("/propose", methods=["GET", "HEAD"])
    async def propose() -> Response:
        return page

    return pages


def way_router() -> APIRouter:
    """The ways to spellings of addresses at which pages' relative links hold, and the program's icon."""
    ways = router(Level.PUBLIC)

    @ways.get("/favicon.ico")
    async def icon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg")

    @ways.get("/study/{study}")
    async def with_one(request: Request) -> Response:
        return RedirectResponse(with_slash(request.scope), 307)

    @ways.get("/login/")
    @ways.get("/propose/")
    async def without_one(request: Request) -> Response:
        return RedirectResponse(without_slash(request.scope), 307)

    return ways


def _rating_page(studies: Studies, study: str, home: str) -> str:
    return render("rate.html", title=study, place=f"{studies.workspace}/{study}", home=home)


def _start_page(studies: Studies, status: int = 200, home: str = "", missing: str = "") -> HTMLResponse:
    """`missing`: which text says why it stands in the place of a study's page."""
    return HTMLResponse(
        render("start.html", title=TITLE, place=studies.workspace, home=home, missing=missing), status
    )


def render(page: str, *, home: str = "", place: str = "", **words: str) -> str:
    """A page of static/ with its $words (escaped), the languages there are, and the modules it loads.

    `home` leads from the page to the app's root ("" or "../../"); under `place` the browser keeps what
    belongs to the page, so that two studies or workspaces at one host do not share it.
    """
    languages = _languages()
    names = [f'<option value="{tag}">{html.escape(name)}</option>' for tag, name in languages.items()]
    stem = Path(page).stem
    modules = sorted(_modules(f"{stem}.js"))
    known = {key: html.escape(value) for key, value in {**words, "home": home, "place": place}.items()}
    known |= {
        "page": stem,
        "languages": " ".join(languages),
        "language_options": "".join(names),
        "preloads": "\n  ".join(f'<link rel="modulepreload" href="{home}app/{one}">' for one in modules),
    }
    return _template(page).substitute(known, head=_template("head.html").safe_substitute(known))


def _template(name: str) -> Template:
    return Template((STATIC / name).read_text(encoding="utf-8"))


@cache
def _modules(name: str) -> frozenset[str]:
    """A module of static/ and all that it imports: named in the page, they load at once."""
    found: set[str] = set()
    new = {name}
    while new:
        found |= new
        texts = [(STATIC / module).read_text(encoding="utf-8") for module in new]
        new = {module for text in texts for module in re.findall(r'from "\./(.+?)"', text)} - found
    return frozenset(found)


@cache
def _languages() -> dict[str, str]:
    """What static/texts holds: language tag to the language's own name."""
    files = sorted((STATIC / "texts").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8"))["language.name"] for file in files}
