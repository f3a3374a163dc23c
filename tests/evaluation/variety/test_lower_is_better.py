"""A metric of images whose smaller values are better is turned wherever values are put in order."""

from dataclasses import replace

import numpy as np
import pytest

from nami_bench.domain import LOWER_IS_BETTER, Criterion, Prompt, Rating, Score
from nami_bench.evaluation.audit import statistics
from nami_bench.evaluation.audit.audit import audit_metrics
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.evaluation.leaderboard.automatic import automatic_columns
from nami_bench.evaluation.leaderboard.rows import PromptOrigin
from nami_bench.evaluation.variant.scores import metric_differences

PROMPTS = {f"{at:05d}": Prompt(f"{at:05d}", f"prompt {at}") for at in range(20)}
VALUES = dict(zip(PROMPTS, np.linspace(0, 1, 20), strict=True))


def scores(model: str, added: float = 0.0, lower: bool = True) -> list[Score]:
    details = {LOWER_IS_BETTER: True} if lower else {}
    return [
        Score(model, "set", prompt, 0, "m", "i", value + added, details=details)
        for prompt, value in VALUES.items()
    ]


def test_the_audit_correlates_it_upward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 50)
    ratings = [
        Rating("pilot", "ann", "ant", prompt, 0, "relevance", 100 - 100 * value, None)
        for prompt, value in VALUES.items()
    ]
    for lower, expected in ((True, 1.0), (False, -1.0)):
        found = audit_metrics(
            ratings_table(ratings), scores("ant", lower=lower), [], PROMPTS, Criterion("relevance", 1.0)
        )
        assert found.correlations[0].spearman.value == pytest.approx(expected)


def test_a_variant_with_smaller_values_is_better() -> None:
    places = [(prompt, 0) for prompt in PROMPTS]
    noisy = [
        replace(score, value=(score.value or 0.0) - 0.2 - 0.01 * (at % 3))
        for at, score in enumerate(scores("variant"))
    ]
    (found,) = metric_differences(scores("base"), noisy, places, PROMPTS, {}, 0.95)
    assert found.difference == pytest.approx(0.2 + 0.01 * np.mean([at % 3 for at in range(20)]))
    assert found.interval is not None and found.interval[0] > 0


def test_its_column_says_so() -> None:
    origin = {"set": PromptOrigin(20, 0, ())}
    for lower in (True, False):
        (column,) = automatic_columns(scores("ant", lower=lower), [], {"set": PROMPTS}, origin)
        assert column.lower_is_better is lower
