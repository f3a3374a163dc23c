"""How far FID, FID-infinity, precision, recall, density and coverage at n images are from those of many.

    python -m benchmarks.set_metric_bias -o docs/results/statistics/set-metrics.json

Features are Gaussian, so that the Fréchet distance of both sides is known. Two spectra: all d directions are
alike, and the i-th with a variance of 1 / i, as features of networks are more like. The model is the real
images' own distribution, or a shifted, narrower one. The reference is known exactly, or is a sample of 10 d
images. The four shares have no closed form: shown is how they move with n, where both sides have n.
"""

import argparse
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nami_bench import __version__
from nami_bench.evaluation.features import Features, moments
from nami_bench.evaluation.fid_infinity import CURVED, extrapolated, smallest_size
from nami_bench.evaluation.frechet import frechet_distance
from nami_bench.evaluation.variety.covering import covering

REFERENCE = 10
"""Images of a sampled reference, by d."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cell:
    """`ratio`: images of the model by d."""

    d: int
    spectrum: str
    model: str
    reference: str
    ratio: int


def cells() -> Iterator[Cell]:
    """The grid: how FID's bias depends on n / d, at two d."""
    for d, spectrum, model, reference in product(
        (32, 128), ("flat", "decaying"), ("same", "other"), ("exact", "sample")
    ):
        for ratio in (1, 2, 5, 10, 25):
            yield Cell(d, spectrum, model, reference, ratio)


def variances(d: int, spectrum: str) -> Float64:
    """Of each direction (d,)."""
    return np.ones(d) if spectrum == "flat" else 1 / np.arange(1, d + 1)


def of_model(cell: Cell) -> tuple[Float64, Float64]:
    """Mean (d,) and variances (d,) of the model's features."""
    spread = variances(cell.d, cell.spectrum)
    if cell.model == "same":
        return np.zeros(cell.d), spread
    return 0.1 * np.sqrt(spread), 0.8 * spread


def drawn(rng: np.random.Generator, count: int, mean: Float64, spread: Float64) -> Features:
    """(count, d)."""
    found: Features = (mean + rng.normal(size=(count, len(mean))) * np.sqrt(spread)).astype(np.float32)
    return found


def distance_errors(cell: Cell, studies: int) -> dict[str, Any]:
    """Of so many draws, the truth, and mean and standard deviation of either estimate."""
    mean, spread = of_model(cell)
    real = variances(cell.d, cell.spectrum)
    exact = np.zeros(cell.d), np.diag(real)
    truth = frechet_distance(*exact, mean, np.diag(spread))
    plain, endless = [], []
    for number in range(studies):
        rng = np.random.default_rng((number, *map(ord, f"{cell}")))
        made = drawn(rng, cell.ratio * cell.d, mean, spread)
        reference = exact
        if cell.reference == "sample":
            reference = moments(drawn(rng, REFERENCE * cell.d, np.zeros(cell.d), real))
        plain.append(frechet_distance(*reference, *moments(made)))
        if cell.ratio >= 2 * CURVED:
            least = smallest_size(cell.d, len(made))
            endless.append(extrapolated(made, reference, least, number).intercept)
    return asdict(cell) | {
        "studies": studies,
        "truth": round(truth, 4),
        "fid": _told(plain),
        "fid_infinity": _told(endless) if endless else None,
    }


def begun_at_d(studies: int) -> Iterator[dict[str, Any]]:
    """What is left of FID's excess by a line that begins at d images, where FID is bent most."""
    for cell in cells():
        if cell.d != 32 or cell.reference != "exact" or cell.ratio not in (5, 10):
            continue
        mean, spread = of_model(cell)
        exact = np.zeros(cell.d), np.diag(variances(cell.d, cell.spectrum))
        truth = frechet_distance(*exact, mean, np.diag(spread))
        lines = []
        for number in range(studies):
            made = drawn(np.random.default_rng((number, cell.ratio)), cell.ratio * cell.d, mean, spread)
            lines.append(extrapolated(made, exact, cell.d, number))
        excess = float(np.mean([line.distances[-1] for line in lines])) - truth
        left = float(np.mean([line.intercept for line in lines])) - truth
        yield asdict(cell) | {"studies": studies, "left": round(left / excess, 4)}


def shares(studies: int) -> Iterator[dict[str, Any]]:
    """Mean values of the four shares at numbers of images, of 64 features whose spectrum decays."""
    for model, count in product(("same", "other"), (250, 500, 1000, 2000, 4000)):
        cell = Cell(64, "decaying", model, "sample", 0)
        rng = np.random.default_rng((count, *map(ord, model)))
        found = []
        for _ in range(studies):
            real = drawn(rng, count, np.zeros(64), variances(64, "decaying"))
            found.append(astuple(covering(real, drawn(rng, count, *of_model(cell)), 3, 5)))
        means, deviations = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
        names = ("precision", "recall", "density", "coverage")
        yield {"model": model, "images": count, "studies": studies} | {
            name: {"mean": round(float(mean), 4), "sd": round(float(sd), 4)}
            for name, mean, sd in zip(names, means, deviations, strict=True)
        }


def _told(values: list[float]) -> dict[str, float]:
    return {"mean": round(float(np.mean(values)), 4), "sd": round(float(np.std(values, ddof=1)), 4)}


def main() -> None:
    """Write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--share-studies", type=int, default=10)
    arguments = parser.parse_args()
    rows = []
    for cell in cells():
        rows.append(distance_errors(cell, arguments.studies))
        print(rows[-1], flush=True)
    about = {
        "command": f"python -m benchmarks.set_metric_bias -o docs/results/statistics/{arguments.output.name}",
        "version": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
    begun = list(begun_at_d(arguments.studies))
    found = about | {"distances": rows, "begun_at_d": begun, "shares": list(shares(arguments.share_studies))}
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
