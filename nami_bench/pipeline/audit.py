"""The audit of what a workspace holds: automatic metrics beside human ratings."""

from dataclasses import replace
from typing import TYPE_CHECKING

from nami_bench.errors import InputError
from nami_bench.evaluation.audit.audit import THRESHOLD, audit_metrics
from nami_bench.evaluation.audit.results import Audit
from nami_bench.export.spreadsheet import csv_table
from nami_bench.pipeline.leaderboard_from_store import choose_study
from nami_bench.pipeline.screening import left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from nami_bench.store import Store

CRITERION = "relevance"


def audit_from_store(
    store: "Store",
    *,
    study: str | None = None,
    prompt_set: str | None = None,
    models: "Sequence[str] | None" = None,
    criterion: str = CRITERION,
    threshold: float = THRESHOLD,
    without: "Sequence[str]" = (),
    table: "pd.DataFrame | None" = None,
) -> Audit:
    """Audit every metric on a study's images (see `audit_metrics`); `models` limits it to some of them,
    `without` names annotators whose ratings do not count. `table`: the study's (see `Ratings.table`),
    where it was read already.

    Which study: see `choose_study`. Raises UnknownNameError for an unknown study, set, model or criterion,
    InputError where there are no ratings or no scores.
    """
    chosen = choose_study(store, study, prompt_set)
    if chosen is None:
        raise InputError("there is no study: an audit compares metrics with human ratings")
    asked = chosen.criterion(criterion)
    if table is None:
        table = store.ratings.table(chosen.name)
    table, said = left_out(store, chosen.name, without).ratings(table)
    names = models or chosen.models
    table = table[table["model"].isin(list(names))]
    audit = audit_metrics(
        table,
        store.scores.find(models=names, prompt_set=chosen.prompt_set),
        store.scores.of_sets(models=names, prompt_set=chosen.prompt_set),
        store.catalog.prompt_set(chosen.prompt_set).by_id,
        asked,
        threshold,
    )
    return replace(audit, notes=(*said, *audit.notes))


def audit_csv(audit: Audit) -> bytes:
    """The audit in long form (see `Audit.rows`): RFC 4180, UTF-8, texts no spreadsheet program would run."""
    rows = list(audit.rows())
    return csv_table(list(rows[0]), (row.values() for row in rows))
