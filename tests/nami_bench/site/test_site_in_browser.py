"""The site as its readers use it: opened from disk, without a server, in Chromium."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.site_study import MODELS

from .conftest import Made

Visit = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, made: Made) -> Iterator[Visit]:
    """Opens a page of the site by its address in it; the browser may not complain of anything."""
    problems: list[str] = []
    contexts = []

    def open_page(address: str, **looks: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **looks})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("request", lambda request: None if _is_own(request.url) else problems.append(request.url))
        page.goto(_address(made.folder, address))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def _address(folder: Path, address: str) -> str:
    path, mark, fragment = address.partition("#")
    path, question, query = path.partition("?")
    return f"{(folder / path).as_uri()}{question}{query}{mark}{fragment}"


def _is_own(url: str) -> bool:
    return url.startswith(("file:", "data:"))


def names(page: Any) -> list[str]:
    return list(page.locator("#board tbody th a:first-child").all_inner_texts())


def table(page: Any) -> str:
    """The board's table as its readers see it, without what only scripts add."""
    cells = page.locator("#board tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll(':not(.pick):is(th, td)')].map(c => c.innerText))"
    )
    return re.sub(r"[▾▴\s]+", " ", str(cells).replace("\\n", " ").replace("\\u00a0", " "))


def drawings(page: Any) -> list[str]:
    return list(page.locator("#board svg").evaluate_all("all => all.map(one => one.innerHTML)"))


def test_without_scripts_the_table_and_the_images_are_there(visit: Visit) -> None:
    page = visit("index.html", java_script_enabled=False)
    assert names(page) == list(MODELS) and page.locator("#board svg circle").count() == 3
    assert not page.locator("#board-controls").is_visible()
    with_script = visit("index.html")
    assert table(page) == table(with_script).replace("total drawn from ", "").replace(" , 'compare'", "")
    assert [len(one) > 40 for one in drawings(page)] == [True] * 3
    plain = visit("prompt/pilot/00003.html", java_script_enabled=False)
    assert plain.locator("#plain figure img").count() == 6 and "gamma" in plain.inner_text("#plain")


@pytest.mark.quick_look
def test_the_board_is_sorted_filtered_and_switched_and_its_address_says_so(visit: Visit) -> None:
    page = visit("index.html")
    page.select_option("select[name=view]", label="Other metrics")
    assert names(page) == list(MODELS)
    page.get_by_label("scores").select_option(label="GenEval")
    page.select_option("select[name=part]", "task=counting")
    page.locator("#board thead button", has_text="counting").click()
    assert page.locator("#board th[aria-sort]").inner_text().strip().startswith("counting")
    assert "on task counting" in page.inner_text("#board-caption")
    address = page.url
    assert "view=geneval" in address and "part=task%3Dcounting" in address
    before = table(page)
    page.reload()
    assert table(page) == before
    page.get_by_label("find").fill("amm")
    assert names(page) == ["gamma"] and page.inner_text("#board-count") == "1 of 3 models"
    page.get_by_role("button", name="reset").click()
    assert len(names(page)) == 3 and "#" not in page.url
    page.get_by_label("model size").select_option("1-3")
    assert names(page) == ["alpha"]


@pytest.mark.quick_look
def test_models_are_compared_with_the_tests_of_the_build(visit: Visit) -> None:
    page = visit("index.html")
    for model in ("alpha", "gamma"):
        page.get_by_label(f"compare {model}").check()
    page.get_by_role("rowheader", name="alpha − gamma").wait_for()
    assert "alpha is better than gamma" in page.inner_text("#comparison")
    assert "models=alpha%2Cgamma" in page.url
    page.select_option("select[name=by]", label="beauty")
    page.get_by_role("heading", name="Differences in beauty").wait_for()
    page.reload()
    page.get_by_role("rowheader", name="alpha − gamma").wait_for()
    page.get_by_role("button", name="clear").click()
    assert page.locator("#comparison").is_hidden() and "models" not in page.url


def test_one_chooses_blind_then_sees_names_and_the_choice_is_kept(visit: Visit) -> None:
    page = visit("prompt/pilot/00003.html")
    shown = page.inner_text("#app")
    assert not any(model in shown for model in MODELS) and "total" not in shown
    labels = page.locator("#app img").evaluate_all("all => all.map(one => one.alt)")
    assert labels == ["image A", "image B", "image C"]
    sources = page.locator("#app img").evaluate_all("all => all.map(one => one.getAttribute('src'))")
    page.keyboard.press("b")
    page.get_by_text("You preferred").wait_for()
    chosen = page.locator("figure.preferred")
    assert chosen.locator("img").get_attribute("src") == sources[1]
    assert chosen.locator("figcaption a").inner_text() in MODELS
    page.reload()
    assert "You preferred" in page.inner_text("#verdict")
    page.goto(page.url.replace("prompt/pilot/00003.html", "prompts.html"))
    assert "Your choices on 1 prompt" in page.inner_text("#choices")
    page.select_option("select[name=chosen]", "yes")
    assert page.locator("#prompts li:visible").count() == 1
    page.get_by_role("button", name="forget my choices").click()
    assert page.locator("#choices").is_hidden()


