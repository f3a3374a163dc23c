"""What a leaderboard says of models that the ratings cannot tell apart, in every format."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nami_bench.domain import Criterion
from nami_bench.evaluation.leaderboard.rows import DEFAULT_PRECISION, Leaderboard
from nami_bench.export.files import leaderboard_json
from nami_bench.export.html import leaderboard_html
from nami_bench.export.latex import leaderboard_latex
from nami_bench.export.markdown import leaderboard_markdown
from nami_bench.export.sections import notes
from nami_bench.export.text import text_tables
from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings
from nami_bench.report.write import pairs_csv

QUALITY = (Criterion("quality", 1.0),)
WITH_NOTES = (leaderboard_json, leaderboard_html, leaderboard_markdown, leaderboard_latex)


def table(values: np.ndarray, rater: np.ndarray) -> pd.DataFrame:
    """Values (models, prompts) of one annotator an image, numbered by `rater` of the same shape."""
    models, prompts = values.shape
    m, p = np.indices((models, prompts)).reshape(2, -1)
    return pd.DataFrame({
        "study": "s", "annotator": [f"a{i}" for i in rater.ravel()], "model": [f"m{i}" for i in m],
        "prompt_id": [f"{i:03d}" for i in p], "sample": 0, "criterion": "quality",
        "value": np.clip(np.rint(values.ravel()), 0, 100), "created_at": pd.NaT, "simulated": False,
    })  # fmt: skip


def board(models: int, annotators: int, seed: int = 2) -> Leaderboard:
    """Equal models of pure noise, 40 prompts, an annotator drawn for each image."""
    rng = np.random.default_rng(seed)
    rater = rng.integers(annotators, size=(models, 40))
    return leaderboard_from_ratings(table(rng.normal(50, 20, (models, 40)), rater), QUALITY)


@pytest.mark.parametrize("seed", range(8))
def test_two_equal_models_with_one_annotator_an_image_share_a_tie_group(seed: int) -> None:
    found = board(2, 5, seed)
    (pair,) = found.pairs
    assert pair.interval is not None
    assert pair.p_value is not None
    apart = pair.interval.low > 0 or pair.interval.high < 0
    assert (pair.p_value < 0.05) == apart == pair.significant
    assert len({row.ties for row in found.rows}) == 1 + pair.significant


def three_annotators_25_points_apart() -> Leaderboard:
    rng = np.random.default_rng(1)
    quality, taste = np.array([[35.0], [60.0]]), rng.normal(0, 12, (2, 3))
    rater = np.tile(np.arange(40) % 3, (2, 1))
    values = quality + np.take_along_axis(taste, rater, axis=1) + rng.normal(0, 4, (2, 40))
    return leaderboard_from_ratings(table(values, rater), QUALITY)


@pytest.mark.parametrize("format_", WITH_NOTES)
def test_with_three_annotators_every_format_says_what_over_prompts_would_answer(
    format_: Callable[[Leaderboard], bytes],
) -> None:
    found = three_annotators_25_points_apart()
    assert {row.ties for row in found.rows} == {("a",)}
    shown = " ".join(format_(found).decode().replace("\\-", "-").replace("{}", "").split())
    assert "what other prompts and other annotators of the same kind would give" in shown
    assert "what other prompts would give with these annotators" in shown
    assert "with so few annotators only very large differences can be found" in shown


def test_over_prompts_the_notes_say_that_nothing_is_said_about_other_annotators() -> None:
    rng = np.random.default_rng(1)
    ratings = table(rng.normal(50, 9, (2, 40)), rng.integers(3, size=(2, 40)))
    found = leaderboard_from_ratings(ratings, QUALITY, precision=replace(DEFAULT_PRECISION, over="prompts"))
    assert any("and nothing about other annotators" in note for note in notes(found))
    assert not any("so few annotators" in note for note in notes(found))


def test_a_pair_without_a_test_is_not_shown_as_alike() -> None:
    rng = np.random.default_rng(1)
    rater = np.stack((np.zeros(40, dtype=int), np.arange(40) % 3))
    found = leaderboard_from_ratings(table(rng.normal(50, 9, (2, 40)), rater), QUALITY)
    (pair,) = json.loads(leaderboard_json(found))["pairs"]
    reason = "a model was rated by one annotator only: taste and worth cannot be told apart"
    assert (pair["p_value"], pair["interval"], pair["reason"]) == (None, None, reason)
    (row,) = csv.DictReader(pairs_csv(found).decode().splitlines())
    assert (row["p_value"], row["reason"]) == ("", reason)
    (differences,) = [t for t in text_tables(found) if t.title.startswith("Differences")]
    assert differences.rows[0][differences.columns.index("told apart")] == "cannot be told"
    assert any("which is not to be alike" in note for note in notes(found))
    assert any("no interval for m0" in note for note in notes(found))


def test_a_level_between_whole_per_cents_is_not_rounded_to_certainty() -> None:
    rng = np.random.default_rng(1)
    precise = replace(DEFAULT_PRECISION, level=0.999)
    ratings = table(rng.normal(50, 9, (2, 40)), rng.integers(5, size=(2, 40)))
    found = leaderboard_from_ratings(ratings, QUALITY, precision=precise)
    assert all("100% interval" not in column for t in text_tables(found) for column in t.columns)
    (differences,) = [t for t in text_tables(found) if t.title.startswith("Differences")]
    assert "99.9% interval" in differences.columns


def test_an_adjusted_score_has_its_interval_below_it_on_the_page() -> None:
    rng = np.random.default_rng(1)
    parts = [table(rng.normal(50, 9, (2, 40)), np.full((2, 40), annotator)) for annotator in range(4)]
    found = leaderboard_from_ratings(pd.concat(parts, ignore_index=True), QUALITY)
    row = found.rows[0]
    assert row.total_adjusted_interval is not None
    low, high = row.total_adjusted_interval.low, row.total_adjusted_interval.high
    cell = f'{row.total_adjusted:.2f}<span class="interval">{low:.1f}–{high:.1f}</span>'
    assert cell in leaderboard_html(found).decode()


def test_a_score_without_an_interval_gets_none_by_being_adjusted() -> None:
    rng = np.random.default_rng(1)
    values = np.stack((rng.normal(50, 9, (4, 40)), np.zeros((4, 40))), axis=1)
    parts = [table(values[annotator], np.full((2, 40), annotator)) for annotator in range(4)]
    found = leaderboard_from_ratings(pd.concat(parts, ignore_index=True), QUALITY)
    varies, flat = found.rows
    assert varies.total_adjusted_interval is not None
    assert flat.total_adjusted == pytest.approx(0.0, abs=1.0)
    assert (flat.total_interval, flat.total_adjusted_interval, flat.adjusted_intervals) == (None, None, {})
    assert any("no interval for m1" in note for note in notes(found))


def test_latex_lists_every_note() -> None:
    found = three_annotators_25_points_apart()
    lines = leaderboard_latex(found).decode().splitlines()
    begin, end = (lines.index(rf"\{word}{{itemize}}") for word in ("begin", "end"))
    assert end - begin - 1 == len(notes(found))
    assert all(line.startswith(r"  \item {}") for line in lines[begin + 1 : end])


def test_first_is_said_not_to_be_a_test() -> None:
    assert any(note.startswith("first:") and "not a test" in note for note in notes(board(3, 5)))
