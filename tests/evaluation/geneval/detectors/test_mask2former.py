"""mmdet's Mask2Former against what the original computed (versions in expected.json)."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("cv2")

import torch
from PIL import Image

from nami_bench import registry
from nami_bench.domain import GENEVAL_CLASSES, GENEVAL_COLORS, Prompt
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.geneval import mask2former
from nami_bench.evaluation.geneval.mask2former import Mask2FormerDetector
from nami_bench.evaluation.geneval.mask2former_names import Architecture, is_recomputed, tensor_names
from nami_bench.evaluation.geneval.mask2former_pixels import (
    Sizes,
    find_instances,
    mask_box,
    normalize,
    resize,
    scale,
)
from nami_bench.evaluation.geneval.mask2former_weights import load_checkpoint
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.rules import select
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.weights import MASK2FORMER
from nami_bench.images import hash_file, read_image
from nami_bench.services.download import Pin
from tests.support.file_server import FileServer
from tests.support.http_server import http_server

DATA = Path(__file__).resolve().parents[3] / "data" / "mask2former"
EXPECTED = json.loads((DATA / "expected.json").read_text())
IMAGES = EXPECTED["images"]
CHECKPOINT = DATA / "checkpoint.pth"
# The published detector: Swin-S, 100 queries, COCO.
PUBLISHED = Architecture(96, (2, 2, 18, 2), (3, 6, 12, 24), 7, 4, 256, 8, 6, 1024, 9, 2048, 100, 80, 3)


@pytest.fixture(scope="module")
def raw():
    with np.load(DATA / "raw.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def network():
    return load_checkpoint(CHECKPOINT)


@pytest.fixture(scope="module")
def images():
    return {name: read_image(DATA / about["file"]) for name, about in IMAGES.items()}


@pytest.fixture(scope="module")
def detector():
    return registry.create("detectors", "mask2former", {"weights": str(CHECKPOINT), "device": "cpu"})


@pytest.fixture(scope="module")
def alone(detector, images):
    """Each image's detections when it is the only one."""
    return {name: detector.detect([image])[0] for name, image in images.items()}


@pytest.fixture
def state():
    return torch.load(CHECKPOINT, weights_only=True)["state_dict"]


def network_input(image):
    scaled = scale(image)
    return normalize(torch.from_numpy(scaled.pixels)[None])[0], scaled.sizes


def rows(detections):
    """[class, x1, y1, x2, y2, score, mask area] of each detection, as the fixtures have them."""
    return [(GENEVAL_CLASSES.index(d.class_name), *d.box, d.score, int(d.mask.sum())) for d in detections]


def assert_same(found, expected, *, scores=2e-3):
    """Every expected detection is found once: boxes within a pixel, areas within 3 px or 0.1 %."""
    assert len(found) == len(expected)
    left = list(found)
    for row in sorted(expected, key=lambda row: -row[5]):
        near = [
            other
            for other in left
            if other[0] == row[0]
            and np.allclose(other[1:5], row[1:5], rtol=0, atol=1)
            and abs(other[5] - row[5]) < scores
            and abs(other[6] - row[6]) <= max(3, 0.001 * row[6])
        ]
        assert near, f"nothing like {row}"
        left.remove(min(near, key=lambda other: abs(other[5] - row[5])))


def test_every_published_tensor_has_its_hub_name_and_shape():
    shapes = json.loads((DATA / "m2f_mmdet_state_dict.json").read_text())
    pairs = {
        (row["mmdet"], row["hf4"]) for row in json.loads((DATA / "mapping_full.json").read_text())["rows"]
    }
    names = list(tensor_names(PUBLISHED))
    assert {(name.source, target) for name in names for target in name.targets} == pairs
    assert {name.source: list(name.shape) for name in names} == {
        source: shape for source, shape in shapes.items() if not is_recomputed(source)
    }


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_scaled_to_the_same_bytes(name, images):
    resized = resize(np.asarray(images[name]))
    assert list(resized.shape[:2]) == IMAGES[name]["img_shape"]
    assert hashlib.sha256(resized.tobytes()).hexdigest() == IMAGES[name]["resized_rgb_sha256"]


