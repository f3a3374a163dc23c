"""The audit of `nami-bench evaluate --audit`, on a terminal and in files."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.cli.common import Bench, echo, print_json, print_table, say, write_or_print
from nami_bench.errors import InputError

if TYPE_CHECKING:
    from nami_bench.evaluation.audit.question_results import QuestionAudit, QuestionJudgeAudit
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
    """Audit the workspace's metrics; print tables or JSON, and write the CSV where one is asked for.

    Of a study of questions: its judges.
    """
    from nami_bench.domain import Mode
    from nami_bench.evaluation.audit.audit import THRESHOLD
    from nami_bench.pipeline.audit import audit_csv, audit_from_store
    from nami_bench.pipeline.leaderboard_from_store import choose_study

    chosen = choose_study(bench.store, study, prompts, asks=True)
    if chosen is not None and chosen.mode == Mode.QUESTIONS:
        if criterion is not None or threshold is not None:
            raise InputError("--criterion and --threshold belong to ratings: this study asks questions")
        _show_question_audit(bench, chosen.name, models, without, csv_file, as_json)
        return
    say("auditing: prompts are resampled a thousand times, which may take half a minute")
    audit = audit_from_store(
        bench.store,
        study=study,
        prompt_set=prompts,
        models=models,
        criterion=criterion,
        threshold=THRESHOLD if threshold is None else threshold,
        without=without,
    )
    if csv_file is not None:
        write_or_print(csv_file, audit_csv(audit))
    if as_json:
        print_json(audit.to_json())
    else:
        print_audit(audit)


def _show_question_audit(
    bench: Bench,
    study: str,
    models: Sequence[str] | None,
    without: Sequence[str],
    csv_file: Path | None,
    as_json: bool,
) -> None:
    from nami_bench.pipeline.question_audit import question_audit_csv, question_audit_from_store

    say("auditing: prompts and annotators are resampled a thousand times")
    audit = question_audit_from_store(bench.store, study, models, without)
    if csv_file is not None:
        write_or_print(csv_file, question_audit_csv(audit))
    if as_json:
        print_json(audit.to_json())
    else:
        print_question_audit(audit)


def print_question_audit(audit: "QuestionAudit") -> None:
    """The audit of judges as a table on stdout, with what must be said about it."""
    from nami_bench.evaluation.audit.question_results import ALL, STATISTICS

    echo(
        f"Audit of study {audit.study}: {audit.answers} answers, yes or no, by {audit.annotators} annotators "
        f"on {audit.images} images of {audit.prompts} prompts. A question is right to people where more gave "
        "its right answer than the wrong one; ties, and what nobody could tell, are counted apart. 95 % "
        "intervals, prompts and annotators are samples of many."
    )
    labels = _labels(audit.judges)
    for label, judge in zip(labels, audit.judges, strict=True):
        echo(f"- {label}: {judge.metric} by {judge.instrument}")
    for note in audit.notes:
        echo(f"- {note}")
    echo("")
    found = [
        (one.category or "(none)", label, one)
        for label, judge in zip(labels, audit.judges, strict=True)
        for one in (judge.overall, *judge.categories)
    ]
    found.sort(
        key=lambda row: (row[2].category != ALL, row[0])
    )  # all judges of a category beneath each other
    statistics = ("sensitivity", "specificity", "kappa", "calibration error", "Brier")
    columns = ("category", "judge", "questions", "ties", "can't tell", *statistics)
    rows = [
        (
            category,
            label,
            one.questions,
            one.ties,
            one.untold,
            *(_shown(getattr(one, name), 2) for name in STATISTICS),
        )
        for category, label, one in found
    ]
    print_table(columns, rows, "Judges beside people", whole=columns[:2])
    _print_notes((f"{label} on {category}", one.notes) for category, label, one in found)


def _labels(judges: "Sequence[QuestionJudgeAudit]") -> list[str]:
    """The metrics' names, numbered where one has several instruments."""
    counts = Counter(judge.metric for judge in judges)
    numbers: Counter[str] = Counter()
    labels = []
    for judge in judges:
        numbers[judge.metric] += 1
        several = counts[judge.metric] > 1
        labels.append(f"{judge.metric} {numbers[judge.metric]}" if several else judge.metric)
    return labels


def print_audit(audit: "Audit") -> None:
    """The audit as tables on stdout, with what must be said about it."""
    from nami_bench.export.accuracy_text import accuracy_notes, accuracy_tables

    of_verdicts = not audit.correlations
    right = (
        ""
        if of_verdicts
        else f" People call an image right where its mean rating reaches {audit.threshold:g} of 100."
    )
    echo(
        f"Audit of study {audit.study}: {audit.ratings} {'verdicts by' if of_verdicts else 'ratings of'} "
        f"{audit.criterion} by {audit.annotators} annotators on {audit.images} images of {audit.prompts} "
        f"prompts.{right} 95 % intervals, prompts are a sample of many."
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
    if rows:
        print_table(columns, rows, f"Rank correlation with people's {audit.criterion}", whole=columns[:1])
    for table in accuracy_tables(audit.accuracies):
        print_table(table.columns, table.rows, table.title, table.numeric, table.whole)
    for note in accuracy_notes(audit.accuracies):
        echo(f"- {note}")
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
    from nami_bench.domain.english import with_interval

    numbers = (estimate.value, *(estimate.interval or (None, None)))
    value, low, high = (None if number is None else number * factor for number in numbers)
    return with_interval(value, low, high, decimals, sign)
