"""A planned power is what studies of that size have: for one design here, slowly for all of the table."""

from typing import Any

import pytest


@pytest.mark.slow
def test_a_sparse_plan_keeps_its_promise() -> None:
    from benchmarks.plan_power import Planned, measured

    found = measured(Planned("normal", 8, 8, 1), 150)
    assert found["planned"] == pytest.approx(0.8, abs=0.01)
    assert 0.68 < found["simulated"] < 0.92  # three standard errors


@pytest.mark.slow
@pytest.mark.parametrize("number", range(15))
def test_every_plan_of_the_table_keeps_its_promise(number: int) -> None:
    from benchmarks.plan_power import DESIGNS, measured

    found: dict[str, Any] = measured(DESIGNS[number], 400, seed=1)
    assert 0.7 < found["simulated"] < 0.92, found  # the binomial error is 0.02


def test_the_table_has_as_many_designs_as_are_tested() -> None:
    from benchmarks.plan_power import DESIGNS

    assert len(DESIGNS) == 15
