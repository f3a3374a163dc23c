"""What people say about each image: one row for each, from the tidy table of ratings."""

import pandas as pd

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.table import IMAGE

COLUMNS = (*IMAGE, "people", "annotators")


def people_table(ratings: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """model, prompt_id (texts), sample, `people` (mean on 0-100), `annotators` (how many gave a value).

    `ratings` is the tidy table (see `nami_bench.evaluation.human.table`) of one study. Images without a value
    on `criterion` are not in the result.
    """
    valued = ratings[(ratings["criterion"] == criterion.name) & ratings["value"].notna()]
    grouped = valued.groupby(list(IMAGE), observed=True)["value"]
    table = grouped.agg(["mean", "count"]).reset_index()
    table.columns = pd.Index(COLUMNS)
    return table.astype({"model": str, "prompt_id": str}).assign(
        people=[criterion.rescale(value) for value in table["people"]]
    )
