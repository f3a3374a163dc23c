"""`/healthz`: does the server live, and could it take a rating now? For containers and proxies."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from nami_bench.annotator_app.levels import Level, router
from nami_bench.errors import NamiBenchError
from nami_bench.store import Store

PATIENCE_S = 3.0
"""A database that takes longer to answer a small question is not ready."""


def health_router(store: Store) -> APIRouter:
    """GET /healthz: 200 where all is well, else 503 with a word that says what is not.

    GET /healthz/live is 200 even then: a new process would find the same database.
    """
    public = router(Level.PUBLIC)
    asking: asyncio.Future[str | None] | None = None

    async def database() -> str | None:
        """What is wrong with the database, in a word; asked once for all who want to know."""
        nonlocal asking
        if asking is None or asking.done():
            asking = asyncio.ensure_future(asyncio.to_thread(_ask, store))
        try:
            return await asyncio.wait_for(asyncio.shield(asking), PATIENCE_S)
        except TimeoutError:
            return "database_busy"

    @public.api_route("/healthz/live", methods=["GET", "HEAD"])
    async def live() -> JSONResponse:
        return JSONResponse({"live": True})

    @public.api_route("/healthz", methods=["GET", "HEAD"])
    async def health() -> JSONResponse:
        reason = await database()
        if reason is None:
            return JSONResponse({"live": True, "ready": True})
        return JSONResponse({"live": True, "ready": False, "reason": reason}, 503)

    return public


def _ask(store: Store) -> str | None:
    try:
        store.check_reachable()
    except NamiBenchError:
        return "database"
    return None
