"""Answers to planted items as a table."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from nami_bench.domain import CheckAnswer
from nami_bench.export.spreadsheet import csv_table

CHECK_COLUMNS = (
    "study", "annotator", "kind", "prompt_id", "sample", "models", "criterion", "value", "reason",
    "expected", "passed", "revision", "in_force", "duration_ms", "created_at",
)  # fmt: skip


def check_answers_csv(answers: Sequence[CheckAnswer]) -> bytes:
    """Answers to planted items as CSV, one line for each criterion; its columns are `CHECK_COLUMNS`."""
    return csv_table(CHECK_COLUMNS, (row for answer in answers for row in _check_rows(answer)))


def _check_rows(answer: CheckAnswer) -> Iterator[tuple[Any, ...]]:
    for name in (*answer.values, *answer.reasons):
        expected = answer.expected.get(name)
        yield (
            answer.study,
            answer.annotator,
            answer.kind,
            answer.prompt_id,
            answer.sample,
            " ".join(answer.models),
            name,
            answer.values.get(name),
            answer.reasons.get(name),
            expected if expected is None or isinstance(expected, str) else json.dumps(expected),
            answer.passed,
            answer.revision,
            answer.in_force,
            answer.duration_ms,
            answer.created_at.isoformat(),
        )
