"""The audit of the judges of a workspace's study of questions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nami_bench.errors import InputError
from nami_bench.evaluation.audit.question_results import QuestionAudit
from nami_bench.evaluation.audit.questions import audit_questions
from nami_bench.export.spreadsheet import csv_table
from nami_bench.pipeline.question_answers import study_answers

if TYPE_CHECKING:
    from nami_bench.store import Store


def question_audit_from_store(
    store: "Store", study: str, models: Sequence[str] | None = None, without: Sequence[str] = ()
) -> QuestionAudit:
    """Audit every judge of a study's questions (see `audit_questions`); `models` limits it to some of them,
    `without` names annotators whose answers do not count.

    Raises UnknownNameError for an unknown study, InputError for one that asks no questions, and where there
    are no answers to compare.
    """
    found = study_answers(store, study, without)
    if found is None:
        raise InputError(f"study {study!r} asks no questions")
    answers, said = found
    chosen = store.studies.get(study)
    names = models or chosen.models
    scores = store.scores.find(models=names, prompt_set=chosen.prompt_set)
    audit = audit_questions(answers[answers["model"].isin(list(names))], scores, chosen.questions)
    return replace(audit, notes=(*said, *audit.notes))


def question_audit_csv(audit: QuestionAudit) -> bytes:
    """The audit in long form (see `QuestionAudit.rows`): RFC 4180, UTF-8."""
    rows = list(audit.rows())
    return csv_table(list(rows[0]), (row.values() for row in rows))
