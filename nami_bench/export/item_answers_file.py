"""Everything that was said about a study's items, and what was decided about them, as CSV and JSON."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nami_bench.domain import Adjudication
from nami_bench.export.spreadsheet import csv_table
from nami_bench.store import ItemLook

ANSWER_COLUMNS = (
    "item", "models", "prompt_id", "sample", "stratum", "disagreement", "criterion", "annotator", "value",
    "reason", "revision", "seconds", "flag", "comment", "counts", "set_aside_by", "set_aside_reason",
    "created_at",
)  # fmt: skip
"""Of `answers_csv`. `models`: one, or a pair with a blank between, of which the first is left in `value`;
empty where they are not shown. `disagreement`: of the item (see `ItemFigures`)."""

DECISION_COLUMNS = (
    "study", "item", "models", "prompt_id", "sample", "criterion", "answer", "reason", "note", "overruled",
    "saw_models", "by", "revision", "created_at",
)  # fmt: skip
"""Of `decisions_csv`. An empty `answer`: there is no right one."""


def answers_csv(
    looks: Iterable[ItemLook], disagreement: Mapping[int, float | None], *, with_models: bool
) -> bytes:
    """One line for each answer by each criterion; `disagreement` by item."""
    rows = (row for look in looks for row in _answer_rows(look, disagreement.get(look.item), with_models))
    return csv_table(ANSWER_COLUMNS, rows)


def _answer_rows(look: ItemLook, disagreement: float | None, with_models: bool) -> Iterator[tuple[Any, ...]]:
    models = " ".join(look.models) if with_models else None
    about = (look.item, models, look.prompt_id, look.sample, look.stratum, disagreement)
    for one in look.answers:
        aside = (None, None) if one.aside is None else (one.aside.by, one.aside.reason)
        said = (one.revision, one.seconds, one.flag, one.comment, one.counts, *aside, one.at.isoformat())
        for name in (*one.values, *one.reasons):
            yield *about, name, one.annotator, one.values.get(name), one.reasons.get(name), *said


def look_json(look: ItemLook, disagreement: Mapping[str, Any] | None, *, with_models: bool) -> dict[str, Any]:
    """An item with everything that was said about it, as JSON values."""
    return {
        "item": look.item,
        "models": list(look.models) if with_models else None,
        "prompt_id": look.prompt_id,
        "prompt": look.prompt,
        "sample": look.sample,
        "stratum": look.stratum,
        "completed": look.completed,
        "wanted": look.wanted,
        "withdrawn": look.withdrawn,
        "disagreement": disagreement,
        "answers": [
            {
                "annotator": one.annotator,
                "created_at": one.at.isoformat(),
                "values": dict(one.values),
                "reasons": dict(one.reasons),
                "revision": one.revision,
                "seconds": one.seconds,
                "flag": one.flag,
                "comment": one.comment,
                "counts": one.counts,
                "set_aside": one.aside and {"by": one.aside.by, "reason": one.aside.reason},
            }
            for one in look.answers
        ],
        "decisions": [decision_json(one, with_models=with_models) for one in look.decisions.values()],
    }


def decision_json(one: Adjudication, *, with_models: bool = True) -> dict[str, Any]:
    """A decision as JSON values."""
    return dict(zip(DECISION_COLUMNS, _decision_row(one, with_models), strict=True))


def decisions_csv(decisions: Iterable[Adjudication]) -> bytes:
    """One line for each decision."""
    return csv_table(DECISION_COLUMNS, (_decision_row(one, True) for one in decisions))


def _decision_row(one: Adjudication, with_models: bool) -> tuple[Any, ...]:
    return (
        one.study,
        one.item,
        " ".join(one.models) if with_models else None,
        one.prompt_id,
        one.sample,
        one.criterion,
        one.answer,
        one.reason.value,
        one.note,
        one.overruled,
        one.saw_models,
        one.by,
        one.revision,
        one.created_at.isoformat(),
    )
