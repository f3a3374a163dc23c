"""The items of a study as CSV."""

from collections.abc import Iterable

from nami_bench.export.spreadsheet import csv_table
from nami_bench.store.items import ItemState

ITEM_COLUMNS = (
    "item", "stratum", "models", "prompt_id", "sample", "calibration", "overlap", "judgements", "withdrawn",
    "ended_why", "ended_after", "ended_at",
)  # fmt: skip
"""`models`: one, or several with blanks between. `overlap`: the most that an item gets; empty for one of the
calibration block, which everybody judges. `ended_...`: empty where the item did not end early."""


def items_csv(items: Iterable[ItemState], overlap: int) -> bytes:
    """One line for each item; its columns are `ITEM_COLUMNS`."""
    rows = (
        (
            one.item,
            one.stratum,
            " ".join(one.models),
            one.prompt_id,
            one.sample,
            one.calibration,
            None if one.calibration else overlap + one.extra,
            one.completed,
            one.withdrawn,
            one.stopped_why,
            one.stopped_after,
            None if one.stopped_at is None else one.stopped_at.isoformat(),
        )
        for one in items
    )
    return csv_table(ITEM_COLUMNS, rows)
