"""Precision, recall, density, coverage, FID-infinity and FD-DINOv2: by definition, by libraries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem

torch = pytest.importorskip("torch")
pytest.importorskip("torch_fidelity")

from nami_bench.evaluation.fd_dinov2 import FrechetDinoDistance  # noqa: E402
from nami_bench.evaluation.features import moments  # noqa: E402
from nami_bench.evaluation.fid import DistanceOptions, FrechetInceptionDistance  # noqa: E402
from nami_bench.evaluation.fid_infinity import FidInfinity, extrapolated, fitted  # noqa: E402
from nami_bench.evaluation.frechet import frechet_distance  # noqa: E402
from nami_bench.evaluation.variety.covering import (  # noqa: E402
    Coverage,
    Density,
    Precision,
    Recall,
    covering,
)
from tests.support.small_network import SmallNetwork  # noqa: E402

Floats = NDArray[np.float64]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder of small random images, the brighter the higher `level` (0-255)."""

    def make(name: str, count: int, level: int, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        (tmp_path / name).mkdir()
        for index in range(count):
            pixels = rng.normal(level, 40, (20, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index:03d}.png")
        return tmp_path / name

    return make


def items(source: Path) -> list[ScoringItem]:
    return [ScoringItem(path, Prompt("00000", "x")) for path in sorted(source.iterdir())]


def by_definition(real: Floats, made: Floats, k: int) -> tuple[float, float, float, float]:
    """The four sums of both papers, word by word."""

    def radius(points: Floats, at: int) -> float:
        others = sorted(float(np.linalg.norm(points[at] - p)) for i, p in enumerate(points) if i != at)
        return others[k - 1]

    real_radius = [radius(real, at) for at in range(len(real))]
    made_radius = [radius(made, at) for at in range(len(made))]
    distance = np.array([[np.linalg.norm(x - y) for y in made] for x in real])
    within_real = distance <= np.array(real_radius)[:, None]
    within_made = distance <= np.array(made_radius)
    return (
        float(np.mean([within_real[:, j].any() for j in range(len(made))])),
        float(np.mean([within_made[i].any() for i in range(len(real))])),
        float(within_real.sum() / (k * len(made))),
        float(np.mean([within_real[i].any() for i in range(len(real))])),
    )


@pytest.mark.parametrize("shift", [0.0, 0.7, 3.0])
def test_the_four_values_equal_their_definitions(shift: float) -> None:
    rng = np.random.default_rng(2)
    real, made = rng.normal(size=(40, 5)), rng.normal(shift, 0.8, size=(33, 5))
    for k in (1, 3, 5):
        found = covering(real.astype(np.float32), made.astype(np.float32), k, k)
        expected = by_definition(real, made, k)
        assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(expected)
    of_both = covering(real.astype(np.float32), made.astype(np.float32), 3, 5)
    assert of_both.recall == pytest.approx(by_definition(real, made, 3)[1])
    assert of_both.coverage == pytest.approx(by_definition(real, made, 5)[3])


def test_precision_and_recall_are_torch_fidelitys_in_blocks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, made = np.random.default_rng(3).normal(size=(2, 300, 16)).astype(np.float32)
    made *= 1.3
    theirs = prc_features_to_metric(
        torch.from_numpy(made), torch.from_numpy(real), prc_neighborhood=3, prc_batch_size=100, verbose=False
    )
    for block in (64, 1024):
        monkeypatch.setattr("nami_bench.evaluation.variety.covering._BLOCK", block)
        ours = covering(real, made, 3, 5)
        assert ours.precision == pytest.approx(theirs["precision"], abs=0.004)
        assert ours.recall == pytest.approx(theirs["recall"], abs=0.004)


def test_a_model_that_repeats_itself_is_precise_and_covers_nothing() -> None:
    rng = np.random.default_rng(4)
    real = rng.normal(size=(400, 8)).astype(np.float32)
    same = covering(real, rng.normal(size=(400, 8)).astype(np.float32), 3, 5)
    collapsed = covering(real, (real[:1] + rng.normal(0, 0.01, (400, 8))).astype(np.float32), 3, 5)
    assert same.coverage > 0.9 and 0.9 < same.density < 1.1
    assert collapsed.precision == 1 and collapsed.recall < 0.02 and collapsed.coverage < 0.1


def test_a_line_through_known_points_is_found() -> None:
    sizes = (100, 200, 400, 1000)
    line = fitted(sizes, [3 + 500 / size for size in sizes])
    assert (line.intercept, line.slope, line.r_squared) == pytest.approx((3, 500, 1))
    assert fitted((10, 20), [4.0, 4.0]).r_squared is None


def test_endless_images_are_nearer_to_the_truth_than_those_at_hand() -> None:
    rng, size = np.random.default_rng(5), 12
    scale = np.linspace(0.5, 2, size)
    truth = frechet_distance(np.zeros(size), np.eye(size), np.ones(size) * 0.1, np.diag(scale**2))
    plain, endless = [], []
    for seed in range(12):
        made = (rng.normal(size=(150, size)) * scale + 0.1).astype(np.float32)
        reference = np.zeros(size), np.eye(size)
        plain.append(frechet_distance(*moments(made), *reference) - truth)
        endless.append(extrapolated(made, reference, 40, seed).intercept - truth)
    assert np.mean(plain) > 4 * abs(np.mean(endless))


def test_fid_infinity_of_a_folder_keeps_its_fit(folder: Callable[..., Path]) -> None:
    options = DistanceOptions(folder("real", 80, 120), batch_size=16)
    made = items(folder("made", 90, 150, seed=1))
    result = FidInfinity(options, SmallNetwork()).score_set(made)
    fit = result.details["fit"]
    assert (fit["sizes"][0], fit["sizes"][-1], len(fit["sizes"])) == (40, 90, 15)
    plain = FrechetInceptionDistance(options, SmallNetwork()).score_set(made).value
    assert fit["distances"][-1] == pytest.approx(plain, rel=1e-6)
    line = np.polyfit(1 / np.array(fit["sizes"]), fit["distances"], 1)
    assert (fit["slope"], result.value) == pytest.approx(tuple(line))
    assert fit["slope"] > 0 and 0 < fit["r_squared"] <= 1
    with pytest.raises(InputError, match="needs 80 images on either side, the model's images are 79"):
        FidInfinity(options, SmallNetwork()).score_set(made[:79])
    few = DistanceOptions(options.reference, allow_few=True)
    sizes = FidInfinity(few, SmallNetwork()).score_set(made[:12]).details["fit"]["sizes"]
    assert (sizes[0], sizes[-1]) == (6, 12)
    with pytest.raises(InputError, match="needs at least 3 images"):
        FidInfinity(few, SmallNetwork()).score_set(made[:2])


@pytest.mark.slow
def test_fd_dinov2_is_the_frechet_distance_of_its_features(
    folder: Callable[..., Path], dino_folder: Path
) -> None:
    real, made = folder("real", 30, 120), folder("made", 26, 150, seed=1)
    metric = FrechetDinoDistance(FrechetDinoDistance.Options(real, str(dino_folder), device="cpu"))
    result = metric.score_set(items(made))
    both = [metric.extract(items(source))[0] for source in (made, real)]
    assert result.value == pytest.approx(frechet_distance(*moments(both[0]), *moments(both[1])))
    assert metric.instrument.startswith("tiny-dinov2-") and "cls224+real-" in metric.instrument


@pytest.mark.parametrize("kind", [Precision, Recall, Density, Coverage])
def test_either_side_counts_equally_and_few_are_refused(kind: Any, folder: Callable[..., Path]) -> None:
    real, made = folder("real", 60, 120), items(folder("made", 40, 125, seed=1))
    network = SmallNetwork()
    metric = kind(kind.Options(real, allow_few=True), network)
    result = metric.score_set(made)
    assert result.details["compared"] == 40
    assert result.value == result.details[metric.name]
    assert metric.instrument.endswith("+k5+few-allowed" if metric.usual == 5 else "+k3+few-allowed")
    assert result.value > 0.3
    with pytest.raises(InputError, match="needs 1000 images on either side, the model's images are 40"):
        kind(kind.Options(real), network).score_set(made)
    with pytest.raises(InputError, match="needs more than 40 images on either side, there are 40"):
        kind(kind.Options(real, neighbours=40, allow_few=True), network).score_set(made)


def test_moments_alone_cover_nothing(folder: Callable[..., Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "statistics.npz", mu=np.zeros(16), sigma=np.eye(16))
    metric = Coverage(Coverage.Options(tmp_path / "statistics.npz", allow_few=True), SmallNetwork())
    with pytest.raises(InputError, match="holds mu and sigma only: coverage needs feats"):
        metric.score_set(items(folder("made", 20, 120)))
