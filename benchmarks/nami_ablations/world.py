"""The miniature's data: four shapes in four colors, drawn once, so that every run sees the same pictures.

One object in the middle of each picture. Some combinations of shape and color are never drawn for training:
those that `nami_bench.generators.nami.training.shapes_data` holds out.
"""

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nami_bench.generators.nami.training.shapes_data import Caption, captions, is_held_out
from nami_bench.generators.scenes import PlacedShape, Scene, render

SHAPES = ("circle", "square", "triangle", "cross")
COLORS = ("red", "green", "blue", "yellow")
TASK_SHARES = {"single_object": 0.2, "colors": 0.8}
SIZE = 32
TRAINING_IMAGES = 8192
OBJECT_SIZE = 0.625
"""Of the picture's side: 20 pixels."""
_ALL_TRAINED = ("single_object",)
"""Tasks with so few captions in the miniature that none is held out."""


def world_captions(task: str) -> tuple[Caption, ...]:
    """Every caption of `task` that names nothing but the miniature's shapes and colors, by text."""
    everything = (*captions(task, "train"), *captions(task, "held-out"))
    found = {caption.text: caption for caption in everything if _is_inside(caption)}
    return tuple(found[text] for text in sorted(found))


def is_trained(caption: Caption) -> bool:
    """Whether training sees pictures of this caption."""
    return caption.clauses["tag"] in _ALL_TRAINED or not is_held_out(caption.clauses)


def draw(count: int, seed: int) -> Iterator[tuple[Caption, NDArray[np.uint8]]]:
    """`count` captions that training sees, by TASK_SHARES, each with a picture (SIZE, SIZE, 3)."""
    rng = np.random.default_rng(seed)
    pools = {task: [c for c in world_captions(task) if is_trained(c)] for task in TASK_SHARES}
    seen = [caption.clauses["include"][0] for caption in pools["colors"]]
    for task in rng.choice(list(TASK_SHARES), size=count, p=list(TASK_SHARES.values())):
        pool = pools[str(task)]
        caption = pool[int(rng.integers(len(pool)))]
        (clause,) = caption.clauses["include"]
        colors = [clause["color"]] if "color" in clause else _colors(clause["class"], seen)
        yield caption, picture(clause["class"], str(rng.choice(colors)))


def picture(shape: str, color: str) -> NDArray[np.uint8]:
    """One object in the middle: (SIZE, SIZE, 3)."""
    scene = Scene((PlacedShape(shape, color, 0.5, 0.5, OBJECT_SIZE),))
    return np.asarray(render(scene, SIZE))


def write_shard(path: Path, count: int = TRAINING_IMAGES, seed: int = 0) -> None:
    """The training set as one WebDataset shard; left alone where it is there already."""
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, (caption, pixels) in enumerate(draw(count, seed)):
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "PNG", compress_level=1)
            _add(archive, f"{number:06d}.png", content.getvalue())
            _add(archive, f"{number:06d}.txt", caption.text.encode())
    partial.replace(path)


def _colors(shape: str, seen: Sequence[Mapping[str, Any]]) -> list[str]:
    """The colors in which training sees `shape`, for captions that name none."""
    return [clause["color"] for clause in seen if clause["class"] == shape]


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _is_inside(caption: Caption) -> bool:
    return all(
        clause["class"] in SHAPES and clause.get("color", COLORS[0]) in COLORS
        for clause in caption.clauses["include"]
    )
