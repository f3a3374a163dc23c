"""Principal components of blocks of pixels as latents."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nami_bench.evaluation.geneval.rules import judge
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.nami.autoencoder import PatchPCAAutoencoder
from nami_bench.generators.nami.training.shapes_data import draw_captions, draw_images


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """64 pictures of the shapes world, (64, 3, 64, 64) in -1..1."""
    rng = np.random.default_rng(0)
    drawn = draw_images(draw_captions(rng, 64, "train"), rng, 64, "grid")
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_it_finds_the_components_that_a_singular_value_decomposition_finds(pixels: torch.Tensor) -> None:
    vae = PatchPCAAutoencoder(4, 12)
    kept = vae.fit(pixels)
    blocks = torch.nn.functional.pixel_unshuffle(pixels, 4).permute(0, 2, 3, 1).reshape(-1, 48).numpy()
    centred = blocks - blocks.mean(axis=0)
    _, singular, rows = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    assert kept == pytest.approx((singular[:12] ** 2).sum() / (singular**2).sum(), abs=1e-6)
    assert kept > 0.95
    expected = centred @ rows[:12].T @ rows[:12] + blocks.mean(axis=0)
    decoded = vae.decode(vae.encode(pixels)).sample
    found = torch.nn.functional.pixel_unshuffle(decoded, 4).permute(0, 2, 3, 1).reshape(-1, 48).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    scaled = vae.encode(pixels) * vae.config.scaling_factor
    assert float((scaled**2).mean()) == pytest.approx(1, rel=1e-3)


def test_with_all_components_nothing_is_lost(pixels: torch.Tensor) -> None:
    vae = PatchPCAAutoencoder(2, 12)
    assert vae.fit(pixels) == pytest.approx(1)
    torch.testing.assert_close(vae.decode(vae.encode(pixels)).sample, pixels, atol=1e-5, rtol=0)


def test_saved_and_loaded_it_is_the_same(pixels: torch.Tensor, tmp_path: Path) -> None:
    vae = PatchPCAAutoencoder(4, 12)
    vae.fit(pixels)
    vae.save_pretrained(tmp_path)
    loaded = PatchPCAAutoencoder.from_pretrained(tmp_path)
    assert torch.equal(loaded.encode(pixels), vae.encode(pixels))
    assert loaded.config.scaling_factor == vae.config.scaling_factor != 1


def test_a_quarter_of_the_values_keeps_the_shapes() -> None:
    rng = np.random.default_rng(1)
    chosen = draw_captions(rng, 60, "held-out")
    drawn = torch.from_numpy(draw_images(chosen, rng, 64, "grid")).permute(0, 3, 1, 2).float() / 127.5 - 1
    vae = PatchPCAAutoencoder(4, 12)
    vae.fit(drawn)
    decoded = ((vae.decode(vae.encode(drawn)).sample.clamp(-1, 1) + 1) * 127.5).round().byte()
    detector = ShapesDetector()
    for caption, array in zip(chosen, decoded.permute(0, 2, 3, 1).numpy(), strict=True):
        image = Image.fromarray(array)
        (found,) = detector.detect([image])
        assert judge(caption.clauses, found, image, detector.color_classifier).correct, caption.text
