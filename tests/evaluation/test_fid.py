"""FID and KID: the mathematics against known answers, the rest with a small real network and real files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.linalg import sqrtm

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem

torch = pytest.importorskip("torch")
pytest.importorskip("torch_fidelity")

from nami_bench.evaluation.features import Reference, moments  # noqa: E402
from nami_bench.evaluation.fid import (  # noqa: E402
    DistanceOptions,
    FrechetInceptionDistance,
    KernelInceptionDistance,
    kernel_distances,
    squared_mmd,
)
from nami_bench.evaluation.frechet import frechet_distance  # noqa: E402
from tests.support.small_network import SmallNetwork  # noqa: E402

RNG = np.random.default_rng


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder of `count` small random images, the brighter the higher `level` (0-255)."""

    def make(name: str, count: int, level: int, seed: int = 0) -> Path:
        rng = RNG(seed)
        (tmp_path / name).mkdir()
        for index in range(count):
            pixels = rng.normal(level, 40, (20, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index:03d}.png")
        return tmp_path / name

    return make


def items(source: Path) -> list[ScoringItem]:
    return [ScoringItem(path, Prompt("00000", "x")) for path in sorted(source.iterdir())]


def a_covariance(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    factor = rng.normal(size=(size, 2 * size))
    return factor @ factor.T / size


def test_the_frechet_distance_of_commuting_gaussians_has_a_closed_form() -> None:
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    mean_a, mean_b = np.array([0.0, 1.0, 2.0]), np.array([3.0, 1.0, -2.0])
    expected = 9 + 16 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(mean_a, np.diag(a), mean_b, np.diag(b)) == pytest.approx(expected)


def test_the_frechet_distance_equals_the_one_by_a_matrix_square_root() -> None:
    rng = RNG(1)
    for size in (1, 2, 17):
        a, b = a_covariance(rng, size), a_covariance(rng, size)
        mean_a, mean_b = rng.normal(size=(2, size))
        naive = ((mean_a - mean_b) ** 2).sum() + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
        assert frechet_distance(mean_a, a, mean_b, b) == pytest.approx(naive, rel=1e-9)
        assert frechet_distance(mean_b, b, mean_a, a) == pytest.approx(naive, rel=1e-9)
        assert frechet_distance(mean_a, a, mean_a, a) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_never_negative() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        mean, cov = moments(rng.normal(size=(20, 40)))
        assert frechet_distance(mean, cov, mean, cov) >= 0


def test_the_frechet_distance_of_singular_covariances_is_real() -> None:
    few_a, few_b = RNG(2).normal(size=(2, 5, 40))
    value = frechet_distance(*moments(few_a), *moments(few_b))
    assert np.isfinite(value) and value > 0


def test_the_distance_of_samples_approaches_that_of_their_gaussians_from_above() -> None:
    """FID's bias: upward, and smaller with more images."""
    rng, size = RNG(3), 8
    a, b = a_covariance(rng, size), a_covariance(rng, size)
    mean = rng.normal(size=size)
    truth = frechet_distance(np.zeros(size), a, mean, b)
    errors = []
    for count in (50, 500, 50_000):
        draws = [
            frechet_distance(
                *moments(rng.multivariate_normal(np.zeros(size), a, count)),
                *moments(rng.multivariate_normal(mean, b, count)),
            )
            for _ in range(20 if count < 5000 else 1)
        ]
        errors.append(float(np.mean(draws)) - truth)
    assert errors[0] > errors[1] > 0
    assert abs(errors[2]) < 0.02 * truth


def test_the_fid_of_features_equals_torch_fidelitys() -> None:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    a, b = RNG(4).gamma(1.0, size=(2, 300, 32))
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(torch.from_numpy(a)),
        fid_features_to_statistics(torch.from_numpy(b)),
        False,
    )
    assert frechet_distance(*moments(a), *moments(b)) == pytest.approx(*theirs.values(), rel=1e-9)


def test_the_squared_mmd_equals_its_definition() -> None:
    a, b = RNG(5).normal(size=(6, 3)), RNG(6).normal(size=(4, 3))

    def k(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        return float((x @ y / 3 + 1) ** 3)

    def within(x: NDArray[np.float64]) -> float:
        pairs = [k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        return float(np.mean(pairs))

    expected = within(a) + within(b) - 2 * np.mean([k(x, y) for x in a for y in b])
    assert squared_mmd(a, b) == pytest.approx(expected)


def test_kid_is_unbiased_so_that_equal_distributions_give_zero_on_average() -> None:
    rng = RNG(7)
    values = [squared_mmd(*rng.normal(size=(2, 20, 4))) for _ in range(2000)]
    standard_error = np.std(values) / len(values) ** 0.5
    assert abs(np.mean(values)) < 4 * standard_error
    assert min(values) < 0 < max(values)
    shifted = [squared_mmd(rng.normal(size=(20, 4)), rng.normal(1, 1, size=(20, 4))) for _ in range(200)]
    assert np.mean(shifted) > 20 * standard_error


def test_the_mean_over_subsets_equals_torch_fidelitys_within_its_spread() -> None:
    from torch_fidelity.metric_kid import kid_features_to_metric

    a, b = RNG(8).gamma(1.0, size=(2, 400, 32)).astype(np.float32)
    b *= 1.2
    theirs = kid_features_to_metric(
        torch.from_numpy(a), torch.from_numpy(b), kid_subsets=200, kid_subset_size=100, verbose=False
    )
    ours = kernel_distances(a, b, subsets=200, subset_size=100)
    mean, spread = theirs["kernel_inception_distance_mean"], theirs["kernel_inception_distance_std"]
    assert ours.mean() == pytest.approx(mean, abs=4 * spread * (2 / 200) ** 0.5)
    assert ours.std() == pytest.approx(spread, rel=0.3)
    assert list(kernel_distances(a, b, 3, 100)) == list(kernel_distances(a, b, 3, 100))


def test_fid_of_a_folder_is_computed_from_the_features_of_its_images(folder: Callable[..., Path]) -> None:
    real, made = folder("real", 40, 120), folder("made", 30, 160, seed=1)
    network = SmallNetwork()
    metric = FrechetInceptionDistance(DistanceOptions(real, batch_size=7), network)

    def features(source: Path) -> NDArray[np.float32]:
        prepared = [network.prepare(Image.open(path).convert("RGB")) for path in sorted(source.iterdir())]
        return network.extract(prepared)

    result = metric.score_set(items(made))
    expected = frechet_distance(*moments(features(made)), *moments(features(real)))
    assert result.value == pytest.approx(expected, rel=1e-4)
    assert (result.images, result.problems) == (30, ())
    assert result.details == {"images": 30, "reference_images": 40}
    near = metric.score_set(items(folder("near", 30, 120, seed=2)))
    assert near.value is not None and near.value < expected / 10


def test_the_features_of_a_reference_are_computed_once(folder: Callable[..., Path], cache: Path) -> None:
    real, made = folder("real", 20, 120), folder("made", 20, 140, seed=1)
    first, second = SmallNetwork(), SmallNetwork()
    one = FrechetInceptionDistance(DistanceOptions(real), first).score_set(items(made))
    (real / "000.png").rename(real / "renamed.png")
    two = FrechetInceptionDistance(DistanceOptions(real), second).score_set(items(made))
    assert (first.images, second.images) == (40, 20)
    assert one == two
    assert [path.name.startswith("small-network-") for path in (cache / "features").iterdir()] == [True]
    (real / "001.png").unlink()
    third = SmallNetwork()
    FrechetInceptionDistance(DistanceOptions(real), third).score_set(items(made))
    assert third.images == 39


def test_kid_needs_no_covariance_and_names_its_subsets(folder: Callable[..., Path]) -> None:
    real, made = folder("real", 12, 120), folder("made", 10, 200, seed=1)
    metric = KernelInceptionDistance(DistanceOptions(real, allow_few=True), SmallNetwork())
    result = metric.score_set(items(made))
    assert result.value is not None and result.value > 0
    assert result.details["subset_size"] == 10
    assert metric.instrument.endswith("+few-allowed")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (
            FrechetInceptionDistance,
            "needs 16 images on either side, the model's images are 15: .*far too high",
        ),
        (KernelInceptionDistance, "needs 1000 images on either side, the model's images are 15"),
    ],
)
def test_too_few_images_are_refused_before_any_work(
    metric: Any, words: str, folder: Callable[..., Path]
) -> None:
    network = SmallNetwork()
    with pytest.raises(InputError, match=words):
        metric(DistanceOptions(folder("real", 16, 120)), network).score_set(items(folder("made", 15, 120)))
    assert network.images == 0


def test_too_few_images_on_the_other_side_are_refused_too(folder: Callable[..., Path]) -> None:
    metric = FrechetInceptionDistance(DistanceOptions(folder("real", 3, 120)), SmallNetwork())
    with pytest.raises(InputError, match="the reference are 3"):
        metric.score_set(items(folder("made", 20, 120)))


def test_one_image_is_never_enough(folder: Callable[..., Path]) -> None:
    options = DistanceOptions(folder("real", 20, 120), allow_few=True)
    with pytest.raises(InputError, match="needs at least 2 images"):
        FrechetInceptionDistance(options, SmallNetwork()).score_set(items(folder("made", 1, 120)))


def test_an_unreadable_image_is_left_out_and_said(folder: Callable[..., Path]) -> None:
    made = folder("made", 20, 140)
    (made / "004.png").write_bytes(b"no image")
    metric = FrechetInceptionDistance(DistanceOptions(folder("real", 20, 120)), SmallNetwork())
    read: list[int] = []
    result = metric.score_set(items(made), read.append)
    assert sum(read) == 20
    assert (result.images, len(result.problems)) == (19, 1)
    assert "004.png is not an image" in result.problems[0]


def test_features_that_are_not_finite_are_a_failure(folder: Callable[..., Path]) -> None:
    network = SmallNetwork()
    real = folder("real", 20, 120)
    metric = FrechetInceptionDistance(DistanceOptions(real), network)
    _ = metric.reference.features
    torch.nn.init.constant_(network.convolution.weight, torch.nan)
    result = metric.score_set(items(folder("made", 20, 120)))
    assert (result.value, result.reason) == (None, "the network gave numbers that are not finite")
    network.identity = "broken-network"
    with pytest.raises(InputError, match="broken-network gave numbers that are not finite for the reference"):
        _ = Reference(real, network, 8).features


def test_statistics_in_a_file_stand_for_a_folder(folder: Callable[..., Path], tmp_path: Path) -> None:
    real, made = folder("real", 20, 120), items(folder("made", 20, 150, seed=1))
    network = SmallNetwork()
    features = Reference(real, network, 8).features
    assert features is not None
    mean, covariance = moments(features)
    np.savez(tmp_path / "statistics.npz", mu=mean, sigma=covariance)
    np.savez(tmp_path / "features.npz", feats=features)

    def value(kind: Any, source: Path) -> float | None:
        value: float | None = kind(DistanceOptions(source, allow_few=True), network).score_set(made).value
        return value

    fid = value(FrechetInceptionDistance, real)
    assert value(FrechetInceptionDistance, tmp_path / "statistics.npz") == pytest.approx(fid)
    assert value(FrechetInceptionDistance, tmp_path / "features.npz") == pytest.approx(fid)
    kid = value(KernelInceptionDistance, real)
    assert value(KernelInceptionDistance, tmp_path / "features.npz") == pytest.approx(kid)
    with pytest.raises(InputError, match="holds mu and sigma only: kid needs feats"):
        value(KernelInceptionDistance, tmp_path / "statistics.npz")


def test_useless_references_are_one_sentence(folder: Callable[..., Path], tmp_path: Path) -> None:
    made = items(folder("made", 20, 120))
    empty, damaged = tmp_path / "empty", folder("damaged", 20, 120)
    empty.mkdir()
    (damaged / "003.png").write_bytes(b"no image")
    (tmp_path / "text.npz").write_text("text")
    np.savez(tmp_path / "other.npz", mu=np.zeros(3), sigma=np.zeros((3, 3)))
    np.savez(tmp_path / "nan.npz", mu=np.full(16, np.nan), sigma=np.eye(16))
    np.savez(tmp_path / "nothing.npz", x=np.zeros(3))
    for source, words in (
        (tmp_path / "none", "the reference cannot be read: .*none does not exist"),
        (empty, "holds no PNG, JPEG or WebP images"),
        (damaged, "1 images are not: .*003.png is not an image"),
        (tmp_path / "text.npz", "is no folder and no readable .npz file"),
        (tmp_path / "other.npz", "features of another network"),
        (tmp_path / "nan.npz", "holds numbers that are not finite"),
        (tmp_path / "nothing.npz", "holds neither feats nor mu and sigma"),
    ):
        metric = FrechetInceptionDistance(DistanceOptions(source), SmallNetwork())
        with pytest.raises(InputError, match=words):
            _ = metric.instrument
            metric.score_set(made)
    with pytest.raises(InputError, match="name them with -O reference=FOLDER"):
        FrechetInceptionDistance(DistanceOptions())
