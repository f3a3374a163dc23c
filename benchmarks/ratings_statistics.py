"""Speed, memory, accuracy and coverage of the statistics, beside what a user would otherwise pick.

    python -m venv .venv-statistics
    .venv-statistics/bin/pip install -e . -r benchmarks/ratings-statistics-requirements.txt
    .venv-statistics/bin/python -m benchmarks.ratings_statistics -o docs/results/statistics

Every part runs in a process of its own, so that its memory is its own too, on the same data for all sides;
times are the best of several runs after one that warms up (compilation in JAX). JAX is why the
requirements are the benchmark's own and not the tests'. `--part NAME` runs one part and prints JSON.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]

PACKAGES = (
    "numpy", "scipy", "pandas", "pyarrow", "krippendorff", "evalica", "arena-rank", "jax", "pingouin",
    "statsmodels",
)  # fmt: skip
Result = dict[str, Any]


def seconds(work: Callable[[], Any], runs: int = 3, warm: bool = True) -> tuple[float, Any]:
    """The best time of so many runs, and the last result."""
    if warm:
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def leaderboard() -> Result:
    """1,000,000 values: read, score, 1,000 two-way replicates, all pairs, ranks."""
    from nami_bench.evaluation.human.bootstrap import bootstrap_scores
    from nami_bench.evaluation.human.comparisons import compare_models
    from nami_bench.evaluation.human.intervals import score_intervals
    from nami_bench.evaluation.human.ranking import rank_models
    from nami_bench.evaluation.human.ratings_array import RatingsArray
    from nami_bench.export.ratings_file import read_ratings
    from nami_bench.study_file import load_criteria, nami_1k_study_file

    criteria = load_criteria(nami_1k_study_file())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        _million_ratings([c.name for c in criteria]).to_csv(path, index=False)
        size = path.stat().st_size
        before = _peak()
        cpu = time.process_time()
        reading, table = seconds(lambda: read_ratings(path, lambda _: criteria), runs=1, warm=False)
        cpu_reading = time.process_time() - cpu
    after_reading = _peak()

    def statistics() -> Any:
        ratings = RatingsArray.from_table(table, criteria)
        intervals = score_intervals(ratings)
        replicates = bootstrap_scores(ratings, replicates=1000)
        quantiles = replicates.quantiles(np.array([0.025, 0.975]))
        return intervals, quantiles, rank_models(compare_models(ratings), replicates)

    cpu = time.process_time()
    computing, _ = seconds(statistics, runs=1, warm=False)
    cpu_computing = time.process_time() - cpu
    peak = _peak()
    with_gaps: Result = {}
    for percent in (5, 60):
        part = table[np.random.default_rng(0).random(len(table)) > percent / 100]

        def statistics_of_part(part: pd.DataFrame = part) -> Any:
            ratings = RatingsArray.from_table(part, criteria)
            return score_intervals(ratings), bootstrap_scores(ratings), compare_models(ratings)

        cpu = time.process_time()
        took, _ = seconds(statistics_of_part, runs=1, warm=False)
        with_gaps[f"statistics_with_{percent}_percent_missing_s"] = took
        with_gaps[f"statistics_with_{percent}_percent_missing_cpu_s"] = time.process_time() - cpu
    replicates = 3
    naive, _ = seconds(lambda: _pandas_replicates(table, replicates), runs=1, warm=False)
    return {
        "values": len(table),
        "csv_megabytes": size / 1e6,
        "read_csv_s": reading,
        "statistics_s": computing,
        "read_and_statistics_s": reading + computing,
        "read_csv_cpu_s": cpu_reading,  # of all threads: what a busy machine does not stretch
        "statistics_cpu_s": cpu_computing,
        **with_gaps,
        "pandas_loop_s_per_replicate": naive / replicates,
        "pandas_loop_s_for_1000": 1000 * naive / replicates,
        "peak_megabytes_before": before,
        "peak_megabytes_after_reading": after_reading,
        "peak_megabytes": peak,
    }


def alpha() -> Result:
    """200,000 real values of 40,000 units, beside Evalica and krippendorff at sizes they can."""
    import evalica
    import krippendorff

    from nami_bench.evaluation.human.agreement import krippendorff_alpha

    rng = np.random.default_rng(0)
    found: Result = {}

    def values(units: int) -> np.ndarray:
        return np.clip(rng.normal(50, 15, (units, 1)) + rng.normal(0, 8, (units, 5)), 0.01, 100)

    whole = values(40_000)
    unit = np.repeat(np.arange(40_000), 5)
    for level in ("nominal", "ordinal", "interval", "ratio"):
        took, _ = seconds(lambda level=level: krippendorff_alpha(unit, whole.ravel(), level, replicates=0))
        found[f"ours_200000_{level}_s"] = took
    took, _ = seconds(lambda: krippendorff_alpha(unit, whole.ravel(), "interval"), runs=1, warm=False)
    found["ours_200000_interval_with_1000_replicates_s"] = took
    for units in (200, 1000):
        part = values(units)
        ours, mine = seconds(
            lambda part=part, units=units: krippendorff_alpha(
                np.repeat(np.arange(units), 5), part.ravel(), "interval", replicates=0
            )
        )
        try:
            theirs, other = seconds(
                lambda part=part: krippendorff.alpha(part.T, level_of_measurement="interval"),
                runs=1,
                warm=False,
            )
        except MemoryError as error:  # it makes a matrix of values by values for each unit
            theirs, other = str(error), np.nan
        frame = pd.DataFrame(part.T)
        evalicas, third = seconds(
            lambda frame=frame: evalica.alpha(frame, distance="interval"), runs=1, warm=False
        )
        found[f"values_{5 * units}"] = {
            "ours_s": ours,
            "krippendorff_s": theirs,
            "evalica_s": evalicas,
            "krippendorff_differs_by": None if np.isnan(other) else abs(mine.alpha - float(other)),
            "evalica_differs_by": abs(mine.alpha - float(third.alpha)),
        }
    return found


def bradley_terry() -> Result:
    """1,000,000 comparisons of 100 models from a Parquet file: load, fit, intervals."""
    import evalica
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    from nami_bench.evaluation.human.bradley_terry import fit_bradley_terry
    from nami_bench.evaluation.human.comparison_table import Comparisons

    found: Result = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "comparisons.parquet"
        _million_comparisons().to_parquet(path)

        def ours(**options: Any) -> Any:
            table = pd.read_parquet(path)
            return fit_bradley_terry(Comparisons.from_table(table), **options)

        def arena() -> Any:
            table = pd.read_parquet(path)
            table["winner"] = table["outcome"].map({"left": "model_a", "right": "model_b", "tie": "tie"})
            renamed = table.rename(columns={"left": "model_a", "right": "model_b"})
            data = PairDataset.from_pandas(renamed)
            model = BradleyTerry(n_competitors=len(data.competitors))
            return data.competitors, model.compute_ratings_and_cis(data), model

        def evalicas() -> Any:
            table = pd.read_parquet(path)
            winner = {"left": evalica.Winner.X, "right": evalica.Winner.Y, "tie": evalica.Winner.Draw}
            winners = table["outcome"].map(winner)
            return evalica.bradley_terry(
                table["left"], table["right"], winners, tolerance=1e-12, limit=10_000
            )

        for name, options in {
            "half_sandwich": {"ties": "half", "errors": "sandwich"},
            "davidson_sandwich": {"errors": "sandwich"},
            "davidson_clustered": {"errors": "clustered"},
        }.items():
            found[f"ours_{name}_s"], fit = seconds(lambda options=options: ours(**options))
            if name == "half_sandwich":
                half = fit
        found["arena_rank_sandwich_s"], (names, _, model) = seconds(arena)
        found["evalica_without_intervals_s"], theirs = seconds(evalicas, runs=1)
    order = [half.models.index(name) for name in names]
    ratings = np.asarray(model.params["ratings"])
    found["arena_rank_differs_by"] = float(np.abs(half.strength[order] - (ratings - ratings.mean())).max())
    logs = np.log(theirs.scores[list(half.models)].to_numpy())
    found["evalica_differs_by"] = float(np.abs(half.strength - (logs - logs.mean())).max())
    return found


def equalities() -> Result:
    """Largest differences from maintained packages on random data."""
    import krippendorff
    import pingouin
    from statsmodels.stats.inter_rater import fleiss_kappa as other_kappa
    from statsmodels.stats.multitest import multipletests

    from nami_bench.evaluation.human.agreement import krippendorff_alpha
    from nami_bench.evaluation.human.comparisons import adjusted_p_values
    from nami_bench.evaluation.human.icc import fleiss_kappa, intraclass_correlations

    rng = np.random.default_rng(0)
    found: Result = {}
    for level in ("nominal", "ordinal", "interval", "ratio"):
        table = np.rint(rng.gamma(3, 3, (40, 1)) + rng.gamma(3, 1, (40, 5)))
        table[rng.random(table.shape) < 0.2] = np.nan
        mine = krippendorff_alpha(np.repeat(np.arange(40), 5), table.ravel(), level, replicates=0).alpha
        found[f"alpha_{level}_krippendorff"] = abs(
            mine - krippendorff.alpha(table.T, level_of_measurement=level)
        )
    table = rng.normal(50, 10, (20, 1)) + rng.normal(0, 6, (20, 5))
    long = pd.DataFrame(
        {"t": np.repeat(np.arange(20), 5), "r": np.tile(np.arange(5), 20), "v": table.ravel()}
    )
    theirs = pingouin.intraclass_corr(long, "t", "r", "v")["ICC"].to_numpy()
    ours = np.array([c.value for c in intraclass_correlations(table)])
    found["icc_pingouin"] = float(np.abs(ours - theirs).max())
    counts = rng.multinomial(6, (0.2, 0.3, 0.5), size=40)
    found["kappa_statsmodels"] = abs(fleiss_kappa(counts).value - other_kappa(counts))
    p = rng.random(30) ** 3
    for ours_name, name in (("holm", "holm"), ("benjamini-hochberg", "fdr_bh")):
        difference = adjusted_p_values(p, ours_name) - multipletests(p, method=name)[1]
        found[f"{ours_name}_statsmodels"] = float(np.abs(difference).max())
    return found


PARTS = {
    "leaderboard": leaderboard,
    "alpha": alpha,
    "bradley-terry": bradley_terry,
    "equalities": equalities,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("-o", "--output", type=Path, help="folder for statistics.json")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part]()))
        return
    report: Result = {"machine": machine(), "versions": versions()}
    for part in PARTS:
        command = [sys.executable, "-W", "ignore", __file__, "--part", part]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            sys.exit(f"{part} failed:\n{done.stderr}")
        report[part] = json.loads(done.stdout.splitlines()[-1])
        print(part, json.dumps(report[part], indent=2), flush=True)
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "statistics.json").write_text(json.dumps(report, indent=2) + "\n")


def machine() -> Result:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(names),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Of the packages that take part."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _peak() -> float:
    """The most memory this process has held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _million_ratings(criteria: list[str]) -> pd.DataFrame:
    """10 models, 5,000 prompts, 5 annotators, 4 criteria, as a ratings file holds them."""
    rng = np.random.default_rng(0)
    m, p, a, c = np.indices((10, 5000, 5, len(criteria))).reshape(4, -1)
    value = 50 + m + rng.normal(0, 8, 5000)[p] + rng.normal(0, 5, 5)[a]
    value = value + rng.normal(0, 8, (10, 5000))[m, p] + rng.normal(0, 2, (10, 5))[m, a]
    value = np.clip(np.rint(value + rng.normal(0, 10, len(m))), 0, 100).astype(int)

    def names(codes: np.ndarray, texts: list[str]) -> pd.Categorical:
        return pd.Categorical.from_codes(codes, texts)

    return pd.DataFrame({
        "study": "benchmark",
        "annotator": names(a, [f"annotator-{i}" for i in range(5)]),
        "model": names(m, [f"model-{i}" for i in range(10)]),
        "prompt_id": names(p, [f"{i:05d}" for i in range(5000)]),
        "sample": 0,
        "criterion": names(c, criteria),
        "value": value,
        "duration_ms": rng.integers(2000, 20_000, (10, 5000, 5))[m, p, a],
    })  # fmt: skip


