from dataclasses import replace

import pytest

from nami_bench.domain import GENEVAL_TASKS, Criterion
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.columns import overall_column
from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    Leaderboard,
    LeaderboardRow,
    Status,
    ranked,
)
from nami_bench.pipeline.published import DPG_COLUMN, GENEVAL_COLUMN, published_rows, with_published
from nami_bench.study_file import load_criteria, nami_1k_study_file

NAMI_1K = load_criteria(nami_1k_study_file())


def row(model: str, total: float | None) -> LeaderboardRow:
    return LeaderboardRow(model, Status.MEASURED, total=total)


def test_equal_totals_share_a_rank_and_rows_without_total_have_none() -> None:
    rows = [row("d", None), row("c", 50.0), row("b", 70.0), row("a", 50.0 + 1e-12), row("e", 10.0)]
    ordered = ranked(rows, lambda r: r.total)
    assert [(r.model, r.rank) for r in ordered] == [("b", 1), ("a", 2), ("c", 2), ("e", 4), ("d", None)]


def test_the_published_totals_follow_from_the_published_criteria() -> None:
    rows = {r.model: r for r in published_rows(NAMI_1K)}
    totals = {name: r.total for name, r in rows.items() if r.total is not None}
    assert totals == {
        "SD3-medium": 69.97,
        "Infinity": 69.77,
        "Sana": 67.80,
        "NAMI-2B": 70.69,
        "FLUX-dev": 85.05,
    }
    for name, total in totals.items():
        weighted = sum(c.weight * (rows[name].criteria[c.name] or 0.0) for c in NAMI_1K)
        assert weighted / sum(c.weight for c in NAMI_1K) == pytest.approx(total, abs=0.0101)


def test_the_published_geneval_overall_is_the_mean_of_its_tasks() -> None:
    rows = published_rows(NAMI_1K)
    scores = [r.automatic[GENEVAL_COLUMN.key] for r in rows if GENEVAL_COLUMN.key in r.automatic]
    assert len(scores) == 5
    for score in scores:
        assert set(score.tasks) == set(GENEVAL_TASKS)
        mean = sum(value or 0 for value in score.tasks.values()) / 6
        assert score.value == pytest.approx(mean, abs=0.0101)  # both were rounded to two decimals


def test_published_rows_come_after_the_measured_ones_and_are_never_ranked() -> None:
    board = Leaderboard(rows=(replace(row("mine", 1.0), rank=1),), criteria=NAMI_1K, ranked_by="total")
    rows = with_published(board).rows
    assert [r.model for r in rows[:2]] == ["mine", "FLUX-dev"]
    assert [r.rank for r in rows] == [1] + [None] * 13
    assert all(r.status is Status.PUBLISHED and r.source and r.complete is None for r in rows[1:])


def test_published_and_measured_scores_never_share_a_column() -> None:
    geneval = AutomaticColumn("geneval", "geneval", "mask2former", GENEVAL_TASKS)
    dpg = AutomaticColumn("dpg", "dpg", "official-mplug")
    board = with_published(Leaderboard(rows=(row("mine", None),), automatic=(geneval, dpg)))
    assert board.automatic == (geneval, dpg, GENEVAL_COLUMN, DPG_COLUMN)
    assert all(set(r.automatic) <= {GENEVAL_COLUMN.key, DPG_COLUMN.key} for r in board.published)


def test_a_published_dpg_score_names_its_source() -> None:
    rows = {r.model: r for r in published_rows(NAMI_1K)}
    scores = {name: r.automatic[DPG_COLUMN.key] for name, r in rows.items() if DPG_COLUMN.key in r.automatic}
    assert scores.keys() == {
        "SD3-medium", "FLUX-dev", "PixArt-alpha", "SDXL", "DALL-E 3", "Janus-Pro-7B", "CogView4-6B",
        "HiDream-I1", "Infinity", "Infinity-8B",
    }  # fmt: skip
    assert scores["FLUX-dev"].value == 0.8379
    for name, score in scores.items():
        assert 0.7 < (score.value or 0) < 0.9 and not score.tasks
        assert rows[name].sources[-1].startswith("DPG-Bench: ")
        assert "github.com" in rows[name].sources[-1] and "/blob/" in rows[name].sources[-1]
    flux = rows["FLUX-dev"].source
    assert flux is not None and "2503.09242" in flux and "CogView4" in flux
    assert rows["HiDream-I1"].source is not None and "2503.09242" not in rows["HiDream-I1"].source


def test_people_read_no_more_decimals_than_were_published() -> None:
    column = overall_column(DPG_COLUMN)
    shown = {r.model: column.shown(r) for r in published_rows(NAMI_1K)}
    assert (shown["Infinity"], shown["FLUX-dev"], shown["Sana"]) == ("0.835", "0.838", None)


@pytest.mark.parametrize(
    "criteria",
    [
        (),
        (Criterion("beauty", 1),),
        (*NAMI_1K[:3], replace(NAMI_1K[3], weight=0.3)),
        (*NAMI_1K, Criterion("beauty", 0.1)),
    ],
)
def test_under_other_criteria_or_weights_human_scores_are_not_quoted(
    criteria: tuple[Criterion, ...],
) -> None:
    rows = published_rows(criteria)
    assert {r.model for r in rows} == {r.model for r in published_rows(NAMI_1K)}
    assert {r.source for r in rows if r.model == "Infinity"} == {
        next(r.sources[-1] for r in published_rows(NAMI_1K) if r.model == "Infinity")
    }
    assert all(r.total is None and not r.criteria and r.automatic for r in rows)


def test_a_stratum_has_no_published_scores() -> None:
    with pytest.raises(InputError, match="leave out --stratum or --published"):
        with_published(Leaderboard(rows=(), stratum="long"))
