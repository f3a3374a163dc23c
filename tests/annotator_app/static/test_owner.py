"""An owner's study, from an empty workspace to its end, without the command line."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nami_bench.domain import Annotator, Role
from tests.annotator_app.conftest import Bench, make_bench

PATIENCE_MS = 60_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Prompts, images and two annotators, and no study."""
    made = make_bench(tmp_path / "bench", strata=("short", "short", "long"))
    made.store.studies.delete("trial")
    yield made
    made.store.close()


class Console:
    """The console as its owner sees it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).locator("visible=true").first.click()

    def fill(self, label: str, words: str) -> None:
        self.page.get_by_label(label, exact=True).locator("visible=true").first.fill(words)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").first.click()

    def wait_for_answer(self, words: str) -> None:
        """Until what came of it says so."""
        self.page.wait_for_function(
            "words => [...document.querySelectorAll('.said textarea, .said input')]"
            ".some(box => box.offsetParent && box.value.includes(words))",
            arg=words,
        )

    def wait_for(self, words: str) -> None:
        self.page.get_by_text(words).locator("visible=true").first.wait_for()


def test_an_owner_makes_watches_mends_and_closes_a_study(
    bench: Bench, listening: Callable[..., Any], browser: Any, complaints: Callable[..., list[str]]
) -> None:
    token = bench.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    problems: list[str] = []
    with listening(bench, all_studies=True) as url, browser.new_context() as context:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        owner = Console(page)
        page.goto(f"{url}/login")
        page.fill("[name=name]", "root")
        page.fill("[name=token]", token or "")
        page.click("button[type=submit]")

        owner.wait_for("There is no study yet.")
        page.locator(".console-tables a", has_text="Study").locator("visible=true").click()
        page.wait_for_url("**/admin/study*")
        page.wait_for_function(
            "[...document.querySelectorAll('textarea')].some(box => box.value.includes('Judge the image'))"
        )
        assert complaints(page) == []
        owner.press("Create")
        owner.wait_for_answer("study.name: is missing")
        owner.fill("Name", "pilot")
        owner.press("Check")
        owner.wait_for_answer("It can be made: 6 images, 30 ratings to come")
        assert bench.store.studies.names() == []
        owner.press("Create")
        owner.wait_for_answer("Study pilot is made: 6 items")
        page.wait_for_function("location.search === '?study=pilot'")

        with httpx.Client(base_url=url, timeout=30) as ada:
            ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
            state = ada.get("/study/pilot/session").json()
            values = {one["name"]: 50 for one in state["study"]["criteria"]}
            body = {"client_token": "c1", "values": values, "duration_ms": 1500}
            rated = ada.post(f"/study/pilot/item/{state['items'][0]['token']}", json=body)
            assert rated.status_code == 200

            page.goto(f"{url}/admin/?study=pilot")
            owner.wait_for("ada")  # she is at work, and seen to be

            page.goto(f"{url}/admin/people?study=pilot")
            owner.tab("Add")
            page.get_by_placeholder("name,role,study").fill("name\ncleo\n")
            owner.press("Add them")
            page.wait_for_function(
                "[...document.querySelectorAll('textarea')].some(box => /cleo,./.test(box.value))"
            )
            page.get_by_label("Person", exact=True).fill("ada")
            page.keyboard.press("Enter")
            owner.tab("Pause and assign")
            owner.fill("Reason, which the person reads", "please call me")
            owner.press("Pause")
            until(page, lambda: ada.get("/study/pilot/session").json()["phase"] == "paused")
            owner.press("Resume")
            until(page, lambda: ada.get("/study/pilot/session").json()["phase"] == "work")

            page.goto(f"{url}/admin/study?study=pilot")
            owner.wait_for("pilot is open.")
            assert complaints(page) == []
            page.get_by_label("Instructions, English").locator("visible=true").first.fill("Look **twice**.")
            owner.press("Preview the texts")
            page.locator(".study-preview strong", has_text="twice").first.wait_for()
            owner.press("Save")
            owner.wait_for_answer("Saved: instructions changed.")
            told = ada.get("/study/pilot/session").json()["study"]["instructions"]["en"]
            assert "<strong>twice</strong>" in told

            owner.tab("As a file")
            page.set_input_files("input[data-into=study-file]", _edited(page, bench))
            page.wait_for_function(
                "document.querySelector('#study-file textarea').value.includes('lab@uni.example')"
            )
            owner.press("Save the file")
            owner.wait_for_answer("Saved: contact changed.")

            owner.press("Close now")
            owner.wait_for("pilot is closed since")
            assert ada.get("/study/pilot/session").json()["phase"] == "closed"
            page.reload()
            owner.press("Open now")
            owner.wait_for("pilot is open.")
            assert ada.get("/study/pilot/session").json()["phase"] == "work"
            owner.press("Close now")
            owner.wait_for("pilot is closed since")
            owner.tab("Delete")
            owner.fill("Only a study without ratings can go: type its name", "pilot")
            owner.press("Delete this study")
            owner.wait_for_answer("has judgements: it is kept")
    assert problems == []
    kinds = [event.kind for event in bench.store.oversight.events("pilot") if event.by == "root"]
    assert [kind for kind in kinds if kind.startswith("study_")] == [*["study_changed"] * 5, "study_made"]
    assert {"paused", "resumed"} <= {*kinds}


def until(page: Any, true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        page.wait_for_timeout(100)


def _edited(page: Any, bench: Bench) -> dict[str, Any]:
    """The study's file with an address to ask, as a file on the owner's computer."""
    page.wait_for_function("document.querySelector('#study-file textarea').value.includes('pilot')")
    text = page.locator("#study-file textarea").input_value()
    edited = text.replace("overlap = 5\n", 'overlap = 5\ncontact = "lab@uni.example"\n')
    return {"name": "pilot.toml", "mimeType": "application/toml", "buffer": edited.encode()}
