"""The report's plots, each as SVG and PNG.

Colors are those of Okabe and Ito (2008), which color-blind people tell apart; every model has a marker of its
own besides. The SVG files follow the reader's light or dark mode; printed, and as PNG, they are light.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.audit.results import JudgeAudit
from nami_bench.leaderboard.columns import human_columns
from nami_bench.leaderboard.rows import Group, Interval, Leaderboard, LeaderboardRow
from nami_bench.report.contents import MetricScores

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7a00", "#7a5195")
MARKERS = "osD^vPX*"
MOST_LINES = len(COLORS)
"""More models in one plot could not be told apart: it shows the best."""

_TEXT, _QUIET, _LINE = "#1b2330", "#5b6675", "#d5dae2"
_DARK = {_TEXT: "#e6eaf0", _QUIET: "#98a3b3", _LINE: "#37414f", "#0072b2": "#3d9fdb"}
_STYLE: Any = {
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _QUIET,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": _TEXT,
    "axes.titlesize": 11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 10,
    "grid.color": _LINE,
    "legend.frameon": False,
    "legend.labelcolor": _TEXT,
    "savefig.facecolor": "none",
    "svg.hashsalt": "nami-bench",  # the same plot gives the same file
    "text.color": _TEXT,
    "xtick.color": _QUIET,
    "ytick.color": _TEXT,
    "ytick.left": False,
}


@dataclass(frozen=True, slots=True)
class Plot:
    """`name` is that of its files, `text` says what it shows to who cannot see it."""

    name: str
    title: str
    text: str
    svg: bytes
    png: bytes


def leaderboard_plot(board: Leaderboard) -> Plot | None:
    """Total and interval of each model, the best at the top, with the letters of its tie groups."""
    rows = [row for row in board.measured if row.total is not None]
    if not rows:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _horizontal(len(rows))
        for place, row in enumerate(rows):
            _point(axes, row.total or 0.0, place, row.total_interval, COLORS[0], "o")
            axes.annotate(
                " ".join(row.ties),
                (1.01, place),
                xycoords=("axes fraction", "data"),
                va="center",
                color=_QUIET,
            )
        _models_on_y(axes, [row.model for row in rows])
        axes.set_xlabel(
            "total, 0 to 100" + ("; letters: tie groups" if any(row.ties for row in rows) else "")
        )
        words = ", ".join(f"{row.model} {row.total:.1f}" for row in rows)
        return _plot(figure, "leaderboard", "Totals", f"Total of each model with its interval: {words}.")


def criteria_plot(board: Leaderboard) -> Plot | None:
    """The criteria of each model as a radar, from three criteria on."""
    columns = human_columns(board)[:-1]
    rows = [r for r in board.measured if all(c.value(r) is not None for c in columns)][:MOST_LINES]
    if len(columns) < 3 or not rows:
        return None
    angles = np.linspace(0, 2 * pi, len(columns), endpoint=False)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2))
        axes = figure.add_axes((0.17, 0.11, 0.48, 0.76), projection="polar")
        axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
        axes.set_theta_direction(-1)  # type: ignore[attr-defined]
        for number, row in enumerate(rows):
            values = [column.value(row) or 0.0 for column in columns]
            axes.plot([*angles, angles[0]], [*values, values[0]], color=COLORS[number],
                      marker=MARKERS[number], markersize=5, linewidth=1.6, label=row.model)  # fmt: skip
        axes.set_xticks(angles, [column.title for column in columns])
        axes.tick_params(axis="x", colors=_TEXT, pad=4)
        for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
            side = np.sin(angle)
            label.set_horizontalalignment("left" if side > 0.1 else "right" if side < -0.1 else "center")
        axes.set_ylim(0, 100)
        axes.set_yticks([25, 50, 75, 100], ["25", "50", "75", "100"], color=_QUIET, fontsize=8)
        axes.spines["polar"].set_color(_LINE)
        figure.legend(loc="center right")
        names = ", ".join(column.title for column in columns)
        return _plot(figure, "criteria", "Criteria", f"Radar of {names}, 0 to 100, one line for each model.")


def group_plots(board: Leaderboard) -> Iterator[Plot]:
    """Totals on the parts of the prompts: a plot for each kind of part."""
    for kind in dict.fromkeys(group.kind for group in board.groups):
        groups = [group for group in board.groups if group.kind == kind]
        rows = [r for r in board.measured if any(r.model in group.scores for group in groups)][:MOST_LINES]
        if rows:
            yield _group_plot(kind, groups, rows)


def _group_plot(kind: str, groups: Sequence[Group], rows: Sequence[LeaderboardRow]) -> Plot:
    step = 0.75 / len(rows)
    with mpl.rc_context(_STYLE):
        figure, axes = _horizontal(len(groups) * max(1.0, 0.45 * len(rows)))
        for number, row in enumerate(rows):
            for place, group in enumerate(groups):
                score = group.scores.get(row.model)
                if score is not None and score.total is not None:
                    at = place + step * (number - (len(rows) - 1) / 2)
                    _point(axes, score.total, at, score.interval, COLORS[number], MARKERS[number])
        for number, row in enumerate(rows):
            axes.plot([], [], color=COLORS[number], marker=MARKERS[number], linestyle="", label=row.model)
        _models_on_y(axes, [f"{g.name.replace('_', ' ')} ({g.prompts})" for g in groups])
        axes.set_xlabel("total, 0 to 100; in brackets: prompts")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        name = "GenEval task" if kind == "task" else kind
        return _plot(figure, f"by-{_file_name(kind)}", f"Totals by {name}", f"Total of each model by {name}.")


def scatter_plot(scores: MetricScores, number: int) -> Plot:
    """A metric's values against people's, one point for each image, a large one for each model's mean."""
    names = list(dict.fromkeys(scores.models))[:MOST_LINES]
    value, people = np.array(scores.values), np.array(scores.people)
    of = np.array(scores.models)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        for index, name in enumerate(names):
            color, marker, here = COLORS[index], MARKERS[index], of == name
            # As pixels: thousands of points would make the file slow to show.
            axes.scatter(
                value[here], people[here], s=9, alpha=0.35, color=color, linewidth=0, rasterized=True
            )
            axes.scatter(value[here].mean(), people[here].mean(), s=90, color=color, marker=marker,
                         edgecolor=_TEXT, linewidth=0.8, label=name, zorder=3)  # fmt: skip
        axes.set_xlabel(scores.metric)
        axes.set_ylabel(f"people: {scores.criterion}, 0 to 100")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        title = f"{scores.metric} and people"
        by = f"{scores.metric} by {scores.instrument}"
        text = f"{by} against people's {scores.criterion} over {len(of)} images."
        return _plot(figure, f"scatter-{number}-{_file_name(scores.metric)}", title, text)


