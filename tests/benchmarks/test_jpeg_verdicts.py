"""What encodings change in verdicts: the measurement itself, on a few pictures."""

from typing import Any

import numpy as np
from PIL import Image


def prompt(number: int, *include: dict[str, Any], tag: str = "colors") -> Any:
    from nami_bench.domain import Prompt

    return Prompt(f"{number:05d}", "a picture", geneval={"tag": tag, "include": list(include)})


def test_every_variant_is_compared_with_the_lossless_picture() -> None:
    from benchmarks.jpeg_verdicts import VARIANTS, Pictures, changes, summaries

    prompts = [
        prompt(0, {"class": "heart", "count": 1, "color": "red"}),
        prompt(1, {"class": "star", "count": 1, "color": "green"}),
    ]
    rows = changes(Pictures(64, 0.0), prompts, seed=0)
    found = {(cell["variant"], cell["task"]): cell for cell in summaries(rows)}
    assert {variant for variant, _ in found} == set(VARIANTS)
    webp, jpeg = found["WebP, lossless", "all"], found["JPEG 75, 4:2:0", "colors"]
    assert (webp["images"], webp["other_pixels"], webp["verdicts_changed"]) == (2, 0, 0)
    assert (jpeg["images"], jpeg["other_pixels"]) == (2, 2)
    # The detector measures distances from the background alone, so that it takes either order of channels;
    # what names colors sees a blue heart, and the same green.
    assert found["red and blue exchanged, detector", "all"]["verdicts_changed"] == 0
    swapped = found["red and blue exchanged, detector and colors", "all"]
    assert (swapped["right_to_wrong"], swapped["wrong_to_right"], swapped["verdicts_changed"]) == (1, 0, 0.5)
    assert swapped["interval"][0] < 0.5 < swapped["interval"][1]
    assert (swapped["mean_before"]["partial"], swapped["mean_after"]["partial"]) == (1, 0.75)


def test_red_and_blue_are_exchanged_where_they_are_said_to_be() -> None:
    from benchmarks.jpeg_verdicts import exchanged

    image = Image.fromarray(np.full((4, 4, 3), (200, 100, 10), np.uint8))
    detector, colors = exchanged(image, colors=False)
    assert detector.getpixel((0, 0)) == (10, 100, 200)
    assert colors.getpixel((0, 0)) == (200, 100, 10)
    assert [seen.getpixel((0, 0)) for seen in exchanged(image, colors=True)] == [(10, 100, 200)] * 2


def test_chroma_is_thinned_out_in_4_2_0_alone() -> None:
    from benchmarks.jpeg_verdicts import VARIANTS

    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (222, 28, 36)
    stripes[:, 1::2] = (28, 84, 214)
    errors = {
        sampling: np.abs(
            np.asarray(VARIANTS[f"JPEG 95, {sampling}"](Image.fromarray(stripes))[0], np.float64) - stripes
        ).mean()
        for sampling in ("4:2:0", "4:4:4")
    }
    assert errors["4:4:4"] < 5 < 30 < errors["4:2:0"]
