"""Whether the sizes of a study's images tell its models apart, and what can be done about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from nami_bench.domain import Study
from nami_bench.errors import InputError

_NAMED = 4
"""So many models are named in a sentence."""


@dataclass(frozen=True, slots=True)
class ShownSize:
    """So many `images` that a study shows of a `model` have `width` x `height` pixels.

    `apart` of them stand, for the same prompt and sample, beside another model's image of another size.
    """

    model: str
    width: int
    height: int
    images: int
    apart: int


def check_sizes(study: Study, shown: Sequence[ShownSize]) -> tuple[str, ...]:
    """What the sizes of the images still tell, in words; nothing where they tell nothing.

    Raises InputError where they tell the models apart and the study neither has a canvas nor accepts it.
    """
    if not sizes_tell(shown):
        return ()
    if study.canvas:
        return (*_enlarged(study, shown), *_bars(study, shown))
    if study.sizes_may_differ:
        return (f"study {study.name}: models can be told apart by their images' sizes, as it accepts",)
    canvas = proposed_canvas(shown)
    bars = "" if _one_shape(shown) else ", though grey bars will tell their shapes"
    raise InputError(
        f"study {study.name!r}: its models can be told apart by their images' sizes ({in_words(shown)}): fit "
        f"all into one with `canvas = {canvas}` in [study] or --canvas {canvas}, which enlarges none{bars}, "
        "or accept the difference with `sizes_may_differ = true` or --sizes-may-differ"
    )


def check_change(study: Study, before: Sequence[ShownSize], shown: Sequence[ShownSize]) -> tuple[str, ...]:
    """`check_sizes` for a study that exists, which showed `before`: its canvas cannot be changed any more."""
    if sizes_tell(before) or not sizes_tell(shown):
        return ()
    if study.canvas or study.sizes_may_differ:
        return check_sizes(study, shown)
    raise InputError(
        f"study {study.name!r} has no canvas, and its models could be told apart by their images' sizes "
        f"({in_words(shown)}): make a new study with one, or accept the difference with "
        "`sizes_may_differ = true` or --sizes-may-differ"
    )


def sizes_tell(shown: Sequence[ShownSize]) -> bool:
    """Whether an image's size says something about which of several models made it.

    Sizes that differ between prompts but not between the models' images of one, as photographs' do, say
    nothing.
    """
    return any(one.apart for one in shown)


def proposed_canvas(shown: Sequence[ShownSize]) -> int:
    """The side of the largest square into which every image fits without being enlarged, in pixels.

    An enlarged image looks soft, which would tell its model as well as its size did.
    """
    return min(max(one.width, one.height) for one in shown)


def in_words(shown: Sequence[ShownSize]) -> str:
    """The models with their sizes: "a 64x64; b 256x256, 512x256; and 2 more models"."""
    sizes: dict[str, list[str]] = {}
    for one in shown:
        sizes.setdefault(one.model, []).append(f"{one.width}x{one.height}")
    named = [f"{model} {_some(found)}" for model, found in list(sizes.items())[:_NAMED]]
    more = len(sizes) - _NAMED
    return "; ".join(named + ([f"and {more} more model{'s' * (more > 1)}"] if more > 0 else []))


def _some(sizes: Sequence[str]) -> str:
    return ", ".join(sizes[:3]) + (" ..." if len(sizes) > 3 else "")


def _enlarged(study: Study, shown: Sequence[ShownSize]) -> list[str]:
    small = [one for one in shown if max(one.width, one.height) < study.canvas]
    if not small:
        return []
    return [
        f"study {study.name}: its canvas of {study.canvas} enlarges images, which look soft then and can be "
        f"told by that ({in_words(small)}); {proposed_canvas(shown)} would enlarge none"
    ]


def _bars(study: Study, shown: Sequence[ShownSize]) -> list[str]:
    if _one_shape(shown):
        return []
    return [
        f"study {study.name}: its images have several shapes, which the grey bars around them still tell "
        f"({in_words(shown)})"
    ]


def _one_shape(shown: Sequence[ShownSize]) -> bool:
    """Whether all would leave the same bars on a canvas: to the pixel on one of a thousand."""
    longest = [1000 / max(one.width, one.height) for one in shown]
    return (
        len({(round(one.width * by), round(one.height * by)) for one, by in zip(shown, longest, strict=True)})
        == 1
    )
