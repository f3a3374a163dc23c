"""The console's page of items as people use it: choosing, stepping, deciding; on every screen."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.domain import Annotator, Role, WhyDecided
from tests.annotator_app.test_items_returned import items, session

LONG = "a cat " * 400
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]}}


@pytest.fixture
def judged(new_bench: Any) -> Any:
    """Ada and Bob have done everything, with comments that are long and full of markup."""
    bench = new_bench("judged", strata=("short",) * 8, overlap=2)
    for name, start in (("ada", 0.0), ("bob", 100.0)):
        own = session(bench, name)
        number = 0
        while (view := own.state()).items:
            number += 1
            score = abs(start - number)
            words = f"<img src=x onerror=alert(1)> {LONG}"[:2000] if number == 3 else ""
            sent = Answers(f"{name}{number}", {"relevance": score, "realism": 2.0}, comment=words)
            own.submit(view.items[0].token, sent)
    return bench


@pytest.fixture
def opened(judged: Any, browser: Any, listening: Any) -> Iterator[Any]:
    """`opened(name, role, width, scheme)` is the page of items in that person's browser."""
    problems: list[str] = []
    with listening(judged) as url:

        def open_page(name: str, role: Role, width: int = 1280, scheme: str = "light") -> Any:
            token = judged.store.accounts.add(Annotator(name, role))
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = context.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(f"{url}/login")
            page.fill("[name=name]", name)
            page.fill("[name=token]", token)
            page.click("button[type=submit]")
            page.goto(f"{url}/admin/items")
            page.wait_for_selector(".item h2", timeout=120_000)
            return page

        yield open_page
    assert problems == []


def number(page: Any) -> int:
    return int(page.inner_text(".item h2").split()[1].rstrip(":"))


def until_shown(page: Any, item: int) -> None:
    page.wait_for_selector(f'.item[aria-label="Item {item}"]', timeout=60_000)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (820, "dark"), (390, "light")])
def test_it_fits_every_screen_and_is_accessible(opened: Any, judged: Any, width: int, scheme: str) -> None:
    for item in items(judged):
        judged.store.adjudications.decide("trial", item, {"realism": 2.0}, WhyDecided.OTHER, by=None)
    page = opened("judy", Role.ADJUDICATOR, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page, options=RULES)
    ours = [
        (violation["id"], node["html"])
        for violation in found.response["violations"]
        for node in violation["nodes"]
        if any("item" in str(part) for part in node["target"])
    ]
    assert ours == []


def test_an_owner_chooses_steps_decides_and_asks_again(opened: Any, judged: Any) -> None:
    page = opened("root", Role.ADMINISTRATOR)
    first = number(page)
    third = int(page.get_attribute("a[data-item] >> nth=2", "data-item"))
    page.click("a[data-item] >> nth=2")
    until_shown(page, third)
    assert page.locator("a[data-item][aria-current]").get_attribute("data-item") == str(third)
    page.get_by_role("button", name="Previous item").click()
    second = int(page.get_attribute("a[data-item] >> nth=1", "data-item"))
    until_shown(page, second)
    assert first != second != third and "zebrafish" not in page.content()
    page.get_by_label("Show the models").check()
    page.wait_for_selector("figcaption:not(:empty)")
    assert [one.kind for one in judged.store.oversight.events("trial")] == ["models-shown"]

    page.get_by_text("Decide: a row of its own").click()
    for label, choice in (("Decision", "no right answer"), ("Why annotators disagree", "subjective")):
        field = page.get_by_label(label, exact=True)
        field.click()
        page.get_by_role("option", name=choice).click()
    page.get_by_role("button", name="Decide", exact=True).click()
    page.wait_for_selector("h3:has-text('Decisions')", timeout=60_000)
    (one,) = judged.store.adjudications.all("trial")
    assert (one.item, one.answer, one.by, one.saw_models) == (second, None, "root", True)

    page.get_by_text("Ask again", exact=True).click()
    page.get_by_role("button", name="Ask one more annotator").click()
    page.wait_for_selector("text=2 of 3 answers count", timeout=60_000)


def test_a_link_leads_to_its_item_and_adjudicators_see_no_other_pages(opened: Any, judged: Any) -> None:
    page = opened("judy", Role.ADJUDICATOR)
    links = page.locator(".nav-holder a:visible")
    assert links.all_inner_texts() == ["Items"]
    last = items(judged)[-1]
    page.goto(f"{page.url.split('?')[0]}?study=trial&item={last}")
    until_shown(page, last)
