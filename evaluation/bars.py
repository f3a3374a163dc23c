"""Scores as a picture: groups of bars with their intervals, one color for each run, and notes below."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nami_bench.evaluation.shares import Interval

FORMATS = ("png", "svg", "pdf")
# Okabe and Ito's colors, which color-blind people tell apart too.
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
_SMALL = 6
_LETTERS_PER_INCH = 24
"""Of the small letters below the picture."""

Bar = tuple[float, Interval | None]
"""A score, 0-100, and its interval, where it has one."""


@dataclass(frozen=True, slots=True)
class Series:
    """The bars of one run by the names of their groups; it may lack some.

    `no_first` says in the place of the first group's bar why the run has none there. `hatch` is matplotlib's.
    """

    label: str
    bars: Mapping[str, Bar]
    hatch: str | None = None
    no_first: str = ""


def draw_bars(
    drawn: Sequence[Series], groups: Mapping[str, str], axis: str, below: Sequence[str], file_format: str
) -> bytes:
    """A picture of the runs' bars, group by group, the first set apart from the others.

    `groups` are the words under each group by its name, `axis` those of the scale, `below` what stands under
    the picture, a line for each at least. `file_format` is one of FORMATS; the same bars give the same bytes.
    """
    width = 2.2 + 1.1 * len(groups)
    lines = [line for text in below for line in textwrap.wrap(text, int(_LETTERS_PER_INCH * width))]
    with rc_context({"svg.hashsalt": "nami-bench", "svg.fonttype": "none", "text.parse_math": False}):
        figure = Figure(figsize=(width, 4.1 + 0.11 * len(lines)), layout="constrained")
        axes = figure.subplots()
        _bars(axes, drawn, list(groups), axis)
        axes.set_xticks(range(len(groups)), list(groups.values()))
        figure.supxlabel("\n".join(lines), fontsize=_SMALL)
        stream = io.BytesIO()
        dateless = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(stream, format=file_format, dpi=160, metadata=dateless[file_format])
    return stream.getvalue()


def notes_by_run(notes: Mapping[str, Sequence[str]]) -> list[str]:
    """What is noted of runs by their names, each note with its run; what is noted of all is said once."""
    of_all = [note for note in next(iter(notes.values())) if all(note in others for others in notes.values())]
    own = [(name, note) for name, of_run in notes.items() for note in of_run if note not in of_all]
    each = "each: " if len(notes) > 1 else ""
    return [*(f"{each}{note}" for note in of_all), *(f"{name}: {note}" for name, note in own)]


def _bars(axes: Axes, drawn: Sequence[Series], groups: Sequence[str], axis: str) -> None:
    width = 0.8 / len(drawn)
    for number, series in enumerate(drawn):
        color = _COLORS[number % len(_COLORS)]
        ats = [position + (number - (len(drawn) - 1) / 2) * width for position in range(len(groups))]
        present = [
            (at, series.bars[group]) for at, group in zip(ats, groups, strict=True) if group in series.bars
        ]
        _series_bars(axes, present, 0.92 * width, color, series)
        if series.no_first:
            axes.text(ats[0], 2, series.no_first, rotation=90, ha="center", size=7, color=color)
    axes.set_ylabel(axis)
    axes.set_ylim(0, 109)
    axes.axvline(0.5, color="#bbbbbb", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if len(drawn) > 1:
        axes.legend(frameon=False, ncols=min(len(drawn), 4), loc="lower center", bbox_to_anchor=(0.5, 1))
    else:
        axes.set_title(drawn[0].label)


def _series_bars(
    axes: Axes, bars: Sequence[tuple[float, Bar]], width: float, color: str, series: Series
) -> None:
    axes.bar(
        [at for at, _ in bars],
        [score for _, (score, _) in bars],
        width,
        color=color,
        hatch=series.hatch,
        edgecolor="white",
        linewidth=0,
        label=series.label,
    )
    for at, (score, interval) in bars:
        low, top = interval or (score, score)
        if interval:
            error = [[score - low], [top - score]]
            axes.errorbar(at, score, yerr=error, color="#444444", capsize=2.5, linewidth=1)
        axes.annotate(f"{score:.0f}", (at, top), (0, 2), textcoords="offset points", ha="center", size=7)
