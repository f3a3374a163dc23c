"""The report's plain tables, as `TextTable`s."""

from collections.abc import Iterator, Sequence

from evaluation.audit.results import Audit, Estimate
from nami_bench.leaderboard.text import TextTable

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


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], texts: int = 1
) -> TextTable:
    """A table whose first `texts` columns are texts, the others numbers."""
    numeric, whole = frozenset(columns[texts:]), frozenset(columns[:1])
    return TextTable(title, tuple(columns), tuple(map(tuple, rows)), numeric, whole)


def shown(estimate: Estimate, decimals: int, factor: float = 1.0, sign: str = "") -> str | None:
    """'0.83 (0.79–0.87)', or None."""
    if estimate.value is None:
        return None
    value = f"{estimate.value * factor:{sign}.{decimals}f}"
    if estimate.interval is None:
        return value
    low, high = (f"{edge * factor:{sign}.{decimals}f}" for edge in estimate.interval)
    return f"{value} ({low} to {high})" if sign else f"{value} ({low}–{high})"
