"""Group commit: one thread writes what many requests ask for, many requests in one transaction.

A commit waits for the disk; waiting once for all who are there at the moment is what makes a file
database fast enough for a hundred annotators. Nobody is answered before the commit.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from nami_bench.errors import NamiBenchError, StorageError
from nami_bench.store.database import Database
from nami_bench.store.desk import Desk

T = TypeVar("T")
Job = Callable[[Desk], Any]

MAX_BATCH = 64


class Writer:
    """Runs jobs in the order of their arrival, each whole or not at all."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._queue: SimpleQueue[tuple[Job, Future[Any]] | None] = SimpleQueue()
        self._memory: dict[Any, Any] = {}
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: Callable[[Desk], T]) -> "Future[T]":
        """Run `job(desk)` in a transaction; the future is set once that is committed, or with its error."""
        future: Future[T] = Future()
        with self._starting:
            if self._closed:
                raise StorageError("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nami-writer", daemon=True)
                self._thread.start()
            self._queue.put((job, future))
        return future

    def close(self) -> None:
        """Finish what is waiting, and stop."""
        with self._starting:
            self._closed = True
            if self._thread is None:
                return
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            while len(batch) < MAX_BATCH and not last:
                try:
                    following = self._queue.get_nowait()
                except Empty:
                    break
                last = following is None
                if following is not None:
                    batch.append(following)
            self._write(batch)
            if last:
                return

    def _write(self, batch: list[tuple[Job, Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, NamiBenchError | None]] = []
        try:
            with self._database.writing() as session:
                settled: dict[Any, Any] = {}
                for job, future in batch:
                    desk = Desk(session.connection(), self._memory, settled, self._clock())
                    try:
                        outcomes.append((future, job(desk), None))
                    except NamiBenchError as error:
                        if desk.wrote:
                            raise
                        outcomes.append((future, None, error))
        except BaseException as error:
            self._memory.clear()
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:  # whatever was wrong with one of them must not fail the others
                self._write([one])
            return
        for future, result, problem in outcomes:
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)
