"""GenEval's scores as a picture: bars for each task with their intervals, one color for each model."""

import io
from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.geneval.summary import GenEvalSummary
from evaluation.shares import Interval
from nami_bench.domain import GENEVAL_TASKS
from nami_bench.errors import InputError

FORMATS = ("png", "svg", "pdf")
# Okabe and Ito's colors, which color-blind people tell apart too.
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")

Bar = tuple[float, Interval]
"""A share, 0-1, and its interval."""


def plot_scores(summaries: Mapping[str, GenEvalSummary], file_format: str) -> bytes:
    """A picture of the scores of models by name: overall, then the tasks; intervals of 95 %.

    `file_format` is one of FORMATS; the same summaries give the same bytes. Raises InputError for models
    that different detectors judged, since their scores cannot be compared.
    """
    detectors = {summary.detector for summary in summaries.values()}
    if len(detectors) > 1:
        names = " and ".join(sorted(name or "an unnamed detector" for name in detectors))
        raise InputError(f"the results come from different detectors, {names}: they cannot be compared")
    tasks = _tasks(list(summaries.values()))
    with rc_context({"svg.hashsalt": "nami-bench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(2.2 + 1.1 * len(tasks), 4.2), layout="constrained")
        _bars(figure.subplots(), {label: _scores(s) for label, s in summaries.items()}, tasks)
        judge = detectors.pop() or "not recorded"
        figure.supxlabel(f"whiskers: 95 % intervals, over prompts; detector: {judge}", fontsize=6)
        stream = io.BytesIO()
        dateless = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(stream, format=file_format, dpi=160, metadata=dateless[file_format])
    return stream.getvalue()


def _tasks(summaries: Sequence[GenEvalSummary]) -> list[str]:
    """GenEval's tasks that occur, in its order, then any others."""
    present = [task.task for summary in summaries for task in summary.tasks]
    known = [task for task in GENEVAL_TASKS if task in present]
    return ["overall", *known, *dict.fromkeys(task for task in present if task not in known)]


def _scores(summary: GenEvalSummary) -> dict[str, Bar]:
    scores: dict[str, Bar] = {task.task: (task.accuracy, task.interval) for task in summary.tasks}
    return {"overall": (summary.overall, summary.overall_interval), **scores}


def _bars(axes: Axes, models: Mapping[str, Mapping[str, Bar]], tasks: Sequence[str]) -> None:
    width = 0.8 / len(models)
    for number, (label, scores) in enumerate(models.items()):
        color = _COLORS[number % len(_COLORS)]
        for position, task in enumerate(tasks):
            if task not in scores:
                continue
            share, (low, top) = scores[task]
            at = position + (number - (len(models) - 1) / 2) * width
            axes.bar(at, 100 * share, 0.92 * width, color=color, label=label if task == "overall" else None)
            error = [[100 * (share - low)], [100 * (top - share)]]
            axes.errorbar(at, 100 * share, yerr=error, color="#444444", capsize=2.5, linewidth=1)
            axes.annotate(
                f"{100 * share:.0f}", (at, 100 * top), (0, 2), textcoords="offset points", ha="center", size=7
            )
    axes.set_xticks(range(len(tasks)), [task.replace("_", "\n") for task in tasks])
    axes.set_ylabel("correct images, %")
    axes.set_ylim(0, 109)
    axes.axvline(0.5, color="#bbbbbb", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if len(models) > 1:
        axes.legend(frameon=False, ncols=min(len(models), 4), loc="lower center", bbox_to_anchor=(0.5, 1))
    else:
        axes.set_title(next(iter(models)))
