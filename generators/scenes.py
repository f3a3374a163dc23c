"""Scenes of flat shapes: from GenEval's clauses to placed objects, and from those to pixels.

A planned scene is known to satisfy its clauses under GenEval's rules, or known to violate them in
the way its task is about; there is nothing in between. Planning draws nothing and drawing decides
nothing, so scenes can also serve as a captioned data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nami_bench.errors import InputError
from nami_bench.generators.clauses import RELATIONS, Group, choose, plant_error, scene_contents
from nami_bench.shapes import BACKGROUND, COLORS, extent, outline

# All lengths are shares of the image's side. The gap and the margin keep shapes apart at 64 pixels,
# also when slightly blurred; the smallest size keeps them recognisable there.
_GAP = 0.05
_MARGIN = 0.05
_LARGEST = 0.5
_SMALLEST = 0.15
# GenEval demands that the shrunk offset's share along the axis exceeds 0.5; these leave room for
# boxes that are a pixel off, and keep the other axis from being read as a second relation.
_ALONG_AT_LEAST = 0.6
_ACROSS_AT_MOST = 0.4
_CANDIDATES = 64
_ATTEMPTS = 400

Layout = Literal["free", "grid"]
# The places of so many objects in reading order, as centres (x, y), and their sizes; objects keep their gap.
_NEAR, _MIDDLE, _FAR = 0.26, 0.5, 0.74
_PLACES = {
    1: ((_MIDDLE, _MIDDLE),),
    2: ((_NEAR, _MIDDLE), (_FAR, _MIDDLE)),
    3: ((_NEAR, _NEAR), (_FAR, _NEAR), (_MIDDLE, _FAR)),
    4: ((_NEAR, _NEAR), (_FAR, _NEAR), (_NEAR, _FAR), (_FAR, _FAR)),
}
_PLACE_SIZES = (0.38, 0.40)
_PLACE_JITTER = 0.01


@dataclass(frozen=True, slots=True)
class PlacedShape:
    """One object: `x`, `y` the centre of its bounding box and `size` that box's longer side.

    All three are shares of the image's side, 0..1, y down.
    """

    shape: str
    color: str
    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows; `planted_error` says how it violates its clauses, None where it does not."""

    objects: tuple[PlacedShape, ...]
    planted_error: str | None = None


def plan_scene(
    clauses: Mapping[str, Any], rng: np.random.Generator, *, error: bool = False, layout: Layout = "free"
) -> Scene:
    """Place the objects that GenEval's `clauses` (tag, include, exclude) ask for, and no others.

    With `error` the scene violates them in the way of their task (see `plant_error`). Layout "free" puts
    objects of many sizes anywhere; "grid" puts up to four of nearly one size at nearly fixed places, in the
    order in which they are named, which a small model learns from far fewer pictures. The same
    clauses and generator state give the same scene. Raises InputError for clauses that cannot be drawn.
    """
    contents = scene_contents(clauses)
    groups, planted = plant_error(contents, rng) if error else (contents.groups, None)
    place = _place_on_grid if layout == "grid" else _place
    return Scene(tuple(place(_colored(groups, rng), rng)), planted)


