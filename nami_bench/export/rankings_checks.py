"""Orders of images, and best and worst, from the columns of a file of any kind, checked; and their columns.

Orders have a row for each trial and image, with its rank; images of one trial that share a rank are tied.
Best and worst have a row for each trial: the models shown, as they stood, and which was the best and which
the worst. What an annotator could not judge has a reason, and no rank, best or worst.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from nami_bench.domain import Ranking
from nami_bench.domain.ranking import BEST, MIDDLE, WORST, without_gaps
from nami_bench.errors import InputError
from nami_bench.export.ratings_checks import Refuse

_TRIAL = ("study", "annotator", "trial", "prompt_id", "sample", "criterion")
ORDERS = (*_TRIAL, "model", "rank")
EXTREMES = (*_TRIAL, "items", "best", "worst")
_OPTIONAL = ("reason", "position", "duration_ms", "created_at")
OPTIONAL = {ORDERS: ("place", *_OPTIONAL), EXTREMES: _OPTIONAL}
UNSAID = {"study": "rankings", "annotator": "unknown", "sample": 0, "criterion": "preference"}
"""What stands for columns that the files of others do not have."""

_KEY = ("study", "annotator", "trial", "criterion")
_SAME = ("prompt_id", "sample", "reason", "position", "duration_ms")


def columns_of(header: Sequence[str]) -> tuple[str, ...] | None:
    """`ORDERS` or `EXTREMES`, if the columns are of such a file; else None."""
    if {"trial", "rank"} <= set(header):
        return ORDERS
    return EXTREMES if {"trial", "best", "worst"} <= set(header) else None


def checked_rankings(
    table: pd.DataFrame, columns: tuple[str, ...], refuse: Refuse, where: Callable[[int], str]
) -> list[Ranking]:
    """The rankings of a table with `columns` and their optional ones, in their order.

    Refuses trials that contradict themselves, and images that one annotator ranked twice by one criterion;
    `where` names a row (from 0) in the file.
    """
    rows = _plain_rows(table)
    made = _orders(rows, refuse) if columns == ORDERS else _extremes(rows, refuse)
    seen: dict[Any, int] = {}
    for row, one in made:
        place = (one.study, one.annotator, one.prompt_id, one.sample, one.criterion, frozenset(one.models))
        if place in seen:
            refuse(row, f"the same images were ranked in {where(seen[place])} already")
        seen[place] = row
    return [one for _, one in made]


def _plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    whole = table.astype({name: "Int64" for name in ("sample", "position", "duration_ms") if name in table})
    columns = {}
    for name in whole.columns:
        values = whole[name].astype(object)
        values = values.where(values.notna(), UNSAID.get(name))
        columns[name] = [v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for v in values.tolist()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _orders(rows: Sequence[Mapping[str, Any]], refuse: Refuse) -> list[tuple[int, Ranking]]:
    trials: dict[tuple[Any, ...], list[int]] = {}
    for number, row in enumerate(rows):
        trials.setdefault(tuple(row[name] for name in _KEY), []).append(number)
    found = []
    for numbers in trials.values():
        first = rows[numbers[0]]
        for number in numbers[1:]:
            other = next((name for name in _SAME if rows[number][name] != first[name]), None)
            if other is not None:
                refuse(number, f"trial {first['trial']} has another {other} than in its first row")
        if all(rows[number]["place"] is not None for number in numbers):
            numbers = sorted(numbers, key=lambda number: int(rows[number]["place"]))
        ranks = [rows[number]["rank"] for number in numbers]
        for number, rank in zip(numbers, ranks, strict=True):
            if (rank is None) != (first["reason"] is not None):
                refuse(number, "give a rank, or a reason for having none: one of the two")
        models = tuple(rows[number]["model"] for number in numbers)
        order = None if first["reason"] is not None else without_gaps(tuple(map(int, ranks)))
        found.append((numbers[0], _ranking(first, models, order, numbers[0], refuse, best_worst=False)))
    return found


def _extremes(rows: Sequence[Mapping[str, Any]], refuse: Refuse) -> list[tuple[int, Ranking]]:
    found = []
    for number, row in enumerate(rows):
        models = tuple(row["items"].split())
        best, worst = row["best"], row["worst"]
        for name in (best, worst):
            if name is not None and name not in models:
                refuse(number, f"{name!r} is none of its items, {', '.join(models)}")
        if (best is None) != (worst is None) or (best is None) != (row["reason"] is not None):
            refuse(number, "give a best and a worst, or a reason for having none")
        if best is not None and best == worst:
            refuse(number, f"{best!r} is the best and the worst")
        ranks = tuple(BEST if m == best else WORST if m == worst else MIDDLE for m in models)
        order = None if best is None else ranks
        found.append((number, _ranking(row, models, order, number, refuse, best_worst=True)))
    return found


def _ranking(
    row: Mapping[str, Any],
    models: tuple[str, ...],
    ranks: tuple[int, ...] | None,
    number: int,
    refuse: Refuse,
    *,
    best_worst: bool,
) -> Ranking:
    if len(models) < 2:
        refuse(number, f"trial {row['trial']} has {len(models)} image: an order needs two at least")
    try:
        return Ranking(
            row["study"], row["annotator"], row["prompt_id"], row["sample"], row["criterion"], models, ranks,
            best_worst, *(row[name] for name in _OPTIONAL),
        )  # fmt: skip
    except InputError as error:
        refuse(number, str(error))


def ranking_cells(rankings: Sequence[Ranking], *, best_worst: bool) -> dict[str, list[Any]]:
    """The columns of rankings, of `EXTREMES` or `ORDERS` with their optional ones; trials are numbered from
    1."""
    names = EXTREMES if best_worst else ORDERS
    rows = [
        row
        for trial, one in enumerate(rankings, 1)
        for row in ([_extreme_row(one, trial)] if best_worst else _order_rows(one, trial))
    ]
    return {name: [row[name] for row in rows] for name in (*names, *OPTIONAL[names])}


def _trial_row(one: Ranking, trial: int) -> dict[str, Any]:
    row = {name: getattr(one, name) for name in (*_TRIAL, *_OPTIONAL) if name != "trial"}
    return {**row, "trial": str(trial)}


def _order_rows(one: Ranking, trial: int) -> list[dict[str, Any]]:
    ranks = one.ranks or (None,) * len(one.models)
    return [
        {**_trial_row(one, trial), "model": model, "rank": rank, "place": place}
        for place, (model, rank) in enumerate(zip(one.models, ranks, strict=True), 1)
    ]


def _extreme_row(one: Ranking, trial: int) -> dict[str, Any]:
    return {**_trial_row(one, trial), "items": " ".join(one.models), "best": one.best, "worst": one.worst}
