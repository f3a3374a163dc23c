"""The administrator's routes. The gate lets nobody else through to /admin."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from annotator_app.admin import judgements_csv, leaderboard_page, overview
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


def add_admin_routes(app: FastAPI, store: Store, study: str) -> None:
    """Add what lies below /admin, and /leaderboard for annotators where the study lets them see it."""

    @app.get("/admin/overview")
    def show(study: str = study) -> dict[str, Any]:
        return overview(store, study)

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
    def ratings(study: str = study) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="{Path(study).name}.csv"'}
        return Response(judgements_csv(store, study), media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/admin/leaderboard")
    def board(study: str = study) -> dict[str, Any]:
        return {"html": leaderboard_page(store, study)}

    @app.get("/leaderboard")
    def live_board(request: Request) -> Response:
        live = store.study(study).live_leaderboard == "annotators"
        if not live and request.state.role != Role.ADMINISTRATOR:
            message = {"error": "the leaderboard is not shown to annotators", "code": "forbidden"}
            return JSONResponse(message, 403)
        return JSONResponse({"html": leaderboard_page(store, study)})
