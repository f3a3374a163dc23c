"""The administrator's routes. The gate lets nobody else through to /admin."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.annotator_app.studies import Studies
from nami_bench.domain import Annotator, Role
from nami_bench.store import Store

_PART_BYTES = 2**18


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


def add_admin_routes(app: FastAPI, store: Store, studies: Studies, onlooker: Onlooker) -> None:
    """Add what lies below /admin; of the study that a request names, else the newest."""

    async def named(study: str | None = None) -> str:
        return study if study is not None else await asyncio.to_thread(studies.newest)

    Named = Annotated[str, Depends(named)]

    @app.get("/admin/overview")
    async def show(study: Named) -> Response:
        return Response(await onlooker.ask("overview", study), media_type="application/json")

    @app.post("/admin/pause")
    def pause(request: Request, body: Pause) -> dict[str, Any]:
        store.oversight.pause(body.study, body.annotator, body.reason.strip() or "by the administrator")
        return {}

    @app.post("/admin/resume")
    def resume(request: Request, body: Resume) -> dict[str, Any]:
        store.oversight.resume(body.study, body.annotator)
        return {}

    @app.post("/admin/annotators")
    def add(request: Request, body: NewAnnotator) -> dict[str, Any]:
        person = Annotator(body.name, body.role)
        return {"name": person.name, "token": store.accounts.add(person)}

    @app.get("/admin/ratings.csv")
    async def ratings(study: Named) -> Response:
        path = Path((await onlooker.ask("ratings_csv", study)).decode())
        headers = {
            "Content-Disposition": f'attachment; filename="{Path(study).name}.csv"',
            "Content-Length": str(path.stat().st_size),
        }
        parts = _parts_of(path)
        return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/admin/leaderboard")
    async def board(study: Named) -> dict[str, Any]:
        return {"html": (await onlooker.ask("leaderboard", study)).decode()}


def _parts_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file that is gone when they were read, or when whoever reads them goes."""
    with path.open("rb") as file:
        path.unlink()
        while part := file.read(_PART_BYTES):
            yield part
