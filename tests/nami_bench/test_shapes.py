from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nami_bench.errors import UnknownNameError
from nami_bench.shapes import BACKGROUND, COLORS, SHAPES, extent, outline


def filled(shape):
    """The outline drawn on 100 x 100 pixels."""
    canvas = Image.new("1", (100, 100))
    ImageDraw.Draw(canvas).polygon((outline(shape) * 99).ravel().tolist(), fill=1)
    return np.asarray(canvas)


def test_there_are_eight_shapes_and_genevals_ten_colors_in_its_order():
    assert SHAPES == ("circle", "square", "triangle", "star", "diamond", "cross", "crescent", "heart")
    assert list(COLORS) == [
        "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white",
    ]  # fmt: skip


def test_all_colors_and_the_background_are_far_apart():
    for a, b in combinations([*COLORS.values(), BACKGROUND], 2):
        assert np.linalg.norm(np.subtract(a, b)) >= 100


@pytest.mark.parametrize("shape", SHAPES)
def test_an_outline_is_centred_in_the_unit_square_and_spans_it(shape):
    points = outline(shape)
    low, high = points.min(axis=0), points.max(axis=0)
    assert np.allclose((low + high) / 2, 0.5)
    assert np.allclose(high - low, extent(shape))
    assert max(extent(shape)) == pytest.approx(1)


def test_filled_outlines_overlap_little_enough_to_be_told_apart():
    for a, b in combinations(SHAPES, 2):
        common, either = (filled(a) & filled(b)).sum(), (filled(a) | filled(b)).sum()
        assert common / either < 0.8, (a, b)


def test_every_shape_stands_upright():
    # The star, the heart and the triangle would be other figures upside down.
    top, bottom = slice(0, 50), slice(50, 100)
    assert filled("triangle")[bottom].sum() > 2 * filled("triangle")[top].sum()
    assert filled("heart")[top].sum() > 1.5 * filled("heart")[bottom].sum()
    assert filled("star")[5, :].sum() < 10


def test_an_unknown_shape_is_named_with_near_matches():
    with pytest.raises(UnknownNameError, match="did you mean 'circle'"):
        outline("circel")


def test_outlines_are_shared_and_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        outline("star")[0, 0] = 7
