"""What one item costs the hands: keys, clicks and the pointer's way on the screen of `nami-bench annotate`.

    python -m benchmarks.annotation_effort --items 5 -o docs/results/annotation-screen/effort-after.json

Each way of rating is done in Chromium as a practised annotator would: straight from one thing to the next.
Nothing is timed: the figures are the same on any machine. The pointer's way is in CSS pixels, in a window of
1280x720.
"""

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation_screen import log_in, make_workspace
from playwright.sync_api import Browser, sync_playwright

from nami_bench import __version__

WINDOW = {"width": 1280, "height": 720}
SCORES = ("75", "80", "60", "50")
SPARSE = ("5", "100", "0", "90")
WORDS = ("75", "75", "50", "50")


@dataclass
class Hands:
    """An annotator's hands at a page, and what they have done."""

    page: Any
    keys: int = 0
    clicks: int = 0
    pointer_px: float = 0.0
    place: tuple[float, float] = (WINDOW["width"] / 2, WINDOW["height"] / 2)
    items: int = 0

    @property
    def side(self) -> int:
        """Which image is chosen: each as often."""
        return self.items % 2

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def click(self, what: str, nth: int = 0, across: float = 0.5) -> None:
        """Go straight to a thing, `across` of its width, and press it."""
        box = self.page.locator(what).nth(nth).bounding_box()
        there = (box["x"] + across * box["width"], box["y"] + box["height"] / 2)
        self.pointer_px += math.dist(self.place, there)
        self.place = there
        self.page.mouse.click(*there)
        self.clicks += 1

    def finish(self) -> None:
        """Submit by the hand that is in use, unless the choice did that."""
        if self.page.evaluate("fetch('session').then(a => a.json()).then(s => !s.study.choice_submits)"):
            if self.keys:
                self.press("Enter")
            else:
                self.click("[data-part=submit]")


def typed(hands: Hands) -> None:
    hands.press(*"".join(SCORES))
    hands.finish()


def typed_sparsely(hands: Hands) -> None:
    """Scores of one and of three digits among them: each is ended where the screen does not do so itself."""
    for row, score in enumerate(SPARSE):
        hands.press(*score)
        active = ".criterion.active, .criterion:has(input:focus)"
        if (
            row < 3
            and hands.page.locator(active).first.evaluate("e => [...e.parentNode.children].indexOf(e)") == row
        ):
            hands.press("ArrowDown")
    hands.finish()


def corrected(hands: Hands) -> None:
    """Go back to an item, and give it four new scores."""
    typed(hands)
    hands.page.wait_for_selector("[data-part=count]:not(:text-matches('^0 '))")
    hands.keys = 0
    hands.press("Backspace")
    hands.page.wait_for_selector("[data-part=correcting]:visible")
    for row, score in enumerate(("11", "22", "33", "44")):
        hands.press(*score)
        if row < 3 and hands.page.locator(".criterion .value").nth(row + 1).inner_text() == SCORES[row + 1]:
            moved = hands.page.evaluate(
                "[...document.querySelectorAll('.criterion')].findIndex(e => e.matches('.active'))"
            )
            if moved != row + 1:
                hands.press("ArrowDown")
    hands.press("Enter")


def by_slider(hands: Hands) -> None:
    for row, score in enumerate(SCORES):
        hands.click("input[type=range]", row, across=int(score) / 100)
    hands.finish()


def by_words(hands: Hands) -> None:
    for row, score in enumerate(WORDS):
        hands.click(".anchors li", row * 5 + int(score) // 25)
    hands.finish()


def by_key(hands: Hands) -> None:
    hands.press(("ArrowLeft", "ArrowRight")[hands.side])
    hands.finish()


def by_button(hands: Hands) -> None:
    hands.click("[role=radio]", 2 * hands.side)
    hands.finish()


def by_image(hands: Hands) -> None:
    hands.click(".frame", hands.side)
    hands.finish()


Way = Callable[[Hands], None]
RATING: dict[str, Way] = {
    "scores of two digits, typed": typed,
    "scores of one and three digits, typed": typed_sparsely,
    "all scores of the last item corrected": corrected,
    "sliders, by mouse": by_slider,
    "the scale's words, by mouse": by_words,
}
PAIRS: dict[str, Way] = {
    "one criterion, by key": by_key,
    "one criterion, button by mouse": by_button,
    "one criterion, image by mouse": by_image,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--items", type=int, default=5, help="items for each way; the mean is told")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        effort = {
            "ratings": measure(browser, RATING, arguments.items, "rating"),
            "pairs": measure(browser, PAIRS, arguments.items, "pairwise"),
        }
        version = browser.version
        browser.close()
    result = {
        "command": f"python -m benchmarks.annotation_effort --items {arguments.items}",
        "window": f"{WINDOW['width']}x{WINDOW['height']}",
        "effort_per_item": effort,
        "versions": {"nami-bench": __version__, "chromium": version},
    }
    text = json.dumps(result, indent=2) + "\n"
    sys.stdout.write(text)
    if arguments.output is not None:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text)


def measure(browser: Browser, ways: dict[str, Way], items: int, mode: str) -> dict[str, Any]:
    """The effort of each way, by its name; None where the screen does not have it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "bench"
        token = make_workspace(root, len(ways) * items + 5, mode=mode)
        with served(root) as address:
            page = browser.new_page(viewport=WINDOW)
            log_in(page, address, token)
            found = {name: effort(page, way, items) for name, way in ways.items()}
            page.close()
    return found


def effort(page: Any, way: Way, items: int) -> dict[str, float] | None:
    """The mean of `items` items done in one way."""
    hands = Hands(page)
    totals = [0, 0, 0.0]
    for hands.items in range(items):
        done = counted(page)
        hands.keys = hands.clicks = 0
        hands.pointer_px = 0.0
        way(hands)
        page.wait_for_timeout(500)
        if counted(page) == done:
            return None  # nothing was rated: the screen does not know this way
        page.wait_for_selector(".frame img")
        totals = [a + b for a, b in zip(totals, (hands.keys, hands.clicks, hands.pointer_px), strict=True)]
    keys, clicks, pointer = (round(total / items, 1) for total in totals)
    return {"keys": keys, "clicks": clicks, "pointer_px": round(pointer)}


def counted(page: Any) -> int:
    """How many items are done, as the screen says."""
    return int(page.locator("[data-part=count]").inner_text().split()[0])


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The workspace's study, served; the address."""
    command = [sys.executable, "-m", "nami_bench", "--workspace", str(root), "annotate", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        yield next(found[1] for line in server.stderr if (found := re.search(r"at (http://\S+)", line)))
        server.terminate()


if __name__ == "__main__":
    main()
