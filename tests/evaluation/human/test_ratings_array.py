from typing import Any

import numpy as np
import pandas as pd
import pytest

from nami_bench.domain import Criterion, Prompt
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.scores import model_scores, prompt_groups, score_models

QUALITY = (Criterion("quality", 1.0),)


def test_a_table_in_any_order_gives_the_same_ratings(study: Any, table_of: Any, ratings_of: Any) -> None:
    values = study(3, 4, 2)
    table = table_of(values)
    shuffled = RatingsArray.from_table(table.sample(frac=1, random_state=0), QUALITY)
    expected = ratings_of(values)
    for name in ("models", "prompts", "annotators"):
        assert getattr(shuffled, name) == getattr(expected, name)
    for name in ("model", "prompt", "sample", "annotator", "values"):
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(expected, name))


def test_values_are_rescaled_and_withheld_ones_told_from_absent_ones(table_of: Any) -> None:
    criteria = (Criterion("a", 1.0, 1, 5), Criterion("b", 1.0))
    table = table_of(np.array([[[[2.0, 30.0]], [[5.0, 40.0]]]]), criteria)
    table.loc[table["criterion"].eq("b") & table["prompt_id"].eq("00001"), "value"] = np.nan
    table = table[~(table["criterion"].eq("b") & table["prompt_id"].eq("00000"))]
    ratings = RatingsArray.from_table(table, criteria)
    np.testing.assert_array_equal(ratings.values, [[25.0, np.nan], [100.0, np.nan]])
    assert ratings.withheld.tolist() == [[False, False], [False, True]]


def test_samples_may_have_any_numbers(study: Any, table_of: Any) -> None:
    table = table_of(study(2, 3, 2))
    ratings = RatingsArray.from_table(table.assign(sample=10**14), QUALITY)
    assert set(ratings.sample.tolist()) == {10**14}
    assert ratings.item().max() < 6


def test_parts_keep_all_models(study: Any, ratings_of: Any) -> None:
    ratings = ratings_of(study(3, 4, 2))
    part = ratings.of_prompts(["00001", "99999"]).of_annotators(["a1"])
    assert (part.models, part.prompts, part.annotators) == (ratings.models, ("00001",), ("a1",))
    assert len(part.values) == 3
    turned = ratings.of_models(["m2", "m0"])
    assert turned.models == ("m2", "m0")
    np.testing.assert_array_equal(turned.values[turned.model == 0], ratings.values[ratings.model == 2])
    assert (np.diff(turned.model) >= 0).all()
    with pytest.raises(UnknownNameError, match="m0"):
        ratings.of_models(["m9"])


def test_scores_by_stratum_task_and_tag(study: Any, ratings_of: Any) -> None:
    prompts = [
        Prompt("00000", "a", "short", tags={"style": "photo"}),
        Prompt("00001", "b", "long", geneval={"tag": "counting"}),
        Prompt("00002", "c", "short", tags={"style": "photo"}),
    ]
    assert prompt_groups(prompts, "stratum") == {"short": ("00000", "00002"), "long": ("00001",)}
    assert prompt_groups(prompts, "task") == {"counting": ("00001",)}
    assert prompt_groups(prompts, "style") == {"photo": ("00000", "00002")}
    values = study(2, 3, 4)
    short = model_scores(ratings_of(values).of_prompts(prompt_groups(prompts, "stratum")["short"]))
    assert short[1].total == pytest.approx(values[1, [0, 2]].mean())


def test_ratings_that_cannot_be_used_are_refused(study: Any, table_of: Any) -> None:
    table = table_of(study(1, 2, 2))
    with pytest.raises(InputError, match="'a0' rated quality of m0/00000/0 twice"):
        RatingsArray.from_table(pd.concat([table, table[:1]]), QUALITY)
    with pytest.raises(InputError, match="outside its scale"):
        RatingsArray.from_table(table.assign(value=101.0), QUALITY)
    with pytest.raises(UnknownNameError, match="unknown model 'm0'"):
        RatingsArray.from_table(table, QUALITY, models=("m1",))
    with pytest.raises(InputError, match="no annotator"):
        RatingsArray.from_table(table.assign(annotator=[None, "a", "b", "c"]), QUALITY)


def test_an_empty_table_has_no_scores(study: Any, table_of: Any) -> None:
    empty = table_of(study(1, 1, 1))[:0]
    assert score_models(empty, QUALITY) == []
    (unrated,) = score_models(empty, QUALITY, models=("x",))
    assert (unrated.total, unrated.values, unrated.least_annotators) == (None, 0, 0)


def test_samples_of_a_prompt_are_cells_together_in_intervals(study: Any, table_of: Any) -> None:
    from nami_bench.evaluation.human.intervals import score_intervals

    first, second = study(2, 10, 4), study(2, 10, 4, 1)
    both = pd.concat([table_of(first), table_of(second).assign(sample=1)])
    mean = table_of((first + second) / 2)
    two, one = (score_intervals(RatingsArray.from_table(t, QUALITY)) for t in (both, mean))
    np.testing.assert_allclose(two.standard_error, one.standard_error)
    np.testing.assert_allclose(two.scores, one.scores)
