"""The web server: one process, or several on one port."""

import gc
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from nami_bench.annotator_app.console.process import console_beside
from nami_bench.annotator_app.sessions import has_administrator, open_study
from nami_bench.annotator_app.terms import read_terms
from nami_bench.config import AnnotateConfig, Workspace
from nami_bench.domain import Study
from nami_bench.errors import DatabaseLostError, InputError, NamiBenchError
from nami_bench.services.web_server import end_with_parent, listen, run, shown_host, supervise
from nami_bench.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

    from nami_bench.annotator_app.hub_login import HubLogin

_LIKE_ALL: dict[str, Any] = {
    "http": "h11",  # httptools is a little faster, and reads request headers without end
    "ws": "none",
    "log_level": "error",
    "access_log": False,
    "server_header": False,
    "timeout_graceful_shutdown": 3,
}

PATIENCE_S = 10.0
"""So long a request waits for a locked database; browsers wait for 20 s."""

Ready = Callable[[str, Sequence[Study]], object]


def serve(
    workspace: Workspace,
    store: Store,
    study_name: str | None,
    *,
    on_ready: Ready = lambda address, studies: None,
    hub: "HubLogin | None" = None,
    **given: Any,
) -> None:
    """Serve a study (None: all of the workspace) until interrupted; port 0 takes a free one.

    `given`: `host`, `port`, `workers`, `host_names`, `trusted_proxies`, `root_path`; what is None comes from
    the workspace's settings, and `host_names` and `trusted_proxies` are known beside those there. `hub`:
    people may log in with an account there. Several workers share the port, and one console beside them; one
    that dies is started again. `on_ready(address, studies)` is called once the address takes connections.

    Raises InputError where there is nothing to annotate and no administrator who could change that, or the
    address cannot be had, WorkError where the server fails to start, DatabaseLostError at the end where the
    database is not there any more.
    """
    workspace = _with_settings(workspace, **given)
    settings, terms = workspace.annotate, read_terms(workspace)
    one = open_study(store, study_name) if study_name or not has_administrator(store) else None
    studies = [one] if one is not None and study_name else store.studies.all()
    with listen(settings.host, settings.port) as listener:
        ready = partial(on_ready, _address(settings, listener), studies)
        if settings.workers > 1:
            with console_beside(partial(_serve_console, workspace, study_name)) as console_at:
                app = partial(_worker_app, workspace, study_name, console_at, hub)
                supervise(_config(app, settings, settings.workers), listener, ready)
        else:
            from nami_bench.annotator_app.app import build_app  # heavy: not for the parent of workers

            only = None if study_name is None else one
            built = build_app(store, workspace.images_dir, only, terms, settings, hub, ahead=True)
            run(_config(partial(_answering_at_the_end, built, store), settings), listener, ready)
    _check_that_all_is_saved(store)


def serve_console(
    workspace: Workspace,
    store: Store,
    study_name: str | None,
    *,
    on_ready: Callable[[str], object] = lambda address: None,
    **given: Any,
) -> None:
    """Serve the console alone until interrupted: see `serve`. There may be no study yet."""
    from nami_bench.annotator_app.app import build_console_app

    workspace = _with_settings(workspace, workers=1, **given)
    settings, terms = workspace.annotate, read_terms(workspace)
    study = None if study_name is None else store.studies.get(study_name)
    if not has_administrator(store):
        raise InputError(
            "nobody can log in yet: run `nami-bench annotators add NAME --role administrator`, which prints "
            "a token"
        )
    with listen(settings.host, settings.port) as listener:
        built = build_console_app(store, workspace.images_dir, study, terms, settings, ahead=True)
        ready = partial(on_ready, _address(settings, listener))
        run(_config(partial(_answering_at_the_end, built, store), settings), listener, ready)


def _with_settings(
    workspace: Workspace,
    *,
    host_names: Sequence[str] = (),
    trusted_proxies: Sequence[str] = (),
    **given: Any,
) -> Workspace:
    settings = replace(
        workspace.annotate,
        host_names=(*workspace.annotate.host_names, *host_names),
        trusted_proxies=(*workspace.annotate.trusted_proxies, *trusted_proxies),
        **{name: value for name, value in given.items() if value is not None},
    )
    return replace(workspace, annotate=settings)


def _address(settings: AnnotateConfig, listener: socket.socket) -> str:
    below = f"{settings.root_path}/" if settings.root_path else ""
    return f"http://{shown_host(settings.host)}:{listener.getsockname()[1]}{below}"


def _config(app: Callable[[], "FastAPI"], settings: AnnotateConfig, workers: int = 1) -> uvicorn.Config:
    proxies = list(settings.trusted_proxies)
    return uvicorn.Config(app, factory=True, workers=workers, forwarded_allow_ips=proxies, **_LIKE_ALL)


def _worker_app(
    workspace: Workspace, study_name: str | None, console_at: Path, hub: "HubLogin | None"
) -> "FastAPI":
    """What one of several worker processes serves."""
    from nami_bench.annotator_app.app import build_app

    return _opened_app(workspace, study_name, partial(build_app, hub=hub, console_at=console_at))


def _console_app(workspace: Workspace, study_name: str | None) -> "FastAPI":
    """What the console's process serves to the workers, who have taken off what is before the app's paths."""
    from nami_bench.annotator_app.app import build_console_app

    settings = replace(workspace.annotate, root_path="")
    build = partial(build_console_app, ahead=True)
    return _opened_app(replace(workspace, annotate=settings), study_name, build)


def _opened_app(workspace: Workspace, study_name: str | None, build: Callable[..., "FastAPI"]) -> "FastAPI":
    end_with_parent()
    try:
        store = Store.open(workspace.database_url, patience_s=PATIENCE_S, create=False)
        study = None if study_name is None else store.studies.get(study_name)
        app = build(store, workspace.images_dir, study, read_terms(workspace), workspace.annotate)
        gc.freeze()  # as in LazyConsole
        return _answering_at_the_end(app, store)
    except NamiBenchError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there is nobody to raise it to
        sys.exit(STARTUP_FAILURE)


def _serve_console(workspace: Workspace, study_name: str | None, listener: socket.socket) -> None:
    """What the console's process does; whoever can reach its socket is one of the workers."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for the parent, which ends this
    app = partial(_console_app, workspace, study_name)
    config = uvicorn.Config(app, factory=True, forwarded_allow_ips="*", **_LIKE_ALL)
    uvicorn.Server(config).run(sockets=[listener])


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
