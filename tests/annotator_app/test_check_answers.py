"""Answers to planted items as a table."""

import csv
import io
from datetime import UTC, datetime

from nami_bench.annotator_app.check_answers import check_answers_csv
from nami_bench.domain import CheckAnswer


def test_answers_to_planted_items_are_a_table_without_formulas() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    answer = CheckAnswer(
        "s",
        "ann",
        "gold",
        "00000",
        0,
        ("m",),
        {"fit": -4.0},
        {"looks": "=cmd()"},
        {},
        True,
        0,
        True,
        None,
        at,
    )
    text = check_answers_csv([answer]).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert text.count("\r\n") == text.count("\n") == 3
    assert [(row[header.index("value")], row[header.index("reason")]) for row in rows] == [
        ("-4.0", ""),
        ("", "'=cmd()"),
    ]
