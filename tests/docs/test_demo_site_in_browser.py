"""The demo's results site, opened from disk and walked through as a reader would."""

from pathlib import Path
from typing import Any


def test_from_the_board_to_an_image_and_back(browser: Any, demo_workspace: Path) -> None:
    problems: list[str] = []
    with browser.new_page() as page:
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.goto((demo_workspace / "reports" / "site" / "index.html").as_uri())
        assert "simulated" in page.inner_text("main .notice")
        page.locator("#board thead button", has_text="relevance").click()
        page.select_option("select[name=part]", "task=counting")
        page.get_by_label("compare shapes-good").check()
        page.get_by_label("compare shapes-poor").check()
        page.get_by_role("rowheader", name="shapes-good − shapes-poor").wait_for()
        page.get_by_role("link", name="Prompts").click()
        page.select_option("select[name=order]", "spread")
        page.locator("#prompts a").first.click()
        assert "shapes-good" not in page.inner_text("#app")
        page.get_by_role("button", name="prefer A").click()
        page.get_by_text("You preferred").wait_for()
        page.get_by_role("button", name="everything about image 1 by shapes-good").click()
        said = page.inner_text("#image")
        assert all(text in said for text in ("simulated-1", "geneval", "dsg", "sha256"))
        page.keyboard.press("Escape")
        page.get_by_role("link", name="shapes-good", exact=True).first.click()
        assert page.inner_text("h1").startswith("shapes-good")
        assert page.locator("svg.vega").count() == 3
    assert problems == []
