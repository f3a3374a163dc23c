import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFilter

from nami_bench import registry
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.palette import PaletteColorClassifier
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.scenes import PlacedShape, Scene, render
from nami_bench.shapes import BACKGROUND, COLORS, SHAPES, extent


def detect(image):
    (detections,) = ShapesDetector().detect([image])
    return detections


def scores(image):
    """Score by class of a picture's only region."""
    detections = detect(image)
    assert len({id(d.mask) for d in detections}) == 1
    return {d.class_name: d.score for d in detections}


def picture(shape, color="blue", size=128, *, x=0.5, y=0.5, share=0.3):
    return render(Scene((PlacedShape(shape, color, x, y, share),)), size)


def blurred(image):
    return image.filter(ImageFilter.GaussianBlur(0.8))


def noisy(image):
    noise = np.random.default_rng(0).normal(0, 12, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def jpeg(image):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=60)
    return Image.open(data).convert("RGB")


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_clean_shape_scores_high_and_every_other_class_low(shape, size):
    rng = np.random.default_rng(size)
    for color in COLORS:
        share = rng.uniform(0.15, 0.5)
        x, y = rng.uniform(0.05 + share / 2, 0.95 - share / 2, 2)
        found = scores(picture(shape, color, size, x=x, y=y, share=share))
        assert found.pop(shape) > 0.95
        assert max(found.values()) < 0.05


@pytest.mark.parametrize("damage", [blurred, noisy, jpeg])
@pytest.mark.parametrize("shape", SHAPES)
def test_slightly_damaged_shapes_are_still_recognised_at_64_pixels(shape, damage):
    for color in COLORS:
        image = damage(picture(shape, color, 64, share=0.35))
        found = scores(image)
        assert found.pop(shape) > 0.9
        assert max(found.values()) < 0.1
        assert PaletteColorClassifier().classify(image, detect(image)[:1]) == [color]


def test_every_color_of_every_shape_is_named():
    for shape in SHAPES:
        for color in COLORS:
            image = picture(shape, color, 64, share=0.15)
            assert PaletteColorClassifier().classify(image, detect(image)) == [color] * len(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_box_and_mask_fit_the_shape(shape):
    detection = detect(picture(shape, size=200, x=0.4, y=0.6, share=0.25))[0]
    width, height = (50 * side for side in extent(shape))
    expected = (80 - width / 2, 120 - height / 2, 80 + width / 2, 120 + height / 2)
    assert np.abs(np.subtract(detection.box, expected)).max() <= 1
    assert detection.mask.shape == (200, 200)
    assert detection.mask.dtype == np.bool_
    rows, columns = np.nonzero(detection.mask)
    assert detection.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_masks_and_boxes_follow_height_and_width():
    canvas = Image.new("RGB", (200, 80), BACKGROUND)
    ImageDraw.Draw(canvas).rectangle((150, 20, 179, 49), fill=COLORS["red"])
    detection = detect(canvas)[SHAPES.index("square")]
    assert detection.mask.shape == (80, 200)
    assert detection.box == (150, 20, 180, 50)
    assert detection.score > 0.95


def test_shapes_at_the_edge_of_the_picture_are_found():
    canvas = Image.new("RGB", (64, 64), BACKGROUND)
    ImageDraw.Draw(canvas).rectangle((0, 44, 19, 63), fill=COLORS["green"])
    detection = detect(canvas)[SHAPES.index("square")]
    assert detection.box == (0, 44, 20, 64)
    assert detection.score > 0.95


def test_all_objects_are_found_apart():
    objects = [PlacedShape(s, c, 0.14 + 0.24 * (i % 4), 0.3 + 0.4 * (i // 4), 0.18)
               for i, (s, c) in enumerate(zip(SHAPES, COLORS, strict=False))]  # fmt: skip
    image = render(Scene(tuple(objects)), 128)
    certain = [d for d in detect(image) if d.score > 0.9]
    names = PaletteColorClassifier().classify(image, certain)
    assert {(d.class_name, name) for d, name in zip(certain, names, strict=True)} == {
        (o.shape, o.color) for o in objects
    }


def test_the_background_may_be_any_single_color():
    for background in ((0, 0, 0), (255, 255, 255), (40, 90, 60)):
        canvas = Image.new("RGB", (96, 96), background)
        ImageDraw.Draw(canvas).rectangle((30, 30, 59, 59), fill=(255, 158, 200))
        assert scores(canvas)["square"] > 0.95


def test_plain_pictures_and_specks_yield_nothing():
    canvas = Image.new("RGB", (128, 128), BACKGROUND)
    assert detect(canvas) == []
    ImageDraw.Draw(canvas).rectangle((60, 60, 64, 64), fill=(255, 255, 255))
    assert detect(canvas) == []


def test_what_is_no_shape_scores_low_in_every_class():
    canvas = Image.new("RGB", (128, 128), BACKGROUND)
    ImageDraw.Draw(canvas).rectangle((10, 60, 118, 66), fill=(255, 255, 255))
    assert max(scores(canvas).values()) < 0.3


def test_scores_of_a_region_never_sum_to_more_than_one():
    for shape in SHAPES:
        assert 0.9 < sum(scores(picture(shape)).values()) <= 1 + 1e-9


def junk():
    """Pictures that hold anything but flat shapes, some of them of awkward sizes."""
    rng = np.random.default_rng(0)
    yield skimage.data.astronaut()
    yield rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    yield np.repeat(rng.integers(0, 256, (1, 300, 3), dtype=np.uint8), 2, axis=0)
    yield rng.integers(0, 256, (1, 1, 3), dtype=np.uint8)
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0]])
    patchwork = np.full((96, 96, 3), 127)
    patchwork[20:76, 20:76] = colors[rng.integers(0, 6, (56, 56))]
    yield patchwork.astype(np.uint8)
    checkered = np.full((96, 96, 3), 127, dtype=np.uint8)
    checkered[20:76, 20:76] = (np.indices((56, 56)).sum(axis=0) % 2 * 255)[..., None]
    yield checkered
    line = np.full((8, 2000, 3), 127, dtype=np.uint8)
    line[3:5, 10:1990] = 255
    yield line


def test_pictures_without_shapes_are_handled():
    for pixels in junk():
        for detection in detect(Image.fromarray(pixels)):
            assert 0 <= detection.score <= 1
            assert detection.mask.any()


def test_the_detector_is_a_plugin_with_a_name_of_its_own():
    detector = registry.create("detectors", "shapes")
    assert detector.class_names == SHAPES
    assert detector.identity == "shapes-analytic-1"
    assert detector.color_classifier.identity == "palette-1"


def test_the_color_classifier_refuses_detections_without_a_mask():
    boxed = Detection("star", (0.0, 0.0, 4.0, 4.0), 1.0)
    with pytest.raises(InputError, match="needs masks"):
        PaletteColorClassifier().classify(picture("star"), [boxed])


def test_the_color_of_a_mask_too_thin_for_an_interior_is_still_read():
    pixels = np.full((9, 9, 3), BACKGROUND, dtype=np.uint8)
    pixels[4, 2:7] = COLORS["yellow"]
    mask = (pixels != BACKGROUND).any(axis=2)
    thin = Detection("star", (2.0, 4.0, 7.0, 5.0), 1.0, mask)
    assert PaletteColorClassifier().classify(Image.fromarray(pixels), [thin]) == ["yellow"]
