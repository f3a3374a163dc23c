"""Panels that can be analysed: the calibration block, second ratings early, items that end early, budgets."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.domain import Budget, Comparison, Outcome, Rule, Stopping, Study
from nami_bench.errors import InputError, RefusedError
from nami_bench.pipeline.early_end import adaptive_overlap, unselected_comparisons, unselected_ratings
from nami_bench.pipeline.study_cost import study_cost
from nami_bench.store import Store, progress_of
from nami_bench.store.calibration import Candidate, choose
from tests.annotator_app.test_assignment import LATE, START, World, world

AGREE = Stopping(Rule.AGREEMENT, minimum=2, agree=2, within=10.0)


def rate(made: World, name: str, value: float) -> None:
    """Answer the item on somebody's screen."""
    made.sent += 1
    answers = Answers(f"c{made.sent}", {"quality": value}, duration_ms=20_000)
    made.views[name] = made.sessions[name].submit(made.views[name].items[0].token, answers)


def block_of(made: World) -> set[int]:
    return {row[0] for row in made.query("SELECT id FROM item WHERE calibration")}


def first_items(made: World, name: str, count: int) -> list[int]:
    rows = made.query(
        "SELECT s.item_id FROM assignment s JOIN member m ON m.id = s.member_id"
        f" JOIN annotator a ON a.id = m.annotator_id WHERE a.name = '{name}' ORDER BY s.id"
    )
    return [row[0] for row in rows[:count]]


@pytest.mark.slow
def test_everybody_rates_the_block_first_and_in_an_order_of_their_own() -> None:
    with world(
        ["short"] * 4 + ["long"] * 4, 3, overlap=2, panel="spread", calibration=6, items_per_annotator=9
    ) as made:
        block = block_of(made)
        orders = []
        for name in ("ada", "bob", "eve"):
            made.join(name)
            while made.views[name].items:
                made.submit(name)
            orders.append(first_items(made, name, 6))
            assert set(orders[-1]) == block
            assert made.views[name].progress.done == 9
        assert len(set(map(tuple, orders))) == 3
        cells = Counter(
            row[0] for row in made.query("SELECT cell FROM item WHERE calibration")
        )  # two strata of three models
        assert set(cells.values()) == {1} and len(cells) == 6
        # All ratings of the block count; what goes beyond the overlap is wanted, too.
        cells_done = made.store.items.progress("study")
        assert progress_of(made.study, cells_done) == (27, 24 * 2 + 6)


@pytest.mark.slow
def test_a_block_grows_and_never_shrinks() -> None:
    with world(["short"] * 4, 2, overlap=1, panel="spread", calibration=2) as made:
        before = block_of(made)
        made.store.studies.change(replace(made.study, calibration=4))
        assert block_of(made) > before and len(block_of(made)) == 4
        made.join("ada")  # whoever had begun does the rest of it, too
        assert set(first_items(made, "ada", 3)) <= block_of(made)
        with pytest.raises(InputError, match="can only grow"):
            made.store.studies.change(replace(made.study, calibration=3))


@pytest.mark.slow
@given(
    sizes=st.dictionaries(st.sampled_from("abc"), st.integers(1, 9), min_size=1),
    models=st.integers(1, 4),
    size=st.integers(0, 40),
    later=st.integers(0, 10),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_a_block_is_spread_over_strata_and_models(
    sizes: dict[str, int], models: int, size: int, later: int, seed: int
) -> None:
    items = [
        Candidate(0, stratum, (f"m{model}",), f"{stratum}{model}/{number}")
        for stratum, count in sizes.items()
        for model in range(models)
        for number in range(count)
    ]
    items = [replace(one, id=number) for number, one in enumerate(items)]
    chosen = choose(items, size, seed)
    assert len({one.id for one in chosen}) == min(size, len(items))
    shares = {}
    for stratum, count in sizes.items():
        cells = Counter(one.models for one in chosen if one.stratum == stratum)
        counts = [cells[f"m{model}",] for model in range(models)]
        assert max(counts) - min(counts) <= 1
        share = sum(counts) / (count * models)
        shares[stratum] = share
    for stratum, share in shares.items():  # nobody is ahead by more than the one that was chosen when level
        assert all(share - other <= 1 / (sizes[stratum] * models) + 1e-9 for other in shares.values())
    marked = {one.id for one in chosen}
    more = choose([replace(one, chosen=one.id in marked) for one in items], size + later, seed)
    assert {one.id for one in choose(items, size + later, seed)} == marked | {one.id for one in more}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("rate"), st.integers(0, 4), st.sampled_from([20.0, 25.0, 60.0, 90.0])),
        st.tuples(st.just("wait"), st.integers(1, 40), st.just(0.0)),
        st.tuples(st.just("withdraw"), st.integers(0, 7), st.just(0.0)),
        st.tuples(st.just("model"), st.just(0), st.just(0.0)),
        st.tuples(st.just("exclude"), st.integers(0, 4), st.just(0.0)),
    ),
    max_size=40,
)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    panel=st.sampled_from(["crossed", "spread"]),
    block=st.integers(0, 3),
    seed=st.integers(0, 99),
    steps=steps,
)
def test_balance_and_limits_hold_whatever_happens(
    panel: str, block: int, seed: int, steps: list[tuple[str, int, float]]
) -> None:
    stopping = Stopping(Rule.AGREEMENT, minimum=2, agree=2, within=10.0)
    with world(
        ["short"] * 3 + ["long"] * 3,
        2,
        overlap=4,
        panel=panel,
        seed=seed,
        calibration=block,
        stopping=stopping,
    ) as made:
        excluded: set[str] = set()
        for what, number, value in steps:
            name = f"a{number}"
            if what == "wait":
                made.now += timedelta(minutes=number)
            elif what == "withdraw":
                made.store.items.withdraw_image("study", f"model-0/{made.prompts[number % 6].id}", "gone")
            elif what == "model" and "late" not in made.store.studies.get("study").models:
                made.add_model("late")
                study = made.store.studies.get("study")
                made.store.studies.change(replace(study, models=(*study.models, "late")))
            elif what == "exclude" and name in made.sessions and name not in excluded:
                made.store.exclusions.exclude(name)
                excluded.add(name)
            elif what == "rate":
                _go_on(made, name, value)
            _check(made)


