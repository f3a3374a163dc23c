"""For whom invitation links are made: a list that was typed, pasted, or saved by a spreadsheet program."""

import csv

from nami_bench.errors import InputError
from nami_bench.export.spreadsheet import restored


def labels_of(text: str) -> list[str]:
    """The first cell of each line that has one; raises InputError for what is no list."""
    try:
        rows = list(csv.reader(text.removeprefix("\ufeff").splitlines()))
    except csv.Error as error:
        raise InputError(f"the list cannot be read: {error}") from error
    return [restored(row[0]).strip() for row in rows if row and row[0].strip()]
