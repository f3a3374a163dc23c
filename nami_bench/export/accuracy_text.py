"""Metric accuracy as tables of text cells; every figure has its protocol beside it, and in words below."""

from collections.abc import Iterator, Sequence

from nami_bench.domain.english import with_interval
from nami_bench.evaluation.audit.accuracy_results import (
    Accuracy,
    CalibrationBin,
    Ceiling,
    MetricAccuracy,
    TauCorrelation,
)
from nami_bench.evaluation.audit.results import Estimate
from nami_bench.export.text import TextTable

Cells = tuple[str | None, ...]
_WHAT = ("metric", "against", "protocol")


def accuracy_tables(found: Sequence[MetricAccuracy]) -> Iterator[TextTable]:
    """Accuracy by every protocol, people beside the metrics, Kendall's taus, and calibration curves."""
    named = list(zip(labels(found), found, strict=True))
    columns: tuple[str, ...] = (
        *_WHAT, "accuracy", "interval over", "pairs", "ties of people", "of the metric",
    )  # fmt: skip
    rows = [(name, *_accuracy_cells(one)) for name, metric in named for one in metric.accuracies]
    yield from _table("Pairwise accuracy, %", columns, rows, texts=(*_WHAT, "interval over"))
    title = "The human ceiling: each person, and the metric, against the others"
    columns = (*_WHAT, "one person, %", "the metric, %", "metric less person", "interval over", "pairs")
    rows = [(name, *_ceiling_cells(one)) for name, metric in named for one in metric.ceilings]
    yield from _table(title, columns, rows, texts=(*_WHAT, "interval over"))
    columns = ("metric", "grouping", "variant", "tau", "alike up to", "pairs")
    rows = [(name, *_tau_cells(one)) for name, metric in named for one in metric.taus]
    yield from _table("Kendall's tau of images", columns, rows, texts=columns[:3])
    columns = ("metric", "scores differ by", "people prefer the higher, %", "softmax says, %", "pairs")
    rows = [(name, *_bin_cells(one)) for name, metric in named for one in metric.calibration]
    yield from _table("Calibration: how large a difference must be", columns, rows, texts=columns[:2])


def _accuracy_cells(one: Accuracy) -> Cells:
    ties = (str(one.ties), str(one.metric_ties))
    return (one.against, one.protocol, shown(one.value, 1, 100), one.over, str(one.pairs), *ties)


def _ceiling_cells(one: Ceiling) -> Cells:
    both = (shown(one.people, 1, 100), shown(one.metric, 1, 100))
    less = shown(one.difference, 1, 100, "+")
    return (one.against, one.protocol, *both, less, one.over, str(one.pairs))


def _tau_cells(one: TauCorrelation) -> Cells:
    return (one.grouping, f"tau-{one.variant}", shown(one.value, 3), f"{one.epsilon:.4g}", str(one.pairs))


def _bin_cells(one: CalibrationBin) -> Cells:
    wide = f"{one.low:.4g} to {one.high:.4g}"
    return (wide, shown(one.agreement, 1, 100), f"{100 * one.expected:.1f}", str(one.pairs))


def accuracy_notes(found: Sequence[MetricAccuracy]) -> Iterator[str]:
    """What each protocol does, once, then what must be said of single figures."""
    yield from dict.fromkeys(one.words for metric in found for one in metric.accuracies)
    for name, metric in zip(labels(found), found, strict=True):
        if metric.unscored:
            yield f"{name}: {metric.unscored} images that people judged have no score and are left out"
        for note in metric.notes:
            yield f"{name}: {note}"
        for one in metric.accuracies:
            for note in one.notes:
                yield f"{name}, {one.protocol}: {note}"
            if one.threshold is not None and one.protocol == "genai-bench":
                yield f"{name}, {one.protocol}: epsilon {one.threshold:.4g}"
    if any(metric.ceilings for metric in found):
        yield (
            "ceiling: everybody is left out once and stands beside what the others said of the same pairs, "
            "by the same protocol as the metric; the others are one fewer than all, so both figures are a "
            "little lower than against everybody"
        )


def labels(found: Sequence[MetricAccuracy]) -> list[str]:
    """The metrics' names, with their instruments where one has several."""
    names = [metric.metric for metric in found]
    return [
        one.metric if names.count(one.metric) == 1 else f"{one.metric} ({one.instrument})" for one in found
    ]


def shown(estimate: Estimate, decimals: int, factor: float = 1.0, sign: str = "") -> str | None:
    """'0.83 [0.79, 0.87]', or None."""
    numbers = (estimate.value, *(estimate.interval or (None, None)))
    value, low, high = (None if number is None else number * factor for number in numbers)
    return with_interval(value, low, high, decimals, sign)


def _table(
    title: str, columns: Sequence[str], rows: Sequence[Cells], texts: Sequence[str]
) -> Iterator[TextTable]:
    """The table, where it has a row."""
    if rows:
        numeric = frozenset(columns) - frozenset(texts)
        yield TextTable(title, tuple(columns), tuple(rows), numeric, frozenset(columns[:1]))
