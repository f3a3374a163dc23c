"""YOLOX: what surrounds the network, on made-up outputs; and a real one on real photographs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

pytest.importorskip("onnxruntime")
pytest.importorskip("torchvision")
pytest.importorskip("cv2")
pytest.importorskip("open_clip")

from nami_bench import registry
from nami_bench.domain import GENEVAL_CLASSES, GENEVAL_COLORS, Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval import yolox
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.yolox import YoloxDetector, best_boxes, decode, letterbox
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.weights import YOLOX_NANO
from nami_bench.images import hash_file
from nami_bench.services.download import Pin
from tests.support.file_server import FileServer
from tests.support.foreign import FOREIGN, needs
from tests.support.http_server import http_server

NANO = FOREIGN / "detectors" / "yolox_nano.onnx"
SIZE = (64, 96)
CELLS = [
    (stride, row, column)
    for stride in (8, 16, 32)
    for row in range(64 // stride)
    for column in range(96 // stride)
]

real = needs(NANO, "yolox_nano.onnx of the releases of Megvii-BaseDetection/YOLOX on GitHub")


def test_a_wide_image_fills_the_top_left():
    pixels = np.zeros((20, 60, 3), dtype=np.uint8)
    pixels[...] = (10, 20, 30)
    boxed, scale = letterbox(pixels, SIZE)
    assert (boxed.shape, boxed.dtype, scale) == ((3, 64, 96), np.float32, 1.6)
    assert (boxed[:, :32].reshape(3, -1).T == (30, 20, 10)).all(), "BGR"
    assert (boxed[:, 32:] == 114).all()


def test_boxes_are_relative_to_their_cells():
    rng = np.random.default_rng(0)
    output = rng.normal(size=(len(CELLS), 85)).astype(np.float32)
    boxes, scores = decode(output, SIZE)
    for (stride, row, column), raw, box, score in zip(CELLS, output, boxes, scores, strict=True):
        center = (column + raw[0]) * stride, (row + raw[1]) * stride
        width, height = np.exp(raw[2]) * stride, np.exp(raw[3]) * stride
        np.testing.assert_allclose(
            box,
            (center[0] - width / 2, center[1] - height / 2, center[0] + width / 2, center[1] + height / 2),
            rtol=1e-4,
            atol=1e-3,
        )
        np.testing.assert_allclose(score, raw[4] * raw[5:], rtol=1e-6)


def test_one_object_is_one_box_and_classes_do_not_suppress_each_other():
    boxes = np.array([(0, 0, 10, 10), (1, 0, 11, 10), (0, 0, 10, 10), (50, 0, 60, 10)], dtype=np.float32)
    scores = np.zeros((4, 80), dtype=np.float32)
    scores[[0, 1, 2, 3], [15, 15, 16, 15]] = (0.8, 0.9, 0.5, 0.005)
    kept, labels, best = best_boxes(boxes, scores)
    assert labels.tolist() == [15, 16]
    np.testing.assert_allclose(best, (0.9, 0.5))
    assert kept.tolist() == [[1, 0, 11, 10], [0, 0, 10, 10]]


def test_nothing_found():
    kept, labels, best = best_boxes(np.zeros((3, 4), np.float32), np.zeros((3, 80), np.float32))
    assert (len(kept), len(labels), len(best)) == (0, 0, 0)


def test_without_weights_the_smallest_is_fetched(no_proxy, monkeypatch, own_cache):
    files = FileServer({f"/{YOLOX_NANO.name}": DYNAMIC.read_bytes()})
    pin = Pin(hash_file(DYNAMIC), "a test")
    monkeypatch.setattr(yolox, "YOLOX_NANO", replace(YOLOX_NANO, pin=pin))
    with http_server(files.answer) as address:
        monkeypatch.setenv("NAMI_WEIGHTS_MIRROR", address)
        detector = registry.create("detectors", "yolox")
        assert detector.identity == f"yolox-{hash_file(DYNAMIC)[:12]}"
    assert detector.detect([]) == [] and YOLOX_NANO.path.is_file()


@real
def test_the_pinned_hash_is_that_of_the_copy_at_hand():
    assert YOLOX_NANO.pin.fits(hash_file(NANO)) and NANO.stat().st_size == YOLOX_NANO.size


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*gone\.onnx: leave weights out"):
        registry.create("detectors", "yolox", {"weights": str(tmp_path / "gone.onnx")})


def test_a_file_that_is_no_network_is_refused(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"\x08junk")
    with pytest.raises(InputError, match=r"x\.onnx is damaged or no ONNX network"):
        YoloxDetector(YoloxDetector.Options(weights=path)).detect([Image.new("RGB", (8, 8))])


@pytest.fixture(scope="module")
def detector(tiny_clip):
    options = {"weights": str(NANO), "clip_model": str(tiny_clip), "device": "cpu"}
    return registry.create("detectors", "yolox", options)


PHOTOGRAPHS = {
    "cat": (data.chelsea, (0.0, 0.0, 451.0, 300.0)),
    "cup": (data.coffee, (172.0, 18.0, 412.0, 306.0)),
    "person": (data.astronaut, (0.0, 0.0, 440.0, 512.0)),
}


@real
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_what_is_on_a_photograph_is_found_where_it_is(name, detector):
    load, about = PHOTOGRAPHS[name]
    image = Image.fromarray(load())
    best = max(detector.detect([image])[0], key=lambda d: d.score)
    assert best.class_name == name
    assert best.score > 0.6
    assert best.mask is None
    overlap = (min(about[2], best.box[2]) - max(about[0], best.box[0])) * (
        min(about[3], best.box[3]) - max(about[1], best.box[1])
    )
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (about, best.box))
    assert overlap / (areas - overlap) > 0.6
    assert 0 <= best.box[0] < best.box[2] <= image.width
    assert 0 <= best.box[1] < best.box[3] <= image.height


@real
def test_the_best_detection_of_a_class_has_no_near_double(detector):
    (found,) = detector.detect([Image.fromarray(data.chelsea())])
    assert sum(d.class_name == "cat" and d.score > 0.3 for d in found) == 1


@pytest.mark.slow
@real
def test_geneval_gives_verdicts_on_photographs(detector, tmp_path):
    """With a random CLIP the color's verdict means nothing, but it must come from the box alone."""
    items = []
    for index, (asked, load) in enumerate(
        [("cat", data.chelsea), ("dog", data.chelsea), ("cup", data.coffee), ("person", data.astronaut)]
    ):
        path = tmp_path / f"{index}.png"
        Image.fromarray(load()).save(path)
        clause = {"class": asked, "count": 1}
        prompt = Prompt("00000", asked, geneval={"tag": "single_object", "include": [clause]})
        items.append(ScoringItem(path, prompt))
    clause = {"class": "cup", "count": 1, "color": "red"}
    colored = Prompt("00000", "a red cup", geneval={"tag": "colors", "include": [clause]})
    items.append(ScoringItem(tmp_path / "2.png", colored))
    metric = GenEvalMetric(GenEvalMetric.Options(), detector)
    results = list(metric.score(items))
    assert [result.value for result in results[:4]] == [1.0, 0.0, 1.0, 1.0]
    assert results[1].details["reason"] == "expected dog>=1, found 0"
    (cup,) = [d for d in detector.detect([Image.fromarray(data.coffee())])[0] if d.class_name == "cup"][:1]
    (color,) = detector.color_classifier.classify(Image.fromarray(data.coffee()), [cup])
    assert color in GENEVAL_COLORS
    assert results[4].value == float(color == "red")
    assert metric.instrument.startswith("yolox-")


