"""Work done by the actors of a Ray cluster (https://docs.ray.io): the only module that imports Ray.

Each actor holds one plugin and gets one shard at a time. What a worker process takes with it when it dies is
done again by a fresh one.
"""

import os
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from nami_bench import __version__
from nami_bench.engines.protocol import Job
from nami_bench.errors import InputError, NamiBenchError, WorkError, one_line

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R")

TRIES = 2
"""How often a shard is tried whole, and then each of its items by itself, if workers die over it."""
_HOPELESS = 20
"""So many workers that die one after the other, none finishing anything, end the run."""
_STARTS = 3
"""A cluster of this machine is given half a minute to start, which one busy with other work can take."""
_SHARDS_AHEAD = 4
"""Shards for each worker that are begun or wait for an earlier one to be handed over."""
_LOOK_S = 10
"""So often it is looked whether the cluster still has a machine that work could wait for."""


@dataclass(frozen=True, slots=True)
class RayEngine:
    """`workers` actors of `cpus` processor cores and `gpus` GPUs each; fewer while a machine is gone."""

    workers: int
    cpus: float
    gpus: float

    @property
    def elsewhere(self) -> bool:
        """Workers are other processes, perhaps on other machines."""
        return True

    def run(self, job: Job[P, T, R], shards: Iterable[Sequence[T]]) -> Generator[R]:
        """See `Engine`. Raises WorkError where workers only die."""
        crew = _Crew(self, job)
        try:
            yield from crew.results(shards)
        finally:
            crew.dismiss()


@contextmanager
def ray_engine(
    address: str | None = None, workers: int | None = None, cpus: float = 1, gpus: float | None = None
) -> Iterator[RayEngine]:
    """An engine on the cluster at `address`, else at RAY_ADDRESS, else on one of this machine alone.

    `gpus` for each worker: by default 1 where the cluster has GPUs. `workers`: by default as many as there is
    room for. A cluster that was started here ends with the context; one to which this process was connected
    before stays so. Raises InputError where there is no such cluster, or too little room on it.
    """
    connected_before = ray.is_initialized()
    if not connected_before:
        _connect(address or os.environ.get("RAY_ADDRESS") or "local")
    try:
        if gpus is None:
            gpus = 1 if any(node.get("GPU") for node in _resources()) else 0
        # Ray tells of dead workers on stdout, which belongs to results.
        with redirect_stdout(sys.stderr):
            yield RayEngine(_count(workers, cpus, gpus), cpus, gpus)
    finally:
        if not connected_before:
            ray.shutdown()


def _connect(address: str) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that this ran
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    if address != "local":
        try:
            ray.init(address, **quiet)
        except Exception as error:  # Ray's own kinds are many, some of them no more than Exception
            raise InputError(f"no Ray cluster at {address!r}: {one_line(str(error))}") from error
        return
    for attempt in range(_STARTS):
        try:
            ray.init("local", include_dashboard=False, **quiet)
            return
        except Exception as error:
            ray.shutdown()
            if attempt == _STARTS - 1:
                raise WorkError(f"Ray does not start on this machine: {one_line(str(error))}") from error


