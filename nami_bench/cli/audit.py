"""The audit of `nami-bench evaluate --audit`, on a terminal and in files."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.cli.common import Bench, echo, print_json, print_table, say, write_or_print

if TYPE_CHECKING:
    from nami_bench.evaluation.audit.results import Audit, Estimate, JudgeAudit


def show_audit(
    bench: Bench,
    models: Sequence[str] | None,
    prompts: str | None,
    study: str | None,
    criterion: str | None,
    threshold: float | None,
    without: Sequence[str],
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Audit the workspace's metrics; print tables or JSON, and write the CSV where one is asked for."""
    from nami_bench.evaluation.audit.audit import THRESHOLD
    from nami_bench.pipeline.audit import CRITERION, audit_csv, audit_from_store

    say("auditing: prompts are resampled a thousand times, which may take half a minute")
    audit = audit_from_store(
        bench.store,
        study=study,
        prompt_set=prompts,
        models=models,
        criterion=CRITERION if criterion is None else criterion,
        threshold=THRESHOLD if threshold is None else threshold,
        without=without,
    )
    if csv_file is not None:
        write_or_print(csv_file, audit_csv(audit))
    if as_json:
        print_json(audit.to_json())
    else:
        print_audit(audit)


def print_audit(audit: "Audit") -> None:
    """The audit as tables on stdout, with what must be said about it."""
    echo(
        f"Audit of study {audit.study}: {audit.ratings} ratings of {audit.criterion} by {audit.annotators} "
        f"annotators on {audit.images} images of {audit.prompts} prompts. People call an image right where "
        f"its mean rating reaches {audit.threshold:g} of 100. 95 % intervals, prompts are a sample of many."
    )
    for note in audit.notes:
        echo(f"- {note}")
    for judge in audit.judges:
        echo(f"\nGenEval on {judge.prompt_set} by {judge.instrument}")
        _print_judge(judge)
    echo("")
    rows = [
        (
            c.metric,
            c.instrument,
            c.level,
            c.count,
            _shown(c.spearman, 2),
            _shown(c.kendall, 2),
        )
        for c in audit.correlations
    ]
    columns = ("metric", "instrument", "over", "n", "Spearman", "Kendall tau-b")
    print_table(columns, rows, f"Rank correlation with people's {audit.criterion}", whole=columns[:1])
    _print_notes((f"{c.metric} over {c.level}s", c.notes) for c in audit.correlations)


def _print_judge(judge: "JudgeAudit") -> None:
    columns = ("task", "images", "GenEval right, %", "people right, %", "agree, %", "kappa", "AUC")
    rows = [
        (
            found.task,
            found.images,
            _shown(found.verdict_rate, 1, 100.0),
            _shown(found.people_rate, 1, 100.0),
            _shown(found.agreement, 1, 100.0),
            _shown(found.kappa, 2),
            _shown(found.auc, 2),
        )
        for found in (*judge.tasks, judge.overall)
    ]
    print_table(columns, rows, "Agreement of GenEval's verdicts with people", whole=columns[:1])
    _print_notes((found.task, found.notes) for found in (*judge.tasks, judge.overall))
    drift_columns = ("model", "images", "GenEval, %", "people, %", "GenEval less people")
    drift = [
        (
            found.model,
            found.images,
            f"{found.verdict_accuracy * 100:.1f}",
            f"{found.people_accuracy * 100:.1f}",
            _shown(found.difference, 1, 100.0, "+"),
        )
        for found in judge.drift
    ]
    print_table(drift_columns, drift, "Drift of GenEval's accuracy, mean over tasks", whole=drift_columns[:1])


def _print_notes(notes: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Each note once, with the names of those it is about."""
    about: dict[str, list[str]] = {}
    for name, texts in notes:
        for text in texts:
            about.setdefault(text, []).append(name)
    for text, names in about.items():
        echo(f"- {', '.join(names)}: {text}")
    echo("")


def _shown(estimate: "Estimate", decimals: int, factor: float = 1.0, sign: str = "") -> str | None:
    """'0.83 [0.79, 0.87]', or None."""
    if estimate.value is None:
        return None
    numbers = [estimate.value, *(estimate.interval or ())]
    value, *interval = (f"{number * factor:{sign}z.{decimals}f}" for number in numbers)
    return f"{value} [{', '.join(interval)}]" if interval else value