def test_another_sample_and_no_preference(visit: Visit) -> None:
    page = visit("prompt/pilot/00004.html")
    first = page.locator("#app img").first.get_attribute("src")
    page.select_option("select[name=sample]", "1")
    assert page.locator("#app img").first.get_attribute("src") != first and "sample=1" in page.url
    page.keyboard.press("0")
    assert page.inner_text("#verdict") == "You had no preference."
    page.get_by_role("button", name="choose again").click()
    assert "Which do you prefer?" in page.inner_text("#verdict")
    page.select_option("select[name=sample]", "all")
    assert page.locator("#app figure").count() == 6


def test_an_image_has_an_address_with_all_that_was_said(visit: Visit) -> None:
    page = visit("prompt/pilot/00001.html#image=0.0")
    window = page.locator("#image")
    said = window.inner_text()
    for text in ("alpha", "rater-", "relevance", "geneval", "Is it yellow?", "pickscore", "sha256"):
        assert text in said, text
    assert window.locator(".boxes rect").count() == 1 and window.locator(".marks circle").count() == 1
    window.get_by_label(re.compile("what the detector found")).uncheck()
    assert not window.locator(".boxes:not(.marks)").is_visible()
    page.keyboard.press("ArrowRight")
    assert "beta" in window.locator("h2").inner_text() and "image=1.0" in page.url
    page.keyboard.press("Escape")
    assert not window.is_visible() and "image=" not in page.url
    page.get_by_role("button", name="everything about image 1 by gamma").click()
    assert window.is_visible() and "image=2.0" in page.url


def test_prompts_are_found_by_all_of_their_words(visit: Visit) -> None:
    page = visit("prompts.html?q=7+stars")
    assert page.locator("#prompts li:visible").all_inner_texts()[0].startswith("a photo of 7 stars")
    page.get_by_label("search", exact=True).fill("")
    page.select_option("select[name=order]", "spread")
    spreads = page.locator("#prompts li").evaluate_all(
        "all => all.map(one => Number(/spread ([\\d.]+)/.exec(one.innerText)[1]))"
    )
    assert spreads == sorted(spreads, reverse=True)
    page.get_by_label("search prompts and models").fill("bet")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=bet"))
    assert page.locator("#models-found a").inner_text() == "beta"


def test_everything_works_from_the_keyboard(visit: Visit) -> None:
    page = visit("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("scores").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.name") == "view" and "view=geneval" in page.url
    button = page.locator("#board thead button").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator("#board th[aria-sort] button").evaluate("one => one === document.activeElement")
    page.get_by_label("compare beta").focus()
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "compare beta"
    prompt = visit("prompt/pilot/00004.html")
    prompt.keyboard.press("ArrowRight")
    prompt.wait_for_url(re.compile("00005"))


@contextmanager
def printed(page: Any) -> Iterator[None]:
    page.emulate_media(media="print")
    yield
    page.emulate_media(media="screen")


def test_dark_light_and_paper(visit: Visit) -> None:
    page = visit("index.html", color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="light colors").click()
    light = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == light
    other = visit("model/pilot/alpha.html", color_scheme="dark")
    with printed(other):
        assert not other.locator("nav").first.is_visible()
        assert other.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(27, 31, 38)"
        assert len(other.pdf()) > 20_000


ADDRESSES = (
    "index.html#models=alpha,beta", "board-duel.html", "prompts.html", "prompt/pilot/00003.html",
    "prompt/pilot/00001.html#image=0.0", "prompt/duel/00003.html", "model/pilot/beta.html", "methods.html",
    "judges.html",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_there_is_nothing_that_axe_finds(visit: Visit, scheme: str) -> None:
    axe = Axe()
    for address in ADDRESSES:
        page = visit(address, color_scheme=scheme)
        found = axe.run(page, options={"resultTypes": ["violations"], "preload": False})
        assert found.response["violations"] == [], (address, found.generate_report())


@pytest.mark.parametrize("width", [320, 390, 820])
def test_no_page_is_wider_than_the_screen(visit: Visit, width: int) -> None:
    for address in ADDRESSES:
        page = visit(address, viewport={"width": width, "height": 800}, has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        sizes = page.locator("main :is(button, select, input):visible").evaluate_all(
            "all => all.map(one => (one.closest('label') ?? one).getBoundingClientRect().height)"
        )
        assert min(sizes, default=24) >= 24, address
