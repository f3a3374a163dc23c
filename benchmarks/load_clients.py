"""Who asks the server in `annotation_load.py`: annotators who submit, and open consoles."""

import asyncio
import json
import random
import re
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

LOOK_S, DEEP_EVERY = 15.0, 4
"""An open console asks for counters every so many seconds, and for what takes long every so many times."""

_CONFIG = re.compile(r"window\.gradio_config = (.*?);</script>", re.DOTALL)
_ROOT = 'new URL(".", location.href).href.slice(0, -1)'

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


class Watch:
    """So many consoles that are open on their first page until `ended`: `seconds` of the looks that came
    since all of them were open.

    Their events go over HTTP as the page sends them: each is begun, and its answer read from the stream.
    """

    def __init__(self, address: tuple[str, int], name: str, token: str, consoles: int) -> None:
        self._base, self._person = f"http://{address[0]}:{address[1]}", {"name": name, "token": token}
        self.seconds, self.ended = list[float](), threading.Event()
        self.problems, self.last_head = list[str](), ""
        self._open = threading.Barrier(consoles + 1)
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(consoles)]

    def start(self) -> float:
        """Open them, and wait for their first looks: the seconds that it took."""
        began = time.perf_counter()
        for thread in self._threads:
            thread.start()
        with suppress(threading.BrokenBarrierError):  # `problems` says why
            self._open.wait()
        return time.perf_counter() - began

    def join(self) -> None:
        """Wait for their last looks."""
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            with httpx.Client(base_url=self._base, timeout=120) as client:
                self._look(client)
        except Exception as error:
            self.problems.append(f"a console: {type(error).__name__}: {error}")
            self._open.abort()

    def _look(self, client: httpx.Client) -> None:
        client.post("/login", data=self._person)
        config = _CONFIG.search(client.get("/admin/").text)
        assert config is not None
        events = json.loads(config[1].replace(_ROOT, '""'))["dependencies"]
        numbers = {event["api_name"]: event["id"] for event in events}
        look, deeper, session = (
            numbers["overview_look"],
            numbers["overview_look_deeper"],
            secrets.token_hex(6),
        )
        self._event(client, look, session)
        self._event(client, deeper, session)
        self._open.wait()
        self.ended.wait(random.uniform(0, LOOK_S))  # nobody opens 30 pages at one moment
        looks = 0
        while not self.ended.is_set():
            looks += 1
            began = time.perf_counter()
            self._event(client, look, session)
            self.seconds.append(time.perf_counter() - began)
            if looks % DEEP_EVERY == 0:
                self._event(client, deeper, session)
            self.ended.wait(LOOK_S)
        time.sleep(LOOK_S)  # a look serves those who ask a little later, too: not the last one
        self.last_head = self._event(client, look, session)

    def _event(self, client: httpx.Client, number: int, session: str) -> str:
        body = {"fn_index": number, "data": [None], "session_hash": session}
        client.post("/admin/gradio_api/queue/join", json=body).raise_for_status()
        address = f"/admin/gradio_api/queue/data?session_hash={session}"
        with client.stream("GET", address) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if message.get("msg") == "process_completed":
                    return str(message["output"]["data"][0])
        raise RuntimeError("the stream ended before the event did")
