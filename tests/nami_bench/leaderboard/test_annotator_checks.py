from datetime import UTC, datetime
from typing import Any, cast

import pytest

from nami_bench.domain import CheckAnswer, Criterion, Rating
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.evaluation.leaderboard.agreement import measure_agreement
from nami_bench.evaluation.leaderboard.checks import renamed
from nami_bench.export.agreement_text import agreement_notes, agreement_tables
from nami_bench.pipeline.screening import annotator_checks
from nami_bench.store import Store
from nami_bench.store.oversight import MemberReport

CRITERIA = (Criterion("beauty", 1, 1, 5),)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def answer(
    annotator: str, value: Any, first: Any, *, kind: str = "repeat", revision: int = 0, last: bool = True
) -> CheckAnswer:
    return CheckAnswer(
        "s", annotator, kind, f"{revision // 10:05d}", 0, ("m",), {"beauty": value}, {}, {"beauty": first},
        None, revision, last, None, NOON,
    )  # fmt: skip


def member(name: str, paused: str | None, passed: int, seen: int) -> MemberReport:
    return MemberReport(name, "annotator", True, paused, 9, 9, None, passed, seen, 0, 0)


class Kept:
    """What a store would answer."""

    @property
    def oversight(self) -> "Kept":
        return self

    def check_answers(self, study: str) -> list[CheckAnswer]:
        return [
            answer("lena", 2.0, 3.0),
            answer("lena", 4.0, 3.0, revision=10, last=False),
            answer("lena", 3.0, 3.0, revision=11),  # a correction of the one before
            answer("omar", 5.0, 1.0, kind="gold"),
        ]

    def members(self, study: str) -> list[MemberReport]:
        return [member("lena", None, 3, 4), member("omar", "too many gold items failed", 0, 5)]


@pytest.fixture
def checks() -> tuple[Any, ...]:
    return annotator_checks(cast(Store, Kept()), "s", CRITERIA)


def test_repeats_are_measured_in_points_as_last_corrected(checks: tuple[Any, ...]) -> None:
    lena, omar = checks
    assert (lena.gold_passed, lena.gold_seen, lena.screened_out) == (3, 4, None)
    # 3 to 2 is 25 points of 100, 3 to 3 is none.
    assert (lena.repeats.repeats, lena.repeats.difference, lena.repeats.drift) == (2, 12.5, -12.5)
    assert (omar.repeats, omar.screened_out) == (None, "too many gold items failed")


def test_who_was_screened_out_and_why_is_told_under_pseudonyms_too(checks: tuple[Any, ...]) -> None:
    table = ratings_table(
        Rating("s", name, model, f"{prompt:05d}", 0, "beauty", 1.0 + (prompt + shift) % 5)
        for shift, name in enumerate(("a1", "a2"))
        for model in ("m", "n")
        for prompt in range(5)
    )
    hidden = tuple(renamed(checks, {"lena": "a1", "omar": "a2"}))
    found = measure_agreement(table, CRITERIA, replicates=50, checks=hidden)
    (planted,) = [t for t in agreement_tables(found) if t.title == "Annotators: planted items"]
    assert planted.rows == (
        ("a1", "no", "3/4", "2", "12.5", "-12.5"),
        ("a2", "too many gold items failed", "0/5", None, None, None),
    )
    assert any("1 annotator got no more work" in note for note in agreement_notes(found))
    rows = {(row["annotator"], row["statistic"]): row["value"] for row in found.rows()}
    assert rows["a1", "gold_passed"] == 0.75 and rows["a1", "repeat_difference"] == 12.5


def test_without_planted_items_there_is_no_table_of_them() -> None:
    table = ratings_table([Rating("s", "a", "m", "00000", 0, "beauty", 3.0)])
    titles = [shown.title for shown in agreement_tables(measure_agreement(table, CRITERIA, replicates=50))]
    assert "Annotators: planted items" not in titles
