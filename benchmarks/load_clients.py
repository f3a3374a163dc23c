"""Who asks the server in `annotation_load.py`: annotators who submit, and an administrator's page."""

import asyncio
import json
import random
import re
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")


@dataclass(frozen=True)
class Log:
    """What one process of annotators saw: seconds of each round trip, and what was acknowledged."""

    submits: list[float]
    images: list[float]
    acknowledged: dict[str, dict[str, int]]
    problems: list[str]


class Browser:
    """One annotator's connection: as little as speaks HTTP, so that the server has the cores."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port, self.cookie = host, port, ""

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """Send a request on the one connection; the body of its answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nCookie: {self.cookie}\r\n"
        if method == "POST":
            head += f"Sec-Fetch-Site: same-origin\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", answer)
        content = await self.reader.readexactly(int(length[1]) if length else 0)
        if found := re.search(rb"\r\nset-cookie: ([^;]+)", answer):
            self.cookie = found[1].decode()
        status = int(answer[9:12])
        if status not in (200, 303):
            raise RuntimeError(f"{method} {path}: {status} {content[:200]!r}")
        return content

    async def connect(self) -> None:
        """Open a connection, in the place of the last one."""
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    async def log_in(self, name: str, token: str) -> None:
        """Connect, and begin a session."""
        await self.connect()
        form = urlencode({"name": name, "token": token}).encode()
        await self.ask("POST", "/login", form, "application/x-www-form-urlencoded")


async def annotate(browser: Browser, items: int, rng: random.Random, log: Log, with_images: bool) -> None:
    """Rate `items` items, one after the other."""
    state = json.loads(await browser.ask("GET", "/session"))
    for _ in range(items):
        item = state["items"][0]
        if with_images:
            began = time.perf_counter()
            await browser.ask("GET", "/" + item["images"][0])
            log.images.append(time.perf_counter() - began)
        values = {criterion: rng.randrange(101) for criterion in CRITERIA}
        body = {"client_token": secrets.token_hex(16), "values": values, "duration_ms": 5000}
        began = time.perf_counter()
        state = json.loads(await browser.ask("POST", f"/item/{item['token']}", json.dumps(body).encode()))
        log.submits.append(time.perf_counter() - began)
        log.acknowledged[body["client_token"]] = values


async def crowd(
    address: tuple[str, int], people: dict[str, str], each: int, pictures: bool, gate: Any
) -> Log:
    """Log everybody in, wait until all processes have, and let them work."""
    log = Log([], [], {}, [])
    browsers = {name: Browser(*address) for name in people}
    for name, browser in browsers.items():
        await browser.log_in(name, people[name])
    await asyncio.to_thread(gate.wait)
    done = await asyncio.gather(
        *(annotate(browser, each, random.Random(name), log, pictures) for name, browser in browsers.items()),
        return_exceptions=True,
    )
    log.problems.extend(f"{type(problem).__name__}: {problem}" for problem in done if problem)
    return log


def run_crowd(answer: Any, *arguments: Any) -> None:
    """A process of annotators."""
    answer.put(asyncio.run(crowd(*arguments)))


def pause_after(took: float) -> float:
    """Seconds until the administrator's page asks again after an answer that took `took` (see poll.js)."""
    return max(5.0, 3 * took)


class Watch(threading.Thread):
    """An administrator's page that is open until `ended`: `seconds` of the overviews that came till then.

    The thread waits nearly all the time, and leaves the cores to the server and the annotators.
    """

    def __init__(self, address: tuple[str, int], name: str, token: str) -> None:
        super().__init__(daemon=True)
        self.address, self.person = address, (name, token)
        self.seconds, self.ended = list[float](), threading.Event()
        self.problems, self.last = list[str](), dict[str, Any]()

    def run(self) -> None:
        try:
            asyncio.run(self._look())
        except Exception as error:
            self.problems.append(f"the overview: {type(error).__name__}: {error}")

    async def _look(self) -> None:
        browser = Browser(*self.address)
        await browser.log_in(*self.person)
        while not self.ended.is_set():
            began = time.perf_counter()
            await self._overview(browser)
            took = time.perf_counter() - began
            if not self.ended.is_set():
                self.seconds.append(took)
                await asyncio.to_thread(self.ended.wait, pause_after(took))
        self.last = json.loads(await self._overview(browser))

    async def _overview(self, browser: Browser) -> bytes:
        await browser.connect()  # the server closes those on which nobody asks
        try:
            return await browser.ask("GET", "/admin/overview")
        finally:
            browser.writer.close()
