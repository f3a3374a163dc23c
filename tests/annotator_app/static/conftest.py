"""A real browser in front of the real server, and studies worth looking at.

Most tests share one server and one study, of which each annotator rates every image: every test
brings an annotator of its own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw

from nami_bench.annotator_app.access import COOKIE
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import (
    Annotator,
    ModelCard,
    Prompt,
    PromptSet,
    Rating,
    Role,
    Study,
    prompt_id,
)
from nami_bench.store import Store
from nami_bench.study_file import load_criteria, nami_1k_study_file
from tests.support.crowd_pages import open_page as open_page
from tests.support.crowd_pages import platform as platform
from tests.support.databases import new_sqlite
from tests.support.studies import put_image

MODELS = ("zebrafish-xl", "quokka-9b")
PROMPTS = ("a circle and a star", "a quiet harbor at dawn", "two cats", "a red bicycle")
EVERYBODY = 99  # an overlap that is never met: each annotator rates every image
PATIENCE_MS = 60_000


@dataclass
class Studio:
    """A workspace with one study; `address` where it is served."""

    workspace: Workspace
    store: Store
    study: Study
    tokens: dict[str, str] = field(default_factory=dict)
    address: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def images_dir(self) -> Path:
        return self.workspace.images_dir

    def newcomer(self, role: Role = Role.ANNOTATOR) -> str:
        """The name of somebody who has not been here before."""
        name = f"{'ada' if role is Role.ANNOTATOR else 'root'}-{next(self._numbers)}"
        self.tokens[name] = self.store.accounts.add(Annotator(name, role)) or ""
        return name

    def ratings(self, annotator: str | None = None) -> list[Rating]:
        """The ratings in force: somebody's, or all."""
        ratings = self.store.ratings.all(self.study.name)
        return [r for r in ratings if annotator in (None, r.annotator)]

    def stored(self, annotator: str, criterion: str) -> list[str]:
        """Somebody's values in force on a criterion, or the reasons for none."""
        ratings = [r for r in self.ratings(annotator) if r.criterion == criterion]
        return sorted(str(r.reason if r.value is None else f"{r.value:g}") for r in ratings)


def make_studio(root: Path, prompts: tuple[str, ...], size: tuple[int, int], facts: dict[str, Any]) -> Studio:
    """A workspace with an image by each model (two, unless `facts` names others) for each prompt."""
    workspace = init_workspace(root)
    store = Store.open(new_sqlite(root / "nami.db"))
    shown = tuple(Prompt(prompt_id(i), text, "short") for i, text in enumerate(prompts))
    store.catalog.add_prompt_set(PromptSet("shown", shown))
    models = facts.get("models", MODELS)
    for m, model in enumerate(models):
        store.catalog.add_model(ModelCard(model, "folder"))
        for i, prompt in enumerate(shown):
            put_image(store, workspace.images_dir, model, "shown", prompt.id, picture(10 * m + i, size))
    by_default = {
        "criteria": load_criteria(nami_1k_study_file()),
        "overlap": EVERYBODY,
        "languages": ("en", "zh"),
        "models": models,
    }
    facts = {**by_default, **facts}
    study = Study(name="shown", prompt_set="shown", **facts)
    store.studies.add(study)
    return Studio(workspace, store, study)


def picture(number: int, size: tuple[int, int]) -> Image.Image:
    """Something to look at, different for each number."""
    image = Image.new("RGB", size, (60 + 37 * number % 120, 90, 140))
    draw = ImageDraw.Draw(image)
    for i in range(12):
        x, y = (97 * (i + number)) % size[0], (61 * i * (number + 3)) % size[1]
        r = 12 + 17 * (i + number) % 60
        draw.ellipse((x - r, y - r, x + r, y + r), fill=((83 * i) % 256, (47 * number + 29 * i) % 256, 120))
    return image


Listening = Callable[[Any], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, listening: Listening) -> Iterator[Studio]:
    """A study of eight images that every annotator rates, served."""
    made = make_studio(tmp_path_factory.mktemp("studio") / "w", PROMPTS, (320, 320), {})
    made.newcomer()  # a study without anybody who could log in is not served
    with listening(made) as made.address:
        yield made
    made.store.close()


@pytest.fixture
def new_studio(tmp_path: Path, listening: Listening) -> Iterator[Callable[..., Studio]]:
    """`new_studio(prompts, size=..., served=True, **study)`: a study of one's own."""
    with ExitStack() as stack:

        def build(
            prompts: tuple[str, ...] = PROMPTS,
            size: tuple[int, int] = (320, 320),
            served: bool = True,
            **facts: Any,
        ) -> Studio:
            made = make_studio(tmp_path / f"w{time.monotonic_ns()}", prompts, size, facts)
            stack.callback(made.store.close)
            if served:
                made.address = stack.enter_context(listening(made))
            return made

        yield build


@dataclass
class Screen:
    """The page of one annotator, and what a person would do with it."""

    page: Any
    name: str
    address: str
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

    def part(self, name: str) -> Any:
        """The element that the page calls so."""
        return self.page.locator(f"[data-part={name}]")

    def wait_for(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for(timeout=PATIENCE_MS)

    def wait_for_count(self, words: str) -> None:
        self.page.wait_for_selector(f"[data-part=count]:text-is('{words}')", timeout=PATIENCE_MS)

    def wait_for_image(self) -> None:
        """Until the item's image stands on the screen."""
        self.page.wait_for_selector(".frame img", state="visible", timeout=PATIENCE_MS)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while not true():
            assert time.monotonic() < end, "it did not come true in time"
            self.page.wait_for_timeout(20)

    @property
    def unsent(self) -> int:
        """How many submissions the browser keeps that the server has not acknowledged."""
        return int(
            self.page.evaluate(
                "Object.keys(localStorage).filter(k => k.startsWith('nami/outbox/'))"
                ".map(k => JSON.parse(localStorage[k]).length).reduce((a, b) => a + b, 0)"
            )
        )

    def wait_until_sent(self) -> None:
        self.until(lambda: self.unsent == 0)

    def settle(self) -> None:
        """Wait for the first item or screen; close the instructions that open for newcomers."""
        self.page.wait_for_selector(
            ".frame img, .screen h1, dialog[open]", state="visible", timeout=PATIENCE_MS
        )
        if self.page.locator("dialog[open]").count():
            self.press("Escape")


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Screen]]:
    """`visit(studio, name=None, settled=True, path="/", **context)`: somebody's page, logged in.

    Each is a browser of its own; without a name it is a newcomer's. At the end no page may have had an
    error, broken its Content-Security-Policy, or talked to somebody else.
    """
    with ExitStack() as stack:
        screens: list[Screen] = []

        def go(
            studio: Studio, name: str | None = None, settled: bool = True, path: str = "/", **context: Any
        ) -> Screen:
            name = name or studio.newcomer()
            options = {"viewport": {"width": 1280, "height": 720}, "locale": "en-US", **context}
            opened = browser.new_context(**options)
            stack.callback(opened.close)
            session = {"name": COOKIE, "value": studio.store.logins.open_session(name), "url": studio.address}
            opened.add_cookies([session])
            screens.append(Screen(opened.new_page(), name, studio.address))
            screens[-1].page.goto(studio.address + path)
            if settled:
                screens[-1].settle()
            return screens[-1]

        yield go
        for screen in screens:
            assert screen.problems == []
            assert screen.hosts <= {urlsplit(screen.address).netloc, ""}, "the page talks to somebody else"


@pytest.fixture
def screen(visit: Callable[..., Screen], studio: Studio) -> Screen:
    """A newcomer's page in the shared study."""
    return visit(studio)
