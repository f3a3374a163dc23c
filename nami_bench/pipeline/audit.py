"""The audit of what a workspace holds: automatic metrics beside human ratings."""

from dataclasses import replace
from typing import TYPE_CHECKING

from nami_bench.domain import Study
from nami_bench.errors import InputError
from nami_bench.evaluation.audit.audit import THRESHOLD, audit_metrics
from nami_bench.evaluation.audit.judged_pairs import lists_of_comparisons, lists_of_rankings
from nami_bench.evaluation.audit.results import Audit
from nami_bench.evaluation.audit.votes import audit_votes
from nami_bench.evaluation.human.comparisons_frame import comparisons_frame
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
    criterion: str | None = None,
    threshold: float = THRESHOLD,
    without: "Sequence[str]" = (),
    table: "pd.DataFrame | None" = None,
) -> Audit:
    """Audit every metric on a study's images (see `audit_metrics`); `models` limits it to some of them,
    `without` names annotators whose ratings do not count. `criterion`: by default `CRITERION` where the
    study has it, else its first. `table`: the study's (see `Ratings.table`), where it was read already. Of a
    study of pairs or orders metrics are audited by its verdicts (see `audit_votes`).

    Which study: see `choose_study`. Raises UnknownNameError for an unknown study, set, model or criterion,
    InputError where there are no ratings or no scores.
    """
    chosen = choose_study(store, study, prompt_set)
    if chosen is None:
        raise InputError("there is no study: an audit compares metrics with human ratings")
    known = [one.name for one in chosen.criteria]
    asked = chosen.criterion(criterion or (CRITERION if CRITERION in known else known[0]))
    names = models or chosen.models
    if chosen.images_shown > 1:
        return _of_verdicts(store, chosen, asked.name, names, without)
    if table is None:
        table = store.ratings.table(chosen.name)
    table, said = left_out(store, chosen.name, without).ratings(table)
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


def _of_verdicts(
    store: "Store", study: Study, criterion: str, names: "Sequence[str]", without: "Sequence[str]"
) -> Audit:
    gone, kept = left_out(store, study.name, without), set(names)
    if study.is_ranked:
        orders, said = gone.rankings(store.rankings.all(study.name))
        orders = [one for one in orders if kept.issuperset(one.models) and one.criterion == criterion]
        lists, people = lists_of_rankings(orders, criterion), {one.annotator for one in orders}
    else:
        votes, said = gone.comparisons(store.comparisons.all(study.name))
        votes = [one for one in votes if kept >= {one.left, one.right} and one.criterion == criterion]
        lists = lists_of_comparisons(comparisons_frame(votes), criterion)
        people = {one.annotator for one in votes if one.outcome is not None}
    scores = store.scores.find(models=names, prompt_set=study.prompt_set)
    audit = audit_votes(lists, scores, study.name, criterion, people - {""})
    return replace(audit, notes=(*said, *audit.notes))


def audit_csv(audit: Audit) -> bytes:
    """The audit in long form (see `Audit.rows`): RFC 4180, UTF-8, texts no spreadsheet program would run."""
    rows = list(audit.rows())
    return csv_table(list(rows[0]), (row.values() for row in rows))
