"""Detectors in transformers' own files: tiny real models, built here; nothing is fetched."""

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("cv2")
pytest.importorskip("open_clip")

from nami_bench import registry  # noqa: E402
from nami_bench.domain import GENEVAL_CLASSES  # noqa: E402
from nami_bench.errors import InputError  # noqa: E402
from nami_bench.evaluation.geneval.mask2former import HubMask2FormerDetector, Mask2FormerDetector  # noqa: E402
from nami_bench.evaluation.geneval.mask2former_weights import load_checkpoint  # noqa: E402
from nami_bench.evaluation.geneval.transformers_detector import TransformersDetector  # noqa: E402
from nami_bench.evaluation.geneval.transformers_loading import geneval_labels  # noqa: E402
from nami_bench.images import read_image  # noqa: E402

DATA = Path(__file__).resolve().parents[3] / "data" / "mask2former"
CHECKPOINT = DATA / "checkpoint.pth"
RENAMED = {"computer mouse": "mouse", "tv remote": "remote", "computer keyboard": "keyboard"}
COCO = [RENAMED.get(name, name) for name in GENEVAL_CLASSES]


@pytest.fixture(scope="module")
def hub_mask2former(tmp_path_factory):
    """The fixtures' network as transformers saves it."""
    network = load_checkpoint(CHECKPOINT)
    network.config.id2label = dict(enumerate(COCO))
    folder = tmp_path_factory.mktemp("models") / "tiny-mask2former"
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def yolos(tmp_path_factory):
    torch.manual_seed(0)
    config = transformers.YolosConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=[64, 96],
        patch_size=16,
        num_detection_tokens=7,
        id2label={0: "cat", 1: "mouse", 2: "N/A", 3: "dragon"},
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-yolos"
    transformers.YolosForObjectDetection(config).save_pretrained(folder)
    transformers.YolosImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    sizes = [(50, 80), (80, 50), (50, 80)]
    return [Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)) for size in sizes]


@pytest.mark.slow
def test_a_saved_mask2former_finds_what_its_checkpoint_finds(hub_mask2former):
    image = read_image(DATA / "square128.png")
    hub = registry.create("detectors", "mask2former-hf", {"model": str(hub_mask2former), "device": "cpu"})
    original = Mask2FormerDetector(Mask2FormerDetector.Options(weights=CHECKPOINT, device="cpu"))
    assert hub.class_names == GENEVAL_CLASSES
    ((found,), (expected,)) = hub.detect([image]), original.detect([image])
    assert [(d.class_name, d.box) for d in found] == [(d.class_name, d.box) for d in expected]
    np.testing.assert_allclose([d.score for d in found], [d.score for d in expected], rtol=1e-5)
    assert all((a.mask == b.mask).all() for a, b in zip(found, expected, strict=True))


def test_the_hubs_mask2former_is_another_instrument(hub_mask2former):
    hub = HubMask2FormerDetector(HubMask2FormerDetector.Options(model=str(hub_mask2former)))
    digest = hashlib.sha256((hub_mask2former / "model.safetensors").read_bytes()).hexdigest()
    assert re.fullmatch(f"mask2former-hf-tiny-mask2former-[0-9a-f]{{12}}-{digest[:12]}", hub.identity)


def test_another_kind_of_model_is_no_mask2former(yolos):
    with pytest.raises(InputError, match=r"is no Mask2Former but yolos: try the detector 'transformers'"):
        registry.create("detectors", "mask2former-hf", {"model": str(yolos)})


def test_a_mask2former_belongs_to_its_own_detector(hub_mask2former):
    with pytest.raises(InputError, match="belongs to the detector 'mask2former-hf'"):
        registry.create("detectors", "transformers", {"model": str(hub_mask2former)})


def test_any_object_detection_model_gives_boxes(yolos, images):
    """Against transformers' own pipeline, which was written by others."""
    detector = registry.create("detectors", "transformers", {"model": str(yolos), "device": "cpu"})
    assert detector.class_names == ("cat", "computer mouse", "N/A", "dragon")
    pipeline = transformers.pipeline("object-detection", model=str(yolos), device="cpu")
    for image, found in zip(images, detector.detect(images), strict=True):
        expected = pipeline(image, threshold=0.0)
        assert len(found) == len(expected) == 7
        names = {"mouse": "computer mouse"}
        by_score = sorted(found, key=lambda d: -d.score)
        for one, other in zip(by_score, sorted(expected, key=lambda row: -row["score"]), strict=True):
            assert one.class_name == names.get(other["label"], other["label"])
            assert abs(one.score - other["score"]) < 1e-5
            corners = [other["box"][key] for key in ("xmin", "ymin", "xmax", "ymax")]
            inside = np.clip(corners, 0, [image.width, image.height] * 2)
            np.testing.assert_allclose(one.box, inside, atol=1)
            assert one.mask is None


