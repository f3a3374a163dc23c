"""The application put together: the gate, log-in, the work (`routes`), pages (`views`), console, errors."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.staticfiles import StaticFiles

from nami_bench.annotator_app.access import Gate, LoginCookie
from nami_bench.annotator_app.console.mounting import LazyConsole, Surroundings, is_page, level_of
from nami_bench.annotator_app.console.process import Forwarding
from nami_bench.annotator_app.console.routes import (
    console_door,
    console_router,
    item_pictures,
    way_to_the_console,
)
from nami_bench.annotator_app.crowd.routes import join_router
from nami_bench.annotator_app.faults import answer_errors
from nami_bench.annotator_app.health import health_router
from nami_bench.annotator_app.hub_login import HubLogin
from nami_bench.annotator_app.levels import Guarded, Level, check_levels
from nami_bench.annotator_app.login import login_router
from nami_bench.annotator_app.message_routes import message_router
from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.annotator_app.origin import Hosts
from nami_bench.annotator_app.own_tab import OwnTab
from nami_bench.annotator_app.routes import at_the_root, named_in_path, work_router
from nami_bench.annotator_app.studies import Studies
from nami_bench.annotator_app.submission_routes import submission_router
from nami_bench.annotator_app.subpath import Prefix
from nami_bench.annotator_app.terms import Terms
from nami_bench.annotator_app.views import (
    STATIC,
    TITLE,
    choice_router,
    page_router,
    proposing_page,
    way_router,
)
from nami_bench.config import AnnotateConfig
from nami_bench.domain import Study
from nami_bench.pipeline.known_prompts import KnownPrompts
from nami_bench.store import Store

if TYPE_CHECKING:
    from gradio import Server

_SETTINGS = AnnotateConfig()
_PROPOSERS = {"annotators": Level.ANNOTATOR, "everybody": Level.ANYBODY}
"""The level of who may propose prompts, by the workspace's terms."""


def build_app(
    store: Store,
    images_dir: Path,
    study: Study | None,
    terms: Terms,
    settings: AnnotateConfig = _SETTINGS,
    hub: HubLogin | None = None,
    console_at: Path | None = None,
    ahead: bool = False,
) -> "Server":
    """The whole application, for one study or (None) all of the workspace's; its state is in `store` alone.

    Log-in, pages, the console and proposed prompts belong to the workspace, and there is one of each. The
    work on a study is a router of its own, at /study/NAME; it stands at the root, too, where one study is
    served, and for pages that an older version served there. `settings` say by which names and below which
    path the app is reached, `hub` how people log in with an account there. `console_at`: the Unix socket of
    the process that has the console, where this one is one of several; None: it is here, loaded at the first
    request, or `ahead`, for servers that stay. The class is Gradio's, which costs seconds and 120 MB to load.
    """
    parts = _Parts(store, images_dir, study, terms, settings)
    console = parts.console(ahead=ahead) if console_at is None else Forwarding(console_at)
    app = parts.server(console.lifespan, hub)
    studies, may_propose = parts.studies, terms.open_to in _PROPOSERS
    app.include_router(join_router(store, images_dir, studies, parts.cookie))
    app.include_router(page_router(studies))
    app.include_router(choice_router(studies, may_propose=may_propose))
    for prefix, study_of in (("", at_the_root(store, studies)), ("/study/{study}", named_in_path(studies))):
        work = work_router(store, images_dir, studies, study_of, parts.onlooker, may_propose=may_propose)
        app.include_router(work, prefix=prefix)
        app.include_router(message_router(store, studies, study_of), prefix=prefix)
    if may_propose:
        level = _PROPOSERS[terms.open_to]
        app.include_router(proposing_page(studies, level))
        app.include_router(submission_router(store, parts.known, terms, level))
    return parts.finished(app, console)


def build_console_app(
    store: Store,
    images_dir: Path,
    study: Study | None,
    terms: Terms,
    settings: AnnotateConfig = _SETTINGS,
    *,
    ahead: bool = False,
) -> "Server":
    """The console alone, with its log-in: see `build_app`."""
    parts = _Parts(store, images_dir, study, terms, settings)
    console = parts.console(ahead=ahead)
    app = parts.server(console.lifespan)
    app.include_router(way_to_the_console())
    return parts.finished(app, console)


class _Parts:
    """What both applications are made of."""

    def __init__(
        self, store: Store, images_dir: Path, study: Study | None, terms: Terms, settings: AnnotateConfig
    ) -> None:
        self.studies = Studies(store, None if study is None else study.name)
        self.onlooker, self.known = Onlooker(store.url), KnownPrompts(store)
        self._store, self._images_dir, self._terms, self._settings = store, images_dir, terms, settings
        self._title = TITLE if study is None else study.name
        self.cookie = LoginCookie(self.studies.place)

    def console(self, *, ahead: bool) -> LazyConsole:
        """The console, in this process."""
        found = Surroundings(
            self._store, self.studies, self._images_dir, self.onlooker, self.known, self._terms
        )
        return LazyConsole(f"{self._title}: console", found, ahead=ahead)

    def server(self, lifespan: Any, hub: HubLogin | None = None) -> "Server":
        """An application with what everybody reaches."""
        from gradio import Server

        app = Server(
            docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan, redirect_slashes=False
        )
        answer_errors(app)
        app.include_router(way_router())
        app.include_router(health_router(self._store))
        app.include_router(login_router(self._store, self.cookie, self._title, hub))
        app.mount("/app", Guarded(StaticFiles(directory=STATIC), Level.PUBLIC))
        return app

    def finished(self, app: "Server", console: LazyConsole | Forwarding) -> "Server":
        """`app` with the console, behind the gate; RuntimeError where a route carries no level."""
        app.include_router(console_door())
        if isinstance(console, LazyConsole):
            routes = console_router(self._store, self.studies, self._images_dir, self.onlooker)
            app.include_router(routes)
            app.include_router(item_pictures(self._store, self.studies, self._images_dir))
        app.mount("/admin", Guarded(console, level_of, is_page))  # last: what has no route yet
        check_levels(app)
        hosts = Hosts(self._settings.host, self._settings.host_names)
        find = self._store.logins.session_annotator
        app.add_middleware(Gate, find=find, hosts=hosts, cookie=self.cookie)
        if self._settings.framed_by:
            app.add_middleware(OwnTab, framed_by=self._settings.framed_by)
        if self._settings.root_path:
            app.add_middleware(Prefix, prefix=self._settings.root_path)
        return app