def _resources() -> list[dict[str, float]]:
    """What each machine of the cluster has, as far as they are there."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _room(cpus: float, gpus: float) -> int:
    """So many workers the machines have room for: each on one machine with all its cores and GPUs."""
    share = {"CPU": cpus, "GPU": gpus}
    return sum(
        int(min(node.get(name, 0) // each for name, each in share.items() if each)) for node in _resources()
    )


def _count(workers: int | None, cpus: float, gpus: float) -> int:
    """How many workers there will be."""
    room = _room(cpus, gpus)
    if room < (workers or 1):
        raise InputError(
            f"the Ray cluster has room for {room} workers of {cpus:g} CPUs and {gpus:g} GPUs each, not for "
            f"{workers or 1}: lower --ray-workers, --ray-cpus or --ray-gpus, or add machines first"
        )
    return workers or room


@dataclass(slots=True, eq=False)
class _Part(Generic[T, R]):
    """A shard, or one item of one over which workers died."""

    items: Sequence[T]
    tries: int = 0
    results: list[R] | None = None
    error: NamiBenchError | None = None


class _Crew(Generic[P, T, R]):
    """The actors of one run, and what each is doing."""

    def __init__(self, engine: RayEngine, job: Job[P, T, R]) -> None:
        self._engine = engine
        self._job = job
        worker: Any = ray.remote(_Worker)
        self._actor = worker.options(num_cpus=engine.cpus, num_gpus=engine.gpus, max_restarts=0)
        self._task = ray.put((job.make, job.identity, job.identity(job.plugin), job.work))
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, _Part[T, R]]] = {}
        self._again: deque[_Part[T, R]] = deque()
        self._deaths = 0
        for _ in range(engine.workers):
            self._hire()

    def results(self, shards: Iterable[Sequence[T]]) -> Iterator[R]:
        """All shards' results, in order, as soon as the shards before are done."""
        remaining = iter(shards)
        ahead: deque[list[_Part[T, R]]] = deque()
        while True:
            if not ahead:  # something to wait with, though every worker may be starting
                if (shard := next(remaining, None)) is None:
                    return
                ahead.append([_Part(shard)])
                self._again.extend(ahead[0])
            self._hand_out(remaining, ahead)
            if all(part.results is not None for part in ahead[0]):
                for part in ahead.popleft():
                    yield from part.results or ()
                    if part.error:
                        raise part.error
            else:
                self._wait(ahead)

    def dismiss(self) -> None:
        """End every actor, whatever it is doing."""
        busy = (actor for actor, _ in self._busy.values())
        for actor in [*self._idle, *self._starting.values(), *busy]:
            ray.kill(actor)

    def _hire(self) -> None:
        """One more worker, which gets work once it has started: that may need a machine to come back."""
        actor = self._actor.remote(self._task, str(Path.cwd()), __version__)
        self._starting[actor.ready.remote()] = actor

    def _hand_out(self, remaining: Iterator[Sequence[T]], ahead: deque[list[_Part[T, R]]]) -> None:
        while self._idle:
            if self._again:
                part = self._again.popleft()
            elif len(ahead) < _SHARDS_AHEAD * self._engine.workers and (shard := next(remaining, None)):
                part = _Part(shard)
                ahead.append([part])
            else:
                return
            actor = self._idle.pop()
            self._busy[actor.run.remote(part.items)] = (actor, part)

    def _wait(self, ahead: deque[list[_Part[T, R]]]) -> None:
        """Take in one worker's start or answer, or its death."""
        ready, _ = ray.wait([*self._busy, *self._starting], timeout=_LOOK_S)
        if not ready:
            self._check_room()
        elif ready[0] in self._starting:
            self._take_in(ready[0])
        else:
            self._take_answer(ready[0], ahead)

    def _check_room(self) -> None:
        if not self._busy and not _room(self._engine.cpus, self._engine.gpus):
            raise WorkError(
                "the Ray cluster has no machine left with room for a worker: what was finished is kept, and "
                "the same command goes on"
            )

    def _take_in(self, started: Any) -> None:
        actor = self._starting.pop(started)
        try:
            ray.get(started)
        except RayError as error:
            self._replace(actor, error)
        else:
            self._idle.append(actor)

    def _take_answer(self, ready: Any, ahead: deque[list[_Part[T, R]]]) -> None:
        try:
            answer = ray.get(ready)
        except RayTaskError as error:  # what the worker was sent, or sends, does not pickle
            raise WorkError(f"a Ray worker failed: {_last_line(error)}") from error
        except RayError as error:
            actor, part = self._busy.pop(ready)
            self._replace(actor, error)
            self._try_again(part, ahead, _cause(error))
        else:
            actor, part = self._busy.pop(ready)
            self._idle.append(actor)
            self._deaths = 0
            part.results, part.error = answer

    def _replace(self, actor: Any, error: RayError) -> None:
        ray.kill(actor)
        self._hire()
        self._deaths += 1
        if self._deaths == _HOPELESS:
            raise WorkError(
                f"{_HOPELESS} Ray workers died one after the other and finished nothing; what was "
                f"finished before is kept: {_cause(error)}"
            ) from error

    def _try_again(self, part: _Part[T, R], ahead: deque[list[_Part[T, R]]], cause: str) -> None:
        part.tries += 1
        if part.tries < TRIES:
            self._again.append(part)
        elif len(part.items) > 1:
            alone = [_Part[T, R]([item]) for item in part.items]
            shard = next(parts for parts in ahead if part in parts)
            shard[:] = alone
            self._again.extend(alone)
        else:
            reason = f"the worker process died each time this was tried: {cause}"
            lost = self._job.lost(part.items[0], reason)
            part.results = [] if lost is None else [lost]


class _Worker:
    """An actor: makes its plugin when the first shard comes, and keeps it."""

    def __init__(self, task: Any, folder: str, version: str) -> None:
        self._make, self._identity, self._expected, self._work = task
        self._version = version
        self._plugin: Any = None
        if Path(folder).is_dir():  # relative paths mean here what they mean where the command runs
            os.chdir(folder)

    def ready(self) -> None:
        """Answers once the worker has started."""

    def run(self, items: Sequence[Any]) -> tuple[list[Any], NamiBenchError | None]:
        """The results that could be had, and the error that ended the work, if one did."""
        results: list[Any] = []
        try:
            if self._plugin is None:
                self._plugin = self._made()
            results.extend(self._work(self._plugin, items))
        except NamiBenchError as error:
            # Of a kind that pickles: some take more than their message.
            return results, (InputError if isinstance(error, InputError) else WorkError)(str(error))
        except Exception as error:
            return results, WorkError(f"a Ray worker failed: {type(error).__name__}: {one_line(str(error))}")
        return results, None

    def _made(self) -> Any:
        if self._version != __version__:
            raise InputError(
                f"a Ray worker has NAMI-Bench {__version__}, not {self._version}: install the same everywhere"
            )
        plugin = self._make()
        if self._identity(plugin) != self._expected:
            raise InputError(
                "a Ray worker has other weights or settings than the machine that started the run: "
                "install the same files everywhere"
            )
        return plugin


def _last_line(error: RayTaskError) -> str:
    return one_line(str(error).strip().split("\n")[-1])


def _cause(error: RayError) -> str:
    """What Ray says of a death, without what differs between two equal ones."""
    words = one_line(str(error), 10_000)
    _, found, detail = words.partition("Worker exit detail: ")
    return one_line(detail.split(" Some common causes")[0] if found else words)
