from typing import Any

import numpy as np
import pytest

from nami_bench.errors import InputError
from nami_bench.evaluation.human.scores import model_scores
from nami_bench.evaluation.human.sensitivity import drop_few, leave_one_annotator_out


def test_without_an_annotator_the_scores_are_those_of_the_others(study: Any, ratings_of: Any) -> None:
    values = study(3, 20, 4)
    values[0, :, 2] = 100.0  # one who alone lifts m0
    ratings = ratings_of(values)
    assert max(model_scores(ratings), key=lambda s: s.total or 0).model == "m0"
    left_out = leave_one_annotator_out(ratings)
    assert [w.annotator for w in left_out] == ["a0", "a1", "a2", "a3"]
    without = left_out[2]
    assert without.scores["m0"] == pytest.approx(np.delete(values[0], 2, axis=1).mean())
    assert without.first == ("m2",)
    assert without.moved["m0"] < 0
    assert left_out[0].first == ("m0",)


def test_with_one_annotator_there_is_none_to_leave_out(study: Any, ratings_of: Any) -> None:
    assert leave_one_annotator_out(ratings_of(study(2, 5, 1))) == ()


@pytest.mark.parametrize("unit", ["prompts", "ratings"])
def test_few_dropped_units_turn_a_close_lead(ratings_of: Any, unit: Any) -> None:
    values = np.full((2, 30, 4), 50.0)
    values[0, :2] = 90.0  # m0 leads by two prompts only
    values[1, 5] = 51.0
    found = drop_few(ratings_of(values), unit=unit)
    assert (found.first, found.second) == ("m0", "m1")
    assert found.dropped == (2 if unit == "prompts" else found.dropped)
    assert found.dropped is not None
    assert found.dropped <= 8
    assert found.after is not None
    assert found.after <= 0
    assert found.share == pytest.approx(found.dropped / found.units)


def test_a_lead_on_every_prompt_is_not_turned(ratings_of: Any) -> None:
    values = np.stack((np.full((10, 3), 80.0), np.full((10, 3), 20.0)))
    found = drop_few(ratings_of(values))
    assert (found.dropped, found.after, found.share) == (None, None, None)


def test_a_lead_is_needed(study: Any, ratings_of: Any) -> None:
    ratings = ratings_of(study(2, 50, 5))
    with pytest.raises(InputError, match="not ahead"):
        drop_few(ratings, models=("m0", "m1"))
    with pytest.raises(InputError, match="two models"):
        drop_few(ratings.of_models(["m0"]))
