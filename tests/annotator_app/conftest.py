"""A small study with pictures on disk, and the real server."""

import asyncio
import contextlib
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from starlette.types import ASGIApp

from nami_bench.annotator_app import onlooker
from nami_bench.annotator_app.admin import StudyLooks
from nami_bench.annotator_app.hub_login import HubLogin
from nami_bench.config import AnnotateConfig, Workspace, init_workspace, open_workspace
from nami_bench.domain import (
    Annotator,
    Criterion,
    ImageRecord,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
    prompt_id,
)
from nami_bench.errors import StorageError
from nami_bench.store import Store
from tests.support.databases import assert_last_revisions_in_force, new_sqlite, raw
from tests.support.studies import put_image

DEFAULTS = AnnotateConfig()
MODELS = ("zebrafish-xl", "quokka-9b")
CRITERIA = (
    Criterion("relevance", 0.5, anchors={0: "unrelated", 100: "all of it"}),
    Criterion("realism", 0.5, minimum=1, maximum=5, step=0.5),
)


@dataclass(frozen=True)
class Bench:
    """A workspace with one study and two annotators, and their tokens."""

    workspace: Workspace
    store: Store
    study: Study
    tokens: dict[str, str]

    @property
    def images_dir(self) -> Path:
        return self.workspace.images_dir

    @property
    def images(self) -> list[ImageRecord]:
        return self.store.images.find()

    def count(self, table: str) -> int:
        """Rows of a table, whichever database it is."""
        with raw(self.store) as session:
            return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())

    def file(self, image: ImageRecord) -> Path:
        assert image.path is not None
        return self.images_dir / image.path


def make_bench(root: Path, *, database_url: str | None = None, **measure: Any) -> Bench:
    """See `_build_bench`; on SQLite a copy of one that was built before, which takes a tenth of the time."""
    if database_url is not None and not database_url.startswith("sqlite:"):
        return _build_bench(root, database_url=database_url, **measure)
    key = repr(sorted(measure.items()))
    if key not in _templates:
        built = _build_bench(Path(_folder_of_templates().name) / str(len(_templates)), **measure)
        built.store.close()
        _templates[key] = built
    template = _templates[key]
    shutil.copytree(template.workspace.root, root)
    workspace = open_workspace(root)
    return replace(
        template,
        workspace=workspace,
        store=Store.open(workspace.database_url),
        tokens=dict(template.tokens),
    )


_templates: dict[str, Bench] = {}


@cache
def _folder_of_templates() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="nami-benches-")  # gone with the process


def _build_bench(
    root: Path,
    *,
    strata: tuple[str, ...],
    overlap: int = 2,
    seed: int = 0,
    criteria: tuple[Criterion, ...] = CRITERIA,
    database_url: str | None = None,
) -> Bench:
    """One prompt for each entry of `strata`, one image of each model for each prompt."""
    workspace = init_workspace(root)
    if database_url is not None:
        settings = root / "nami.toml"
        settings.write_text(settings.read_text().replace("[database]", f'[database]\nurl = "{database_url}"'))
        workspace = open_workspace(root)
    else:
        new_sqlite(root / "nami.db")
    store = Store.open(workspace.database_url)
    prompts = tuple(
        Prompt(prompt_id(i), f"picture <i>{i}</i> & more", stratum) for i, stratum in enumerate(strata)
    )
    store.catalog.add_prompt_set(PromptSet("pictures", prompts))
    rng = np.random.default_rng(seed)
    for model in MODELS:
        store.catalog.add_model(ModelCard(model, "folder"))
        for prompt in prompts:
            pixels = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
            put_image(store, workspace.images_dir, model, "pictures", prompt.id, pixels)
    study = Study(
        "trial", "pictures", MODELS, criteria, overlap=overlap, seed=seed, instructions={"en": "Look *well*."}
    )
    store.studies.add(study)
    tokens = {name: store.accounts.add(Annotator(name)) or "" for name in ("ada", "bob")}
    return Bench(workspace, store, study, tokens)


@pytest.fixture
def database_url(seldom_postgresql: str) -> str:
    """As everywhere, but that the app's tests on PostgreSQL are slow ones."""
    return seldom_postgresql


@pytest.fixture
def bench(tmp_path: Path, database_url: str) -> Iterator[Bench]:
    """Six prompts in three strata, twelve images, overlap 2; on SQLite and on PostgreSQL."""
    strata = ("short", "short", "community", "community", "long", "long")
    made = make_bench(tmp_path / "bench", strata=strata, database_url=database_url)
    yield made
    _check_and_close(made)


