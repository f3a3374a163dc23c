"""Images in a workspace, without a generator."""

from pathlib import Path

from PIL.Image import Image

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.images import write_png
from nami_bench.store import Store


def put_image(
    store: Store,
    images_dir: Path,
    model: str,
    prompt_set: str,
    prompt_id: str,
    pixels: Image,
    sample: int = 0,
) -> ImageRecord:
    """Write an image where a run would, and record it as finished."""
    path = f"{model}/{prompt_set}/{prompt_id}/samples/{sample:04d}.png"
    stored = write_png(images_dir / path, pixels, {"model": model})
    store.images.put(
        ImageRecord(
            model=model,
            prompt_set=prompt_set,
            prompt_id=prompt_id,
            sample=0,
            state=ImageState.DONE,
            path=path,
            sha256=stored.sha256,
            width=stored.width,
            height=stored.height,
        )
    )
