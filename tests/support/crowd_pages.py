"""Participants in Chromium, and stand-ins of the platforms' own pages: where they come from."""

import html
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from nami_bench.domain import FINISHED, Came, WayOut
from nami_bench.domain.entry import Sona
from tests.support.crowd import CODES, arrival, pid
from tests.support.http_server import Asked, Reply, http_server

PATIENCE_MS = 60_000
_LIKE_COMPLETED = {WayOut.NOTHING_LEFT: WayOut.COMPLETED}


class StandIn:
    """Prolific's pages: a button leads to the study, and the last page takes the code.

    `taken`: what was taken, in the order in which it came. `study`: the address of the study's door.
    """

    came = Came.PROLIFIC

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.address = ""
        self.study = ""

    def entry(self) -> dict[str, Any]:
        """What a study's `[entry]` says of the platform."""
        redirects = dict.fromkeys(CODES, f"{self.address}/complete?cc={{code}}")
        return {"provider": self.came, "codes": CODES, "redirects": redirects}

    def person(self, number: int) -> str:
        """What the platform calls a participant."""
        return pid(number)

    def arrival(self, number: int) -> str:
        """The parameters of the address by which a participant comes."""
        return arrival(number)

    def takes(self, number: int, way: WayOut) -> list[str]:
        """What is taken of a participant who comes back."""
        return [CODES[_LIKE_COMPLETED.get(way, way)]]

    def __call__(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        if parts.path == "/complete":
            self.taken.append(parse_qs(parts.query).get("cc", [""])[0])
            return _page("<h1>Your submission was recorded</h1>")
        address = html.escape(f"{self.study}?{parts.query}")
        return _page(f'<h1>A study</h1><a href="{address}">Open the study</a>')


class ConnectPages(StandIn):
    """CloudResearch Connect's: the wizard's addresses, of their own for who does not finish, by assignment.

    `taken`: "ASSIGNMENT way". The same way again changes nothing, another one is refused.
    """

    came = Came.CONNECT

    def entry(self) -> dict[str, Any]:
        ways = [way for way in WayOut if way not in _LIKE_COMPLETED]
        project = f"{self.address}/project/p7"
        redirects = {way: f"{project}/{way}?assignment={{submission}}" for way in ways}
        return {"provider": self.came, "codes": {}, "redirects": redirects}

    def person(self, number: int) -> str:
        return f"{number:032X}"

    def arrival(self, number: int) -> str:
        ids = {"participantId": self.person(number), "assignmentId": f"A{number}", "projectId": "p7"}
        return urlencode(ids)

    def takes(self, number: int, way: WayOut) -> list[str]:
        return [f"A{number} {_LIKE_COMPLETED.get(way, way)}"]

    def __call__(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        if not parts.path.startswith("/project/p7/"):
            return super().__call__(asked)
        (assignment,) = parse_qs(parts.query)["assignment"]
        way = parts.path.rpartition("/")[2]
        if dict(one.split() for one in self.taken).get(assignment, way) != way:
            return _page("<h1>This assignment ended otherwise</h1>", 409)
        if f"{assignment} {way}" not in self.taken:
            self.taken.append(f"{assignment} {way}")
        return _page("<h1>Your assignment was recorded</h1>")


class SonaPages(StandIn):
    """A school's SONA site: students' numbers, and a service that gives credit, once and for its token alone.

    `taken`: the numbers of those who have credit; `asked_for`: those for whom the service was asked.
    """

    came = Came.SONA
    token = "s3cret-of-the-school"
    experiment = "812"

    def __init__(self) -> None:
        super().__init__()
        self.asked_for: list[str] = []

    def entry(self) -> dict[str, Any]:
        return {"provider": self.came, "codes": {}, "sona": Sona(self.address, self.experiment)}

    def person(self, number: int) -> str:
        return str(4000 + number)

    def arrival(self, number: int) -> str:
        return urlencode({"id": self.person(number)})

    def takes(self, number: int, way: WayOut) -> list[str]:
        return [self.person(number)] if way in FINISHED else []

    def __call__(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        said = dict(parse_qs(parts.query))
        if parts.path == "/services/SonaAPI.svc/WebstudyCredit":
            return self._credit({name: values[0] for name, values in said.items()})
        if not said:
            return _page("<h1>My schedule</h1><p>Your participation was recorded</p>")
        return super().__call__(asked)

    def _credit(self, said: dict[str, str]) -> Reply:
        code = said["survey_code"]
        self.asked_for.append(code)
        is_right = (said["experiment_id"], said["credit_token"]) == (self.experiment, self.token)
        if is_right and code not in self.taken:
            self.taken.append(code)
            errors = "<a:Errors/>"
        else:
            errors = "<a:Errors><a:Error>not granted</a:Error></a:Errors>"
        result = f'<Response xmlns:a="http://schemas.example/sona"><a:Result>{errors}</a:Result></Response>'
        return Reply(body=result.encode(), headers={"Content-Type": "text/xml"})


def _page(body: str, status: int = 200) -> Reply:
    head = '<!doctype html><html lang="en"><title>Platform</title>'
    return Reply(status, body=(head + body).encode(), headers={"Content-Type": "text/html"})


@pytest.fixture
def platform(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    """Prolific's pages, or those of the class by which a test is parametrized, `indirect`."""
    made: StandIn = getattr(request, "param", StandIn)()
    with http_server(made) as made.address:
        yield made


class Windows:
    """`windows(url)`: a page in a browser of its own; no page may have had an error.

    `asked_for`: every address that any of them asked for.
    """

    def __init__(self, browser: Any, stack: ExitStack) -> None:
        self._browser, self._stack = browser, stack
        self.asked_for: list[str] = []
        self.problems: list[str] = []

    def __call__(self, url: str, **context: Any) -> Any:
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", **context}
        opened = self._browser.new_context(**options)
        self._stack.callback(opened.close)
        page = opened.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._listen)
        page.on("request", lambda request: self.asked_for.append(request.url))
        page.goto(url)
        return page

    def _listen(self, message: Any) -> None:
        if "Security Policy" in message.text:
            self.problems.append(message.text)


@pytest.fixture
def open_page(browser: Any) -> Iterator[Windows]:
    """See `Windows`."""
    with ExitStack() as stack:
        windows = Windows(browser, stack)
        yield windows
        assert windows.problems == []


def agree(page: Any) -> None:
    """Tick every box, and agree."""
    page.wait_for_selector("[data-part=agree]")
    for box in page.query_selector_all("main input[type=checkbox]"):
        box.check()
    page.click("[data-part=agree]")


def answer(page: Any, age: int) -> None:
    """Say how old one is."""
    page.wait_for_selector("form.asked")
    page.fill("form.asked input[type=number]", str(age))
    page.click("form.asked [type=submit]")


def rate(page: Any, items: int, of: int, *, alike: bool = False) -> None:
    """From the door, or from among the images, rate so many of the items; `alike`: each as the one before."""
    page.locator("main a.primary, .frame img").locator("visible=true").first.wait_for()
    if page.locator("main a.primary").count():
        page.click("main a.primary")
    for done in range(items):
        page.wait_for_selector(".frame img", state="visible")
        page.wait_for_selector(f"[data-part=count]:text-is('{done} of {of}')")
        last = 0 if alike else done
        for digit in f"5{last}6{last}7{last}8{last}":
            page.keyboard.press(digit)
        page.keyboard.press("Enter")


def end(page: Any) -> None:
    """From the screen that says that there are no more images to the way out."""
    page.click(".screen[data-kind] .primary")


def go_back(page: Any) -> None:
    """To the platform, which takes it."""
    page.click("[data-part=back]")
    page.wait_for_selector("text=recorded")
