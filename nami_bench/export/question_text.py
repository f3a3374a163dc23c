"""Agreement on questions as a table of text cells and as CSV."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX
from nami_bench.domain.english import with_interval
from nami_bench.evaluation.human.question_agreement import ALL, QuestionAgreement
from nami_bench.export.spreadsheet import csv_table
from nami_bench.export.text import TextTable

_COUNTS = ("yes", "no", "cannot_tell", "not_asked")


def agreement_table(found: Sequence[QuestionAgreement]) -> TextTable:
    """A row for each category; models are named where there are any."""
    with_models = any(one.model != ALL for one in found)
    texts = (*(("model",) * with_models), "category")
    numbers = ("alpha (nominal)", "questions", "yes", "no", "can't tell", "not asked")
    rows = [
        (
            *((one.model,) * with_models),
            one.category or "(none)",
            _alpha(one),
            str(one.alpha.units),
            *(str(getattr(one, name)) for name in _COUNTS),
        )
        for one in found
    ]
    return TextTable("Agreement", (*texts, *numbers), tuple(rows), frozenset(numbers), frozenset(texts[:1]))


def agreement_notes(answers: pd.DataFrame) -> Iterator[str]:
    """How to read the numbers, and what they rest on."""
    names = [str(name) for name in answers["annotator"].unique()]
    simulated = sum(name.startswith(SIMULATED_PREFIX) for name in names)
    if simulated:
        yield f"SIMULATED: {simulated} of {len(names)} annotators are programs in the place of people."
    yield (
        f"{len(names)} annotators. alpha: Krippendorff's, of yes and no; a unit is a question about an image "
        "that two or more answered so, 95% intervals by resampling units. Who could not tell, or was not "
        "asked, does not count in it."
    )


def agreement_rows(found: Sequence[QuestionAgreement]) -> list[dict[str, Any]]:
    """A row for each category, by the columns of `agreement_csv`."""
    return [
        {
            "model": one.model,
            "category": one.category,
            "alpha": one.alpha.alpha,
            "low": one.alpha.low,
            "high": one.alpha.high,
            "questions": one.alpha.units,
            **{name: getattr(one, name) for name in _COUNTS},
            "notes": "; ".join(one.alpha.notes),
        }
        for one in found
    ]


def agreement_csv(found: Sequence[QuestionAgreement]) -> bytes:
    """One line for each category: RFC 4180, UTF-8, one header."""
    rows = agreement_rows(found)
    return csv_table(list(rows[0]), (row.values() for row in rows), decimals=6)


def _alpha(one: QuestionAgreement) -> str | None:
    return with_interval(one.alpha.alpha, one.alpha.low, one.alpha.high)
