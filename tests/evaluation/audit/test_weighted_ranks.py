"""Spearman over resampled prompts in one pass is that of the samples laid out."""

import numpy as np
import pandas as pd
import pytest

from nami_bench.evaluation.audit.ranks import audit_ranks
from nami_bench.evaluation.audit.weighted_ranks import spearman_estimate


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nami_bench.evaluation.audit.statistics.RESAMPLES", 50)
    monkeypatch.setattr("nami_bench.evaluation.audit.weighted_ranks.RESAMPLES", 50)


def both(table: pd.DataFrame) -> tuple[object, object]:
    clusters = np.unique(table["prompt_id"].to_numpy(dtype=str), return_inverse=True)[1]
    value, people = (table[name].to_numpy(dtype=float) for name in ("value", "people"))
    return audit_ranks(table, "m", "p", "i")[0].spearman, spearman_estimate(value, people, clusters)


@pytest.mark.parametrize("steps", [3, 1000])
def test_it_is_the_same_with_many_ties_and_with_few(steps: int) -> None:
    rng = np.random.default_rng(steps)
    people = rng.integers(0, steps, 300) * 1.0
    table = pd.DataFrame(
        {
            "model": rng.choice(["a", "b", "c"], 300),
            "prompt_id": [f"{n:05d}" for n in rng.integers(0, 25, 300)],
            "people": people,
            "value": (people + rng.normal(0, steps / 4, 300)).round(),
        }
    )
    laid_out, weighted = both(table)
    assert weighted.value == pytest.approx(laid_out.value, abs=1e-12)  # type: ignore[attr-defined]
    assert weighted.interval == pytest.approx(laid_out.interval, abs=1e-12)  # type: ignore[attr-defined]


def test_what_is_constant_or_of_one_prompt_has_no_interval() -> None:
    table = pd.DataFrame({"model": ["a", "b", "c"] * 2, "prompt_id": ["x"] * 3 + ["y"] * 3})
    for value, prompts in ((np.ones(6), table["prompt_id"]), (np.arange(6.0), ["x"] * 6)):
        laid_out, weighted = both(table.assign(value=value, prompt_id=prompts, people=[1.0, 2, 3, 3, 2, 5]))
        assert weighted == laid_out
