from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.annotators import repeat_consistency, summarize_annotators


def test_an_annotator_is_summarized_beside_the_others(study: Any, ratings_of: Any) -> None:
    values = study(3, 20, 4)
    values[:, :, 1] = np.clip(values[:, :, 1] - 10, 0, 100)
    summary = summarize_annotators(ratings_of(values), "quality")[1]
    own = values[:, :, 1].ravel()
    others = np.delete(values, 1, axis=2).reshape(60, 3)
    assert (summary.annotator, summary.ratings, summary.shared, summary.withheld) == ("a1", 60, 60, 0)
    assert summary.severity == pytest.approx((own - others.mean(axis=1)).mean())
    assert summary.correlation == pytest.approx(stats.pearsonr(own, others.mean(axis=1)).statistic)
    assert summary.rank_correlation == pytest.approx(stats.spearmanr(own, others.mean(axis=1)).statistic)
    assert summary.spread == pytest.approx(own.std() / others.std())


def test_an_annotator_alone_is_beside_nobody(study: Any, ratings_of: Any) -> None:
    (summary,) = summarize_annotators(ratings_of(study(2, 5, 1)), "quality")
    assert (summary.ratings, summary.shared) == (10, 0)
    assert (summary.correlation, summary.severity, summary.spread) == (None, None, None)
    flat = summarize_annotators(ratings_of(np.full((2, 5, 3), 50.0)), "quality")[0]
    assert (flat.correlation, flat.severity, flat.spread) == (None, 0.0, None)
    with pytest.raises(UnknownNameError, match="quality"):
        summarize_annotators(ratings_of(study(2, 5, 1)), "beauty")


def test_repeats() -> None:
    repeats = pd.DataFrame({"annotator": "a", "first": [1.0, 5.0, 3.0], "second": [3.0, 5.0, 2.0]})
    (found,) = repeat_consistency(repeats)
    assert (found.repeats, found.difference, found.drift) == (3, pytest.approx(1.0), pytest.approx(1 / 3))
    assert found.deviation == pytest.approx(np.sqrt(5 / 6))
    with pytest.raises(InputError, match="lacks the columns first, second"):
        repeat_consistency(repeats[["annotator"]])
