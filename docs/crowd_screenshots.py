"""Take the pictures of docs/crowd.md: its study's door and last page, and what the owner sees."""

import tempfile
from pathlib import Path
from typing import Any

from docs.command_blocks import ROOT, blocks
from docs.screenshots import MODELS, chromium, served, take, visit, workspace_of_photos
from nami_bench.study_file import load_study

PARTICIPANT = "PROLIFIC_PID=5f0c1d2e3a4b5c6d7e8f9a0b&SESSION_ID=s1&STUDY_ID=x"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        made, store = workspace_of_photos(Path(folder) / "bench")
        for block in blocks(ROOT / "docs" / "crowd.md"):
            if block.file is not None:
                (Path(folder) / block.file).write_text(block.text, encoding="utf-8")
        study = load_study(Path(folder) / "crowd.toml", prompt_set="photos", models=MODELS)
        store.studies.add(study)
        with served(made, "crowd") as address:
            page = browser.new_page(viewport={"width": 1100, "height": 900}, locale="en-US")
            page.goto(f"{address}/join/crowd?{PARTICIPANT}")
            _take_part(page)
            _turned_away(browser, address)
            _pay(visit(browser, store, f"{address}/admin/export", "root", height=760))
            _invite(visit(browser, store, f"{address}/admin/people", "root", height=1100))
        store.close()


def _take_part(page: Any) -> None:
    page.wait_for_selector("[data-part=agree]")
    take(page, "crowd-consent")
    for box in page.query_selector_all("main input[type=checkbox]"):
        box.check()
    page.click("[data-part=agree]")
    page.fill("form.asked input[type=number]", "31")
    take(page, "crowd-questions")
    page.click("form.asked [type=submit]")
    page.wait_for_selector("main a.primary")
    page.evaluate("location.hash = '#stop'")
    page.wait_for_selector(".choice")
    take(page, "crowd-stop")
    page.evaluate("location.hash = ''")
    page.click("main a.primary")
    end = page.locator(".screen[data-kind=finished]:visible")
    for turn in range(20):
        page.locator(".work:visible .frame img:visible, .screen[data-kind=finished]:visible").first.wait_for()
        if end.count():
            break
        for key in ("7", str(turn % 9), "Enter"):  # not the same each time: a rule would stop that
            page.keyboard.press(key)
        page.wait_for_timeout(400)
    page.click(".screen[data-kind=finished] .primary")
    page.wait_for_selector("[data-part=code]")
    take(page, "crowd-code")


def _turned_away(browser: Any, address: str) -> None:
    """By a device that will not do, and by a link that was cut off."""
    phone = browser.new_page(viewport={"width": 390, "height": 460}, locale="en-US")
    phone.goto(f"{address}/join/crowd?{PARTICIPANT[:-3]}y")
    phone.wait_for_selector("main h1")
    take(phone, "crowd-device")
    page = browser.new_page(viewport={"width": 1100, "height": 420}, locale="en-US")
    page.goto(f"{address}/join/link/Zo3")
    page.wait_for_selector("main h1")
    take(page, "crowd-refused")


def _pay(page: Any) -> None:
    page.get_by_text("approvals.csv").wait_for()
    take(page, "crowd-export")
    page.context.close()


def _invite(page: Any) -> None:
    page.get_by_role("tab", name="Links").click()
    page.get_by_label("For whom").fill("Zoë")
    page.get_by_label("The server's address").fill("https://rate.example.org")
    page.get_by_role("button", name="Make links").click()
    page.get_by_alt_text("The link as a QR code").wait_for()
    page.get_by_alt_text("The link as a QR code").scroll_into_view_if_needed()
    take(page, "crowd-links")
    page.context.close()


if __name__ == "__main__":
    main()