@pytest.mark.parametrize("name", IMAGES)
def test_the_network_sees_the_same_numbers(name, images, raw):
    pixels, sizes = network_input(images[name])
    assert list(sizes.padded) == IMAGES[name]["pad_shape"]
    np.testing.assert_allclose(pixels[:, ::8, ::8], raw[f"{name}.tensor_s8"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(pixels.mean((1, 2)), IMAGES[name]["tensor_mean"], rtol=0, atol=1e-4)
    if sizes.padded != sizes.resized:
        np.testing.assert_allclose(pixels[:, -1, -1], raw[f"{name}.tensor_pad_corner"], atol=1e-6)


def test_the_converted_network_gives_the_same_logits(network, raw):
    with torch.inference_mode():
        output = network(pixel_values=torch.from_numpy(raw["small.input"]))
    np.testing.assert_allclose(output.class_queries_logits, raw["small.class_logits"], rtol=0, atol=5e-4)
    np.testing.assert_allclose(output.masks_queries_logits, raw["small.mask_logits"], rtol=0, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_logits_of_whole_images_are_the_same(name, images, network, raw):
    with torch.inference_mode():
        output = network(pixel_values=network_input(images[name])[0][None])
    masks = output.masks_queries_logits[0]
    np.testing.assert_allclose(output.class_queries_logits[0], raw[f"{name}.class_logits"], rtol=0, atol=5e-4)
    np.testing.assert_allclose(masks[:, ::8, ::8], raw[f"{name}.mask_logits_s8"], rtol=0, atol=1e-3)


@pytest.mark.parametrize("case", range(len(EXPECTED["small_post"])))
def test_the_same_logits_give_the_same_detections(case, raw):
    expected = EXPECTED["small_post"][case]
    sizes = Sizes(
        tuple(expected["ori_shape"]), tuple(expected["img_shape"]), tuple(expected["batch_input_shape"])
    )
    found = find_instances(
        torch.from_numpy(raw["small.class_logits"][0]),
        torch.from_numpy(raw["small.mask_logits"][0]),
        sizes,
        GENEVAL_CLASSES,
    )
    assert_same(rows(found), expected["detections"], scores=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_whole_images_give_the_same_detections(name, alone):
    expected = [
        (label, *box, area)
        for label, (boxes, areas) in enumerate(
            zip(IMAGES[name]["bbox_results"], IMAGES[name]["mask_areas"], strict=True)
        )
        for box, area in zip(boxes, areas, strict=True)
    ]
    found = rows(alone[name])
    assert_same(found, expected)
    for threshold in ("0.3", "0.9"):
        counted = IMAGES[name][f"n_over_{threshold.replace('.', '_')}"]
        assert sum(row[5] > float(threshold) for row in found) == counted


@pytest.mark.parametrize("name", IMAGES)
def test_masks_are_the_same_pixel_by_pixel(name, alone, raw):
    """`masks_index`: (class, rank in its class) of each packed mask, all of detections over 0.3."""
    size = IMAGES[name]["height"] * IMAGES[name]["width"]
    for packed, (label, rank) in zip(raw[f"{name}.masks_packed"], raw[f"{name}.masks_index"], strict=True):
        expected = np.unpackbits(packed)[:size].astype(bool)
        box = IMAGES[name]["bbox_results"][label][rank]
        found = min(
            (d for d in alone[name] if d.class_name == GENEVAL_CLASSES[label]),
            key=lambda d: abs(d.score - box[4]),
        )
        assert (found.mask.ravel() != expected).sum() <= max(3, 0.001 * expected.sum())


@pytest.mark.slow
def test_images_of_many_sizes_give_what_each_gives_alone(images, alone):
    options = Mask2FormerDetector.Options(weights=CHECKPOINT, device="cpu")
    names = ["wide160x120", "square128", "wide160x120", "wide160x120"]
    turned = images["square128"].transpose(Image.Transpose.ROTATE_90)
    together = Mask2FormerDetector(options).detect([*(images[name] for name in names), turned])
    for name, found in zip(names, together, strict=False):
        assert_same(rows(found), rows(alone[name]), scores=1e-4)
    assert together[-1][0].mask.shape == (128, 128)
    assert rows(together[-1]) != rows(together[1])


def test_a_query_can_be_several_detections_that_share_a_mask(alone):
    found = alone["square128"]
    assert len({id(d.mask) for d in found}) <= 20 < len(found) == 100


def test_an_image_of_one_pixel_is_detected_on(detector):
    (found,) = detector.detect([Image.new("RGB", (1, 1), "red")])
    assert {d.mask.shape for d in found} == {(1, 1)}


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1)])
def test_a_sliver_keeps_at_least_one_pixel(size):
    pixels, sizes = network_input(Image.new("RGB", size))
    assert min(sizes.resized) >= 1
    assert pixels.shape[1:] == sizes.padded


def test_no_images_give_no_detections(detector):
    assert detector.detect([]) == []


def test_a_box_ends_after_its_last_pixel():
    mask = np.zeros((4, 6), dtype=bool)
    assert mask_box(mask) == (0, 0, 0, 0)
    mask[1, 2:5] = True
    assert mask_box(mask) == (2, 1, 5, 2)


def test_the_identity_is_the_files_hash(detector):
    digest = hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()
    assert detector.identity == f"mask2former-{digest[:12]}"


@pytest.mark.slow
def test_autocast_is_another_instrument_and_gives_numbers(detector, images, alone):
    options = Mask2FormerDetector.Options(weights=CHECKPOINT, device="cpu", dtype="bfloat16")
    half = Mask2FormerDetector(options)
    assert half.identity == detector.identity + "-bfloat16"
    (found,) = half.detect([images["square128"]])
    assert all(np.isfinite(d.score) for d in found)
    assert abs(max(d.score for d in found) - max(d.score for d in alone["square128"])) < 0.1


def save(state, path):
    torch.save({"meta": {}, "state_dict": state}, path)
    return path


def test_mmdet_3_names_are_the_same_network(tmp_path, state, network, raw):
    renamed = {}
    for name, tensor in state.items():
        new = name
        if "pixel_decoder.encoder" in name:
            new = name.replace("attentions.0", "self_attn").replace("ffns.0", "ffn")
        if "transformer_decoder.layers" in name:
            new = name.replace("attentions.0", "cross_attn").replace("attentions.1", "self_attn")
            new = new.replace("ffns.0", "ffn")
        renamed[new] = tensor
    assert renamed.keys() != state.keys()
    newer = load_checkpoint(save(renamed, tmp_path / "v3.pth"))
    expected = network.state_dict()
    assert newer.state_dict().keys() == expected.keys()
    for name, tensor in newer.state_dict().items():
        # The one module that neither file holds and nothing uses.
        if ".swin.layernorm." not in name:
            assert torch.equal(tensor, expected[name]), name


def test_a_missing_tensor_is_named(tmp_path, state):
    del state["backbone.stages.2.blocks.1.norm2.bias"]
    with pytest.raises(InputError, match=r"has no tensor backbone\.stages\.2\.blocks\.1\.norm2\.bias"):
        load_checkpoint(save(state, tmp_path / "x.pth"))


def test_a_tensor_of_another_shape_is_named(tmp_path, state):
    name = "panoptic_head.mask_embed.2.weight"
    state[name] = state[name][:-1]
    with pytest.raises(
        InputError, match=r"mask_embed\.2\.weight has the shape \(31, 32\), expected \(32, 32\)"
    ):
        load_checkpoint(save(state, tmp_path / "x.pth"))


def test_a_tensor_with_nan_is_named(tmp_path, state):
    state["panoptic_head.query_feat.weight"][0, 0] = float("nan")
    with pytest.raises(InputError, match=r"query_feat\.weight holds NaN"):
        load_checkpoint(save(state, tmp_path / "x.pth"))


def test_a_tensor_too_many_is_named(tmp_path, state):
    state["backbone.extra.weight"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"it has backbone\.extra\.weight"):
        load_checkpoint(save(state, tmp_path / "x.pth"))


def test_another_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="no Mask2Former with a Swin backbone"):
        load_checkpoint(save({"conv1.weight": torch.zeros(1)}, tmp_path / "x.pth"))


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "short.pth"
    path.write_bytes(CHECKPOINT.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"short\.pth is damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("data", [b"", b"not a file of tensors", (2**40).to_bytes(8, "little") + b"{}"])
def test_a_file_that_is_called_safetensors_and_is_none_is_refused(tmp_path, data):
    path = tmp_path / "fake.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"fake\.safetensors is damaged"):
        load_checkpoint(path)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "x.pth"
    torch.save({"state_dict": Harmful()}, path)
    with pytest.raises(InputError, match="damaged or no PyTorch checkpoint"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_without_weights_the_published_file_is_fetched_and_checked(no_proxy, monkeypatch, own_cache):
    foreign = FileServer({f"/{MASK2FORMER.name}": (DATA / "checkpoint.pth").read_bytes()})
    detector = registry.create("detectors", "mask2former", {"device": "cpu"})
    with http_server(foreign.answer) as address:
        monkeypatch.setenv("NAMI_WEIGHTS_MIRROR", address)
        with pytest.raises(WorkError, match=r"expected 743b7d99\.\.\. \(not verified .*weights=FILE"):
            _ = detector.identity
    assert not MASK2FORMER.path.exists()
    MASK2FORMER.path.parent.mkdir(exist_ok=True)
    pin = Pin(hash_file(DATA / "checkpoint.pth")[:8], "a test")
    monkeypatch.setattr(mask2former, "MASK2FORMER", replace(MASK2FORMER, pin=pin))
    with http_server(foreign.answer) as address:
        monkeypatch.setenv("NAMI_WEIGHTS_MIRROR", address)
        assert detector.identity == f"mask2former-{hash_file(DATA / 'checkpoint.pth')[:12]}"
    assert MASK2FORMER.path.read_bytes() == (DATA / "checkpoint.pth").read_bytes()


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*gone\.pth"):
        registry.create("detectors", "mask2former", {"weights": str(tmp_path / "gone.pth")})


@pytest.mark.parametrize(
    ("option", "message"),
    [({"dtype": "int8"}, "dtype"), ({"colour": "x"}, "unknown key")],
)
def test_bad_options_are_refused(option, message):
    with pytest.raises(InputError, match=message):
        registry.create("detectors", "mask2former", {"weights": str(CHECKPOINT), **option})


@pytest.mark.slow
def test_verdicts_are_the_same_alone_and_in_batches(detector, alone, tiny_clip):
    """As many of an image's most frequent class as there are, one more, and one in several colors."""
    options = {"weights": str(CHECKPOINT), "device": "cpu", "clip_model": str(tiny_clip)}
    judge = registry.create("detectors", "mask2former", options)
    items = []
    for name in ("square128",):
        class_name, found = max(select(alone[name], 0.3).items(), key=lambda pair: len(pair[1]))
        clause = {"class": class_name, "count": len(found)}
        clauses = [{**clause, "count": 1, "color": color} for color in GENEVAL_COLORS[::5]]
        for asked in [clause, {**clause, "count": len(found) + 1}, *clauses]:
            prompt = Prompt("00000", name, geneval={"tag": "t", "include": [asked]})
            items.append(ScoringItem(DATA / IMAGES[name]["file"], prompt))
    verdicts = {}
    for batch_size in (1, 4):
        metric = GenEvalMetric(GenEvalMetric.Options(batch_size=batch_size, workers=0), judge)
        verdicts[batch_size] = [(r.value, r.details["reason"]) for r in metric.score(items)]
    assert len({value for value, _ in verdicts[1]}) == 2
    assert verdicts[4] == verdicts[1]


def test_scores_are_float32_numbers_as_the_originals_are(alone):
    scores = np.array([d.score for found in alone.values() for d in found])
    assert (scores == scores.astype(np.float32)).all()
