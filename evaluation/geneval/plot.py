"""GenEval's scores as a picture: bars for each task with their intervals, one color for each model."""

from collections.abc import Mapping, Sequence

from nami_bench.domain.clauses import GENEVAL_TASKS
from nami_bench.errors import InputError
from nami_bench.evaluation.bars import Series, draw_bars, notes_by_run
from nami_bench.evaluation.geneval.published import standing
from nami_bench.evaluation.geneval.side_by_side import OVERALL, Kind, Run, differences, overall_name, runs
from nami_bench.evaluation.geneval.summary import GenEvalSummary

_HATCHES = {Kind.WHOLE: None, Kind.PART: "...", Kind.REWRITTEN: "///"}


def plot_scores(summaries: Mapping[str, GenEvalSummary], file_format: str) -> bytes:
    """A picture of the scores of models by name: overall, then the tasks; intervals of 95 %.

    Everything that the summaries note stands below. Runs of rewritten prompts, and of a part of the prompts,
    are hatched and named so; which have an overall score: see `side_by_side.runs`. `file_format` is one of
    `bars.FORMATS`; the same summaries give the same bytes. Raises InputError for models that different
    detectors judged, since their scores cannot be compared.
    """
    detectors = {summary.detector for summary in summaries.values()}
    if len(detectors) > 1:
        names = " and ".join(sorted(name or "an unnamed detector" for name in detectors))
        raise InputError(f"the results come from different detectors, {names}: they cannot be compared")
    tasks = _tasks(list(summaries.values()))
    words = [overall_name(summaries) if task == OVERALL else task for task in tasks]
    detector = detectors.pop()
    below = [
        f"whiskers: 95 % intervals, over prompts; detector: {detector or 'not recorded'}",
        *([str(standing(detector))] if detector else []),
        *differences(summaries),
        *notes_by_run({label: summary.notes for label, summary in summaries.items()}),
    ]
    return draw_bars(
        [_series(run) for run in runs(summaries)],
        {
            task: word.replace("_", "\n").replace(" of ", "\nof ")
            for task, word in zip(tasks, words, strict=True)
        },
        "correct images, %",
        below,
        file_format,
    )


def _tasks(summaries: Sequence[GenEvalSummary]) -> list[str]:
    """GenEval's tasks that occur, in its order, then any others."""
    present = [task.task for summary in summaries for task in summary.tasks]
    known = [task for task in GENEVAL_TASKS if task in present]
    return [OVERALL, *known, *dict.fromkeys(task for task in present if task not in known)]


def _series(run: Run) -> Series:
    return Series(
        f"{run.label}\n{run.words}" if run.words else run.label,
        {task: (100 * share, (100 * low, 100 * top)) for task, (share, (low, top)) in run.bars.items()},
        _HATCHES[run.kind],
        f"no overall: {run.no_overall}" if run.no_overall else "",
    )
