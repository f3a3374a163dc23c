"""GenEval's scores as a picture: bars for each task with their intervals, one color for each model."""

import io
import textwrap
from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nami_bench.domain.clauses import GENEVAL_TASKS
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.side_by_side import OVERALL, Bar, Kind, Run, notes, overall_name, runs
from nami_bench.evaluation.geneval.summary import GenEvalSummary

FORMATS = ("png", "svg", "pdf")
# Okabe and Ito's colors, which color-blind people tell apart too.
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
_HATCHES = {Kind.WHOLE: None, Kind.PART: "...", Kind.REWRITTEN: "///"}
_SMALL = 6
_LETTERS_PER_INCH = 24
"""Of the small letters below the picture."""


def plot_scores(summaries: Mapping[str, GenEvalSummary], file_format: str) -> bytes:
    """A picture of the scores of models by name: overall, then the tasks; intervals of 95 %.

    Everything that the summaries note stands below. Runs of rewritten prompts, and of a part of the prompts,
    are hatched and named so; which have an overall score: see `side_by_side.runs`. `file_format` is one of
    FORMATS; the same summaries give the same bytes. Raises InputError for models that different detectors
    judged, since their scores cannot be compared.
    """
    detectors = {summary.detector for summary in summaries.values()}
    if len(detectors) > 1:
        names = " and ".join(sorted(name or "an unnamed detector" for name in detectors))
        raise InputError(f"the results come from different detectors, {names}: they cannot be compared")
    tasks = _tasks(list(summaries.values()))
    width = 2.2 + 1.1 * len(tasks)
    below = _below(summaries, detectors.pop() or "not recorded", int(_LETTERS_PER_INCH * width))
    with rc_context({"svg.hashsalt": "nami-bench", "svg.fonttype": "none", "text.parse_math": False}):
        figure = Figure(figsize=(width, 4.1 + 0.11 * len(below)), layout="constrained")
        axes = figure.subplots()
        _bars(axes, runs(summaries), tasks)
        ticks = [overall_name(summaries) if task == OVERALL else task for task in tasks]
        axes.set_xticks(
            range(len(tasks)), [tick.replace("_", "\n").replace(" of ", "\nof ") for tick in ticks]
        )
        figure.supxlabel("\n".join(below), fontsize=_SMALL)
        stream = io.BytesIO()
        dateless = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(stream, format=file_format, dpi=160, metadata=dateless[file_format])
    return stream.getvalue()


def _tasks(summaries: Sequence[GenEvalSummary]) -> list[str]:
    """GenEval's tasks that occur, in its order, then any others."""
    present = [task.task for summary in summaries for task in summary.tasks]
    known = [task for task in GENEVAL_TASKS if task in present]
    return [OVERALL, *known, *dict.fromkeys(task for task in present if task not in known)]


def _below(summaries: Mapping[str, GenEvalSummary], detector: str, letters: int) -> list[str]:
    """The lines below the picture."""
    said = [f"whiskers: 95 % intervals, over prompts; detector: {detector}", *notes(summaries)]
    return [line for text in said for line in textwrap.wrap(text, letters)]


def _bars(axes: Axes, drawn: Sequence[Run], tasks: Sequence[str]) -> None:
    width = 0.8 / len(drawn)
    for number, run in enumerate(drawn):
        color = _COLORS[number % len(_COLORS)]
        ats = [position + (number - (len(drawn) - 1) / 2) * width for position in range(len(tasks))]
        present = [(at, run.bars[task]) for at, task in zip(ats, tasks, strict=True) if task in run.bars]
        _run_bars(axes, present, 0.92 * width, color, _HATCHES[run.kind], _name(run))
        if run.no_overall:
            axes.text(
                ats[0], 2, f"no overall: {run.no_overall}", rotation=90, ha="center", size=7, color=color
            )
    axes.set_ylabel("correct images, %")
    axes.set_ylim(0, 109)
    axes.axvline(0.5, color="#bbbbbb", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if len(drawn) > 1:
        axes.legend(frameon=False, ncols=min(len(drawn), 4), loc="lower center", bbox_to_anchor=(0.5, 1))
    else:
        axes.set_title(_name(drawn[0]))


def _run_bars(
    axes: Axes, bars: Sequence[tuple[float, Bar]], width: float, color: str, hatch: str | None, name: str
) -> None:
    heights = [100 * share for _, (share, _) in bars]
    axes.bar(
        [at for at, _ in bars],
        heights,
        width,
        color=color,
        hatch=hatch,
        edgecolor="white",
        linewidth=0,
        label=name,
    )
    for at, (share, (low, top)) in bars:
        error = [[100 * (share - low)], [100 * (top - share)]]
        axes.errorbar(at, 100 * share, yerr=error, color="#444444", capsize=2.5, linewidth=1)
        axes.annotate(
            f"{100 * share:.0f}", (at, 100 * top), (0, 2), textcoords="offset points", ha="center", size=7
        )


def _name(run: Run) -> str:
    return f"{run.label}\n{run.words}" if run.words else run.label
