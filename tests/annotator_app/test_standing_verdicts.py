"""What the overview reads of pairs and of several criteria, against codes and alphas worked out by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from nami_bench.annotator_app.admin import StudyLooks, agreement_so_far, overview
from nami_bench.domain import Annotator, Checks, Comparison, Outcome, Rating
from tests.support.databases import raw

A, B = "zebrafish-xl", "quokka-9b"
LEFT, RIGHT, TIE, BAD = Outcome.LEFT, Outcome.RIGHT, Outcome.TIE, Outcome.BOTH_BAD


def judged(
    annotator: str,
    prompt: int,
    left: str,
    right: str,
    outcome: Outcome | None,
    criterion: str = "relevance",
    reason: str | None = None,
) -> Comparison:
    return Comparison("pairs", annotator, f"{prompt:05d}", 0, criterion, left, right, outcome, reason)


@pytest.fixture
def pairs(new_bench: Callable[..., Any]) -> Any:
    """Four pairs of one model's images with another's, and people who are known."""
    bench = new_bench("pairs", strata=("short",) * 4, overlap=4)
    study = replace(bench.study, name="pairs", mode="pairwise")
    bench.store.studies.add(study)
    for name in ("cat", "dan"):
        bench.store.accounts.add(Annotator(name))
    return replace(bench, study=study)


def codes(bench: Any, criterion: str = "relevance") -> list[tuple[int, int]]:
    unit, verdict = bench.store.standing.verdicts("pairs")[criterion]
    return list(zip(unit.tolist(), verdict.tolist(), strict=True))


def test_who_won_counts_and_not_the_side_where_it_stood(pairs: Any) -> None:
    pairs.store.comparisons.add(
        [
            judged("ada", 0, A, B, LEFT),  # A
            judged("bob", 0, B, A, RIGHT),  # A, from the other side
            judged("cat", 0, B, A, LEFT),  # B
            judged("ada", 1, B, A, LEFT),  # B
            judged("bob", 1, A, B, RIGHT),  # B, from the other side
            judged("cat", 1, A, B, TIE),
            judged("dan", 1, B, A, TIE),
            judged("ada", 2, A, B, BAD),
            judged("bob", 2, B, A, BAD),
        ]
    )
    # Units and verdicts are numbered as they come: pairs 0, 1, 2; A 0, B 1, tie 2, both bad 3.
    assert codes(pairs) == [(0, 0), (0, 0), (0, 1), (1, 1), (1, 1), (1, 2), (1, 2), (2, 3), (2, 3)]
    assert codes(pairs, "realism") == []
    # Ordered pairs of different verdicts, over the unit's number less 1: 4/2 of AAB, 8/3 of BBTT, 0.
    # Expected, of 2 A, 3 B, 2 ties and 2 bad: (81 - 4 - 9 - 4 - 4) / 8. Alpha is 1 - (14/3) / (60/8).
    alpha, none = agreement_so_far(pairs.store, pairs.study)
    assert alpha["alpha"] == pytest.approx(1 - (14 / 3) / 7.5, abs=1e-12)
    assert alpha["items"] == 3
    assert (none["alpha"], none["items"]) == (None, 0)
    assert none["note"] == "alpha is not defined: no unit has two values"


def test_only_the_last_word_of_those_who_count_is_a_verdict(pairs: Any) -> None:
    pairs.store.comparisons.add(
        [
            judged("ada", 0, A, B, LEFT),
            judged("bob", 0, B, A, LEFT),
            judged("ada", 1, A, B, TIE),
            judged("bob", 1, A, B, None, reason="too dark"),
            judged("cat", 1, B, A, RIGHT),
            judged("ada", 1, A, B, RIGHT, "realism"),
        ]
    )
    assert codes(pairs) == [(0, 0), (0, 1), (1, 2), (1, 0)]  # A, B; tie, A: what bob withheld is none
    assert codes(pairs, "realism") == [(0, 0)]
    pairs.store.comparisons.add([judged("bob", 0, B, A, RIGHT)], replace=True)  # A after all
    pairs.store.comparisons.add([judged("ada", 1, A, B, None, reason="unsure")], replace=True)
    # A correction comes later: the verdicts are ada's and cat's of before, then bob's.
    assert sorted(codes(pairs)) == [(0, 0), (0, 0), (1, 0)]
    alpha, _ = agreement_so_far(pairs.store, pairs.study)
    assert (alpha["alpha"], alpha["items"]) == (None, 1)
    assert alpha["note"] == "alpha is not defined: all values are equal, so chance would agree too"

    pairs.store.comparisons.add([judged("dan", 0, A, B, BAD), judged("dan", 1, A, B, LEFT)])
    # AA and both bad; AA: differences 4/2 of 5 values; expected, of 4 A and 1 bad: (25 - 16 - 1) / 4.
    alpha, _ = agreement_so_far(pairs.store, pairs.study)
    assert (alpha["alpha"], alpha["items"]) == (pytest.approx(1 - 2 / 2, abs=1e-12), 2)
    pairs.store.exclusions.exclude("dan")
    assert sorted(codes(pairs)) == [(0, 0), (0, 0), (1, 0)]
    pairs.store.exclusions.exclude("cat")
    assert codes(pairs) == [(0, 0), (0, 0)]
    pairs.store.exclusions.include("cat")
    pairs.store.exclusions.include("dan")
    assert sorted(codes(pairs)) == [(0, 0), (0, 0), (0, 1), (1, 0), (1, 0)]


def test_two_items_of_one_pair_are_one_unit(pairs: Any) -> None:
    pairs.store.comparisons.add(
        [judged("ada", 0, A, B, LEFT), judged("bob", 0, B, A, RIGHT), judged("cat", 0, B, A, LEFT)]
    )
    before = codes(pairs)
    assert before == [(0, 0), (0, 0), (0, 1)]
    with raw(pairs.store) as session:
        item = session.execute(text("SELECT max(item_id) FROM comparison")).scalar_one()
        session.execute(
            text(
                "INSERT INTO item (id, study_id, kind, image_id, other_image_id, cell, position, feedback, "
                "taken, completed) SELECT 1000, study_id, kind, other_image_id, image_id, cell, position, "
                "feedback, taken, completed FROM item WHERE id = :item"
            ),
            {"item": item},
        )
        # What bob saw stays where it was: the second image of the one item is the first of the other.
        moved = "UPDATE comparison SET item_id = 1000, swapped = NOT swapped WHERE annotator_id = "
        session.execute(text(moved + "(SELECT id FROM annotator WHERE name = 'bob')"))
    assert codes(pairs) == before


def rated(annotator: str, model: str, prompt: int, relevance: float, realism: float | None) -> list[Rating]:
    key = ("trial", annotator, model, f"{prompt:05d}", 0)
    reason = "too dark" if realism is None else None
    return [Rating(*key, "relevance", relevance), Rating(*key, "realism", realism, reason)]


def test_each_criterion_has_its_own_images_and_values(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("several", strata=("short", "long"), overlap=2)
    bench.store.ratings.add(
        [
            *rated("ada", A, 0, 10, 1),
            *rated("bob", A, 0, 30, 3),
            *rated("ada", A, 1, 50, 5),
            *rated("bob", A, 1, 50, None),
            *rated("ada", B, 0, 90, 2),
        ]
    )
    relevance, realism = agreement_so_far(bench.store, bench.study)
    # Ordered pairs of the same image: 2 x 400 + 0, of 4 values. Of any: of 10, 30, 50, 50, twice
    # (400 + 1600 + 1600 + 400 + 400 + 0), over 3.
    assert relevance["alpha"] == pytest.approx(1 - 800 / (2 * 4400 / 3), abs=1e-12)
    assert relevance["items"] == 2
    # Two values of one image: what is observed is all that is expected.
    assert (realism["alpha"], realism["items"]) == (pytest.approx(0, abs=1e-12), 1)
    assert realism["note"] == "alpha has no interval: one unit cannot be resampled"
    found = overview(bench.store, "trial")
    assert found["progress"] == {"done": 5, "total": 8}
    assert [(one["name"], one["done"], one["withheld"]) for one in found["annotators"]] == [
        ("ada", 3, 0),
        ("bob", 2, 1),
    ]
    assert sum(one["done"] for one in found["by_model"] if one["model"] == A) == 4
    assert {one["stratum"]: one["done"] for one in found["by_stratum"]} == {"long": 2, "short": 3}


def test_a_repeat_is_counted_beside_the_work(new_bench: Callable[..., Any]) -> None:
    """Second answers are compared with the first ones as last corrected, and are no ratings."""
    from nami_bench.annotator_app.engine.answers import Answers
    from nami_bench.annotator_app.sessions import AnnotationSession

    bench = new_bench("repeats", strata=("short",) * 3, overlap=1)
    study = replace(bench.study, name="checked", checks=Checks(repeat_every=2, repeat_distance=1))
    bench.store.studies.add(study)
    own = AnnotationSession(bench.store, bench.images_dir, "checked", "ada")
    view, number = own.state(), 0
    while view.items:
        number += 1
        values = {"relevance": 10.0 * number, "realism": 3.0}
        view = own.submit(view.items[0].token, Answers(f"c{number}", values, duration_ms=1000 * number))
    answers = bench.store.oversight.check_answers("checked")
    assert answers and all(answer.kind == "repeat" for answer in answers)
    assert len(bench.store.ratings.all("checked")) == 2 * 6
    apart = [abs(answer.values["relevance"] - answer.expected["relevance"]) for answer in answers]
    (member,) = json.loads(StudyLooks(bench.store).overview("checked"))["annotators"]
    # By relevance so many points, by realism none: the mean over both.
    assert member["repeat_difference"] == round(sum(apart) / (2 * len(apart)), 2)
    assert min(apart) >= 10
    assert member["done"] == number  # a repeat is an item like any other to whoever does it
    # All answers of 1, 2 ... seconds, the repeats with them: the middle one, or the mean of two.
    assert member["median_ms"] == (1000 * (number + 1)) // 2
