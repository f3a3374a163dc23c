"""Data frames of every make give the leaderboard of the file; what is wrong with one is one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nami_bench import agreement, leaderboard, strengths
from nami_bench.errors import InputError
from tests.support.small_study import CRITERIA

Change = Callable[[pd.DataFrame], pd.DataFrame]
NAMES = ["study", "annotator", "model", "prompt_id", "criterion"]


@pytest.fixture
def frame(folder: Path) -> pd.DataFrame:
    """The ratings with a reason for the one that is withheld, times and durations."""
    table = pd.read_csv("ratings.csv", dtype={"prompt_id": str, "reason": str, "created_at": str})
    table.loc[0, "value"], table.loc[0, "reason"] = np.nan, "cannot tell"
    return table.assign(duration_ms=1500, created_at="2026-03-01T10:00:00")


SAME: dict[str, Change] = {
    "an index of its own": lambda f: f.set_index(pd.Index(range(100, 100 + len(f)))[::-1]),
    "the same label everywhere": lambda f: f.set_index(pd.Index(["x"] * len(f))),
    "keys in the index": lambda f: f.set_index(["model", "prompt_id", "annotator"]),
    "one key in the index": lambda f: f.set_index("model"),
    "categories": lambda f: f.astype(dict.fromkeys(NAMES, "category")),
    "categories that do not occur": lambda f: (
        pd.concat([f, f.assign(model="gone", value=1)]).astype({"model": "category"}).iloc[: len(f)]
    ),
    "Arrow's types": lambda f: f.convert_dtypes(dtype_backend="pyarrow"),
    "Arrow's dictionaries": lambda f: f.astype(
        dict.fromkeys(NAMES, pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())))
    ),
    "pandas' own types": lambda f: f.convert_dtypes(),
    "objects": lambda f: f.astype(object),
    "texts": lambda f: f.astype({"value": "object"}).assign(
        value=[None if pd.isna(value) else str(value) for value in f["value"]]
    ),
    "samples as floats": lambda f: f.astype({"sample": float, "duration_ms": float}),
    "columns of somebody's own": lambda f: f.assign(prompt="a fox", **{"seed:1": range(len(f))}),
    "columns whose names are numbers": lambda f: f.join(pd.DataFrame({0: range(len(f))})),
    "another order": lambda f: f.sample(frac=1, random_state=3)[sorted(f.columns)],
    "blanks around names": lambda f: f.assign(model=f["model"] + " "),
    "times with a zone": lambda f: f.assign(created_at="2026-03-01T12:00:00+02:00"),
    "times": lambda f: f.assign(created_at=pd.Timestamp("2026-03-01 10:00:00.0000001")),
    "times of Arrow": lambda f: f.assign(
        created_at=pd.Series([pd.Timestamp("2026-03-01 10:00", tz="UTC")] * len(f)).astype(
            pd.ArrowDtype(pa.timestamp("ns", "UTC"))
        )
    ),
    "a view of a larger one": lambda f: pd.concat([f, f.assign(model="more")]).query("model != 'more'"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=list(SAME))
def test_a_frame_of_any_make_gives_the_same_and_stays_as_it_is(frame: pd.DataFrame, change: Change) -> None:
    expected = leaderboard(frame, criteria=CRITERIA, intervals=None)
    changed = change(frame)
    before = changed.copy(deep=True)
    found = leaderboard(changed, criteria=CRITERIA, intervals=None)
    assert found.to_json() == expected.to_json()
    assert found.board.latest_rating == expected.board.latest_rating
    pd.testing.assert_frame_equal(changed, before)


def test_numbers_may_be_names(frame: pd.DataFrame) -> None:
    numbered = frame.assign(prompt_id=frame["prompt_id"].astype(int), annotator=7).drop_duplicates(
        ["model", "prompt_id", "criterion"]
    )
    found = leaderboard(numbered.astype({"prompt_id": "category"}), criteria=CRITERIA, intervals=None)
    assert found.board.annotators == 1 and found.rows[0].images == 6


def test_what_is_optional_may_be_missing_or_empty(frame: pd.DataFrame) -> None:
    plain = frame.drop(columns=["reason", "duration_ms", "created_at"]).dropna(subset="value")
    empty = plain.assign(reason=None, duration_ms=np.nan, created_at=np.nan)
    for one in (plain, empty, empty.assign(created_at=pd.NaT, duration_ms=pd.NA, reason="")):
        assert leaderboard(one, criteria=CRITERIA).board.latest_rating is None


WRONG: dict[str, tuple[Change, str]] = {
    "a misspelt column": (
        lambda f: f.rename(columns={"prompt_id": "promptid"}),
        "the data frame lacks the column prompt_id (did you mean 'promptid'?); ratings have study, annotator",
    ),
    "two missing columns": (
        lambda f: f.drop(columns=["study", "sample"]),
        "the data frame lacks the columns study, sample; ratings have",
    ),
    "a column twice": (
        lambda f: pd.concat([f, f[["model"]]], axis=1),
        "the data frame has the column 'model' twice",
    ),
    "columns of two levels": (
        lambda f: pd.concat({"a": f}, axis=1),
        "the data frame has columns of 2 levels: give it one row of names",
    ),
    "nothing": (lambda f: f.iloc[:0], "the data frame holds no ratings"),
    "no value and no reason": (
        lambda f: f.assign(reason=None),
        "the data frame, .iloc[0]: value is empty: give a number, or the reason for having none",
    ),
    "a value off the scale": (
        lambda f: f.assign(value=f["value"].where(f.index != 4, 9)),
        "the data frame, .iloc[4]: relevance rating 9 is outside its scale 1 to 5",
    ),
    "an infinite value": (
        lambda f: f.assign(value=f["value"].where(f.index != 5, np.inf)),
        "the data frame, .iloc[5]: aesthetics rating inf is outside its scale",
    ),
    "an unknown criterion": (
        lambda f: f.assign(criterion=f["criterion"].replace("aesthetics", "aesthetic")),
        "the data frame, .iloc[1]: unknown criterion 'aesthetic': did you mean 'aesthetics'?",
    ),
    "a rating twice": (
        lambda f: pd.concat([f, f.tail(1)]),
        f"the data frame, .iloc[{3 * 3 * 6 * 2}]: 'tom' rated aesthetics of third/00005/0 in an earlier",
    ),
    "no name": (
        lambda f: f.assign(model=f["model"].where(f.index != 3)),
        "the data frame, .iloc[3]: model is empty",
    ),
    "a sample below zero": (lambda f: f.assign(sample=-1), "the data frame, .iloc[0]: sample is below 0"),
    "half a sample": (lambda f: f.assign(sample=0.5), "the data frame: column 'sample' is not usable"),
    "no sample": (lambda f: f.assign(sample=None), "the data frame, .iloc[0]: sample is empty"),
    "values that are words": (
        lambda f: f.assign(value="good"),
        "the data frame: column 'value' is not usable",
    ),
    "names of two kinds": (
        lambda f: f.assign(annotator=[1, *f["annotator"][1:]]),
        "the data frame: column 'annotator' is not usable",
    ),
    "lists as names": (lambda f: f.assign(model=[["a"]] * len(f)), "the data frame: column 'model' is not"),
    "numbers as times": (
        lambda f: f.assign(created_at=3),
        "the data frame: column 'created_at' is not usable: these are numbers, not times",
    ),
    "words as times": (lambda f: f.assign(created_at="noon"), "column 'created_at' is not usable"),
}


@pytest.mark.parametrize(("change", "problem"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_with_a_frame_is_one_sentence(
    frame: pd.DataFrame, change: Change, problem: str
) -> None:
    for analysis in (leaderboard, agreement):
        with pytest.raises(InputError) as caught:
            analysis(change(frame), criteria=CRITERIA)
        assert problem in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [[1, 2], 3, {"model": ["a"]}, pa.table({"model": ["a"]})])
def test_what_is_no_frame_and_no_path_is_refused(source: Any) -> None:
    for analysis in (leaderboard, agreement, strengths):
        with pytest.raises(InputError, match="from a pandas data frame or a file's path, not from"):
            analysis(source)


def test_frames_of_pairs_are_read_and_refused_likewise(folder: Path) -> None:
    pairs = pd.read_csv("comparisons.csv", dtype={"prompt_id": str})
    expected = strengths("comparisons.csv").to_json()
    for changed in (
        pairs.set_index(["prompt_id", "criterion"]),
        pairs.astype(dict.fromkeys(("left", "right", "outcome", "annotator"), "category")),
        pairs.convert_dtypes(dtype_backend="pyarrow"),
        pairs.assign(value=1, seed=3),
    ):
        before = changed.copy(deep=True)
        assert strengths(changed).to_json() == expected
        pd.testing.assert_frame_equal(changed, before)
    with pytest.raises(InputError, match=r"\.iloc\[0\]: outcome 'won' is none of left, tie, right, both_bad"):
        strengths(pairs.assign(outcome="won", reason=None))
    with pytest.raises(InputError, match=r"the same pair was compared in \.iloc\[0\] already"):
        strengths(pd.concat([pairs, pairs.head(1)]))
    with pytest.raises(InputError, match=r"lacks the column outcome \(did you mean 'outcomes'\?\)"):
        strengths(pairs.rename(columns={"outcome": "outcomes"}))
    with pytest.raises(InputError, match=r"the data frame holds 2 studies \(duel, other\)"):
        strengths(pairs.assign(study=["other", *pairs["study"][1:]]))
    with pytest.raises(InputError, match=r"holds comparisons: see `nami_bench\.strengths`"):
        leaderboard(pairs)
    with pytest.raises(InputError, match=r"the data frame holds ratings: see `nami_bench\.leaderboard`"):
        strengths(pd.read_csv("ratings.csv"))
