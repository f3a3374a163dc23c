"""How the report's plots look, and how they become files.

Colors are those of Okabe and Ito (2008), which color-blind people tell apart; every model has a marker of its
own besides. The SVG files follow the reader's light or dark mode; printed, and as PNG, they are light.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nami_bench.evaluation.leaderboard.rows import Interval

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7a00", "#7a5195")
MARKERS = "osD^vPX*"
MOST_LINES = len(COLORS)
"""More models in one plot could not be told apart: it shows the best."""

TEXT, QUIET, LINE = "#1b2330", "#5b6675", "#d5dae2"
_DARK = {TEXT: "#e6eaf0", QUIET: "#98a3b3", LINE: "#37414f", "#0072b2": "#3d9fdb"}
STYLE: Any = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": TEXT,
    "axes.titlesize": 11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 10,
    "grid.color": LINE,
    "legend.frameon": False,
    "legend.labelcolor": TEXT,
    "savefig.facecolor": "none",
    "svg.hashsalt": "nami-bench",  # the same plot gives the same file
    "text.color": TEXT,
    "xtick.color": QUIET,
    "ytick.color": TEXT,
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


def horizontal(lines: float) -> tuple[Figure, Axes]:
    """A plot of so many lines of points, with a grid across."""
    figure = Figure(figsize=(6.4, 0.9 + 0.34 * max(lines, 2)), layout="constrained")
    axes = figure.subplots()
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    return figure, axes


def point(axes: Axes, value: float, at: float, interval: Interval | None, color: str, marker: str) -> None:
    """A value at the line `at`, with its interval."""
    if interval is not None:
        axes.plot([interval.low, interval.high], [at, at], color=color, linewidth=2.2, alpha=0.55,
                  solid_capstyle="butt")  # fmt: skip
    axes.plot([value], [at], color=color, marker=marker, markersize=6, linestyle="")


def names_on_y(axes: Axes, names: Sequence[str]) -> None:
    """Names of the lines, from the top."""
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _short(name: str) -> str:
    # A dollar sign would start mathematics.
    name = name.replace("$", r"\$")
    return name if len(name) <= 32 else name[:31] + "…"


def file_name(name: str) -> str:
    """`name` as part of a file's name."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name)


def finished(figure: Figure, name: str, title: str, text: str) -> Plot:
    """The figure as files; `text` says what it shows."""
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
