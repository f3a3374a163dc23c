"""From the runs' JSON files to tables and plots on a page of results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from benchmarks.nami_ablations.plots import plot_bars, plot_curves
from benchmarks.nami_ablations.variants import TABLES, VARIANTS
from nami_bench.errors import InputError

Results = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""By variant and seed; variants in the order of VARIANTS."""
BASE = "base"
_TITLE = "NAMI's ablations in miniature"
MARK = "<!-- from here on, collect writes -->"


def collect(results: Path, docs: Path) -> None:
    """Write ablations.json, the plots and README.md into `docs`; what README.md says above MARK stays.

    Raises InputError where there is no finished run.
    """
    found, about = load_results(results)
    docs.mkdir(parents=True, exist_ok=True)
    runs = [run for seeds in found.values() for run in seeds.values()]
    (docs / "ablations.json").write_text(
        json.dumps({**about, "runs": runs}, indent=1) + "\n", encoding="utf-8"
    )
    plots = []
    for table in TABLES:
        chosen = in_table(found, table)
        if len(chosen) > 1:
            plot_curves(chosen, about["best_possible"], docs / f"curves-{table}.png")
            plots.append(table)
    plot_bars(found, about["best_possible"], docs / "bars.png")
    page = docs / "README.md"
    head = page.read_text(encoding="utf-8").partition(MARK)[0] if page.exists() else f"# {_TITLE}\n\n"
    page.write_text(f"{head}{MARK}\n\n{_figures(found, about, plots, docs)}", encoding="utf-8")


def load_results(folder: Path) -> tuple[Results, Mapping[str, Any]]:
    """The finished runs in `folder`, and what holds for all of them."""
    about = folder / "about.json"
    if not about.is_file():
        raise InputError(f"{folder} holds no results: run the ablations first")
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for name in VARIANTS:
        for path in sorted(folder.glob(f"{name}-*.json")):
            run = json.loads(path.read_text(encoding="utf-8"))
            if run["variant"] == name:
                found.setdefault(name, {})[int(run["seed"])] = run
    if not found:
        raise InputError(f"{folder} holds no finished run yet")
    return found, json.loads(about.read_text(encoding="utf-8"))


def in_table(found: Results, table: str) -> Results:
    """The variants of one table that have runs."""
    return {name: seeds for name, seeds in found.items() if table in VARIANTS[name].tables}


def final(run: Mapping[str, Any], key: str) -> float:
    """A figure of the finished model."""
    last = run["curve"][-1]
    return float(last[key] if key in last else run[key])


def mean_and_range(values: Sequence[float], digits: int) -> str:
    """The mean over seeds, and the lowest and highest of them."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def paired_difference(found: Results, name: str, key: str) -> tuple[float, float] | None:
    """Mean and 95 % half-width (Student's t) of a variant's figure less the base's, seed by seed.

    None where fewer than two seeds have both.
    """
    base, own = found.get(BASE, {}), found[name]
    gaps = [final(own[seed], key) - final(base[seed], key) for seed in sorted(own) if seed in base]
    if len(gaps) < 2:
        return None
    half = float(student.ppf(0.975, len(gaps) - 1)) * float(np.std(gaps, ddof=1)) / len(gaps) ** 0.5
    return float(np.mean(gaps)), half


def tables(found: Results) -> list[str]:
    """Every ablation's table, as lines of Markdown."""
    lines = []
    for table, title in TABLES.items():
        chosen = in_table(found, table)
        if len(chosen) > 1:
            lines += [f"## {title}", "", *_table(chosen), ""]
            lines += [*_bridge_table(chosen), ""] if table == "bridges" else []
            lines += [*_forgetting_table(chosen), ""] if table == "joint" else []
    return lines


def forgetting(run: Mapping[str, Any]) -> tuple[float, float]:
    """The first stage's validation loss: its lowest during training, and at the end."""
    losses = [entry["loss_by_stage"][0] for entry in run["validation"]]
    return min(losses), losses[-1]


def _table(found: Results) -> list[str]:
    lines = [
        "| variant | seeds | distance | less the base's | GenEval | less the base's | held out "
        "| images seen | images/s | s/image |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, seeds in found.items():
        runs = list(seeds.values())

        def column(key: str, digits: int, runs: Sequence[Mapping[str, Any]] = runs) -> str:
            return mean_and_range([final(run, key) for run in runs], digits)

        cells = [
            VARIANTS[name].what,
            str(len(runs)),
            column("frechet", 3),
            _difference(found, name, "frechet"),
            column("geneval", 3),
            _difference(found, name, "geneval"),
            column("held_out", 3),
            f"{final(runs[0], 'images'):.0f}",
            column("images_per_cpu_second", 0),
            column("cpu_seconds_per_image", 4),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _difference(found: Results, name: str, key: str) -> str:
    gap = None if name == BASE else paired_difference(found, name, key)
    return "" if gap is None else f"{gap[0]:+.3f} ± {gap[1]:.3f}"


def _bridge_table(found: Results) -> list[str]:
    lines = [
        "| bridge | squared error at the first transition | at the second | of upsampling alone |",
        "|---|---|---|---|",
    ]
    for name, seeds in found.items():
        errors = np.array([run["bridge_error"] for run in seeds.values() if run["bridge_error"]])
        plain = np.array([run["bridge_upsampling_error"] for run in seeds.values() if run["bridge_error"]])
        if len(errors):
            means = [f"{value:.4f}" for value in errors.mean(axis=0)]
            upsampling = ", ".join(f"{value:.4f}" for value in plain.mean(axis=0))
            lines.append(f"| {VARIANTS[name].what} | {' | '.join(means)} | {upsampling} |")
    return lines


def _forgetting_table(found: Results) -> list[str]:
    lines = [
        "| variant | first stage's validation loss, lowest | at the end | ratio |",
        "|---|---|---|---|",
    ]
    for name, seeds in found.items():
        lowest, end = np.array([forgetting(run) for run in seeds.values()]).T
        ratio = mean_and_range(list(end / lowest), 2)
        lines.append(f"| {VARIANTS[name].what} | {lowest.mean():.5f} | {end.mean():.5f} | {ratio} |")
    return lines


def _figures(found: Results, about: Mapping[str, Any], plots: Sequence[str], docs: Path) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["software"].items())
    best = about["best_possible"]
    effort = next(iter(next(iter(found.values())).values()))["curve"][-1]["effort"]
    pictures = "\n\n".join(f"![{TABLES[table]}: convergence](curves-{table}.png)" for table in plots)
    return "\n".join(
        [
            "## How it was measured",
            "",
            "<!-- run: needs quiet machine -->",
            "```",
            "python -m benchmarks.nami_ablations run --out ablations",
            f"python -m benchmarks.nami_ablations collect ablations/results --docs {docs}",
            "```",
            "",
            f"Machine: {about['machine']}. {versions}.",
            "",
            f"Distance: Fréchet, features: {about['features']}; {effort['images']} drawn images against "
            "the training set's. Lower is better. It is biased upward by an amount that falls with the "
            f"number of images: as many true pictures, drawn anew, have {best['frechet']:.3f}. GenEval: mean "
            f"over tasks by the analytic detector, {best['geneval']:.3f} for true pictures; held out: "
            "combinations that training never sees. Seconds are processor time. In brackets the lowest and "
            "highest seed; after ± the half-width of a 95 % interval (Student's t) of the difference, seed "
            "by seed.",
            "",
            *tables(found),
            pictures,
            "",
            "![All variants](bars.png)",
            "",
        ]
    )
