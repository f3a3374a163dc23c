"""The owner's console on a screen: a desk, a phone, light and dark, a session that ends."""

from collections.abc import Callable
from typing import Any

import pytest

from nami_bench.annotator_app.console.pages import PAGES
from nami_bench.domain import PromptSubmission, Role

PATIENCE_MS = 60_000
COMMENT = "<img src=x onerror=\"document.title='x'\"> six fingers"


@pytest.fixture
def desk(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> tuple[Any, Any]:
    """A study in which somebody rated, and the console of its owner."""
    studio = new_studio(overlap=2)
    ada = visit(studio)
    ada.rate(70, 69, 51, 40)
    ada.wait_until_sent()
    studio.store.oversight.pause("shown", ada.name, COMMENT)
    boss = visit(studio, studio.newcomer(Role.ADMINISTRATOR), settled=False, path="/admin/?study=shown")
    boss.page.get_by_text("1 / 16").first.wait_for(timeout=PATIENCE_MS)
    return studio, boss


def opened(boss: Any, path: str) -> None:
    boss.page.goto(f"{boss.address}/admin/{path}?study=shown")
    boss.page.locator("#study input").wait_for(timeout=PATIENCE_MS)
    boss.until(lambda: boss.page.locator("#study input").input_value() == "shown")
    boss.page.wait_for_load_state("networkidle")


def test_every_page_can_be_used_by_everybody(
    desk: tuple[Any, Any], complaints: Callable[..., list[str]]
) -> None:
    _, boss = desk
    for page in PAGES:
        for theme in ("light", "dark"):
            boss.page.emulate_media(color_scheme=theme)
            boss.page.set_viewport_size({"width": 1280, "height": 800})
            opened(boss, page.path)
            assert complaints(boss.page) == [], (page, theme)
            assert boss.page.evaluate("document.body.classList.contains('dark')") is (theme == "dark")
            for width in (820, 390):
                boss.page.set_viewport_size({"width": width, "height": 800})
                boss.until(
                    lambda width=width: boss.page.evaluate("document.documentElement.scrollWidth") <= width
                )
    assert boss.page.title() == "shown: console"  # the reason is text
    boss.page.get_by_role("button", name="Light or dark").click()
    assert boss.page.evaluate("document.body.classList.contains('dark')") is False


def test_a_session_that_ends_is_said_and_leads_back(desk: tuple[Any, Any]) -> None:
    studio, boss = desk
    opened(boss, "log")
    studio.store.accounts.set_active(boss.name, False)
    bar = boss.page.get_by_role("alert").filter(has_text="Your session has ended")
    bar.wait_for(timeout=PATIENCE_MS)  # the page asks every ten seconds
    studio.store.accounts.set_active(boss.name, True)
    bar.get_by_role("link", name="Log in again").click()
    boss.page.fill("[name=name]", boss.name)
    boss.page.fill("[name=token]", studio.tokens[boss.name])
    boss.page.click("button[type=submit]")
    boss.page.wait_for_url("**/admin/log?study=shown")


def test_a_proposed_prompt_is_chosen_mended_and_accepted(desk: tuple[Any, Any]) -> None:
    studio, boss = desk
    studio.store.proposals.add(
        PromptSubmission("id0", "a heron at the tram stop", "CC0-1.0", "x", studio.store.clock(), None)
    )
    opened(boss, "prompts")
    boss.page.get_by_text("a heron at the tram stop").locator("visible=true").first.click()
    field = boss.page.get_by_label("Text", exact=True)
    boss.until(lambda: field.input_value() == "a heron at the tram stop")
    field.fill("a heron at the tram stop, at dawn")
    boss.page.get_by_role("button", name="Accept as it stands here").click()
    boss.page.get_by_text("It is accepted with changes.").wait_for(timeout=PATIENCE_MS)
    assert studio.store.proposals.get("id0").edited_text == "a heron at the tram stop, at dawn"


def test_on_a_phone_a_row_chooses_whom_one_writes_to_and_pauses(desk: tuple[Any, Any]) -> None:
    studio, boss = desk
    page, name = boss.page, studio.store.oversight.attendance("shown")[0].name
    page.set_viewport_size({"width": 390, "height": 800})
    opened(boss, "people")
    row = page.locator(".console-table").get_by_text(name, exact=True).locator("visible=true")
    row.first.click()
    page.get_by_role("heading", name=f"Figures of {name}").wait_for(timeout=PATIENCE_MS)
    for tab in ("Messages", "Pause and assign", "Add", "Links", "Account and erasure"):
        assert page.get_by_role("tab", name=tab).is_visible()
    page.get_by_role("tab", name="Messages").click()
    page.get_by_label("Message to this person").fill("Thank you")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("cell", name="Thank you").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("tab", name="Pause and assign").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text(f"{name} can go on").wait_for(timeout=PATIENCE_MS)
    assert studio.store.oversight.members("shown")[0].paused is None
    opened(boss, "")
    page.locator(".console-tables").get_by_role("link", name=name).first.click()
    page.get_by_role("heading", name=f"Figures of {name}").wait_for(timeout=PATIENCE_MS)
    assert f"person={name}" in page.url
