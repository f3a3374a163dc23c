"""Inception-V3 itself with random weights: layers, resizing and identity against the library's own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from nami_bench.errors import InputError
from nami_bench.images import hash_file

torch = pytest.importorskip("torch")
pytest.importorskip("torch_fidelity")

from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # noqa: E402

from nami_bench.evaluation.inception import InceptionFeatures, clean_resize  # noqa: E402


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    with pytest.MonkeyPatch.context() as patch:
        # The constructor always loads a file; these are the random weights that it has by then.
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.save({}, path)
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3("random", ["2048"], str(path))
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
def test_features_equal_the_librarys_where_it_takes_the_same_pixels(weights: Path) -> None:
    pixels = data.astronaut()[:299, :299]
    features = InceptionFeatures(weights, "cpu")
    ours = features.extract([features.prepare(Image.fromarray(pixels))])
    theirs = FeatureExtractorInceptionV3("same", ["2048"], str(weights))(
        torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    )[0]
    assert ours.shape == (1, 2048) and ours.std() > 0
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-6)


def test_resizing_is_antialiased_bicubic_without_rounding() -> None:
    pixels = data.astronaut()
    resized = clean_resize(Image.fromarray(pixels))
    assert resized.shape == (3, 299, 299) and resized.dtype == np.float32
    assert resized.min() >= 0 and resized.max() <= 255
    assert (resized != resized.round()).mean() > 0.9
    eight_bit = np.asarray(Image.fromarray(pixels).resize((299, 299), Image.Resampling.BICUBIC))
    assert np.abs(resized - eight_bit.transpose(2, 0, 1)).mean() < 0.5
    # Fine stripes average out; a filter without antialiasing would pick some of them.
    stripes = np.zeros((1196, 1196, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = clean_resize(Image.fromarray(stripes))[:, 5:-5, 5:-5]
    np.testing.assert_allclose(inner, 127.5, atol=1)


def test_an_image_of_the_right_size_is_not_touched() -> None:
    pixels = data.astronaut()[:299, :299]
    np.testing.assert_array_equal(clean_resize(Image.fromarray(pixels)), pixels.transpose(2, 0, 1))


def test_the_identity_names_the_weights(weights: Path) -> None:
    identity = InceptionFeatures(weights).identity
    assert identity == f"inception-v3-{hash_file(weights)[:12]}-clean"


def test_weights_that_are_missing_or_foreign_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the weights .*none\.pth: No such file"):
        _ = InceptionFeatures(tmp_path / "none.pth").identity
    (tmp_path / "text.pth").write_text("text")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    for name in ("text.pth", "other.pth"):
        with pytest.raises(InputError, match=f"{name} does not hold Inception-V3's weights"):
            InceptionFeatures(tmp_path / name, "cpu").extract([np.zeros((3, 299, 299), np.float32)])
