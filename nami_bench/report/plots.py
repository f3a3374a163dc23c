"""Plots of a leaderboard: totals, criteria, parts of the prompts."""

from collections.abc import Iterator, Sequence
from math import pi

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from nami_bench.evaluation.leaderboard.columns import human_columns, total_title
from nami_bench.evaluation.leaderboard.rows import Group, Leaderboard, LeaderboardRow
from nami_bench.report.drawing import (
    COLORS,
    LINE,
    MARKERS,
    MOST_LINES,
    QUIET,
    STYLE,
    TEXT,
    Plot,
    file_name,
    finished,
    horizontal,
    names_on_y,
    point,
)


def leaderboard_plot(board: Leaderboard) -> Plot | None:
    """Total and interval of each model, the best at the top, with the letters of its tie groups."""
    rows = [row for row in board.measured if row.total is not None]
    if not rows:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = horizontal(len(rows))
        for place, row in enumerate(rows):
            point(axes, row.total or 0.0, place, row.total_interval, COLORS[0], "o")
            axes.annotate(
                " ".join(row.ties),
                (1.01, place),
                xycoords=("axes fraction", "data"),
                va="center",
                color=QUIET,
            )
        names_on_y(axes, [row.model for row in rows])
        axes.set_xlabel(
            f"{total_title(board)}, 0 to 100"
            + ("; letters: tie groups" if any(row.ties for row in rows) else "")
        )
        words = ", ".join(f"{row.model} {row.total:.1f}" for row in rows)
        return finished(figure, "leaderboard", "Totals", f"Total of each model with its interval: {words}.")


def criteria_plot(board: Leaderboard) -> Plot | None:
    """The criteria of each model as a radar, from three criteria on."""
    columns = human_columns(board)[:-1]
    rows = [r for r in board.measured if all(c.value(r) is not None for c in columns)][:MOST_LINES]
    if len(columns) < 3 or not rows:
        return None
    angles = np.linspace(0, 2 * pi, len(columns), endpoint=False)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.2))
        axes = figure.add_axes((0.16, 0.11, 0.42, 0.76), projection="polar")
        axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
        axes.set_theta_direction(-1)  # type: ignore[attr-defined]
        for number, row in enumerate(rows):
            values = [column.value(row) or 0.0 for column in columns]
            axes.plot([*angles, angles[0]], [*values, values[0]], color=COLORS[number],
                      marker=MARKERS[number], markersize=5, linewidth=1.6, label=row.model)  # fmt: skip
        axes.set_xticks(angles, [column.title for column in columns])
        axes.tick_params(axis="x", colors=TEXT, pad=4)
        for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
            side = np.sin(angle)
            label.set_horizontalalignment("left" if side > 0.1 else "right" if side < -0.1 else "center")
        axes.set_ylim(0, 100)
        axes.set_yticks([25, 50, 75, 100], ["25", "50", "75", "100"], color=QUIET, fontsize=8)
        axes.spines["polar"].set_color(LINE)
        figure.legend(loc="center right")
        names = ", ".join(column.title for column in columns)
        return finished(
            figure, "criteria", "Criteria", f"Radar of {names}, 0 to 100, one line for each model."
        )


def group_plots(board: Leaderboard) -> Iterator[Plot]:
    """Totals on the parts of the prompts: a plot for each kind of part."""
    for kind in dict.fromkeys(group.kind for group in board.groups):
        groups = [group for group in board.groups if group.kind == kind]
        rows = [r for r in board.measured if any(r.model in group.scores for group in groups)][:MOST_LINES]
        if rows:
            yield _group_plot(kind, groups, rows, total_title(board))


def _group_plot(kind: str, groups: Sequence[Group], rows: Sequence[LeaderboardRow], title: str) -> Plot:
    step = 0.75 / len(rows)
    with mpl.rc_context(STYLE):
        figure, axes = horizontal(len(groups) * max(1.0, 0.45 * len(rows)))
        for number, row in enumerate(rows):
            for place, group in enumerate(groups):
                score = group.scores.get(row.model)
                if score is not None and score.total is not None:
                    at = place + step * (number - (len(rows) - 1) / 2)
                    point(axes, score.total, at, score.interval, COLORS[number], MARKERS[number])
        for number, row in enumerate(rows):
            axes.plot([], [], color=COLORS[number], marker=MARKERS[number], linestyle="", label=row.model)
        names_on_y(axes, [f"{g.name.replace('_', ' ')} ({g.prompts})" for g in groups])
        axes.set_xlabel(f"{title}, 0 to 100; in brackets: prompts")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        name = "GenEval task" if kind == "task" else kind
        return finished(
            figure, f"by-{file_name(kind)}", f"Totals by {name}", f"Total of each model by {name}."
        )