def test_its_identity_is_model_and_weights(yolos):
    detector = TransformersDetector(TransformersDetector.Options(model=str(yolos)))
    digest = hashlib.sha256((yolos / "model.safetensors").read_bytes()).hexdigest()
    assert re.fullmatch(f"transformers-tiny-yolos-[0-9a-f]{{12}}-{digest[:12]}", detector.identity)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_whatever_is_overwritten_in_a_detectors_folder_makes_it_another_instrument(yolos, tmp_path, file):
    folder = shutil.copytree(yolos, tmp_path / "model")

    def identity():
        return registry.create("detectors", "transformers", {"model": str(folder), "device": "cpu"}).identity

    before = identity()
    (folder / "trainer_state.json").write_text("{}")
    assert identity() == before
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data + b" " if file.endswith("json") else data[:-1] + bytes([data[-1] ^ 1]))
    assert identity() != before


def test_labels_get_genevals_names_where_they_mean_the_same():
    labels = {0: "Mouse", 1: "traffic_light", 2: "hair drier", 3: "sofa", 4: "N/A", 5: "Dragon"}
    assert geneval_labels(labels) == (
        "computer mouse", "traffic light", "hair drier", "couch", "N/A", "Dragon",
    )  # fmt: skip
    assert geneval_labels(dict(enumerate(COCO))) == GENEVAL_CLASSES


@pytest.fixture
def changed(hub_mask2former, tmp_path):
    """A detector of the saved Mask2Former after `change(tensors)`."""
    from safetensors.torch import load_file, save_file

    def changed(change):
        (tmp_path / "config.json").write_bytes((hub_mask2former / "config.json").read_bytes())
        tensors = load_file(hub_mask2former / "model.safetensors")
        change(tensors)
        save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
        return HubMask2FormerDetector(HubMask2FormerDetector.Options(model=str(tmp_path), device="cpu"))

    return changed


def test_missing_weights_are_no_random_numbers(changed):
    detector = changed(lambda tensors: tensors.pop("class_predictor.weight"))
    with pytest.raises(InputError, match=r"class_predictor\.weight"):
        detector.detect([Image.new("RGB", (32, 32))])


@pytest.mark.slow
def test_files_of_older_versions_hold_tables_that_are_computed_now(changed):
    name = "model.pixel_level_module.encoder.encoder.layers.0.blocks.0.attention.self.relative_position_index"
    detector = changed(lambda tensors: tensors.update({name: torch.zeros(49, 49, dtype=torch.long)}))
    assert detector.detect([Image.new("RGB", (32, 32))])[0]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no detection model: it needs config\.json"):
        registry.create("detectors", "transformers", {"model": str(tmp_path)})


def test_a_model_that_is_neither_here_nor_on_the_hub_is_named(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="'nobody/nothing' is no folder, is not complete in the hub's cache"):
        registry.create("detectors", "mask2former-hf", {"model": "nobody/nothing"})


def test_transformers_asks_for_a_model():
    with pytest.raises(InputError, match="model: is missing"):
        registry.create("detectors", "transformers")


def test_images_of_one_size_share_a_pass_and_get_what_each_gets_alone(yolos, images, monkeypatch):
    detector = registry.create("detectors", "transformers", {"model": str(yolos), "device": "cpu"})
    alone = [detector.detect([image])[0] for image in images]
    detector._cores.count, passes = 1, []
    forward = detector._network.forward
    monkeypatch.setattr(
        detector._network,
        "forward",
        lambda **inputs: (passes.append(len(inputs["pixel_values"])), forward(**inputs))[1],
    )
    together = detector.detect(images)
    assert sorted(passes) == [1, 2]
    for found, expected in zip(together, alone, strict=True):
        assert [d.class_name for d in found] == [d.class_name for d in expected]
        np.testing.assert_allclose([d.box for d in found], [d.box for d in expected], atol=1e-2)
        np.testing.assert_allclose([d.score for d in found], [d.score for d in expected], atol=1e-5)


def test_images_shared_out_among_cores_get_what_each_gets_alone(yolos, images):
    detector = registry.create("detectors", "transformers", {"model": str(yolos), "device": "cpu"})
    detector._cores.count = 3
    many = [image for image in images for _ in range(4)]
    threads = torch.get_num_threads()
    for image, found in zip(many, detector.detect(many), strict=True):
        (expected,) = detector.detect([image])
        np.testing.assert_allclose([d.box for d in found], [d.box for d in expected], atol=1e-2)
        np.testing.assert_allclose([d.score for d in found], [d.score for d in expected], atol=1e-5)
    assert torch.get_num_threads() == threads


def test_autocast_is_another_instrument(yolos, images):
    plain = registry.create("detectors", "transformers", {"model": str(yolos), "device": "cpu"})
    options = {"model": str(yolos), "device": "cpu", "dtype": "bfloat16"}
    half = registry.create("detectors", "transformers", options)
    assert half.identity == plain.identity + "-bfloat16"
    scores, expected = (
        [d.score for found in detector.detect(images) for d in found] for detector in (half, plain)
    )
    np.testing.assert_allclose(scores, expected, atol=0.05)
    assert scores != expected
