"""The curves of one run or several, and the table below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nami_bench.errors import InputError
from nami_bench.report.drawing import COLORS, MARKERS, MOST_LINES, STYLE, Plot, finished
from nami_bench.watching.comparison import Difference, against_best, best_of
from nami_bench.watching.results import Measured, MetricResult, Run, placed


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A checkpoint on a metric's curve: `step` as placed, `test` against the best before it."""

    run: str
    metric: str
    step: int
    measured: Measured
    result: MetricResult
    test: Difference | None
    is_best: bool


def curve(run: Run, metric: str) -> list[CurvePoint]:
    """A run's checkpoints by a metric, in order; those without a figure too."""
    rows = [(step, one) for step, one in placed(run.measured) if metric in one.scores]
    measured = [one for _, one in rows]
    tests = against_best(measured, metric, run.settings)
    best = best_of(measured, metric, run.settings)
    return [
        CurvePoint(run.name, metric, step, one, one.scores[metric], test, one is best)
        for (step, one), test in zip(rows, tests, strict=True)
    ]


def shared_metrics(runs: Sequence[Run], wanted: Sequence[str] = ()) -> list[str]:
    """The metrics that all runs measured, or those `wanted`.

    Raises InputError where one was not measured, or runs measured it with other instruments or prompts:
    their curves would not be comparable.
    """
    first = runs[0].settings
    common = [name for name in first.metrics if all(name in run.settings.metrics for run in runs)]
    for name in wanted:
        if name not in common:
            raise InputError(f"{name} was not measured in every run: {', '.join(common) or 'nothing'} was")
    chosen = list(wanted) or common
    if not chosen:
        raise InputError(f"{' and '.join(run.name for run in runs)} have no metric in common")
    for run in runs[1:]:
        if run.settings.prompts_sha256 != first.prompts_sha256:
            raise InputError(f"{runs[0].name} and {run.name} were measured on different prompts")
        for name in chosen:
            if run.settings.metrics[name] != first.metrics[name]:
                raise InputError(f"{runs[0].name} and {run.name} measured {name} with different instruments")
    return chosen


def draw_curves(runs: Sequence[Run], metrics: Sequence[str]) -> Plot:
    """A panel for each metric, in it a line with 95 % intervals for each run; the best point is ringed.

    Raises InputError for more runs than can be told apart.
    """
    if len(runs) > MOST_LINES:
        raise InputError(f"{len(runs)} runs in one picture cannot be told apart: name up to {MOST_LINES}")
    with mpl.rc_context({**STYLE, "text.parse_math": False}):
        figure = Figure(figsize=(6.4, 0.6 + 3.0 * len(metrics)), layout="constrained")
        panels: Any = figure.subplots(len(metrics), 1, squeeze=False)
        for panel, metric in zip(panels[:, 0], metrics, strict=True):
            for number, run in enumerate(runs):
                _draw(panel, curve(run, metric), COLORS[number], MARKERS[number])
            panel.set_title(metric, loc="left")
            panel.set_xlabel(_axis(runs))
            panel.grid(axis="y", linewidth=0.6)
            panel.set_axisbelow(True)
            panel.locator_params(axis="x", integer=True)
        if len(runs) > 1:
            panels[0, 0].legend(loc="best")
        names = ", ".join(run.name for run in runs)
        return finished(
            figure, "curves", "Curves", f"{', '.join(metrics)} by step of {names}, with 95 % intervals."
        )


def _draw(axes: Axes, points: Sequence[CurvePoint], color: str, marker: str) -> None:
    drawn = [(point, point.result.value) for point in points if point.result.value is not None]
    axes.plot([p.step for p, _ in drawn], [v for _, v in drawn], color=color, marker=marker, markersize=5,
              linewidth=1.4, label=points[0].run if points else None)  # fmt: skip
    for point, value in drawn:
        if point.result.interval is not None:
            axes.plot([point.step] * 2, list(point.result.interval), color=color, linewidth=2.2, alpha=0.45)
        if point.is_best:
            axes.plot([point.step], [value], marker="o", markersize=11, markerfacecolor="none",
                      markeredgecolor=color, linestyle="")  # fmt: skip


def _axis(runs: Sequence[Run]) -> str:
    steps = [one.step is not None for run in runs for one in run.measured]
    return "step" if any(steps) else "checkpoint, by time"
