"""Whether the range of an overview's forecast holds the end, by simulation.

    python -m benchmarks.forecast_ranges -o docs/results/statistics/forecast-ranges.json

Items are judged at a rate of 40 a day on average; the rate of a day differs from that of others with the
standard deviation `differs` of its logarithm, and items come at random within it. After `known` days so many
items are left as `left_days` days bring on average. Counted is how often the end lies within the range, and
how often the range has no end.
"""

import argparse
import json
import platform
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from nami_bench import __version__
from nami_bench.annotator_app.forecast import spans_left

RATE = 40.0
KNOWN, DIFFERS, LEFT_DAYS = (3, 4, 7, 24), (0.0, 0.3, 0.7), (1, 3, 10, 50)


def covered(known: int, differs: float, left_days: int, studies: int, seed: int) -> dict[str, Any]:
    """The shares of ends within the range, and of ranges without an end."""
    rng = np.random.default_rng((seed, known, int(10 * differs), left_days))
    left, within, endless = int(RATE * left_days), 0, 0
    for _ in range(studies):
        rates = RATE * np.exp(rng.normal(-(differs**2) / 2, differs, known + 12 * left_days + 50))
        counts = rng.poisson(rates)
        soonest, latest = spans_left(counts[:known].tolist(), left)
        within += soonest <= _days_until(left, counts[known:]) <= latest
        endless += latest == np.inf
    return {
        "known": known,
        "differs": differs,
        "left_days": left_days,
        "within": within / studies,
        "endless": endless / studies,
    }


def _days_until(left: int, counts: Any) -> float:
    total = np.cumsum(counts)
    day = int(np.searchsorted(total, left))
    return float(day + (left - (total[day] - counts[day])) / counts[day])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=2000, help="for each cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    arguments = parser.parse_args()
    rows = []
    for known, differs, left_days in product(KNOWN, DIFFERS, LEFT_DAYS):
        rows.append(covered(known, differs, left_days, arguments.studies, arguments.seed))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        about = {"nami_bench": __version__, "python": platform.python_version(), "numpy": np.__version__}
        options = {"studies": arguments.studies, "seed": arguments.seed}
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps({**about, **options, "cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
