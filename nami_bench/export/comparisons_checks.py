"""Comparisons from the columns of a file of any kind, checked."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from nami_bench.domain import Comparison, Outcome
from nami_bench.export.ratings_checks import Refuse

REQUIRED = ("study", "annotator", "prompt_id", "sample", "criterion", "left", "right", "outcome")
OPTIONAL = ("reason", "position", "duration_ms", "created_at")
_ITEM = ["study", "annotator", "prompt_id", "sample", "criterion"]


def checked_comparisons(table: pd.DataFrame, refuse: Refuse, where: Callable[[int], str]) -> list[Comparison]:
    """The rows of a table with the columns `REQUIRED` and `OPTIONAL`, in their order.

    Refuses unknown outcomes, models compared with themselves, verdicts that are neither given nor withheld
    with a reason, and a pair that one annotator judged twice; `where` names a row (from 0) in the file.
    """
    _check_outcomes(table, refuse)
    _check_pairs(table, refuse, where)
    whole = table.astype(dict.fromkeys(("sample", "position", "duration_ms"), "Int64"))
    columns = []
    for name in (*REQUIRED, *OPTIONAL):
        values = whole[name].astype(object)
        columns.append(values.where(values.notna(), None).tolist())
    outcome, created = columns[REQUIRED.index("outcome")], columns[-1]
    columns[REQUIRED.index("outcome")] = [None if text is None else Outcome(text) for text in outcome]
    # pandas' Timestamp is a datetime, but with habits of its own.
    columns[-1] = [at.to_pydatetime() if isinstance(at, pd.Timestamp) else at for at in created]
    return [Comparison(*row) for row in zip(*columns, strict=True)]


def _check_outcomes(table: pd.DataFrame, refuse: Refuse) -> None:
    given = table["outcome"].notna()
    unknown = (given & ~table["outcome"].isin(list(Outcome))).to_numpy()
    if unknown.any():
        row = int(unknown.argmax())
        refuse(row, f"outcome {table['outcome'].iloc[row]!r} is none of {', '.join(Outcome)}")
    wrong = (given == table["reason"].notna()).to_numpy()
    if wrong.any():
        refuse(int(wrong.argmax()), "give an outcome, or a reason for having none: one of the two")


def _check_pairs(table: pd.DataFrame, refuse: Refuse, where: Callable[[int], str]) -> None:
    left, right = table["left"].to_numpy(dtype=object), table["right"].to_numpy(dtype=object)
    same = left == right
    if same.any():
        row = int(same.argmax())
        refuse(row, f"{left[row]!r} is compared with itself")
    turned = left > right
    pairs = table[_ITEM].assign(first=np.where(turned, right, left), second=np.where(turned, left, right))
    repeated = pairs.duplicated().to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        earlier = int((pairs == pairs.iloc[row]).all(axis=1).to_numpy().argmax())
        refuse(row, f"the same pair was compared in {where(earlier)} already")
