"""Plots of a study: agreement, annotators, metrics beside people, and how large it must be."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from nami_bench.evaluation.audit.results import JudgeAudit
from nami_bench.evaluation.leaderboard.agreement import Agreement
from nami_bench.evaluation.leaderboard.plan import Plan
from nami_bench.evaluation.leaderboard.rows import Interval
from nami_bench.report.contents import MetricScores
from nami_bench.report.drawing import (
    COLORS,
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


def agreement_plots(agreement: Agreement) -> Iterator[Plot]:
    """Alpha of each criterion; and each annotator's severity by criterion."""
    found = [one for one in agreement.criteria if one.alpha.alpha is not None]
    if found:
        with mpl.rc_context(STYLE):
            figure, axes = horizontal(len(found))
            for place, one in enumerate(found):
                alpha = one.alpha
                interval = (
                    Interval(alpha.low, alpha.high)
                    if alpha.low is not None and alpha.high is not None
                    else None
                )
                point(axes, alpha.alpha or 0.0, place, interval, COLORS[0], "o")
            names_on_y(axes, [one.criterion for one in found])
            axes.set_xlim(right=1.02)
            axes.set_xlabel(f"Krippendorff's alpha ({agreement.level}); 1 is full agreement, 0 is chance")
            words = ", ".join(f"{one.criterion} {one.alpha.alpha:.2f}" for one in found)
            yield finished(figure, "agreement", "Agreement", f"Krippendorff's alpha: {words}.")
    if any(s.severity is not None for work in agreement.annotators for s in work.summaries):
        yield _severity_plot(agreement)


def _severity_plot(agreement: Agreement) -> Plot:
    workers = agreement.annotators
    with mpl.rc_context(STYLE):
        figure, axes = horizontal(len(workers))
        axes.axvline(0, color=QUIET, linewidth=1)
        for number, one in enumerate(agreement.criteria[:MOST_LINES]):
            values = [work.summaries[number].severity for work in workers]
            known = [(value, place) for place, value in enumerate(values) if value is not None]
            axes.plot(
                [value for value, _ in known], [place for _, place in known],
                color=COLORS[number], marker=MARKERS[number], markersize=6, linestyle="", label=one.criterion,
            )  # fmt: skip
        names_on_y(axes, [work.annotator for work in workers])
        axes.set_xlabel("points above the mean of the others on the same images")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return finished(
            figure, "severity", "Annotators' severity", "How far each annotator is above the others."
        )


def scatter_plot(scores: MetricScores, number: int) -> Plot:
    """A metric's values against people's, one point for each image, a large one for each model's mean."""
    names = list(dict.fromkeys(scores.models))[:MOST_LINES]
    value, people = np.array(scores.values), np.array(scores.people)
    of = np.array(scores.models)
    with mpl.rc_context(STYLE):
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
                         edgecolor=TEXT, linewidth=0.8, label=name, zorder=3)  # fmt: skip
        axes.set_xlabel(scores.metric)
        axes.set_ylabel(f"people: {scores.criterion}, 0 to 100")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        title = f"{scores.metric} and people"
        by = f"{scores.metric} by {scores.instrument}"
        text = f"{by} against people's {scores.criterion} over {len(of)} images."
        return finished(figure, f"scatter-{number}-{file_name(scores.metric)}", title, text)


def judge_plot(judge: JudgeAudit, number: int) -> Plot | None:
    """By task, the share of images that GenEval calls right beside the share that people do."""
    tasks = [task for task in judge.tasks if task.verdict_rate.value is not None]
    if not tasks:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = horizontal(len(tasks))
        for place, task in enumerate(tasks):
            for estimate, shift, color, marker in (
                (task.verdict_rate, -0.14, COLORS[0], "o"),
                (task.people_rate, 0.14, COLORS[1], "s"),
            ):
                if estimate.value is not None:
                    interval = Interval(*estimate.interval) if estimate.interval else None
                    point(axes, estimate.value, place + shift, interval, color, marker)
        axes.plot([], [], color=COLORS[0], marker="o", linestyle="", label="GenEval")
        axes.plot([], [], color=COLORS[1], marker="s", linestyle="", label="people")
        names_on_y(axes, [task.task.replace("_", " ") for task in tasks])
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share of images called right")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        text = "By GenEval task, the share of images that GenEval calls right and the share that people do."
        return finished(figure, f"geneval-audit-{number}", f"GenEval ({judge.instrument}) and people", text)


def plan_plot(plan: Plan) -> Plot:
    """The smallest difference that a study finds, by its prompts, a line for each number of annotators."""
    numbers = list(plan.options.annotators)[:MOST_LINES]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.grid(linewidth=0.6, which="both")
        for index, raters in enumerate(numbers):
            sizes = sorted((s.prompts, s.detectable) for s in plan.sizes if s.annotators == raters)
            axes.plot(*zip(*sizes, strict=True), color=COLORS[index], marker=MARKERS[index],
                      markersize=5, label=f"{raters} annotators")  # fmt: skip
        if plan.current is not None:
            axes.plot([plan.current.prompts], [plan.current.detectable], marker="*", markersize=14,
                      color=TEXT, linestyle="", label="the ratings at hand")  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(plan.options.prompts, [str(number) for number in plan.options.prompts])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel("prompts")
        axes.set_ylabel(f"difference in {plan.column} found, points")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        text = "The smallest difference found, by numbers of prompts and of annotators."
        return finished(figure, "plan", "What studies of these sizes find", text)
