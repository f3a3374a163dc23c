"""A study's leaderboard and agreement as tables of texts and notes in words, for the console's pages."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from nami_bench.domain import Criterion, Mode, Study
from nami_bench.domain.english import with_interval
from nami_bench.errors import InputError
from nami_bench.export.text import TextTable
from nami_bench.store import Store, progress_of

if TYPE_CHECKING:
    import pandas as pd

    from nami_bench.evaluation.human.ratings_array import RatingsArray
    from nami_bench.evaluation.leaderboard.agreement import Agreement
    from nami_bench.evaluation.leaderboard.rows import Leaderboard

REPLICATES = 200
"""Of the bootstrap for agreement: somebody waits. The commands draw 1,000."""

Section = dict[str, Any]
"""`{"title", "columns", "rows"}`: a table of texts, None where there is none."""


def leaderboard_page(store: Store, study: Study) -> dict[str, Any]:
    """`{"at", "title", "warning", "rests_on", "tables", "notes"}`; raises InputError where there is
    nothing."""
    from nami_bench.export.sections import gap_notes, notes, simulation_notice, title
    from nami_bench.export.text import INCOMPLETE, model_tables, text_tables
    from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store

    board = leaderboard_from_store(store, study=study.name)
    return {
        "at": _now(),
        "title": title(board),
        "warning": simulation_notice(board),
        "rests_on": _rests_on(store, study, board),
        "tables": [_section(table) for table in (*text_tables(board), *model_tables(board))],
        "notes": [*(f"{INCOMPLETE} {gap}" for gap in gap_notes(board)), *notes(board)],
    }


def agreement_page(store: Store, study: Study) -> dict[str, Any]:
    """`{"at", "tables", "notes"}`, by what the study asks; raises InputError where nobody judged anything."""
    if study.mode == Mode.PAIRWISE:
        tables, notes = _of_pairs(store, study)
    elif study.mode == Mode.QUESTIONS:
        tables, notes = _of_questions(store, study)
    else:
        tables, notes = _of_ratings(store, study)
    return {"at": _now(), "tables": [_section(table) for table in tables], "notes": notes}


def agreement_of(store: Store, study: Study) -> "Agreement":
    """The agreement of a study's ratings that count; raises InputError where there are none."""
    return _measured(store, study, *_counted(store, study))


def _of_ratings(store: Store, study: Study) -> tuple[list[TextTable], list[str]]:
    from nami_bench.evaluation.human.ratings_array import RatingsArray
    from nami_bench.export.agreement_text import agreement_notes, agreement_tables

    table, said = _counted(store, study)
    found = _measured(store, study, table, said)
    first, *others = agreement_tables(found)
    pairs = list(_pair_tables(RatingsArray.from_table(table, study.criteria)))
    strata = _by_stratum(store, study, table)
    return [first, *strata, *pairs, *others], list(agreement_notes(found))


def _of_pairs(store: Store, study: Study) -> tuple[list[TextTable], list[str]]:
    from nami_bench.evaluation.human.agreement import krippendorff_alphas

    verdicts = store.standing.verdicts(study.name)
    alphas = krippendorff_alphas([verdicts[c.name] for c in study.criteria], "nominal", replicates=REPLICATES)
    names = [criterion.name for criterion in study.criteria]
    rows = [
        (name, _interval(alpha), str(alpha.units), "; ".join(alpha.notes) or None)
        for name, alpha in zip(names, alphas, strict=True)
    ]
    columns = ("criterion", "alpha (nominal)", "pairs judged twice or more", "remark")
    return [_texts("Agreement", columns, rows)], [
        "alpha is 1 where all give the same verdict on a pair, 0 where verdicts agree as often as by chance."
    ]


def _of_questions(store: Store, study: Study) -> tuple[list[TextTable], list[str]]:
    from nami_bench.evaluation.human.question_agreement import question_agreement
    from nami_bench.export.question_text import agreement_notes, agreement_table
    from nami_bench.pipeline.question_answers import study_answers

    found = study_answers(store, study.name)
    assert found is not None  # it is a study of questions
    answers, said = found
    table = agreement_table(question_agreement(answers, replicates=REPLICATES))
    return [table], [*said, *agreement_notes(answers)]


