"""The administrator's page, beside annotators at work."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nami_bench.domain import Role


@pytest.fixture
def desk(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> tuple[Any, Any]:
    """A study, and the page of its administrator."""
    studio = new_studio(overlap=2, live_leaderboard="annotators", contact="lab@uni.example")
    name = studio.newcomer(Role.ADMINISTRATOR)
    boss = visit(studio, name, settled=False, path="/admin", viewport={"width": 1280, "height": 900})
    boss.page.wait_for_selector("[data-tile=progress] b", timeout=30_000)
    return studio, boss


def row(boss: Any, name: str) -> Any:
    """Somebody's row of the table of annotators."""
    return boss.part("annotators").locator("tbody tr", has_text=name)


def cells(boss: Any, table: str) -> list[list[str]]:
    rows = boss.part(table).locator("tbody tr").all()
    return [[cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in rows]


def refresh(boss: Any) -> None:
    """The page does this by itself every five seconds."""
    with boss.page.expect_response("**/admin/overview*"):
        boss.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_two_annotators_and_an_administrator_go_through_a_study(
    desk: tuple[Any, Any], visit: Callable[..., Any], tmp_path: Path
) -> None:
    studio, boss = desk
    ada, bob = visit(studio), visit(studio)
    comment = "<img src=x onerror=\"document.title='x'\"> six fingers"
    ada.press("f", "c")
    ada.page.keyboard.insert_text(comment)
    ada.press("Control+Enter")
    for done in range(1, 9):
        for number, screen in ((70, ada), (60, bob)):
            screen.wait_for_image()
            screen.rate(number, number - done, 50 + done, 40)
            screen.wait_for_count(f"{done} of 8")
        if done == 4:
            refresh(boss)
            boss.until(lambda: boss.page.locator("[data-tile=progress] b").inner_text().startswith("8 / 16"))
            assert cells(boss, "by_stratum") == [["short", "8 / 16"]]
    for screen in (ada, bob):
        screen.wait_for("Thank you!")
    refresh(boss)
    boss.until(lambda: "16 / 16 (100 %)" in boss.part("tiles").inner_text())
    assert cells(boss, "by_model") == [["quokka-9b", "8 / 8"], ["zebrafish-xl", "8 / 8"]]
    ((_, who, model, _, flag, words),) = cells(boss, "flags")
    assert (who, flag, words) == (ada.name, "⚑", comment)
    assert model in studio.study.models
    assert boss.page.title() == "shown: administration"  # the comment is text
    assert [line[0] for line in cells(boss, "agreement")] == [c.name for c in studio.study.criteria]
    assert row(boss, ada.name).locator("td").nth(2).inner_text() == "8"

    boss.part("load_leaderboard").click()
    boss.part("leaderboard").get_by_text("zebrafish-xl").first.wait_for()
    with boss.page.expect_download() as download:
        boss.part("csv").click()
    download.value.save_as(tmp_path / "ratings.csv")
    with (tmp_path / "ratings.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * 8 * 4

    ada.page.get_by_role("button", name="Leaderboard").click()
    ada.page.locator("dialog").get_by_text("quokka-9b").first.wait_for()
    ada.press("Escape")


def test_pause_resume_and_a_new_annotator(desk: tuple[Any, Any], visit: Callable[..., Any]) -> None:
    studio, boss = desk
    ada = visit(studio)
    ada.rate(10, 10, 10, 10)
    ada.wait_for_count("1 of 8")
    ada.wait_until_sent()
    refresh(boss)
    row(boss, ada.name).get_by_role("button", name="Pause").click()
    boss.page.keyboard.type("see me first")
    boss.press("Enter")
    row(boss, ada.name).get_by_text("paused: see me first").wait_for()
    ada.rate(20, 20, 20, 20)
    ada.wait_for("Your work is paused")
    ada.wait_for("The organizer wrote: see me first")
    assert (
        ada.page.get_by_role("link", name="lab@uni.example").get_attribute("href") == "mailto:lab@uni.example"
    )
    assert len(studio.ratings(ada.name)) == 4
    row(boss, ada.name).get_by_role("button", name="Resume").click()
    row(boss, ada.name).get_by_text("active").wait_for()
    ada.press("Enter")  # looks again
    ada.wait_for_image()
    ada.wait_until_sent()  # what was kept meanwhile counts now
    ada.until(lambda: len(studio.ratings(ada.name)) == 8)
    kinds = {line[1] for line in cells(boss, "events")}
    assert len(kinds) >= 1

    boss.part("add").locator("input").fill("zoe")
    boss.press("Enter")
    token = boss.part("token").locator("code").inner_text()
    assert studio.store.logins.authenticate("zoe", token, "") is not None
    visit(studio, "zoe")
    refresh(boss)
    row(boss, "zoe").wait_for()
    boss.part("add").locator("input").fill("zoe")
    boss.press("Enter")
    boss.wait_for("annotator 'zoe' exists already")
    boss.part("add").locator("input").fill("Jörg Müller <b>")
    boss.press("Enter")
    boss.part("token").get_by_text("Jörg Müller <b>").wait_for()
    boss.part("notice").wait_for(state="hidden")  # it worked now
    boss.part("add").locator("input").fill("ZOE")
    boss.press("Enter")
    boss.wait_for("annotator 'ZOE' exists already, as 'zoe'")
    studio.store.studies.add(replace(studio.study, name="second"))
    refresh(boss)
    boss.page.wait_for_selector("[data-part=study] option:text-is('second')", state="attached")
    assert boss.part("notice").is_visible()
    boss.part("study").select_option("second")
    boss.part("notice").wait_for(state="hidden")
    boss.page.reload()
    boss.page.wait_for_selector("[data-tile=progress] b", timeout=30_000)
    assert token not in boss.page.content()


def test_who_comes_to_a_pause_finds_no_instructions_over_it(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(instructions={"en": "Look *well*."})
    name = studio.newcomer()
    studio.store.oversight.pause("shown", name, "took less than 900 ms for 20 of the last 20 items")
    ada = visit(studio, name, settled=False)
    ada.wait_for("Your work is paused")
    ada.wait_for("Many of your answers came very quickly")
    assert ada.page.locator("dialog[open]").count() == 0
    ada.page.get_by_role("button", name="Instructions").click()
    ada.page.locator("dialog[open]").get_by_text("Look well.").wait_for()


def test_the_page_is_refreshed_without_flicker(desk: tuple[Any, Any], visit: Callable[..., Any]) -> None:
    studio, boss = desk
    visit(studio)
    row(boss, "ada").wait_for()
    refresh(boss)
    boss.page.wait_for_timeout(200)
    boss.page.evaluate(
        "window.changes = 0;"
        "new MutationObserver(all => { window.changes += all.length }).observe("
        "document.querySelector('#admin .all'), {childList: true, subtree: true, characterData: true})"
    )
    refresh(boss)
    boss.page.wait_for_timeout(200)
    assert boss.page.evaluate("window.changes") == 0


def test_the_page_asks_again_only_after_the_answer_came(desk: tuple[Any, Any]) -> None:
    _, boss = desk
    held: list[Any] = []
    boss.page.route("**/admin/overview*", lambda route: held.append(route))
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    boss.page.evaluate(look)
    boss.until(lambda: len(held) == 1)
    with boss.page.expect_response("**/admin/submissions"):  # requests go out in the order of their making
        boss.page.evaluate(f"() => {{ {look}; {look}; fetch('submissions'); }}")
    assert len(held) == 1
    held[0].continue_()
    boss.until(lambda: len(held) == 2)  # once, for both that asked meanwhile
    held[1].continue_()


def test_administration_is_not_for_annotators(screen: Any) -> None:
    assert screen.part("admin").is_hidden()
    answer = screen.page.goto(screen.address + "/admin")
    assert answer.status == 403
