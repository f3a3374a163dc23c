"""A study whose total is the geometric mean of each rating, as ImagenHub's is: sqrt(SC * PQ).

The ratings of `tests/data/sc_and_pq` are made up.
"""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.domain import Criteria, Criterion, Total
from nami_bench.domain.study import Study
from nami_bench.errors import InputError
from nami_bench.evaluation.human.bootstrap import bootstrap_scores
from nami_bench.evaluation.human.comparisons import compare_models
from nami_bench.evaluation.human.intervals import score_intervals
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.scores import image_totals, score_models
from nami_bench.export.carried_study import carried_criteria
from nami_bench.export.files import leaderboard_json
from nami_bench.export.ratings_parquet import ratings_parquet
from nami_bench.export.ratings_source import load_ratings
from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings
from nami_bench.pipeline.published import published_rows
from nami_bench.study_file import load_criteria

DATA = Path(__file__).parents[2] / "data" / "sc_and_pq"
RATINGS = DATA / "ratings.csv"
GEOMETRIC = '[study]\ntotal = "geometric"'


@pytest.fixture
def criteria_file(tmp_path: Path) -> Path:
    path = tmp_path / "criteria.toml"
    path.write_text((DATA / "criteria.toml").read_text().replace("[study]", GEOMETRIC))
    return path


@pytest.fixture
def rated(criteria_file: Path) -> tuple[pd.DataFrame, Criteria]:
    table, criteria = load_ratings(RATINGS, criteria_file)
    return table, Criteria.of(criteria)


def _own_totals(table: pd.DataFrame) -> pd.DataFrame:
    """sqrt(SC * PQ) of every rating, on 0-100."""
    wide = table.pivot_table(
        "value", ["model", "prompt_id", "annotator"], "criterion", observed=True
    ).reset_index()
    return wide.assign(total=100 * np.sqrt(wide["SC"] * wide["PQ"]))


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)


def test_a_total_is_the_mean_of_the_ratings_geometric_means(rated: tuple[pd.DataFrame, Criteria]) -> None:
    table, criteria = rated
    expected = _own_totals(table).groupby("model", observed=True)["total"].mean()
    plain = {scores.model: scores for scores in score_models(table, tuple(criteria))}
    for scores in score_models(table, criteria):
        assert scores.total == pytest.approx(expected[scores.model], abs=1e-9)
        assert scores.criteria == plain[scores.model].criteria
        assert scores.values == plain[scores.model].values == 60
        assert scores.total < (plain[scores.model].total or 0) - 1


def test_intervals_tests_and_replicates_are_those_of_a_criterion_that_holds_the_totals(
    rated: tuple[pd.DataFrame, Criteria],
) -> None:
    table, criteria = rated
    own = _own_totals(table).assign(study="s", sample=0, criterion="own", duration_ms=None, created_at=None)
    single = RatingsArray.from_table(own.assign(value=own["total"]), (Criterion("own", 1.0),))
    ratings = RatingsArray.from_table(table, criteria)
    for method in ("crossed", "percentile"):
        ours, theirs = (score_intervals(r, method=method, replicates=60) for r in (ratings, single))
        np.testing.assert_allclose(ours.low[:, -1], theirs.low[:, -1], atol=1e-9)
        np.testing.assert_allclose(ours.high[:, -1], theirs.high[:, -1], atol=1e-9)
    np.testing.assert_allclose(compare_models(ratings).p_value, compare_models(single).p_value, atol=1e-9)
    samples = [bootstrap_scores(r, replicates=60).samples[..., -1] for r in (ratings, single)]
    np.testing.assert_allclose(samples[0], samples[1], atol=1e-9)
    totals = image_totals(ratings)
    by_image = own.groupby(["model", "prompt_id"], observed=True)["total"].mean()
    assert totals == {(m, p, 0): pytest.approx(t, abs=1e-9) for (m, p), t in by_image.items()}


def _table(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["annotator", "criterion", "value"])
    return table.assign(study="s", model="m", prompt_id="00000", sample=0)


AB = (Criterion("a", 3.0), Criterion("b", 1.0), Criterion("c", 0.0))


def test_weights_are_exponents_and_a_criterion_without_weight_does_not_count() -> None:
    table = _table([("x", "a", 16.0), ("x", "b", 81.0), ("x", "c", 0.0)])
    (scores,) = score_models(table, Criteria(AB, "geometric"))
    assert scores.total == pytest.approx(16**0.75 * 81**0.25)


def test_a_zero_makes_a_rating_zero_and_a_missing_value_leaves_it_without_a_total() -> None:
    rows = [("x", "a", 0.0), ("x", "b", 100.0), ("y", "a", 100.0), ("y", "b", 100.0), ("z", "a", 50.0)]
    (scores,) = score_models(_table(rows), Criteria(AB[:2], "geometric"))
    assert scores.total == pytest.approx(50.0)
    assert scores.values == 5
    board = leaderboard_from_ratings(_table(rows).assign(created_at=pd.NaT), Criteria(AB[:2], "geometric"))
    assert "1 of 3 ratings of an image lack a criterion's value and have no geometric total" in board.cautions


def test_a_rating_that_was_withheld_has_no_total() -> None:
    rows = [("x", "a", 50.0), ("x", "b", np.nan), ("y", "a", np.nan), ("y", "b", 50.0)]
    (scores,) = score_models(_table(rows), Criteria(AB[:2], "geometric"))
    assert scores.total is None
    assert (scores.values, scores.withheld) == (2, 2)


