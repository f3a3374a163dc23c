"""A real browser in front of the real server, and studies worth looking at."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw

from nami_bench.config import load_criteria, nami_1k_study_file
from nami_bench.domain import ImageRecord, ImageState, Prompt, PromptSet, Study, prompt_id
from nami_bench.images import write_png

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROMPTS = ("a circle and a star", "a quiet harbor at dawn", "two cats", "a red bicycle")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("NO BROWSER: the annotation app was NOT tested on screen; install Debian's `chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


def picture(number: int, size: tuple[int, int]) -> Image.Image:
    """Something to look at, different for each number."""
    image = Image.new("RGB", size, (60 + 37 * number % 120, 90, 140))
    draw = ImageDraw.Draw(image)
    for i in range(12):
        x, y = (97 * (i + number)) % size[0], (61 * i * (number + 3)) % size[1]
        r = 12 + 17 * (i + number) % 60
        draw.ellipse((x - r, y - r, x + r, y + r), fill=((83 * i) % 256, (47 * number + 29 * i) % 256, 120))
    return image


@pytest.fixture
def new_study(new_bench: Callable[..., Any]) -> Callable[..., Any]:
    """`new_study(prompts, size=..., **study)`: a workspace with a study of two models on these prompts.

    By NAMI-1K's criteria and with one annotator for each item, unless said otherwise.
    """

    def build(prompts: tuple[str, ...] = PROMPTS, size: tuple[int, int] = (320, 320), **study: Any) -> Any:
        bench = new_bench(f"w{len(prompts)}", strata=())
        shown = tuple(Prompt(prompt_id(i), text, "short") for i, text in enumerate(prompts))
        bench.store.add_prompt_set(PromptSet("shown", shown))
        for m, model in enumerate(bench.study.models):
            for i, prompt in enumerate(shown):
                path = f"{model}/shown/{prompt.id}/samples/0000.png"
                pixels = picture(10 * m + i, size)
                stored = write_png(bench.images_dir / path, pixels, {"model": model})
                record = ImageRecord(
                    model=model,
                    prompt_set="shown",
                    prompt_id=prompt.id,
                    sample=0,
                    state=ImageState.DONE,
                    path=path,
                    sha256=stored.sha256,
                    width=stored.width,
                    height=stored.height,
                )
                bench.store.put_image(record)
        facts: dict[str, Any] = {"criteria": load_criteria(nami_1k_study_file()), "overlap": 1, **study}
        made = Study(name="shown", prompt_set="shown", models=bench.study.models, **facts)
        bench.store.add_study(made)
        return replace(bench, study=made)

    return build


@dataclass
class Screen:
    """The page of one annotator, and what a person would do with it."""

    page: Any
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.problems.append(message.text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def rate(self, *numbers: int | str) -> None:
        """Type these numbers, and Enter."""
        for number in numbers:
            self.press(*str(number))
        self.press("Enter")

    @property
    def values(self) -> list[str]:
        """What stands beside each criterion."""
        return [text.strip() for text in self.page.locator(".criterion .value").all_text_contents()]

    @property
    def prompt(self) -> str:
        return str(self.page.locator(".prompt").inner_text())

    def wait_for(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for(timeout=10_000)

    def wait_for_count(self, words: str) -> None:
        self.page.wait_for_selector(f"[data-part=count]:text-is('{words}')", timeout=10_000)

    def wait_for_image(self) -> None:
        self.page.wait_for_selector(".frame img", state="visible", timeout=10_000)

    def wait_until_sent(self) -> None:
        """Until the browser keeps nothing that the server has not acknowledged."""
        self.page.wait_for_function(
            "Object.keys(localStorage).filter(k => k.startsWith('nami/outbox/')).every(k => localStorage[k] === '[]')",
            timeout=20_000,
        )


@pytest.fixture
def visit(
    browser: Any, listening: Callable[[Any], AbstractContextManager[str]]
) -> Iterator[Callable[..., Screen]]:
    """`visit(bench, name="ada", **context)` logs somebody in, in a browser of their own.

    Instructions that open for newcomers are closed unless `welcome=True`. All pages of one bench talk to one
    server. At the end no page may have had an error, broken its Content-Security-Policy, or talked to
    somebody else.
    """
    with ExitStack() as stack:
        addresses: dict[int, str] = {}
        screens: list[Screen] = []

        def go(bench: Any, name: str = "ada", welcome: bool = False, **context: Any) -> Screen:
            if id(bench) not in addresses:
                addresses[id(bench)] = stack.enter_context(listening(bench))
            options = {"viewport": {"width": 1280, "height": 720}, "locale": "en-US", **context}
            opened = browser.new_context(**options)
            stack.callback(opened.close)
            page = opened.new_page()
            screens.append(Screen(page))
            log_in(page, addresses[id(bench)], name, bench.tokens[name])
            if not welcome:
                settle(page)
            return screens[-1]

        yield go
        for screen in screens:
            assert screen.problems == []
            assert screen.hosts <= {urlsplit(address).netloc for address in addresses.values()} | {""}


def log_in(page: Any, address: str, name: str, token: str) -> None:
    page.goto(address)
    page.fill("input[name=name]", name)
    page.fill("input[name=token]", token)
    page.keyboard.press("Enter")


def settle(page: Any) -> None:
    """Wait for the first item or screen, instructions closed."""
    page.wait_for_selector(".frame img, .screen h1, dialog[open]", state="visible", timeout=10_000)
    if page.locator("dialog[open]").count():
        page.keyboard.press("Escape")