def _go_on(made: World, name: str, value: float) -> None:
    if name not in made.sessions:
        return made.join(name)
    if not made.views[name].items:
        return made.join(name)
    try:
        rate(made, name, value)
    except RefusedError as error:
        assert error.code in ("taken_over", "withdrawn", "paused"), error.code
        made.join(name)


def _check(made: World) -> None:
    rows = made.query("SELECT calibration, taken, completed, stopped_at IS NOT NULL, stopped_after FROM item")
    for calibration, taken, completed, stopped, after in rows:
        assert taken <= 4 or calibration
        assert not (stopped and calibration)
        assert not stopped or completed >= after >= 2
        if not stopped and not calibration:
            assert taken <= max(2, completed + 1)
    balance = made.query(
        "SELECT a.member_id, i.cell, count(*) FROM assignment a JOIN item i ON i.id = a.item_id"
        " WHERE i.cell NOT LIKE '3:%' GROUP BY 1, 2"
    )
    assert all(count <= 3 for _, _, count in balance)


@pytest.mark.slow
def test_a_second_rating_comes_before_new_items_are_begun() -> None:
    with world(["short"] * 30, 3, overlap=3, panel="spread", seed=1) as made:
        names = [f"a{i}" for i in range(6)]
        for name in names:
            made.join(name)
        for _ in range(8):
            for name in names:
                made.submit(name)
        counts = Counter(row[0] for row in made.query("SELECT completed FROM item"))
        assert counts[2] >= 15 and not counts[3]  # of 48 ratings, where the least taken first had no pair
        assert counts[1] <= 3 * 3 + len(names) * 3  # waiting, or in somebody's hands


def test_an_item_ends_when_its_annotators_agree_or_cannot_any_more() -> None:
    with world(["short"], 1, overlap=3, panel="spread", stopping=replace(AGREE, agree=3)) as made:
        for name, value in (("ada", 20.0), ("bob", 80.0)):
            made.join(name)
            rate(made, name, value)
        (state,) = made.store.items.states("study")
        assert (state.stopped_why, state.stopped_after, state.completed) == ("cannot agree", 2, 2)
        made.join("eve")
        assert made.views["eve"].phase == "finished"
        assert progress_of(made.study, made.store.items.progress("study")) == (2, 2)


def test_beyond_the_minimum_one_rating_at_a_time_decides() -> None:
    with world(["short"], 1, overlap=4, panel="spread", stopping=AGREE) as made:
        for name in ("ada", "bob", "eve"):
            made.join(name)
        assert made.views["eve"].phase == "waiting"  # two are at it, and they may agree
        rate(made, "ada", 20.0)
        rate(made, "bob", 60.0)
        made.join("eve")
        rate(made, "eve", 63.0)
        (state,) = made.store.items.states("study")
        assert (state.stopped_why, state.stopped_after) == ("agreed", 3)


def test_a_correction_neither_reopens_an_item_nor_ends_it() -> None:
    with world(["short"], 1, overlap=3, panel="spread", stopping=AGREE) as made:
        for name in ("ada", "bob"):
            made.join(name)
        token = made.views["bob"].items[0].token
        rate(made, "ada", 20.0)
        rate(made, "bob", 25.0)
        made.sessions["bob"].submit(token, Answers("again", {"quality": 90.0}))
        assert made.store.items.states("study")[0].stopped_why == "agreed"
        made.join("eve")
        assert not made.views["eve"].items


