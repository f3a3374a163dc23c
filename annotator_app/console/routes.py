"""What the console's pages lead to and show beside Gradio's own: files and pictures. For owners alone."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from PIL import Image, ImageOps

from nami_bench.annotator_app.levels import Level, router
from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.annotator_app.studies import Studies
from nami_bench.annotator_app.study_files import study_file
from nami_bench.annotator_app.subpath import with_slash
from nami_bench.domain import ImageRecord, Study
from nami_bench.errors import ImageError, RefusedError
from nami_bench.images import read_hashed_image
from nami_bench.store import Store

SMALL = 320
"""Pixels of a small picture's longer side."""

_GRAY = (128, 128, 128)
_PART_BYTES = 2**18
_KEPT = {"Cache-Control": "private, max-age=86400"}  # a recorded image never changes


def console_router(store: Store, studies: Studies, images_dir: Path, onlooker: Onlooker) -> APIRouter:
    """Add what lies below /admin; of the study that a request names, else the newest."""
    owners = router(Level.OWNER)

    async def named(study: str | None = None) -> str:
        return study if study is not None else await asyncio.to_thread(studies.newest)

    Named = Annotated[str, Depends(named)]

    @owners.get("/admin/file/{name}")
    async def file(request: Request, study: Named, name: str) -> Response:
        kind = study_file(name)
        path = Path((await onlooker.ask("file", study, name)).decode())
        owner = request.state.annotator
        words = f"{name} was taken out" + (", with names" if kind.personal else "")
        await asyncio.to_thread(store.oversight.note, "exported", words, by=owner, study=study)
        headers = {
            "Content-Disposition": f'attachment; filename="{Path(study).name}-{name}"',
            "Content-Length": str(path.stat().st_size),
        }
        return StreamingResponse(_parts_of(path), media_type=kind.media_type, headers=headers)

    @owners.get("/admin/picture/{image}")
    def picture(image: int) -> Response:
        return _picture(store, images_dir, image, None)

    @owners.get("/admin/picture/{image}/small")
    def small_picture(image: int) -> Response:
        return _picture(store, images_dir, image, SMALL)

    return owners


def item_pictures(store: Store, studies: Studies, images_dir: Path) -> APIRouter:
    """The images of items: by nothing that tells the model, and as annotators see them."""
    adjudicators, pictures = router(Level.ADJUDICATOR), Pictures()

    def shown(item: int, side: int) -> tuple[Study, ImageRecord]:
        study, images = store.answers.images(item)
        if studies.only not in (None, study) or not 0 <= side < len(images):
            raise RefusedError("not_yours", "this item is not of a study that is served here")
        return store.studies.get(study), store.images.by_number(images[side])

    def png(item: int, side: int) -> bytes:
        study, record = shown(item, side)
        if record.path is None or record.sha256 is None:
            raise ImageError(f"the image of item {item} was not made: {record.reason}")
        return pictures.png(study.name, images_dir / record.path, record.sha256, study.canvas)

    @adjudicators.get("/admin/item/{item}/{side}")
    def picture(item: int, side: int) -> Response:
        return Response(png(item, side), media_type="image/png", headers=_KEPT)

    @adjudicators.get("/admin/item/{item}/{side}/small")
    def small_picture(item: int, side: int) -> Response:
        with Image.open(io.BytesIO(png(item, side))) as image:
            image.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            image.save(buffer, format="JPEG", quality=85)
        return Response(buffer.getvalue(), media_type="image/jpeg", headers=_KEPT)

    @adjudicators.get("/admin/item/{item}/{side}/marks/{kind}")
    def marked_picture(item: int, side: int, kind: str) -> Response:
        from nami_bench.pipeline.marks import image_overlay  # its statistics are slow to load

        study, record = shown(item, side)
        key = (record.model, record.prompt_id, record.sample)
        drawn = image_overlay(store, images_dir, study.name, key, kind)
        if study.canvas:  # as on the screen: its proportions tell nothing
            drawn = _on_canvas(drawn)
        return Response(drawn, media_type="image/png", headers={"Cache-Control": "private, no-store"})

    return adjudicators


def _on_canvas(png: bytes) -> bytes:
    """The image in the middle of a gray square."""
    with Image.open(io.BytesIO(png)) as image:
        side = max(image.size)
        square = ImageOps.pad(image, (side, side), color=_GRAY)
    buffer = io.BytesIO()
    square.save(buffer, format="PNG")
    return buffer.getvalue()


def console_door() -> APIRouter:
    """The address without its slash, at which the pages' relative links would not hold."""
    door = router(Level.OWNER, pages=True)

    @door.api_route("/admin", methods=["GET", "HEAD"])
    async def untidy(request: Request) -> Response:
        return RedirectResponse(with_slash(request.scope), 307)

    return door


def way_to_the_console() -> APIRouter:
    """The first page of a server that has nothing but the console."""
    way = router(Level.OWNER, pages=True)

    @way.api_route("/", methods=["GET", "HEAD"])
    async def first() -> Response:
        return RedirectResponse("admin/", 307)

    return way


def _picture(store: Store, images_dir: Path, number: int, side: int | None) -> Response:
    """A recorded image as PNG, or small as JPEG; raises ImageError where it is missing or another."""
    record = store.images.by_number(number)
    if record.path is None:
        raise ImageError(f"image {number} was not made: {record.reason}")
    image, sha256 = read_hashed_image(images_dir / record.path)
    if sha256 != record.sha256:
        raise ImageError(f"{record.path} is not the file that was recorded")
    shown = image.convert("RGB")
    if side is not None:
        shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    shown.save(buffer, format="PNG" if side is None else "JPEG", quality=85)
    return Response(
        buffer.getvalue(), media_type="image/png" if side is None else "image/jpeg", headers=_KEPT
    )


def _parts_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file that is gone when they were read, or when whoever reads them goes."""
    with path.open("rb") as file:
        path.unlink()
        while part := file.read(_PART_BYTES):
            yield part
