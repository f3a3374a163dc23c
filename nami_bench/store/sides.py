"""How an item's images stand on the screen, and answers read with the images in other places."""

from typing import Any, TypeAlias, TypeVar

from nami_bench.domain import Outcome

T = TypeVar("T")

Sides: TypeAlias = bool | str
"""How the images stand. Of one or two: whether the two changed their sides. Of more: for each place on the
screen the digit of the image that stands there, counted from 0 in the item's own order, such as "2013"."""

_TURNED = {Outcome.LEFT: Outcome.RIGHT.value, Outcome.RIGHT: Outcome.LEFT.value}


def as_seen(answer: T, before: Sides, now: Sides) -> "T | str":
    """An answer that was given with the images as `before`, as it reads with them as `now`.

    Scores never change.
    """
    if before == now or not isinstance(answer, str):
        return answer
    if isinstance(before, str) and isinstance(now, str):
        of_image = dict(zip(before, answer, strict=True))
        return "".join(of_image[image] for image in now)
    return _TURNED.get(answer, answer)  # type: ignore[call-overload, no-any-return]


def sides_of(swapped: bool, arrangement: str | None) -> Sides:
    """How the images stand, of an assignment's columns."""
    return swapped if arrangement is None else arrangement


def side_columns(sides: Sides) -> dict[str, Any]:
    """An assignment's columns."""
    if isinstance(sides, str):
        return {"swapped": False, "arrangement": sides}
    return {"swapped": sides, "arrangement": None}


def arranged(things: tuple[T, ...], sides: Sides) -> tuple[T, ...]:
    """What belongs to the images, in the item's own order, in the order in which the images stand."""
    if isinstance(sides, str):
        return tuple(things[int(image)] for image in sides)
    return things[::-1] if sides else things


def sides_to(things: tuple[T, ...], stood: tuple[T, ...]) -> Sides:
    """The sides by which `things`, in the item's own order, stand as `stood`."""
    if len(things) > 2:
        return "".join(str(things.index(thing)) for thing in stood)
    return stood != things
