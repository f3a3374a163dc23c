"""A process beside the server for what takes long: looking at a whole study.

A million ratings take seconds to read. In the server's own process that would hold up every submission, and
the memory would stay its own. The process is started by the first question, asked one at a time, is less
urgent than the server (see `os.nice`), and ends with it, or when nobody asked for a while.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any

from nami_bench.errors import NamiBenchError, StorageError
from nami_bench.store import Store

IDLE_SECONDS = 60.0
"""The process gives its memory back when nobody asked for so long, or for longer (see `patience`)."""

_NICENESS = 10


def patience(took: float) -> float:
    """Seconds to wait for the next question after an answer that took as many as `took`.

    An open page asks again after three times as long as it waited (see static/poll.js). Where that is long,
    a process that had rested would have to read everything again, and take as long each time.
    """
    return max(IDLE_SECONDS, 4 * took)


class Onlooker:
    """Answers questions about the studies of the database at `url`, each of them once for all who ask.

    Who asks while the same question is being answered gets the next answer, which rests on everything that
    was recorded before: so there is never more than one computation, and one that waits.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = asyncio.Lock()
        self._waiting: dict[tuple[str, ...], asyncio.Future[bytes]] = {}
        self._remembered: dict[tuple[str, ...], tuple[float, bytes]] = {}
        self._helper: _Helper | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def ask(self, what: str, study: str, *more: str) -> bytes:
        """What the method `what` of `StudyLooks` says of a study (and `more`); raises what that raises."""
        question = (what, study, *more)
        waiting = self._waiting.get(question)
        if waiting is None:
            waiting = self._waiting[question] = asyncio.ensure_future(self._answer(*question))
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())  # all may have left
        return await asyncio.shield(waiting)

    async def ask_lately(self, seconds: float, what: str, study: str) -> bytes:
        """As `ask`; an answer serves all who ask within so many seconds after it."""
        now, question = time.monotonic(), (what, study)
        until, answer = self._remembered.get(question, (0.0, b""))
        if now >= until:
            answer = await self.ask(*question)
            self._remembered = {key: one for key, one in self._remembered.items() if one[0] > now}
            self._remembered[question] = (time.monotonic() + seconds, answer)
        return answer

    async def _answer(self, *question: str) -> bytes:
        began = time.monotonic()
        async with self._turn:
            del self._waiting[question]
            try:
                return await self._look(*question)
            finally:
                took = time.monotonic() - began
                self._idle = asyncio.get_running_loop().call_later(patience(took), self._rest)

    async def _look(self, *question: str) -> bytes:
        if self._idle is not None:
            self._idle.cancel()
        if self._helper is None or not self._helper.is_alive:
            self._helper = await asyncio.to_thread(_Helper, self._url)
        return await asyncio.wrap_future(self._helper.ask_later(*question))

    def _rest(self) -> None:
        if self._helper is not None and not self._turn.locked():
            self._helper.end()
            self._helper = None


class _Helper:
    """The process, while it runs."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share the server's connections
        self._connection, its_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(its_end, url), name="nami-onlooker", daemon=True)
        self._process.start()
        its_end.close()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def ask_later(self, *question: str) -> "Future[bytes]":
        """The answer, once it is there; the thread that waits for it holds up no shutdown."""
        future: Future[bytes] = Future()
        future.set_running_or_notify_cancel()  # who asked may leave; the answer comes all the same
        threading.Thread(target=self._ask, args=(future, question), daemon=True).start()
        return future

    def _ask(self, future: "Future[bytes]", question: tuple[str, ...]) -> None:
        try:
            self._connection.send(question)
            succeeded, answer = self._connection.recv()
        except (EOFError, OSError):
            succeeded, answer = (
                False,
                StorageError(f"the process that looks at study {question[1]!r} was ended"),
            )
        if succeeded:
            future.set_result(answer)
        else:
            future.set_exception(answer)

    def end(self) -> None:
        """It ends as soon as nobody is there to ask."""
        self._connection.close()


def _serve(connection: Connection, url: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, with which this ends
    os.nice(_NICENESS)
    from nami_bench.annotator_app.admin import StudyLooks

    looks: StudyLooks | None = None
    while True:
        try:
            what, *about = connection.recv()
        except (EOFError, OSError):  # the server has ended
            return
        answer: tuple[bool, Any]
        try:
            looks = looks or StudyLooks(Store.open(url, create=False))
            answer = True, getattr(looks, what)(*about)
        except NamiBenchError as error:
            answer = False, _plain(error)
        except Exception as error:
            answer = False, RuntimeError(f"{type(error).__name__}: {error}")
        try:
            connection.send(answer)
        except OSError:
            return


def _plain(error: NamiBenchError) -> NamiBenchError:
    """The error as one that can go from process to process: its sentence, and of its kind, or of the nearest
    that is made of a sentence alone."""
    kind = next(kind for kind in type(error).__mro__ if "__init__" not in vars(kind))
    return NamiBenchError(str(error)) if not issubclass(kind, NamiBenchError) else kind(str(error))
