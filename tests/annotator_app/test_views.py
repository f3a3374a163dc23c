"""The pages as they are served: escaped, self-contained, and fit for a strict Content-Security-Policy."""

import re
from pathlib import Path

import pytest

from nami_bench.annotator_app.views import STATIC, render

PAGES = sorted(STATIC.glob("*.html"))


def test_a_studys_name_is_escaped_and_the_languages_are_offered() -> None:
    page = render("rate.html", title="<script>alert(1)</script>")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'data-languages="en zh"' in page
    assert '<option value="zh">中文</option>' in page


def test_all_modules_of_the_screen_are_named_ahead_and_no_others() -> None:
    named = set(re.findall(r'rel="modulepreload" href="app/([^"]+)"', render("rate.html", title="s")))
    assert {"rate.js", "work.js", "outbox.js", "slider.js"} <= named
    assert not {"admin.js", "overview.js", "login.js", "theme.js"} & named
    assert all((STATIC / name).is_file() for name in named)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_have_no_inline_script_or_style(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"\son\w+=|\sstyle=|<style|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_nothing_is_loaded_from_elsewhere_and_no_text_becomes_html() -> None:
    for file in STATIC.rglob("*"):
        if file.suffix in (".js", ".css", ".html"):
            text = file.read_text(encoding="utf-8")
            assert not re.findall(r"https?://(?!www\.w3\.org)", text), file.name
            assert "insertAdjacentHTML" not in text, file.name
            assert "eval(" not in text, file.name
    # The one exception are texts of the study's owner, whose HTML the server made and cleaned.
    uses = [
        f.name for f in STATIC.glob("*.js") for _ in re.findall(r"innerHTML", f.read_text(encoding="utf-8"))
    ]
    assert uses == ["dom.js"]
