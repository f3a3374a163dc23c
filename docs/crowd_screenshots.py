"""Take the pictures of docs/crowd.md: the study of that page, its door and its last page."""

import tempfile
from pathlib import Path
from typing import Any

from docs.command_blocks import ROOT, blocks
from docs.screenshots import MODELS, chromium, served, take, workspace_of_photos
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
        store.close()


def _take_part(page: Any) -> None:
    page.wait_for_selector("[data-part=agree]")
    take(page, "crowd-consent")
    for box in page.query_selector_all("main input[type=checkbox]"):
        box.check()
    page.click("[data-part=agree]")
    page.fill("form.asked input[type=number]", "31")
    page.click("form.asked [type=submit]")
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


if __name__ == "__main__":
    main()