def test_an_item_is_asked_again_where_what_ended_it_does_not_count_any_more() -> None:
    with world(["short"], 1, overlap=3, panel="spread", stopping=AGREE) as made:
        for name in ("ada", "bob"):
            made.join(name)
            rate(made, name, 50.0)
        made.store.exclusions.exclude("bob")
        made.join("eve")
        rate(made, "eve", 52.0)
        (state,) = made.store.items.states("study")
        assert (state.stopped_why, state.completed) == ("agreed", 2)


@pytest.mark.slow
def test_a_budget_is_met_exactly_and_what_is_in_hand_is_finished() -> None:
    budget = Budget(answers=14, hourly_pay=9.0)
    with world(["short"] * 10, 2, overlap=3, panel="spread", budget=budget) as made:
        for name in ("ada", "bob", "eve"):
            made.join(name)
        made.now += LATE  # all three let their items lapse, and come back
        for name in ("ada", "bob", "eve"):
            made.join(name)
        for _ in range(20):
            for name in ("ada", "bob", "eve"):
                made.submit(name)
        assert made.query("SELECT sum(done) FROM member")[0][0] == 14
        assert {view.phase for view in made.views.values()} == {"finished"}
        cost = study_cost(made.store, made.study, made.store.items.progress("study"))
        assert (cost.answers, cost.left) == (14, 0)


def test_a_day_has_its_limit_and_the_next_day_another() -> None:
    with world(["short"] * 10, 1, overlap=1, budget=Budget(per_day=2), time_zone="UTC") as made:
        made.join("ada")
        assert len(made.views["ada"].items) == 2
        rate(made, "ada", 10.0)
        rate(made, "ada", 10.0)
        assert (made.views["ada"].phase, made.views["ada"].code) == ("waiting", "day_done")
        made.now += timedelta(days=1)
        made.join("ada")
        assert len(made.views["ada"].items) == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"stopping": Stopping(Rule.AGREEMENT), "overlap": 3}, "needs a larger one"),
        ({"stopping": Stopping(Rule.AGREEMENT, agree=6)}, "could never be reached"),
        ({"stopping": Stopping(Rule.INTERVAL), "mode": "pairwise"}, "use 'agreement' for pairs"),
        ({"calibration": 5, "items_per_annotator": 4}, "nobody would come to anything else"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    made_study: Study, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        replace(made_study, **wrong)


@pytest.fixture
def made_study(tmp_path: Path) -> Study:
    made = World(tmp_path, ["short"], 2)
    made.store.close()
    return made.study


def test_a_stopping_rule_is_not_changed_on_the_way() -> None:
    with world(["short"], 1, overlap=4, stopping=AGREE) as made:
        with pytest.raises(InputError, match="stopping cannot change"):
            made.store.studies.change(replace(made.study, stopping=Stopping()))
        made.store.studies.change(replace(made.study, budget=Budget(answers=100)))


def test_agreement_rests_on_what_every_item_has() -> None:
    """The first judgements of each item, and all of the block: not what came because people differed."""
    with world(["short"] * 3, 1, overlap=4, panel="spread", calibration=1, stopping=AGREE) as made:
        for number, name in enumerate(("ada", "bob", "eve", "kim")):
            made.now += timedelta(minutes=1)
            made.join(name)
            while made.views[name].items:
                made.now += timedelta(seconds=10)
                rate(made, name, 30.0 * number)
        table = made.store.ratings.table("study")
        assert len(table) == 4 + 4 + 4
        kept, notes = unselected_ratings(made.store, made.study, table)
        assert kept.groupby("prompt_id", observed=True).size().sort_values().tolist() == [2, 2, 4]
        others = kept[kept.groupby("prompt_id", observed=True)["value"].transform("size") == 2]
        assert set(others["annotator"]) == {"ada", "bob"}
        assert "first 2 judgements" in notes[0]
        assert adaptive_overlap(made.study)[0].startswith("adaptive overlap: images have 2 to 4 annotators")
        whole, none = unselected_ratings(made.store, replace(made.study, stopping=Stopping()), table)
        assert len(whole) == 12 and not none


def test_strengths_rest_on_the_first_verdicts_of_each_pair(made_study: Study, tmp_path: Path) -> None:
    study = replace(made_study, mode="pairwise", stopping=AGREE)
    verdicts = [
        Comparison(
            "study",
            name,
            "00000",
            0,
            "quality",
            *sides,
            Outcome.LEFT,
            created_at=START + timedelta(hours=hour),
        )
        for name, hour, sides in (
            ("ada", 3, ("model-0", "model-1")),
            ("bob", 1, ("model-1", "model-0")),
            ("eve", 2, ("model-0", "model-1")),
        )
    ]
    store = Store.open(f"sqlite:///{tmp_path / 'other.db'}")
    kept, _ = unselected_comparisons(store, study, verdicts)
    store.close()
    assert [one.annotator for one in kept] == ["bob", "eve"]
