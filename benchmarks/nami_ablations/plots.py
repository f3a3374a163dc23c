"""Convergence curves by variant with a band over seeds, and bars of the finished models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Results = Mapping[str, Mapping[int, Mapping[str, Any]]]
MEASURES = {"frechet": "Fréchet distance (lower is better)", "geneval": "GenEval over shapes"}
# Okabe and Ito's colors, which color-blind people tell apart too.
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")
_STYLE = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}


def plot_curves(found: Results, best: Mapping[str, float], path: Path) -> None:
    """Both measures over training FLOPs: the mean of the seeds, and a band from the lowest to the highest."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        for axes, (key, label) in zip(figure.subplots(1, 2), MEASURES.items(), strict=True):
            for number, (name, seeds) in enumerate(found.items()):
                _curve(axes, seeds, key, name, _COLORS[number % len(_COLORS)])
            axes.axhline(best[key], color="grey", linestyle=":", linewidth=1, label="true pictures")
            axes.set(xlabel="training FLOPs (10^12)", ylabel=label)
            axes.set_ylim(bottom=0)
        figure.axes[0].legend(frameon=False)
        figure.savefig(path, dpi=110, metadata={"Software": None})


def plot_bars(found: Results, best: Mapping[str, float], path: Path) -> None:
    """Both measures of every variant's finished model; whiskers from the lowest to the highest seed."""
    names = list(found)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 0.9 + 0.24 * len(names)), layout="constrained")
        for axes, (key, label) in zip(figure.subplots(1, 2, sharey=True), MEASURES.items(), strict=True):
            values = [[run["curve"][-1][key] for run in found[name].values()] for name in names]
            means = np.array([np.mean(v) for v in values])
            spread = [means - [min(v) for v in values], [max(v) for v in values] - means]
            axes.barh(names, means, xerr=spread, color=_COLORS[0], error_kw={"linewidth": 1})
            axes.axvline(best[key], color="grey", linestyle=":", linewidth=1)
            axes.set_xlabel(f"{label}; dotted: true pictures")
        figure.axes[0].invert_yaxis()
        figure.savefig(path, dpi=110, metadata={"Software": None})


def _curve(axes: Axes, seeds: Mapping[int, Mapping[str, Any]], key: str, name: str, color: str) -> None:
    curves = [run["curve"] for run in seeds.values()]
    flops = np.array([point["train_flops"] for point in curves[0]]) / 1e12
    values = np.array([[point[key] for point in curve] for curve in curves])
    axes.plot(flops, values.mean(axis=0), color=color, label=name, marker="o", markersize=3)
    axes.fill_between(flops, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
