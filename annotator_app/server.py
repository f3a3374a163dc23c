"""The web server: one process, or several on one port."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from nami_bench.annotator_app.sessions import open_study
from nami_bench.annotator_app.terms import read_terms
from nami_bench.config import Workspace
from nami_bench.domain import Study
from nami_bench.errors import DatabaseLostError, InputError, NamiBenchError, WorkError
from nami_bench.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

START_SECONDS = 300.0
PATIENCE_S = 10.0
"""So long a request waits for a locked database; browsers wait for 20 s."""

Ready = Callable[[str, Sequence[Study]], object]


def serve(
    workspace: Workspace,
    store: Store,
    study_name: str | None,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    host_names: Sequence[str] = (),
    root_path: str | None = None,
    on_ready: Ready = lambda address, studies: None,
) -> None:
    """Serve a study (None: all of the workspace) until interrupted; port 0 takes a free one.

    What is not given comes from the workspace's settings; `host_names` are known beside those there. Several
    workers share the port; one that dies is started again. `on_ready(address, studies)` is called once the
    address takes connections. Raises InputError where there is nothing to annotate or the address cannot be
    had, WorkError where the server fails to start, DatabaseLostError at the end where the database is not
    there any more.
    """
    given = {"host": host, "port": port, "workers": workers, "root_path": root_path}
    settings = replace(
        workspace.annotate,
        host_names=(*workspace.annotate.host_names, *host_names),
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
    workspace = replace(workspace, annotate=settings)
    one, terms = open_study(store, study_name), read_terms(workspace)
    studies = store.studies.all() if study_name is None else [one]
    with _listen(settings.host, settings.port) as listener:
        below = f"{settings.root_path}/" if settings.root_path else ""
        address = f"http://{_shown(settings.host)}:{listener.getsockname()[1]}{below}"
        config = uvicorn.Config(
            partial(_worker_app, workspace, study_name),
            factory=True,
            workers=settings.workers,
            forwarded_allow_ips=list(settings.trusted_proxies),
            http="h11",  # httptools is a little faster, and reads request headers without end
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )
        if config.workers > 1:
            _supervise(config, listener, lambda: on_ready(address, studies))
        else:
            from nami_bench.annotator_app.app import build_app  # heavy: not for the parent of workers

            only = None if study_name is None else one
            app = build_app(store, workspace.images_dir, only, terms, settings)
            config.app = partial(_answering_at_the_end, app, store)
            _run(config, listener, lambda: on_ready(address, studies))
    _check_that_all_is_saved(store)


def _run(config: uvicorn.Config, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    server = uvicorn.Server(config)
    # uvicorn raises the signal that stopped it once more: SIGTERM then ends like Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    on_ready()
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
    if not server.started:
        raise WorkError("the annotation server did not start: the lines above say why")


def _supervise(config: uvicorn.Config, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    class Workers(Multiprocess):
        def init_processes(self) -> None:
            super().init_processes()
            if all(p.wait_until_ready(START_SECONDS, self.should_exit) for p in self.processes):
                on_ready()

    workers = Workers(config, [listener])
    workers.run()
    if any(process.exitcode == STARTUP_FAILURE for process in workers.processes):
        raise WorkError("the annotation server did not start: the lines above say why")


def _worker_app(workspace: Workspace, study_name: str | None) -> "FastAPI":
    """What one of several worker processes serves."""
    from nami_bench.annotator_app.app import build_app

    _end_with_parent()
    try:
        store = Store.open(workspace.database_url, patience_s=PATIENCE_S, create=False)
        study = None if study_name is None else store.studies.get(study_name)
        app = build_app(store, workspace.images_dir, study, read_terms(workspace), workspace.annotate)
        return _answering_at_the_end(app, store)
    except NamiBenchError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there is nobody to raise it to
        sys.exit(STARTUP_FAILURE)


def _answering_at_the_end(app: "FastAPI", store: Store) -> "FastAPI":
    """Let the signals that end the server also end its waits for the database: whoever waits is answered.

    To be called where uvicorn loads the application, after it has set its own handlers.
    """
    for kind in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(kind)

        def stop(number: int, frame: FrameType | None, before: Any = before) -> None:
            store.stop_waiting()
            if callable(before):
                before(number, frame)

        signal.signal(kind, stop)
    return app


def _check_that_all_is_saved(store: Store) -> None:
    try:
        store.check()
    except DatabaseLostError as error:
        raise DatabaseLostError(
            f"stopped, and not everything that was submitted is saved: {error}"
        ) from error


def _end_with_parent() -> None:
    """Without this, workers would hold the port after their parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port or --host"
        ) from error


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
