"""The report's plain tables, as `TextTable`s."""

from collections.abc import Iterator, Sequence

from nami_bench.domain.english import with_interval
from nami_bench.domain.study import Study
from nami_bench.evaluation.audit.results import Audit, Estimate
from nami_bench.export.text import TextTable

_VERDICT_COLUMNS = ("task", "images", "GenEval right, %", "people right, %", "agree, %", "kappa", "AUC")
_DRIFT_COLUMNS = ("model", "images", "GenEval, %", "people, %", "GenEval less people")


def correlation_table(audit: Audit) -> TextTable:
    """Each metric's rank correlation with people, over images and over models."""
    rows = [
        (c.metric, c.instrument, f"{c.level}s", str(c.count), shown(c.spearman, 2), shown(c.kendall, 2))
        for c in audit.correlations
    ]
    title = f"Rank correlation with people's {audit.criterion}"
    return table(title, ("metric", "instrument", "over", "n", "Spearman", "Kendall tau-b"), rows, texts=3)


def audit_tables(audit: Audit) -> Iterator[TextTable]:
    """Of each GenEval instrument: its verdicts beside people's, by task, and its accuracy beside theirs."""
    for judge in audit.judges:
        agreement = [
            (
                found.task.replace("_", " "),
                str(found.images),
                shown(found.verdict_rate, 1, 100),
                shown(found.people_rate, 1, 100),
                shown(found.agreement, 1, 100),
                shown(found.kappa, 2),
                shown(found.auc, 2),
            )
            for found in (*judge.tasks, judge.overall)
        ]
        yield table(f"GenEval's verdicts and people's: {judge.instrument}", _VERDICT_COLUMNS, agreement)
        drift = [
            (
                found.model,
                str(found.images),
                f"{100 * found.verdict_accuracy:.1f}",
                f"{100 * found.people_accuracy:.1f}",
                shown(found.difference, 1, 100, "+"),
            )
            for found in judge.drift
        ]
        yield table("Accuracy by GenEval and by people, mean over tasks", _DRIFT_COLUMNS, drift)


def screening_rules(study: Study) -> Iterator[str]:
    """What the study does to find annotators who do not look, in words."""
    checks = study.checks
    if any(item.kind == "qualification" for item in study.check_items):
        yield f"Annotators begin when they pass {checks.pass_mark:.0%} of the qualification items."
    if checks.gold_every:
        yield f"One in {checks.gold_every} items has a known answer."
    if checks.gold_pass:
        yield (
            f"Annotators who pass fewer than {checks.gold_pass:.0%} of their last {checks.gold_window} such "
            "items are paused."
        )
    if checks.repeat_every:
        yield f"One in {checks.repeat_every} items is repeated, {checks.repeat_distance} or more later."
    if checks.fastest_ms:
        yield (
            f"Annotators who take less than {checks.fastest_ms / 1000:g} s for most of their last "
            f"{checks.window} items are paused."
        )
    if checks.constant:
        yield f"Annotators who give the same answers to {checks.constant} items in a row are paused."


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], texts: int = 1
) -> TextTable:
    """A table whose first `texts` columns are texts, the others numbers."""
    numeric, whole = frozenset(columns[texts:]), frozenset(columns[:1])
    return TextTable(title, tuple(columns), tuple(map(tuple, rows)), numeric, whole)


def shown(estimate: Estimate, decimals: int, factor: float = 1.0, sign: str = "") -> str | None:
    """'0.83 [0.79, 0.87]', or None."""
    numbers = (estimate.value, *(estimate.interval or (None, None)))
    value, low, high = (None if number is None else number * factor for number in numbers)
    return with_interval(value, low, high, decimals, sign)
