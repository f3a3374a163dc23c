"""Orders, and best and worst, as files: they come back as they were, and bad ones are named by their line."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nami_bench
from nami_bench.domain import Criterion, Ranking
from nami_bench.errors import InputError
from nami_bench.export.rankings_checks import ranking_cells
from nami_bench.export.rankings_file import rankings_csv, read_rankings
from nami_bench.export.rankings_parquet import (
    rankings_parquet,
    read_rankings_frame,
    read_rankings_parquet,
)

WHEN = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
ORDERS = [
    Ranking("=s", "NA", "007", 0, "fit", ("-a", "b", "c"), (2, 1, 2), False, None, 1, 1200, WHEN),
    Ranking("=s", "NA", "007", 0, "looks", ("c", "b", "-a"), (1, 2, 3), False, None, 1, 1200, WHEN),
    Ranking("=s", "null", "1e5", 3, "fit", ("b", "-a", "c", "d"), None, False, "'tis dark"),
]
EXTREMES = [
    Ranking("s", "ann", "1", 0, "fit", ("a", "b", "c", "d"), (2, 3, 1, 2), True, None, 2, 0, WHEN),
    Ranking("s", "bob", "1", 0, "fit", ("d", "b", "c", "a"), None, True, "other"),
]


@pytest.mark.parametrize("rankings", [ORDERS, EXTREMES])
def test_rankings_come_back_as_they_were(tmp_path: Path, rankings: list[Ranking]) -> None:
    best_worst = rankings[0].best_worst
    csv, parquet = tmp_path / "r.csv", tmp_path / "r.parquet"
    csv.write_bytes(rankings_csv(rankings, best_worst=best_worst))
    assert read_rankings(csv) == rankings
    parquet.write_bytes(rankings_parquet(rankings, [Criterion("fit", 1)], best_worst=best_worst))
    assert read_rankings_parquet(parquet) == rankings
    assert read_rankings_frame(pd.DataFrame(ranking_cells(rankings, best_worst=best_worst))) == rankings


def test_a_file_of_others_may_say_less(tmp_path: Path) -> None:
    """Trial, prompt, rank, image: one row for each; ranks as competitions have them, rows in any order."""
    file = tmp_path / "k-wise.csv"
    file.write_text(
        "trial,prompt,rank,image\n1,p1,1,a\n1,p1,2,b\n1,p1,2,c\n1,p1,4,d\n2,p2,2.0,a\n3,p1,1,a\n2,p2,1,d\n"
        "3,p1,2,b\n"
    )
    found = read_rankings(file)
    assert [(one.models, one.ranks) for one in found] == [
        (("a", "b", "c", "d"), (1, 2, 2, 3)),
        (("a", "d"), (2, 1)),
        (("a", "b"), (1, 2)),
    ]
    assert {(one.study, one.annotator, one.criterion) for one in found} == {
        ("rankings", "unknown", "preference")
    }
    strengths = nami_bench.strengths(file, prior=0.5)
    assert {row.model for row in strengths.rows} == {"a", "b", "c", "d"}
    assert strengths.strengths.model == "plackett-luce"
    frame = pd.read_csv(BytesIO(strengths.to_csv().encode()))
    assert set(frame["ranked"]) == {3, 2, 1}
    assert any("virtual ties" in note for note in strengths.notes)
    with pytest.raises(InputError, match="are of pairs"):
        nami_bench.strengths(file, side=True)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("1,p,a,1\n1,p,b,0", "line 3: rank '0' is not a whole number from 1"),
        ("1,p,a,1", "line 2: trial 1 has 1 image"),
        ("1,p,a,1\n1,q,b,2", "line 3: trial 1 has another prompt_id than in its first row"),
        ("1,p,a,1\n1,p,a,2", "line 2: .*a model is there twice"),
        ("1,p,a,1\n1,p,b,", "line 3: give a rank, or a reason"),
        ("1,p,a,1\n1,p,b,2\n2,p,b,1\n2,p,a,2", "line 4: the same images were ranked in line 2"),
        ("", "holds no rankings"),
    ],
)
def test_bad_orders_are_refused_with_the_line(tmp_path: Path, lines: str, words: str) -> None:
    file = tmp_path / "r.csv"
    file.write_text(f"trial,prompt_id,model,rank\n{lines}\n")
    with pytest.raises(InputError, match=words):
        read_rankings(file)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,p,a b c,d,a", "'d' is none of its items, a, b, c"),
        ("1,p,a b c,a,a", "'a' is the best and the worst"),
        ("1,p,a b c,a,", "give a best and a worst"),
        ("1,p,a b c,,", "give a best and a worst, or a reason"),
        ("1,p,a,a,a", "is the best and the worst"),
    ],
)
def test_bad_extremes_are_refused_with_the_line(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "r.csv"
    file.write_text(f"trial,prompt_id,items,best,worst\n{line}\n")
    with pytest.raises(InputError, match=f"line 2: .*{words}"):
        read_rankings(file)


def test_orders_and_extremes_are_not_mixed() -> None:
    from nami_bench.evaluation.leaderboard.rank_strengths import rank_strength_table

    with pytest.raises(InputError, match="cannot be taken together"):
        rank_strength_table([ORDERS[0], EXTREMES[0]])
    with pytest.raises(InputError, match="no rankings yet"):
        rank_strength_table([ORDERS[2]])


def test_extremes_are_counted_as_the_pairs_that_they_imply() -> None:
    from nami_bench.evaluation.leaderboard.rank_strengths import rank_strength_table

    many: list[Any] = []
    for number, order in enumerate(("abcd", "bcda", "dabc", "cdab", "badc")):
        ranks = tuple({order[0]: 1, order[3]: 3}.get(model, 2) for model in "abcd")
        many += [
            Ranking("s", who, str(number), 0, "fit", tuple("abcd"), ranks, True) for who in ("ann", "bob")
        ]
    table = rank_strength_table(many)
    assert table.model == "best-worst"
    (first,) = [row for row in table.rows if row.model == "b"]
    assert (first.ranked, first.best, first.worst) == (10, 4, 2)
    assert first.wins + first.losses == first.comparisons == 4 * 3 + 2 * 3 + 4 * 2
    assert any("alpha, nominal): 1.00, of 25 pairs" in note for note in table.notes)