@pytest.fixture
def new_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """`new_bench(name, strata=..., overlap=...)` makes a workspace of one's own measure."""
    made: list[Bench] = []

    def build(name: str, **measure: object) -> Bench:
        made.append(make_bench(tmp_path / name, **measure))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for one in made:
        _check_and_close(one)


def _check_and_close(bench: Bench) -> None:
    with contextlib.suppress(StorageError, DatabaseError):  # a test may have done away with the database
        bench.store.check_reachable()
        assert_last_revisions_in_force(bench.store)
    bench.store.close()


@pytest.fixture(scope="session")
def listening() -> Callable[..., AbstractContextManager[str]]:
    """`with listening(bench) as address` serves the application over HTTP from a thread.

    `settings`: the [annotate] of nami.toml; `around(app)`: what stands before the application;
    `all_studies`: of the workspace, not the bench's alone; `hub`: where else people have an account.
    """
    return _listening


@pytest.fixture
def address(bench: Bench) -> Iterator[str]:
    """The address where `bench` is served."""
    with _listening(bench) as url:
        yield url


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, httpx.Client]]:
    """A workspace and a logged-in browser for tests that change nothing."""
    made = make_bench(tmp_path_factory.mktemp("shared") / "bench", strata=("short",))
    with _listening(made) as url, httpx.Client(base_url=url, timeout=30) as client:
        client.post("/login", data={"name": "ada", "token": made.tokens["ada"]})
        yield made, client
    made.store.close()


class _NoProcess:
    """Answers the onlooker's questions in a thread: to start a process for each test takes seconds."""

    is_alive = True

    def __init__(self, url: str) -> None:
        self._store = Store.open(url, create=False)
        self._looks = StudyLooks(self._store)

    def ask_later(self, what: str, *about: str) -> "Future[bytes]":
        future: Future[bytes] = Future()
        future.set_running_or_notify_cancel()

        def answer() -> None:
            try:
                future.set_result(getattr(self._looks, what)(*about))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=answer, daemon=True).start()
        return future

    def end(self) -> None:
        self._store.close()


@pytest.fixture(autouse=True)
def onlooker_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """None; a module of tests that are about the process has a fixture of this name of its own."""
    monkeypatch.setattr(onlooker, "_Helper", _NoProcess)


@contextmanager
def _listening(
    bench: Bench,
    settings: AnnotateConfig = DEFAULTS,
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    all_studies: bool = False,
    hub: HubLogin | None = None,
) -> Iterator[str]:
    import uvicorn

    from nami_bench.annotator_app.app import build_app
    from nami_bench.annotator_app.terms import read_terms

    running: queue.Queue[uvicorn.Server] = queue.Queue()

    async def run(listener: socket.socket) -> None:
        # Built inside a loop: outside, Gradio makes loops of its own and never closes them.
        study = None if all_studies else bench.study
        app = build_app(bench.store, bench.images_dir, study, read_terms(bench.workspace), settings, hub)
        server = uvicorn.Server(
            uvicorn.Config(
                around(app), log_level="critical", server_header=False, timeout_graceful_shutdown=1
            )
        )
        running.put(server)
        await server.serve(sockets=[listener])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(run(listener)))
        thread.start()
        server = running.get(timeout=120)  # a busy machine loads Gradio for half a minute
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True)
class Server:
    """`nami-bench annotate`, running."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; the exit code and everything the program printed."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=120), self.log.read_text()


@pytest.fixture
def start_server(start_program: Callable[..., Server]) -> Callable[..., Server]:
    """`start_server(bench, *arguments)` runs `nami-bench annotate` in a process of its own."""
    return lambda bench, *arguments: start_program(bench, "annotate", *arguments)


@pytest.fixture
def start_program() -> Iterator[Callable[..., Server]]:
    """`start_program(bench, command, *arguments)`: one of those that serve, in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(bench: Bench, *arguments: str) -> Server:
        root = bench.workspace.root
        log = root / f"{arguments[0]}-{len(started)}.log"
        command = [sys.executable, "-m", "nami_bench", "--workspace", str(root), *arguments]
        with log.open("w") as stderr:
            started.append(subprocess.Popen(command, stderr=stderr, stdout=subprocess.DEVNULL, text=True))
        return Server(_address(started[-1], log), started[-1], log)

    yield start
    for process in started:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    for _ in range(3000):
        if found := re.search(r"at (http://\S+)", log.read_text()):
            return found[1]
        assert process.poll() is None, f"the server ended: {log.read_text()}"
        time.sleep(0.1)
    raise AssertionError(f"the server did not start within five minutes: {log.read_text()}")
