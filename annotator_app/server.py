"""The web server: one process, or several on one port."""

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from nami_bench.annotator_app.sessions import has_administrator, open_study
from nami_bench.annotator_app.terms import read_terms
from nami_bench.config import Workspace
from nami_bench.domain import Study
from nami_bench.errors import DatabaseLostError, NamiBenchError
from nami_bench.services.web_server import end_with_parent, listen, run, shown_host, supervise
from nami_bench.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

    from nami_bench.annotator_app.hub_login import HubLogin

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
    trusted_proxies: Sequence[str] = (),
    root_path: str | None = None,
    hub: "HubLogin | None" = None,
    on_ready: Ready = lambda address, studies: None,
) -> None:
    """Serve a study (None: all of the workspace) until interrupted; port 0 takes a free one.

    What is not given comes from the workspace's settings; `host_names` and `trusted_proxies` are known beside
    those there; `hub`: people may log in with an account there. Several workers share the port; one that dies
    is started again. `on_ready(address, studies)` is called once the address takes connections.

    Raises InputError where there is nothing to annotate and no administrator who could change that, or the
    address cannot be had, WorkError where the server fails to start, DatabaseLostError at the end where the
    database is not there any more.
    """
    given = {"host": host, "port": port, "workers": workers, "root_path": root_path}
    settings = replace(
        workspace.annotate,
        host_names=(*workspace.annotate.host_names, *host_names),
        trusted_proxies=(*workspace.annotate.trusted_proxies, *trusted_proxies),
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
    workspace = replace(workspace, annotate=settings)
    one = open_study(store, study_name) if study_name or not has_administrator(store) else None
    terms = read_terms(workspace)
    studies = [one] if one is not None and study_name else store.studies.all()
    with listen(settings.host, settings.port) as listener:
        below = f"{settings.root_path}/" if settings.root_path else ""
        address = f"http://{shown_host(settings.host)}:{listener.getsockname()[1]}{below}"
        config = uvicorn.Config(
            partial(_worker_app, workspace, study_name, hub),
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
            supervise(config, listener, lambda: on_ready(address, studies))
        else:
            from nami_bench.annotator_app.app import build_app  # heavy: not for the parent of workers

            only = None if study_name is None else one
            app = build_app(store, workspace.images_dir, only, terms, settings, hub)
            config.app = partial(_answering_at_the_end, app, store)
            run(config, listener, lambda: on_ready(address, studies))
    _check_that_all_is_saved(store)


def _worker_app(workspace: Workspace, study_name: str | None, hub: "HubLogin | None") -> "FastAPI":
    """What one of several worker processes serves."""
    from nami_bench.annotator_app.app import build_app

    end_with_parent()
    try:
        store = Store.open(workspace.database_url, patience_s=PATIENCE_S, create=False)
        study = None if study_name is None else store.studies.get(study_name)
        app = build_app(store, workspace.images_dir, study, read_terms(workspace), workspace.annotate, hub)
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
