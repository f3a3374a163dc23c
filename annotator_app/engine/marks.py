"""Marks as they are sent, checked against the study, and put where they belong in the image itself.

The screen knows an image as it is drawn, on a canvas or not; what is kept are shares of the image's own width
and height. `image` is the place on the screen, from 0.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nami_bench.domain import Marking, Region
from nami_bench.domain.marking import BOXES, DIGITS, EXPECTED, MOST, lies_in, prompt_words
from nami_bench.errors import InputError

Size = tuple[int, int]
"""Width and height in pixels."""

Marked = Mapping[str, Any]
"""Marks as they are kept: see `nami_bench.store.markings`."""


@dataclass(frozen=True, slots=True)
class SentMarks:
    """`regions` and `words` (spans of the prompt) with the image that each is about, and the images of which
    it was said that there is nothing to mark."""

    regions: tuple[tuple[int, Region], ...] = ()
    words: tuple[tuple[int, int, int], ...] = ()
    nothing: tuple[int, ...] = ()

    def kept(self) -> dict[str, Any]:
        """As they are stored with a submission."""
        return {
            "regions": [{"image": image, **_plain(region)} for image, region in self.regions],
            "words": [{"image": i, "start": start, "end": end} for i, start, end in sorted(self.words)],
            "nothing": sorted(self.nothing),
        }


def _plain(region: Region) -> dict[str, Any]:
    named = {"kind": region.kind, "x": region.x, "y": region.y, "w": region.w, "h": region.h}
    return {name: value for name, value in named.items() if value is not None}


def check_marks(asked: Marking, prompt: str, images: int, marks: SentMarks, *, is_judged: bool) -> None:
    """Raise InputError for marks that the study does not ask for, or that are not there though it does.

    `is_judged`: whether there is a value; where the images could not be judged none has to be marked.
    """
    if not asked.asked:
        raise InputError("this study asks for no marks")
    places = [*(image for image, _ in marks.regions), *(image for image, *_ in marks.words)]
    if any(not 0 <= place < images for place in (*places, *marks.nothing)):
        raise InputError("a mark is about an image that the item does not have")
    _check_regions(asked, marks.regions)
    _check_words(asked, prompt, marks.words)
    if marks.nothing and (not asked.required or set(marks.nothing) & set(places)):
        raise InputError("an image has marks, or is said to need none")
    bare = set(range(images)) - {*places, *marks.nothing}
    if asked.required and is_judged and bare:
        raise InputError("mark each image, or say that there is nothing to mark")


def _check_regions(asked: Marking, regions: Sequence[tuple[int, Region]]) -> None:
    kinds = {kind.name for kind in asked.kinds}
    for _, region in regions:
        if region.kind not in kinds:
            raise InputError(f"{region.kind[:40]!r} is no kind of mark of this study")
        if region.is_box != (asked.shape == BOXES):
            raise InputError(f"this study asks for {asked.shape}")
    if any(count > MOST for count in Counter(image for image, _ in regions).values()):
        raise InputError(f"an image has more than {MOST} marks")


def _check_words(asked: Marking, prompt: str, words: Sequence[tuple[int, int, int]]) -> None:
    if words and not asked.words:
        raise InputError("this study asks for no words")
    if len(set(words)) < len(words):
        raise InputError("a word is marked twice")
    known = set(prompt_words(prompt))
    if any((start, end) not in known for _, start, end in words):
        raise InputError("a marked word is none of the prompt's")


def in_image(marks: SentMarks, canvas: int, sizes: Sequence[Size]) -> SentMarks:
    """Marks that were made on the screen, where they belong in images of these `sizes`.

    A point on the canvas beside the picture belongs to the picture's edge; a box ends there. Raises
    InputError for a box that lies beside the picture altogether.
    """
    return replace(
        marks,
        regions=tuple((image, _undone(region, canvas, sizes[image])) for image, region in marks.regions),
    )


def on_screen(marks: Marked, canvas: int, sizes: Sequence[Size]) -> dict[str, Any]:
    """Kept marks as the screen draws them: the reverse of `in_image`."""
    regions = [
        {"image": one["image"], "kind": one["kind"], **_drawn(one, canvas, sizes[one["image"]])}
        for one in marks["regions"]
    ]
    return {**marks, "regions": regions}


def picture_on_canvas(canvas: int, size: Size) -> tuple[float, float, float, float]:
    """Where the picture lies on its canvas, as shares of that: left, top, width, height.

    As `PIL.ImageOps.pad` puts it there. Without a canvas it is all there is.
    """
    width, height = size
    if not canvas or width == height:
        return 0.0, 0.0, 1.0, 1.0
    if width > height:
        drawn = round(height / width * canvas)
        return 0.0, round((canvas - drawn) * 0.5) / canvas, 1.0, drawn / canvas
    drawn = round(width / height * canvas)
    return round((canvas - drawn) * 0.5) / canvas, 0.0, drawn / canvas, 1.0


def _undone(region: Region, canvas: int, size: Size) -> Region:
    left, top, width, height = picture_on_canvas(canvas, size)

    def share(value: float, start: float, length: float) -> float:
        return round(min(max((value - start) / length, 0.0), 1.0), DIGITS)

    x, y = share(region.x, left, width), share(region.y, top, height)
    if region.w is None or region.h is None:
        return replace(region, x=x, y=y)
    w = round(share(region.x + region.w, left, width) - x, DIGITS)
    h = round(share(region.y + region.h, top, height) - y, DIGITS)
    if min(w, h) <= 0:
        raise InputError("a box lies beside the picture: remove it")
    return Region(region.kind, x, y, w, h)


def _drawn(region: Mapping[str, Any], canvas: int, size: Size) -> dict[str, float]:
    left, top, width, height = picture_on_canvas(canvas, size)
    drawn = {"x": left + region["x"] * width, "y": top + region["y"] * height}
    if "w" in region:
        drawn |= {"w": region["w"] * width, "h": region["h"] * height}
    return drawn


def judge_marks(expected: Mapping[str, Any], answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was expected to be marked of an item's one image, part by part, and whether it was.

    A region is met by one mark of its kind whose middle lies in it; words are met where all are marked.
    """
    wanted = expected.get(EXPECTED)
    if wanted is None:
        return []
    marks = answers.get("marks") or SentMarks().kept()
    regions = [
        (one["kind"], Region(**{k: v for k, v in one.items() if k != "image"})) for one in marks["regions"]
    ]
    parts = [
        {
            "kind": kind,
            "region": box,
            "met": any(own == kind and lies_in(region, box) for own, region in regions),
        }
        for kind, box in wanted["regions"].items()
    ]
    if wanted["words"]:
        found = [[one["start"], one["end"]] for one in marks["words"]]
        parts.append({"words": wanted["words"], "met": all(span in found for span in wanted["words"])})
    return parts


def expected_of(expected: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is expected of the criteria alone."""
    return {name: wanted for name, wanted in expected.items() if name != EXPECTED}