def _counted(store: Store, study: Study) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    from nami_bench.pipeline.screening import left_out

    if study.mode != Mode.RATING:
        raise InputError(f"study {study.name!r} has no ratings: this file is of ratings")
    table, said = left_out(store, study.name, ()).ratings(store.ratings.table(study.name))
    if not len(table):
        raise InputError(f"study {study.name!r} has no ratings that count yet")
    return table, tuple(said)


def _measured(store: Store, study: Study, table: "pd.DataFrame", said: Iterable[str]) -> "Agreement":
    from nami_bench.evaluation.leaderboard.agreement import measure_agreement
    from nami_bench.pipeline.screening import annotator_checks

    checks = annotator_checks(store, study.name, study.criteria)
    return measure_agreement(table, study.criteria, replicates=REPLICATES, checks=checks, left_out=said)


def _by_stratum(store: Store, study: Study, table: "pd.DataFrame") -> list[TextTable]:
    """Alpha by criterion within each stratum, where there are several."""
    from nami_bench.evaluation.human.agreement import krippendorff_alphas

    strata = {p.id: p.stratum for p in store.catalog.prompt_set(study.prompt_set).prompts}
    of_row = table["prompt_id"].astype(str).map(strata)
    names = sorted(set(of_row.dropna()))
    if len(names) < 2:
        return []
    rows = []
    for stratum in names:
        part = table[of_row == stratum]
        judged = [_units(part, criterion) for criterion in study.criteria]
        alphas = krippendorff_alphas(judged, replicates=REPLICATES)
        rows.append((stratum, *map(_interval, alphas)))
    columns = ("stratum", *(f"alpha: {criterion.name}" for criterion in study.criteria))
    return [_texts("Agreement by stratum", columns, rows)]


def _units(table: "pd.DataFrame", criterion: Criterion) -> Any:
    of = table[(table["criterion"].astype(str) == criterion.name) & table["value"].notna()]
    unit = of.groupby(["model", "prompt_id", "sample"], observed=True).ngroup().to_numpy()
    return np.asarray(unit), of["value"].to_numpy()


def _pair_tables(ratings: "RatingsArray") -> Iterator[TextTable]:
    """A matrix: above all names, how far two are apart, and on how many images."""
    from nami_bench.evaluation.human.rater_pairs import rater_pairs

    found = {(one.first, one.second): one for one in rater_pairs(ratings)}
    if not found:
        return
    names = ratings.annotators

    def beside(row: str, column: str) -> str | None:
        one = found.get((row, column)) or found.get((column, row))
        return None if one is None or one.difference is None else f"{one.difference:.1f} ({one.images})"

    rows = [(name, *(beside(name, other) for other in names)) for name in names]
    title = "Pairs of annotators: mean difference in points of 100 (images that both rated)"
    yield _texts(title, ("", *names), rows)


def _rests_on(store: Store, study: Study, board: "Leaderboard") -> list[tuple[str, str | None]]:
    """What the scores rest on: how much, by whom, from when to when, and what is left out."""
    done, total = progress_of(study, store.items.progress(study.name))
    span = store.oversight.judged_between(study.name)
    out = ", ".join(f"{name} ({count:,})" for name, count in store.exclusions.values(study.name).items())
    return [
        ("items judged", f"{done:,} of {total:,}"),
        ("annotators", f"{board.annotators:,}" if board.annotators else None),
        ("judged here", None if span is None else f"{span[0]:%Y-%m-%d} to {span[1]:%Y-%m-%d} (UTC)"),
        ("excluded annotators (their judgements)", out or "none"),
        ("computed", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
    ]


def _section(table: TextTable) -> Section:
    return {"title": table.title, "columns": list(table.columns), "rows": [list(row) for row in table.rows]}


def _texts(title: str, columns: Iterable[str], rows: Iterable[Iterable[str | None]]) -> TextTable:
    return TextTable(title, tuple(columns), tuple(tuple(row) for row in rows), frozenset(), frozenset())


def _interval(found: Any) -> str | None:
    return with_interval(found.alpha, found.low, found.high)


def _now() -> str:
    return datetime.now(UTC).isoformat()
