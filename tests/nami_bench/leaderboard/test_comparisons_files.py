"""Comparisons in files of every kind."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nami_bench.domain import Comparison, Criterion, Outcome
from nami_bench.errors import InputError
from nami_bench.export.carried_study import carried_criteria
from nami_bench.export.comparisons_file import comparisons_csv
from nami_bench.export.comparisons_parquet import comparisons_parquet
from nami_bench.export.ratings_source import load_comparisons, load_ratings

WHEN = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)
CRITERIA = (Criterion("fit", 1),)
ODD = [
    Comparison("=s", "NA", "007", 0, "fit", "-a", 'b, "c"', Outcome.LEFT, None, 1, 1200, WHEN),
    Comparison("=s", "NA", "007", 0, "fit", "b\nc", "-a", None, "'tis dark", None, None, None),
    Comparison("=s", "null", "1e5", 3, "fit", "-a", "b\nc", Outcome.BOTH_BAD, None, 2, 0, WHEN),
]
VOTES = [
    Comparison("s", "ann", "0", 0, "fit", "a", "a", Outcome.LEFT, left_sample=2, right_sample=1),
    Comparison("s", "ann", "0", 0, "fit", "a", "a", Outcome.TIE, left_sample=1, right_sample=2, repeat=1),
    Comparison("s", "voter-000003", "0", 1, "fit", "a", "b", Outcome.RIGHT, count=17, weight=0.25),
]
GOOD = {
    "study": ["s", "s"],
    "annotator": ["ann", "ann"],
    "prompt_id": ["00000", "00001"],
    "sample": [0, 0],
    "criterion": ["fit", "fit"],
    "left": ["a", "a"],
    "right": ["b", "b"],
    "outcome": ["left", "tie"],
}


def folder_of(path: Path) -> None:
    (path / "data").mkdir(parents=True)
    (path / "data" / "comparisons.parquet").write_bytes(comparisons_parquet(ODD, CRITERIA))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("c.csv", lambda path: path.write_bytes(comparisons_csv(ODD))),
        ("c.parquet", lambda path: path.write_bytes(comparisons_parquet(ODD, CRITERIA))),
        ("folder", folder_of),
    ],
)
def test_comparisons_come_back_from_every_kind_of_file(
    tmp_path: Path, name: str, write: Callable[[Path], object]
) -> None:
    write(tmp_path / name)
    assert load_comparisons(tmp_path / name) == ODD
    with pytest.raises(InputError, match="holds comparisons: see `nami-bench strengths"):
        load_ratings(tmp_path / name)


def test_votes_say_more_than_a_studys_verdicts(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(comparisons_csv(VOTES))
    (tmp_path / "c.parquet").write_bytes(comparisons_parquet(VOTES, CRITERIA))
    assert load_comparisons(tmp_path / "c.csv") == load_comparisons(tmp_path / "c.parquet") == VOTES
    assert b"weight" not in comparisons_csv(ODD)  # a study's file stays as it was


@pytest.mark.parametrize("unknown", [None, ""])
def test_nobody_judges_twice_who_is_not_known(tmp_path: Path, unknown: str | None) -> None:
    columns = {**GOOD, "annotator": [unknown, unknown], "prompt_id": ["0", "0"], "count": [1, 3]}
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    found = load_comparisons(tmp_path / "c.parquet")
    assert [(one.annotator, one.count) for one in found] == [("voter-000001", 1), ("voter-000002", 3)]


def test_a_parquet_file_of_comparisons_carries_its_criteria(tmp_path: Path) -> None:
    (tmp_path / "c.parquet").write_bytes(comparisons_parquet(ODD, CRITERIA))
    assert carried_criteria(tmp_path / "c.parquet") == CRITERIA


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outcome": ["left", "up"]}, "row 2: outcome 'up' is none of left, tie, right, both_bad"),
        ({"outcome": ["left", None]}, "row 2: give an outcome, or a reason"),
        ({"right": ["b", "a"]}, "row 2: 'a' is compared with itself"),
        ({"left": ["a", " "]}, "row 2: left is empty"),
        ({"sample": [0, -1]}, "row 2: sample is below 0"),
        (
            {"prompt_id": ["0", "0"], "left": ["a", "b"], "right": ["b", "a"]},
            "row 2: the same pair was compared in row 1 already",
        ),
        ({"right": None}, "lacks the column right"),
        ({"count": [1, 0]}, "row 2: count is 0, and must be 1 or more"),
        ({"weight": [1.0, -0.5]}, "row 2: weight is -0.5, and must be a finite number from 0"),
        ({"right_sample": [0, -2]}, "row 2: right_sample is -2, and must be 0 or more"),
    ],
)
def test_a_bad_row_of_a_parquet_file_is_named(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    columns = {name: values for name, values in (GOOD | changes).items() if values is not None}
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    with pytest.raises(InputError, match=words):
        load_comparisons(tmp_path / "c.parquet")


def test_a_file_of_ratings_is_none_of_comparisons(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("study,annotator,model,prompt_id,sample,criterion,value\ns,a,m,0,0,c,1\n")
    with pytest.raises(InputError, match="holds ratings: see `nami-bench leaderboard"):
        load_comparisons(tmp_path / "r.csv")
