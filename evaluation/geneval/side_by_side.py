"""Runs of GenEval beside each other: what of each may be compared, and what must be said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from nami_bench.domain.clauses import GENEVAL_TASKS
from nami_bench.evaluation.geneval.summary import GenEvalSummary
from nami_bench.evaluation.shares import Interval

OVERALL = "overall"
_SIX = frozenset(GENEVAL_TASKS)

Bar = tuple[float, Interval]
"""A share, 0-1, and its interval."""


class Kind(StrEnum):
    """What a run's prompts are beside the set that they should be of."""

    WHOLE = "whole"
    """The whole set; or another set, or nothing is known of it."""
    PART = "part"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class Run:
    """One model's bars by task, with its overall score only where that may stand beside the others'.

    `words` say of what prompts it is, empty for the whole set; `no_overall` why there is no overall score.
    """

    label: str
    bars: Mapping[str, Bar]
    kind: Kind
    words: str
    no_overall: str


def runs(summaries: Mapping[str, GenEvalSummary]) -> list[Run]:
    """The runs by the names of their models.

    The overall score is the mean over tasks: it may stand beside others where all runs have the same tasks,
    else for those that have GenEval's six.
    """
    alike = len({_tasks(summary) for summary in summaries.values()}) == 1
    return [_run(label, summary, alike) for label, summary in summaries.items()]


def overall_name(summaries: Mapping[str, GenEvalSummary]) -> str:
    """What to call the mean over tasks: it is GenEval's overall score over its six tasks alone."""
    tasks = [_tasks(summary) for summary in summaries.values()]
    return OVERALL if _SIX in tasks or len(set(tasks)) > 1 else f"mean of {len(tasks[0])} tasks"


def differences(summaries: Mapping[str, GenEvalSummary]) -> list[str]:
    """What makes the runs unlike."""
    found = []
    if len({summary.prompts_sha256 for summary in summaries.values()}) > 1:
        found.append("the runs are not of the same prompts: their differences may be the prompts'")
    without = [f"{run.label} ({run.no_overall})" for run in runs(summaries) if run.no_overall]
    if without:
        found.append(
            f"no overall score is drawn for {', '.join(without)}: it is the mean over GenEval's six tasks"
        )
    return found


def _run(label: str, summary: GenEvalSummary, alike: bool) -> Run:
    bars: dict[str, Bar] = {task.task: (task.accuracy, task.interval) for task in summary.tasks}
    no_overall = ""
    if alike or _tasks(summary) == _SIX:
        bars[OVERALL] = (summary.overall, summary.overall_interval)
    else:
        present = len(_SIX) - len(summary.missing_tasks)
        no_overall = f"{present} of {len(_SIX)} tasks" + (" and others" if _tasks(summary) - _SIX else "")
    return Run(label, bars, *_kind(summary), no_overall)


def _kind(summary: GenEvalSummary) -> tuple[Kind, str]:
    covered = summary.coverage
    if covered is None:
        return Kind.WHOLE, ""
    missing = covered.missing if covered.of_the_set else 0
    words = ["rewritten prompts"] if covered.rewritten else []
    words += [f"{covered.expected - missing} of {covered.expected} prompts"] if missing else []
    kind = Kind.REWRITTEN if covered.rewritten else Kind.PART if missing else Kind.WHOLE
    return kind, ", ".join(words)


def _tasks(summary: GenEvalSummary) -> frozenset[str]:
    return frozenset(task.task for task in summary.tasks)
