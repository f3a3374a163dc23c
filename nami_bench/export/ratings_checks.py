"""What a table of ratings must satisfy, from whatever file it was read."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np
import pandas as pd

from nami_bench.domain import Criterion
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.table import KEY

Refuse = Callable[[int, str], NoReturn]
"""Raises InputError for a row (from 0) with a problem, in the terms of the file that the row came from."""


def check_ratings(
    table: pd.DataFrame, criteria_of: Callable[[str], Sequence[Criterion]], refuse: Refuse
) -> None:
    """Refuse values off their scale, unknown criteria, missing values without a reason, values given twice.

    `table` is a tidy table (see `nami_bench.evaluation.human.table`); `criteria_of` gives a study's criteria
    by name.
    """
    _check_reasons(table, refuse)
    _check_criteria(table, criteria_of, refuse)
    _check_unique(table, refuse)


def _check_reasons(table: pd.DataFrame, refuse: Refuse) -> None:
    """A value or a reason for having none: one of the two."""
    wrong = (table["value"].isna() == table["reason"].isna()).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        if table["reason"].isna().iloc[row]:
            refuse(row, "value is empty: give a number, or the reason for having none")
        refuse(row, "there is a value and a reason for having none: keep one of them")


def _check_criteria(
    table: pd.DataFrame, criteria_of: Callable[[str], Sequence[Criterion]], refuse: Refuse
) -> None:
    for study in table["study"].unique():  # in order of appearance: the first bad line is named
        of_study = (table["study"] == study).to_numpy()
        criteria = {c.name: c for c in criteria_of(study)}
        for name in table["criterion"].unique():
            rows = np.flatnonzero(of_study & (table["criterion"] == name).to_numpy())
            if not len(rows):
                continue
            if name not in criteria:
                refuse(int(rows[0]), str(UnknownNameError("criterion", name, criteria)))
            _check_scale(table["value"], rows, criteria[name], refuse)


def _check_scale(values: pd.Series, rows: np.ndarray, criterion: Criterion, refuse: Refuse) -> None:
    on_scale = values.iloc[rows].between(criterion.minimum, criterion.maximum) | values.iloc[rows].isna()
    if not on_scale.all():
        row = int(rows[int((~on_scale).to_numpy().argmax())])
        try:
            criterion.check(float(values.iloc[row]))
        except InputError as error:
            refuse(row, str(error))


def _check_unique(table: pd.DataFrame, refuse: Refuse) -> None:
    repeated = table.duplicated(list(KEY)).to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        of = table.iloc[row]
        refuse(
            row,
            f"{of['annotator']!r} rated {of['criterion']} of {of['model']}/{of['prompt_id']}/{of['sample']} "
            "in an earlier line already: keep one of them",
        )
