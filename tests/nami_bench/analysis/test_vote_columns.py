"""Covariates and parts of votes, from what their files say beside them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nami_bench import strengths
from nami_bench.errors import InputError, UnknownNameError


def votes(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Votes on three models, in whose images larger ones win more often."""
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 3, rows)
    right = (left + rng.integers(1, 3, rows)) % 3
    size = rng.choice([256, 512, 1024], (2, rows))
    wide = rng.choice([1, 2], (2, rows))
    d = 0.5 * (left - right) + np.log2(size[0] / size[1])
    return pd.DataFrame({
        "study": "s", "annotator": [f"v{i % 20}" for i in range(rows)], "criterion": "c", "sample": 0,
        "prompt_id": [f"{i % 50:05d}" for i in range(rows)], "repeat": np.arange(rows),
        "left": np.array(list("abc"))[left], "right": np.array(list("abc"))[right],
        "outcome": np.where(rng.random(rows) < 1 / (1 + np.exp(-d)), "left", "right"),
        "left_width": size[0] * wide[0], "left_height": size[0],
        "right_width": size[1] * wide[1], "right_height": size[1],
        "prompt": [f"a kite{' and a kite' * (i % 8)}" for i in range(rows)],
        "expertise": rng.random(rows), "country": rng.choice(["DE", "IN"], rows),
        "created_at": pd.date_range("2026-01-20", periods=rows, freq="3h", tz="UTC"),
    })  # fmt: skip


def test_resolution_and_aspect_are_made_of_width_and_height() -> None:
    table = votes(3000)
    found = {one.name: one for one in strengths(table, covariates=["resolution", "aspect"]).strengths.effects}
    # One doubling of the side is two of the pixels, so the effect for each is a half.
    low, high = found["resolution"].low, found["resolution"].high
    assert low is not None and high is not None and low < 0.5 < high
    assert (
        found["aspect"].low is not None and found["aspect"].low < -0.3
    )  # what width alone adds does not win
    assert found["resolution"].deviation == pytest.approx(
        np.log2(table.left_width * table.left_height / table.right_width / table.right_height).std(ddof=0)
    )


@pytest.mark.parametrize(
    ("by", "parts"),
    [
        ("country", ["DE", "IN"]),
        ("created_at", ["2026-01", "2026-02", "2026-03", "2026-04"]),
        ("created_at:year", ["2026"]),
        ("prompt_length", ["2 to 5 words", "8 to 11 words", "14 to 17 words", "20 to 23 words"]),
    ],
)
def test_votes_are_parted(by: str, parts: list[str]) -> None:
    table = votes()
    found = strengths(table, by=by)
    assert [row.stratum for row in found.rows if row.model == "a"] == [None, *parts]
    assert sum(row.comparisons for row in found.rows if row.stratum is not None) == 2 * len(table)
    assert found.to_frame()["stratum"].nunique() == len(parts)


def test_numbers_are_parted_in_quarters() -> None:
    found = strengths(votes(), by="expertise")
    sizes = [sum(row.comparisons for row in found.rows if row.stratum == part) // 2
             for part in dict.fromkeys(row.stratum for row in found.rows) if part]  # fmt: skip
    assert len(sizes) == 4
    assert all(140 <= size <= 160 for size in sizes)


def test_rare_values_are_one_part() -> None:
    table = votes().assign(country=[f"c{i % 80:02d}" if i % 2 else "DE" for i in range(600)])
    parts = {row.stratum for row in strengths(table, by="country", prior=1).rows}
    assert len(parts) == 25  # all, 23 countries and the others
    assert {"DE", "others", None} <= parts


def test_what_a_file_does_not_say_is_refused(tmp_path: Path) -> None:
    table = votes(60)
    with pytest.raises(InputError, match="has no column 'left_length'"):
        strengths(table, covariates="length")
    with pytest.raises(
        InputError, match="1 of 60 votes have no number in right_width: a covariate must be known"
    ):
        strengths(
            table.assign(right_width=table["right_width"].where(table.index != 3)), covariates="resolution"
        )
    with pytest.raises(UnknownNameError, match="unknown span of time 'fortnight'"):
        strengths(table, by="created_at:fortnight")
    with pytest.raises(InputError, match="only created_at is divided"):
        strengths(table, by="country:week")
    table.to_parquet(tmp_path / "v.parquet")
    with pytest.raises(InputError, match=r"v\.parquet has no column 'language'"):
        strengths(tmp_path / "v.parquet", by="language")
