"""Comparisons from the columns of a file of any kind, checked."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from nami_bench.domain import Comparison, Outcome
from nami_bench.evaluation.human.comparisons_frame import COLUMNS, IMAGES, filled, same_image, sides
from nami_bench.evaluation.human.ratings_array import Booleans, Integers
from nami_bench.export.ratings_checks import Refuse

REQUIRED = ("study", "annotator", "prompt_id", "sample", "criterion", "left", "right", "outcome")
OPTIONAL = ("reason", "position", "duration_ms", "created_at", *IMAGES, "repeat", "count", "weight")
OF_VOTES = (*IMAGES, "repeat", "count", "weight")
"""Columns that studies of this program do not need."""


def checked_table(table: pd.DataFrame, refuse: Refuse, where: Callable[[int], str]) -> pd.DataFrame:
    """A table with the columns `REQUIRED` and any of `OPTIONAL`, without gaps (see `comparisons_frame`).

    Refuses unknown outcomes, images compared with themselves, verdicts that are neither given nor withheld
    with a reason, a pair that one annotator judged twice without a `repeat` that says so, and votes that do
    not count; `where` names a row (from 0) in the file.
    """
    _check_outcomes(table, refuse)
    whole = filled(table)
    _check_numbers(whole, refuse)
    _check_pairs(whole, refuse, where)
    return whole


def comparisons_of(table: pd.DataFrame) -> list[Comparison]:
    """The rows of a checked table; a voter whom nobody knows is called by the row, `voter-000001`."""
    columns = []
    for name in COLUMNS:
        values = table[name].astype(object) if name in table else pd.Series([None] * len(table), dtype=object)
        columns.append(values.where(values.notna(), None).tolist())
    at = {name: columns[place] for place, name in enumerate(COLUMNS)}
    at["outcome"][:] = [None if text is None else Outcome(text) for text in at["outcome"]]
    at["annotator"][:] = [f"voter-{n:06d}" if a is None else a for n, a in enumerate(at["annotator"], 1)]
    # pandas' Timestamp is a datetime, but with habits of its own.
    at["created_at"][:] = [t.to_pydatetime() if isinstance(t, pd.Timestamp) else t for t in at["created_at"]]
    for place, name in enumerate(IMAGES):
        at[name][:] = [
            None if one == sample == other else (one, other)[place]
            for one, other, sample in zip(table[IMAGES[0]], table[IMAGES[1]], table["sample"], strict=True)
        ]
    return [Comparison(*row) for row in zip(*columns, strict=True)]


def _check_outcomes(table: pd.DataFrame, refuse: Refuse) -> None:
    given = table["outcome"].notna()
    unknown = (given & ~table["outcome"].isin(list(Outcome))).to_numpy()
    if unknown.any():
        row = int(unknown.argmax())
        refuse(row, f"outcome {table['outcome'].iloc[row]!r} is none of {', '.join(Outcome)}")
    wrong = (given == (table["reason"].notna() if "reason" in table else False)).to_numpy()
    if wrong.any():
        refuse(int(wrong.argmax()), "give an outcome, or a reason for having none: one of the two")


def _check_numbers(table: pd.DataFrame, refuse: Refuse) -> None:
    for name, least in (("count", 1), *((one, 0) for one in (*IMAGES, "repeat"))):
        if (wrong := table[name].to_numpy() < least).any():
            row = int(wrong.argmax())
            refuse(row, f"{name} is {table[name].iloc[row]}, and must be {least} or more")
    weight = table["weight"].to_numpy()
    if (bad := ~(np.isfinite(weight) & (weight >= 0))).any():
        row = int(bad.argmax())
        refuse(row, f"weight is {weight[row]:g}, and must be a finite number from 0")


def _check_pairs(table: pd.DataFrame, refuse: Refuse, where: Callable[[int], str]) -> None:
    same = same_image(table)
    if same.any():
        row = int(same.argmax())
        refuse(row, f"{table['left'].iloc[row]!r} is compared with itself")
    repeated = _repeated(table)
    if repeated is not None:
        row, earlier = repeated
        refuse(row, f"the same pair was compared in {where(earlier)} already")


def _repeated(table: pd.DataFrame) -> tuple[int, int] | None:
    """The first row that repeats another one's annotator, pair and `repeat`, and that one; None for none."""
    named = table["annotator"].notna().to_numpy()
    if not named.any():
        return None
    keys = pd.DataFrame(_keys(table, named))
    again = keys.duplicated().to_numpy()
    if not again.any():
        return None
    at = int(again.argmax())
    rows = np.flatnonzero(named)
    first = int((keys == keys.iloc[at]).all(axis=1).to_numpy().argmax())
    return int(rows[at]), int(rows[first])


def _keys(table: pd.DataFrame, rows: Booleans) -> dict[str, Integers]:
    """By row, what makes a person's judgement of a pair one of its own, whichever image stood on the left."""
    left, right, _ = sides(table)
    samples = 1 + max(int(table[name].max()) for name in IMAGES)
    one, other = (c * samples + table[name].to_numpy() for c, name in zip((left, right), IMAGES, strict=True))
    names = ("study", "annotator", "prompt_id", "criterion")
    keys: dict[str, Integers] = {n: table[n].cat.codes.to_numpy().astype(np.int64)[rows] for n in names}
    keys["first"], keys["second"] = np.minimum(one, other)[rows], np.maximum(one, other)[rows]
    keys["repeat"] = table["repeat"].to_numpy().astype(np.int64)[rows]
    return keys
