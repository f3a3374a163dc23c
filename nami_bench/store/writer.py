"""Group commit: one thread writes what many requests ask for, many requests in one transaction.

A commit waits for the disk; waiting once for all who are there at the moment is what makes a file
database fast enough for a hundred annotators. Nobody is answered before the commit, and nobody waits for
longer than the database's patience.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from nami_bench.errors import LockedError, NamiBenchError, StorageError
from nami_bench.store.database import Database
from nami_bench.store.desk import Desk
from nami_bench.store.memory import Memory, Settled

T = TypeVar("T")
Job = Callable[[Desk], Any]

MAX_BATCH = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    """A job that waits until `deadline` (time.monotonic) at most; `future` is what its sender holds."""

    job: Job
    deadline: float
    future: "Future[Any]" = field(default_factory=Future)


class Writer:
    """Runs jobs in the order of their arrival, each whole or not at all."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._queue: SimpleQueue[_Task | None] = SimpleQueue()
        self._memory = Memory()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: Callable[[Desk], T]) -> "Future[T]":
        """Run `job(desk)` in a transaction; the future is set once that is committed, or with its error."""
        task = _Task(job, time.monotonic() + self._database.patience_s)
        with self._starting:
            if self._closed:
                raise StorageError("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nami-writer", daemon=True)
                self._thread.start()
            self._queue.put(task)
        return task.future

    def close(self) -> None:
        """Finish what is waiting, and stop."""
        with self._starting:
            self._closed = True
            if self._thread is None:
                return
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        waiting: list[_Task] = []
        is_last = False
        while waiting or not is_last:
            is_last |= self._fetch(waiting)
            batch = waiting[:MAX_BATCH]
            try:
                self._write(batch)
            except LockedError as error:
                now, stopping = time.monotonic(), self._database.is_stopping
                _fail([task for task in waiting if stopping or task.deadline <= now], error)
            except BaseException as error:  # this thread must outlive whatever there is
                _log.exception("what waited could not be written")
                _fail(batch, error)
            waiting = [task for task in waiting if not task.future.done()]

    def _fetch(self, waiting: list[_Task]) -> bool:
        """Add what has come, and wait where nothing is there; True: nothing will follow any more."""
        while True:
            try:
                task = self._queue.get(block=not waiting)
            except Empty:
                return False
            if task is None:
                return True
            # Whoever has gone (a request that was cancelled) is not worked for.
            if task.future.set_running_or_notify_cancel():
                waiting.append(task)

    def _write(self, batch: list[_Task]) -> None:
        """Run what is not done yet; raises LockedError, with the rest not done, where it has to wait."""
        has_begun = False
        outcomes: list[tuple[_Task, Any, NamiBenchError | None]] = []
        try:
            with self._database.writing(patience_s=0) as session:
                has_begun = True
                settled = Settled()
                for task in batch:
                    desk = Desk(session.connection(), self._memory, settled, self._clock())
                    try:
                        outcomes.append((task, task.job(desk), None))
                    except NamiBenchError as error:
                        if desk.wrote:
                            raise
                        outcomes.append((task, None, error))
        except BaseException as error:
            if has_begun:
                self._memory.clear()
            if isinstance(error, LockedError):
                raise
            if len(batch) == 1 or isinstance(error, StorageError):
                _fail(batch, error)  # a disk or server that refused one would refuse them all
                return
            for one in batch:  # whatever was wrong with one of them must not fail the others
                self._write([one])
            return
        for task, result, problem in outcomes:
            if problem is None:
                task.future.set_result(result)
            else:
                task.future.set_exception(problem)


def _fail(tasks: list[_Task], error: BaseException) -> None:
    for task in tasks:
        if not task.future.done():
            task.future.set_exception(error)
