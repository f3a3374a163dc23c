"""The application put together: the gate, log-in, the work (`routes`), pages (`views`), errors (`faults`)."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from nami_bench.annotator_app.access import Gate, LoginCookie
from nami_bench.annotator_app.admin_page import AdminPage, RelativePage
from nami_bench.annotator_app.admin_routes import add_admin_routes
from nami_bench.annotator_app.crowd.routes import join_router
from nami_bench.annotator_app.faults import answer_errors
from nami_bench.annotator_app.health import health_router
from nami_bench.annotator_app.login import login_router
from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.annotator_app.origin import Hosts
from nami_bench.annotator_app.routes import at_the_root, named_in_path, work_router
from nami_bench.annotator_app.studies import Studies
from nami_bench.annotator_app.submission_routes import add_queue_routes, add_submission_routes
from nami_bench.annotator_app.subpath import Prefix
from nami_bench.annotator_app.terms import Terms
from nami_bench.annotator_app.views import STATIC, TITLE, page_router
from nami_bench.config import AnnotateConfig
from nami_bench.domain import Study
from nami_bench.pipeline.known_prompts import KnownPrompts
from nami_bench.store import Store

_SETTINGS = AnnotateConfig()


def build_app(
    store: Store, images_dir: Path, study: Study | None, terms: Terms, settings: AnnotateConfig = _SETTINGS
) -> FastAPI:
    """The whole application, for one study or (None) all of the workspace's; its state is in `store` alone.

    Log-in, pages, administration and proposed prompts belong to the workspace, and there is one of each. The
    work on a study is a router of its own, at /study/NAME; it stands at the root, too, where one study is
    served, and for pages that an older version served there. `settings` say by which names and below which
    path the app is reached.
    """
    studies = Studies(store, None if study is None else study.name)
    cookie = LoginCookie(studies.place)
    may_propose = terms.open_to != "nobody"
    title = TITLE if study is None else study.name
    onlooker = Onlooker(store.url)
    admin_page = AdminPage(f"{title}: administration", studies.workspace)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=admin_page.lifespan)
    answer_errors(app)
    app.include_router(health_router(store))
    app.include_router(login_router(store, cookie, title))
    app.include_router(join_router(store, images_dir, studies, cookie))
    app.include_router(page_router(studies, may_propose=may_propose))
    for prefix, study_of in (("", at_the_root(store, studies)), ("/study/{study}", named_in_path(studies))):
        work = work_router(store, images_dir, studies, study_of, onlooker, may_propose=may_propose)
        app.include_router(work, prefix=prefix)
    add_admin_routes(app, store, studies, onlooker)
    known = KnownPrompts(store)
    add_submission_routes(app, store, known, terms)
    add_queue_routes(app, store, known, terms)
    app.get("/favicon.ico")(lambda: FileResponse(STATIC / "icon.svg"))
    app.mount("/app", StaticFiles(directory=STATIC))
    app.mount("/admin", admin_page)  # last: it answers everything below that has no route yet
    app.add_middleware(RelativePage)
    app.add_middleware(
        Gate,
        find=store.logins.session_annotator,
        proposers=terms.open_to,
        hosts=Hosts(settings.host, settings.host_names),
        cookie=cookie,
    )
    if settings.root_path:
        app.add_middleware(Prefix, prefix=settings.root_path)
    return app
