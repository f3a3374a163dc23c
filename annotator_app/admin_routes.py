"""The administrator's routes. The gate lets nobody else through to /admin."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from annotator_app.admin import judgements_csv, leaderboard_page, overview
from annotator_app.studies import Studies
from nami_bench.domain import Annotator, Role
from nami_bench.store import Store


class Pause(BaseModel):
    """POST /admin/pause."""

    model_config = ConfigDict(extra="forbid")

    study: str
    annotator: str
    reason: Annotated[str, Field(max_length=500)] = "by the administrator"


class Resume(BaseModel):
    """POST /admin/resume."""

    model_config = ConfigDict(extra="forbid")

    study: str
    annotator: str


class NewAnnotator(BaseModel):
    """POST /admin/annotators."""

    model_config = ConfigDict(extra="forbid")

    name: str
    role: Role = Role.ANNOTATOR


def add_admin_routes(app: FastAPI, store: Store, studies: Studies) -> None:
    """Add what lies below /admin; of the study that a request names, else the newest."""

    @app.get("/admin/overview")
    def show(study: str | None = None) -> dict[str, Any]:
        return overview(store, study or studies.newest())

    @app.post("/admin/pause")
    def pause(request: Request, body: Pause) -> dict[str, Any]:
        store.pause_member(body.study, body.annotator, body.reason.strip() or "by the administrator")
        return {}

    @app.post("/admin/resume")
    def resume(request: Request, body: Resume) -> dict[str, Any]:
        store.resume_member(body.study, body.annotator)
        return {}

    @app.post("/admin/annotators")
    def add(request: Request, body: NewAnnotator) -> dict[str, Any]:
        person = Annotator(body.name, body.role)
        return {"name": person.name, "token": store.add_annotator(person)}

    @app.get("/admin/ratings.csv")
    def ratings(study: str | None = None) -> Response:
        study = study or studies.newest()
        headers = {"Content-Disposition": f'attachment; filename="{Path(study).name}.csv"'}
        return Response(judgements_csv(store, study), media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/admin/leaderboard")
    def board(study: str | None = None) -> dict[str, Any]:
        return {"html": leaderboard_page(store, study or studies.newest())}
