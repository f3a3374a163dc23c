"""`nami-bench agreement` at every level of measurement, with Fleiss' kappa, and by model.

The ratings of `tests/data/sc_and_pq` are made up: three raters, three models, grades 0, 0.5 and 1 on semantic
consistency and perceptual quality.
"""

import csv
import json
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.errors import InputError

DATA = Path(__file__).parents[1] / "data" / "sc_and_pq"
FILES = ("--ratings", str(DATA / "ratings.csv"), "--criteria", str(DATA / "criteria.toml"))
QUICK = ("--replicates", "60")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["agreement", *FILES, *QUICK, *arguments])


def _document(*arguments: str) -> Any:
    result = _run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _grades(criterion: str, model: str | None) -> np.ndarray:
    """Raters by images."""
    table = pd.read_csv(DATA / "ratings.csv", dtype={"prompt_id": str})
    part = table[(table["criterion"] == criterion) & (table["model"].eq(model) if model else True)]
    return part.pivot_table("value", "annotator", ["model", "prompt_id"]).to_numpy()


def _fleiss(grades: np.ndarray) -> float:
    """Fleiss (1971), equations 3, 6 and 7, for as many raters on each image."""
    raters, images = grades.shape
    counts = np.stack([(grades == grade).sum(axis=0) for grade in np.unique(grades)], axis=1)
    agreed = ((counts**2).sum() - raters * images) / (images * raters * (raters - 1))
    chance = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return float((agreed - chance) / (1 - chance))


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_and_kappa_by_model_equal_what_others_compute(level: Any) -> None:
    found = _document("--level", level, "--by", "model")
    assert found["level"] == level
    parts = [(None, found["criteria"]), *((one["model"], one["criteria"]) for one in found["models"])]
    assert [model for model, _ in parts] == [None, "DALLE", "SDXL", "TheModel"]
    for model, criteria in parts:
        for one in criteria:
            grades = _grades(one["criterion"], model)
            theirs = krippendorff.alpha(grades, level_of_measurement=level)
            assert one["alpha"]["alpha"] == pytest.approx(theirs, abs=1e-9)
            assert one["kappa"]["value"] == pytest.approx(_fleiss(grades), abs=1e-12)


def test_level_and_model_stand_in_the_table_and_in_the_csv(tmp_path: Path) -> None:
    shown = _run("--level", "ordinal", "--by", "model", "--csv", str(tmp_path / "a.csv")).stdout
    assert "alpha (ordinal)" in shown
    assert "Agreement by model" in shown
    assert "Fleiss' kappa" in shown
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    alphas = [row for row in rows if row["statistic"] == "alpha"]
    assert [(row["model"], row["criterion"]) for row in alphas] == [
        (model, criterion) for model in ("", "DALLE", "SDXL", "TheModel") for criterion in ("SC", "PQ")
    ]
    assert {row["level"] for row in alphas} == {"ordinal"}
    assert sum(row["statistic"] == "Fleiss' kappa" for row in rows) == 8


def test_without_being_asked_there_is_no_table_by_model_and_alpha_is_of_the_interval_level() -> None:
    shown = _run().stdout
    assert "alpha (interval)" in shown
    assert "by model" not in shown
    assert _document()["models"] == []


def test_a_ratio_alpha_stands_on_the_scale_that_was_rated(tmp_path: Path) -> None:
    table = pd.read_csv(DATA / "ratings.csv", dtype={"prompt_id": str})
    table["value"] = 1 + 4 * table["value"]
    table.to_csv(tmp_path / "r.csv", index=False)
    scale = (DATA / "criteria.toml").read_text().replace("minimum = 0", "minimum = 1")
    (tmp_path / "c.toml").write_text(scale.replace("maximum = 1", "maximum = 5"))
    files = ("--ratings", str(tmp_path / "r.csv"), "--criteria", str(tmp_path / "c.toml"))
    result = CliRunner().invoke(cli, ["agreement", *files, *QUICK, "--level", "ratio", "--json"])
    for one in json.loads(result.stdout)["criteria"]:
        grades = 1 + 4 * _grades(one["criterion"], None)
        theirs = krippendorff.alpha(grades, level_of_measurement="ratio")
        assert one["alpha"]["alpha"] == pytest.approx(theirs, abs=1e-9)


def test_a_ratio_alpha_below_zero_is_refused_in_words(tmp_path: Path) -> None:
    scale = (DATA / "criteria.toml").read_text().replace("minimum = 0", "minimum = -1")
    (tmp_path / "c.toml").write_text(scale)
    files = ("--ratings", str(DATA / "ratings.csv"), "--criteria", str(tmp_path / "c.toml"))
    error = CliRunner().invoke(cli, ["agreement", *files, "--level", "ratio"]).exception
    assert isinstance(error, InputError)
    assert "SC begins at -1" in str(error)


def test_values_of_a_slider_are_no_categories(tmp_path: Path) -> None:
    rows = [f"s,{a},m,{p:05d},0,SC,{(7 * p + ord(a)) % 13 / 13}" for p in range(20) for a in "abc"]
    (tmp_path / "r.csv").write_text(
        "\n".join(["study,annotator,model,prompt_id,sample,criterion,value", *rows])
    )
    files = ("--ratings", str(tmp_path / "r.csv"), "--criteria", str(DATA / "criteria.toml"))
    result = CliRunner().invoke(cli, ["agreement", *files, *QUICK, "--json"])
    kappa = json.loads(result.stdout)["criteria"][0]["kappa"]
    assert kappa["value"] is None
    assert kappa["notes"] == ["the 13 distinct values are too many for categories"]
    assert "kappa" not in CliRunner().invoke(cli, ["agreement", *files, *QUICK]).stdout