def judge_plot(judge: JudgeAudit, number: int) -> Plot | None:
    """By task, the share of images that GenEval calls right beside the share that people do."""
    tasks = [task for task in judge.tasks if task.verdict_rate.value is not None]
    if not tasks:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _horizontal(len(tasks))
        for place, task in enumerate(tasks):
            for estimate, shift, color, marker in (
                (task.verdict_rate, -0.14, COLORS[0], "o"),
                (task.people_rate, 0.14, COLORS[1], "s"),
            ):
                if estimate.value is not None:
                    interval = Interval(*estimate.interval) if estimate.interval else None
                    _point(axes, estimate.value, place + shift, interval, color, marker)
        axes.plot([], [], color=COLORS[0], marker="o", linestyle="", label="GenEval")
        axes.plot([], [], color=COLORS[1], marker="s", linestyle="", label="people")
        _models_on_y(axes, [task.task.replace("_", " ") for task in tasks])
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share of images called right")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        text = "By GenEval task, the share of images that GenEval calls right and the share that people do."
        return _plot(figure, f"geneval-audit-{number}", f"GenEval ({judge.instrument}) and people", text)


def intervals_plot(
    name: str, title: str, label: str, values: Mapping[str, tuple[float, Interval | None]]
) -> Plot | None:
    """Any values with intervals, one line each, from the top in the order given."""
    if not values:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _horizontal(len(values))
        for place, (value, interval) in enumerate(values.values()):
            _point(axes, value, place, interval, COLORS[0], "o")
        _models_on_y(axes, list(values))
        axes.set_xlabel(label)
        words = ", ".join(f"{key} {value:.2f}" for key, (value, _) in values.items())
        return _plot(figure, name, title, f"{label}: {words}.")


def _horizontal(lines: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 0.9 + 0.34 * max(lines, 2)), layout="constrained")
    axes = figure.subplots()
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    return figure, axes


def _point(axes: Axes, value: float, at: float, interval: Interval | None, color: str, marker: str) -> None:
    if interval is not None:
        axes.plot([interval.low, interval.high], [at, at], color=color, linewidth=2.2, alpha=0.55,
                  solid_capstyle="butt")  # fmt: skip
    axes.plot([value], [at], color=color, marker=marker, markersize=6, linestyle="")


def _models_on_y(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _short(name: str) -> str:
    # A dollar sign would start mathematics.
    name = name.replace("$", r"\$")
    return name if len(name) <= 32 else name[:31] + "…"


def _file_name(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name)


def _plot(figure: Figure, name: str, title: str, text: str) -> Plot:
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return Plot(name, title, text, _themed(svg.getvalue()), png.getvalue())


def _themed(svg: bytes) -> bytes:
    """The SVG with rules that give its texts and lines other colors where the reader's page is dark."""
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    )
    style = f"<style>@media screen and (prefers-color-scheme: dark){{{rules}}}</style>"
    return svg.replace(b" <defs>", f" {style}\n <defs>".encode(), 1)
