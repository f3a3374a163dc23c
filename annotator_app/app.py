"""The application put together: the gate, log-in, the work (`routes`), pages (`views`), console, errors."""

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.staticfiles import StaticFiles

from nami_bench.annotator_app.access import Gate, LoginCookie
from nami_bench.annotator_app.console.mounting import LazyConsole, is_page
from nami_bench.annotator_app.console.routes import console_door, console_router
from nami_bench.annotator_app.crowd.routes import join_router
from nami_bench.annotator_app.faults import answer_errors
from nami_bench.annotator_app.health import health_router
from nami_bench.annotator_app.hub_login import HubLogin
from nami_bench.annotator_app.levels import Guarded, Level, check_levels
from nami_bench.annotator_app.login import login_router
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
) -> "Server":
    """The whole application, for one study or (None) all of the workspace's; its state is in `store` alone.

    Log-in, pages, the console and proposed prompts belong to the workspace, and there is one of each. The
    work on a study is a router of its own, at /study/NAME; it stands at the root, too, where one study is
    served, and for pages that an older version served there. `settings` say by which names and below which
    path the app is reached, `hub` how people log in with an account there. The application's class is
    Gradio's, which costs a second and 120 MB to load.
    """
    from gradio import Server

    studies = Studies(store, None if study is None else study.name)
    cookie = LoginCookie(studies.place)
    may_propose = terms.open_to in _PROPOSERS
    title = TITLE if study is None else study.name
    onlooker, known = Onlooker(store.url), KnownPrompts(store)
    console = LazyConsole(f"{title}: console", store, studies, images_dir, onlooker)
    app = Server(
        docs_url=None, redoc_url=None, openapi_url=None, lifespan=console.lifespan, redirect_slashes=False
    )
    answer_errors(app)
    app.include_router(way_router())
    app.include_router(health_router(store))
    app.include_router(login_router(store, cookie, title, hub))
    app.include_router(join_router(store, images_dir, studies, cookie))
    app.include_router(page_router(studies))
    app.include_router(choice_router(studies, may_propose=may_propose))
    for prefix, study_of in (("", at_the_root(store, studies)), ("/study/{study}", named_in_path(studies))):
        work = work_router(store, images_dir, studies, study_of, onlooker, may_propose=may_propose)
        app.include_router(work, prefix=prefix)
    if may_propose:
        level = _PROPOSERS[terms.open_to]
        app.include_router(proposing_page(studies, level))
        app.include_router(submission_router(store, known, terms, level))
    app.mount("/app", Guarded(StaticFiles(directory=STATIC), Level.PUBLIC))
    app.include_router(console_door())
    app.include_router(console_router(store, studies, images_dir, onlooker))
    app.mount("/admin", Guarded(console, Level.OWNER, is_page))  # last: what has no route yet
    check_levels(app)
    app.add_middleware(
        Gate,
        find=store.logins.session_annotator,
        hosts=Hosts(settings.host, settings.host_names),
        cookie=cookie,
    )
    if settings.framed_by:
        app.add_middleware(OwnTab, framed_by=settings.framed_by)
    if settings.root_path:
        app.add_middleware(Prefix, prefix=settings.root_path)
    return app