def test_the_arithmetic_total_is_what_it_was(rated: tuple[pd.DataFrame, Criteria]) -> None:
    table, criteria = rated
    for scores in score_models(table, tuple(criteria)):
        means = [float(m) for m in scores.criteria.values() if m is not None]
        assert scores.total == 0.5 * means[0] + 0.5 * means[1]


@pytest.mark.slow
def test_every_format_says_which_total_it_is(criteria_file: Path, tmp_path: Path) -> None:
    files = ("--ratings", RATINGS, "--criteria", criteria_file)
    shown = {
        form: _run("leaderboard", *files, "--format", form).stdout
        for form in ("table", "markdown", "html", "latex")
    }
    for form, text in shown.items():
        assert "geometric total" in text, form
        assert "weighted geometric mean within each rating" in text, form
    document = json.loads(_run("leaderboard", *files, "--format", "json").stdout)
    assert document["total_kind"] == "geometric"
    schema = json.loads((Path(__file__).parents[3] / "nami_bench/export/leaderboard.schema.json").read_text())
    jsonschema.validate(document, schema)
    for row in document["rows"]:
        assert set(row["criteria"]) == set(row["intervals"]) == {"SC", "PQ"}
        assert row["total_interval"]["low"] < row["total"] < row["total_interval"]["high"]
        assert set(row["adjusted"]) <= {"SC", "PQ"}
    _run("leaderboard", *files, "-o", tmp_path / "board.csv")
    assert "geometric" in (tmp_path / "board.legend.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(_run("leaderboard", *files, "--format", "csv-wide").stdout.splitlines()))
    assert {row["total:kind"] for row in rows} == {"geometric"}
    assert [float(row["total"]) for row in rows] == [pytest.approx(r["total"]) for r in document["rows"]]
    plain = _run("leaderboard", "--ratings", RATINGS, "--criteria", DATA / "criteria.toml").stdout
    assert "geometric" not in plain


def test_places_and_tests_are_of_the_geometric_total(rated: tuple[pd.DataFrame, Criteria]) -> None:
    table, criteria = rated
    board = leaderboard_from_ratings(table, criteria)
    assert [row.rank for row in board.rows] == [1, 2, 3]
    totals = {row.model: row.total or 0.0 for row in board.rows}
    for pair in board.pairs:
        assert pair.difference == pytest.approx(totals[pair.first] - totals[pair.second])
    document = json.loads(leaderboard_json(board))
    assert document["ranked_by"] == "total"


def test_a_parquet_file_carries_its_total(rated: tuple[pd.DataFrame, Criteria], tmp_path: Path) -> None:
    table, criteria = rated
    (tmp_path / "r.parquet").write_bytes(ratings_parquet(table, criteria))
    assert Criteria.of(carried_criteria(tmp_path / "r.parquet") or ()).total == Total.GEOMETRIC
    shown = _run("leaderboard", "--ratings", tmp_path / "r.parquet").stdout
    assert "geometric total" in shown


def test_agreement_and_what_hangs_on_annotators_are_of_the_geometric_total(criteria_file: Path) -> None:
    files = ("--ratings", RATINGS, "--criteria", criteria_file, "--replicates", 60, "--json")
    found = json.loads(_run("agreement", *files).stdout)
    assert [one["criterion"] for one in found["criteria"]] == ["SC", "PQ"]
    assert found["values"] == 180
    assert [len(work["summaries"]) for work in found["annotators"]] == [2, 2, 2]
    whole = _own_totals(load_ratings(RATINGS, criteria_file)[0])
    for one in found["without"]:
        rest = whole[whole["annotator"] != one["annotator"]]
        expected = rest.groupby("model", observed=True)["total"].mean()
        assert one["scores"] == {m: pytest.approx(t, abs=1e-9) for m, t in expected.items()}


def _study(**changes: Any) -> Study:
    return Study("s", "p", ("m", "n"), AB, **changes)


def test_a_study_hands_its_total_on_with_its_criteria() -> None:
    study = _study(total="geometric")
    assert Criteria.of(study.criteria).total == Total.GEOMETRIC
    assert Criteria.of(replace(study, name="t").criteria).total == Total.GEOMETRIC
    assert study != _study()


def test_an_unknown_total_and_one_of_a_pairwise_study_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="total 'harmonic' is not supported"):
        _study(total="harmonic")
    with pytest.raises(InputError, match="a pairwise study has none"):
        _study(total="geometric", mode="pairwise")
    (tmp_path / "c.toml").write_text(
        '[study]\nname = "s"\ntotal = "geometrical"\n[[criterion]]\nname = "a"\nweight = 1\n'
    )
    with pytest.raises(
        InputError, match=r"c\.toml: .*total 'geometrical' is not supported; use 'arithmetic' or 'geo"
    ):
        load_criteria(tmp_path / "c.toml")


def test_published_scores_stand_beside_arithmetic_totals_only() -> None:
    from nami_bench.study_file import nami_1k_study_file

    criteria = load_criteria(nami_1k_study_file())
    assert any(row.criteria for row in published_rows(criteria))
    assert not any(row.criteria for row in published_rows(Criteria(criteria, "geometric")))