def render(scene: Scene, size: int) -> Image.Image:
    """Draw `scene` as a flat, anti-aliased picture of `size` x `size` pixels, 8-bit RGB."""
    # More subpixels where a pixel is a larger share of a shape.
    factor = min(8, max(2, 1024 // size))
    canvas = Image.new("RGB", (size * factor, size * factor), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for item in scene.objects:
        points = (outline(item.shape) - 0.5) * item.size + (item.x, item.y)
        # Pillow's coordinates are those of pixels' centres.
        corners = (points * size * factor - 0.5).round()
        draw.polygon(corners.ravel().tolist(), fill=COLORS[item.color])
    return canvas.reduce(factor)


def _colored(groups: Sequence[Group], rng: np.random.Generator) -> list[Group]:
    """Give groups without a color one that no clause names."""
    named = {g.color for g in groups}
    free = [color for color in COLORS if color not in named]
    return [g if g.color else replace(g, color=choose(free, rng)) for g in groups]


def _place(groups: Sequence[Group], rng: np.random.Generator) -> list[PlacedShape]:
    total = max(1, sum(g.count for g in groups))
    for attempt in range(_ATTEMPTS):
        # Start as large as the number of objects allows, and give way slowly.
        largest = max(_SMALLEST, min(_LARGEST, 0.58 / total**0.5) * 0.98**attempt)
        placed = _try_to_place(groups, largest, rng)
        if placed is not None:
            return placed
    raise InputError("the shapes renderer found no room for what the prompt asks for")


def _place_on_grid(groups: Sequence[Group], rng: np.random.Generator) -> list[PlacedShape]:
    """Objects at the places for their number, in order; two that are related, along their relation."""
    owners = [group for group in groups for _ in range(group.count)]
    if len(owners) not in _PLACES:
        raise InputError(f"layout 'grid' has room for {max(_PLACES)} objects, not for {len(owners)}")
    places = np.array(_PLACES[len(owners)])
    related = [group for group in groups if group.relation]
    if related:
        if len(owners) != 2:
            raise InputError("layout 'grid' has places for two related objects, and no more")
        # The target stands opposite the object that is placed by it.
        offset = (_FAR - _MIDDLE) * np.array(RELATIONS[str(related[0].relation)])
        places = _MIDDLE + np.stack([-offset, offset])
    centers = places + rng.uniform(-_PLACE_JITTER, _PLACE_JITTER, size=places.shape)
    sizes = rng.uniform(*_PLACE_SIZES, size=len(owners))
    return [
        PlacedShape(group.shape, str(group.color), float(x), float(y), float(size))
        for group, (x, y), size in zip(owners, centers, sizes, strict=True)
    ]


def _try_to_place(
    groups: Sequence[Group], largest: float, rng: np.random.Generator
) -> list[PlacedShape] | None:
    """Place object after object, each at the first of some random places that suits those before it."""
    objects: list[PlacedShape] = []
    boxes = [np.empty((0, 4)) for _ in groups]
    for index, group in enumerate(groups):
        for _ in range(group.count):
            size = float(rng.uniform(max(_SMALLEST, 0.7 * largest), largest))
            candidates = _candidates(group.shape, size, rng)
            fits = _apart(candidates, np.concatenate(boxes))
            if group.relation:
                fits &= _related(candidates, boxes[group.target], group.relation)
            if not fits.any():
                return None
            chosen = candidates[int(fits.argmax())]
            boxes[index] = np.vstack([boxes[index], chosen])
            objects.append(
                PlacedShape(group.shape, str(group.color), float(chosen[0]), float(chosen[1]), size)
            )
    return objects


def _candidates(shape: str, size: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random boxes within the margins, (_CANDIDATES, 4); columns are the centre's x and y, width, height."""
    sides = size * np.array(extent(shape))
    centers = rng.uniform(_MARGIN + sides / 2, 1 - _MARGIN - sides / 2, size=(_CANDIDATES, 2))
    return np.hstack([centers, np.broadcast_to(sides, centers.shape)])


def _apart(candidates: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which candidates (c, 4) keep the gap to all of `boxes` (b, 4)."""
    offset = np.abs(candidates[:, None, :2] - boxes[None, :, :2])
    reach = (candidates[:, None, 2:] + boxes[None, :, 2:]) / 2 + _GAP
    return np.asarray(np.all(np.any(offset >= reach, axis=2), axis=1))


def _related(
    candidates: NDArray[np.float64], targets: NDArray[np.float64], relation: str
) -> NDArray[np.bool_]:
    """Which candidates (c, 4) stand in `relation`, and in no other, to all targets (t, 4)."""
    offset = candidates[:, None, :2] - targets[None, :, :2]
    shrink = 0.1 * (candidates[:, None, 2:] + targets[None, :, 2:])
    shrunk = np.sign(offset) * np.maximum(np.abs(offset) - shrink, 0)
    direction = shrunk / np.linalg.norm(offset, axis=2, keepdims=True)
    unit = np.array(RELATIONS[relation], dtype=np.float64)
    along = direction @ unit
    across = np.abs(direction @ unit[::-1])
    fits = (along > _ALONG_AT_LEAST) & (across < _ACROSS_AT_MOST)
    return np.asarray(np.all(fits, axis=1))
