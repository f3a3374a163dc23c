"""The rules by which an item has enough judgements."""

import pytest

from nami_bench.domain import Rule, Stopped, Stopping
from nami_bench.evaluation.human.early_end import Judgement, reason_to_end

AGREE = Stopping(Rule.AGREEMENT, minimum=2, agree=3, within=10.0)


@pytest.mark.parametrize(
    ("most", "judged", "why"),
    [
        (5, [50.0, 55.0, 60.0], Stopped.AGREED),
        (5, [50.0, 55.0, 60.1], None),  # the two ends are too far apart
        (5, [50.0, 80.0, 55.0, 52.0], Stopped.AGREED),  # any three of them
        (5, [10.0, 50.0, 90.0], None),
        (4, [10.0, 50.0, 90.0], Stopped.CANNOT_AGREE),
        (4, [None, None], Stopped.CANNOT_AGREE),  # who cannot judge agrees with nobody
        (5, ["left", "tie", "left", "left"], Stopped.AGREED),
        (3, ["left", "right"], Stopped.CANNOT_AGREE),
        (3, [50.0, 50.0, 50.0], None),  # it has all that it may get
        (9, [50.0], None),
    ],
)
def test_agreement(most: int, judged: list[Judgement], why: Stopped | None) -> None:
    assert reason_to_end(AGREE, most, [judged]) == why


def test_every_criterion_must_agree_and_one_is_enough_to_give_up() -> None:
    near: list[Judgement] = [50.0, 52.0, 54.0]
    far: list[Judgement] = [10.0, 50.0, 90.0]
    assert reason_to_end(AGREE, 5, [near, near]) == Stopped.AGREED
    assert reason_to_end(AGREE, 5, [near, far]) is None
    assert reason_to_end(AGREE, 4, [near, far]) == Stopped.CANNOT_AGREE


def test_an_interval_is_no_narrower_for_three_that_are_alike_by_chance() -> None:
    rule = Stopping(Rule.INTERVAL, minimum=3, half_width=10.0)
    assert reason_to_end(rule, 8, [[50.0, 50.0, 50.0]]) is None
    assert reason_to_end(rule, 12, [[50.0] * 9]) == Stopped.NARROW
    # More looks are each a part of the same five percent.
    assert reason_to_end(rule, 200, [[50.0] * 9]) is None