@real
def test_an_image_of_one_pixel_is_looked_at(detector):
    (found,) = detector.detect([Image.new("RGB", (1, 1))])
    assert all(d.class_name in GENEVAL_CLASSES for d in found)


# A network of one convolution with a YOLOX's output and any number of images, as exported with --dynamic.
DYNAMIC = Path(__file__).resolve().parents[3] / "data" / "yolox" / "tiny_dynamic.onnx"


def test_a_network_of_any_batch_size_gives_in_a_batch_what_each_image_gives_alone():
    detector = registry.create("detectors", "yolox", {"weights": str(DYNAMIC)})
    images = [Image.fromarray(load()) for load in (data.chelsea, data.coffee, data.astronaut)]
    alone = [detector.detect([image])[0] for image in images]
    assert all(len(found) > 1 for found in alone)
    session, batches = detector._session, []

    class Watched:
        def run(self, names, inputs):
            batches.append(len(inputs["images"]))
            return session.run(names, inputs)

    detector._input  # noqa: B018  (read from the real session)
    detector._session = Watched()
    together = detector.detect(images)
    assert sum(batches) == 3
    assert len(batches) == min(3, detector._cores.count)
    for found, expected in zip(together, alone, strict=True):
        assert [d.class_name for d in found] == [d.class_name for d in expected]
        np.testing.assert_allclose([d.box for d in found], [d.box for d in expected], atol=1e-3)
        np.testing.assert_allclose([d.score for d in found], [d.score for d in expected], atol=1e-5)


def test_no_images_give_no_detections():
    assert registry.create("detectors", "yolox", {"weights": str(DYNAMIC)}).detect([]) == []