def _pandas_replicates(table: pd.DataFrame, replicates: int) -> None:
    """What one writes with pandas: draw, merge, group."""
    rng = np.random.default_rng(0)
    prompts, annotators = table["prompt_id"].cat.categories, table["annotator"].cat.categories
    for _ in range(replicates):
        p = pd.Series(rng.choice(prompts, len(prompts))).value_counts().rename("v")
        a = pd.Series(rng.choice(annotators, len(annotators))).value_counts().rename("w")
        joined = table.merge(p, left_on="prompt_id", right_index=True).merge(
            a, left_on="annotator", right_index=True
        )
        joined["weight"] = joined["v"] * joined["w"]
        joined["product"] = joined["value"] * joined["weight"]
        sums = joined.groupby(["model", "criterion"], observed=True)[["product", "weight"]].sum()
        _ = sums["product"] / sums["weight"]


def _million_comparisons() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    models, n = 100, 1_000_000
    strength = rng.normal(0, 1, models)
    left = rng.integers(0, models, n)
    right = (left + rng.integers(1, models, n)) % models
    d = strength[left] - strength[right]
    weight = np.stack((np.exp(d / 2), np.full(n, 0.5), np.exp(-d / 2)))
    outcome = (rng.random(n) > np.cumsum(weight / weight.sum(axis=0), axis=0)).sum(axis=0)
    names = [f"model-{i:02d}" for i in range(models)]
    return pd.DataFrame({
        "left": pd.Categorical.from_codes(left, names),
        "right": pd.Categorical.from_codes(right, names),
        "outcome": pd.Categorical.from_codes(outcome, ["left", "tie", "right"]),
        "prompt_id": pd.Categorical.from_codes(rng.integers(0, 5000, n), [f"{i:05d}" for i in range(5000)]),
    })  # fmt: skip


if __name__ == "__main__":
    main()
