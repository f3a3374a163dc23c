"""What holds of assignments whoever comes, goes, is late, or joins, in any order."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import (
    Annotator,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
    prompt_id,
)
from nami_bench.errors import RefusedError
from nami_bench.store import Store
from tests.support.databases import raw, statements

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATE = timedelta(minutes=31)


class World:
    """A study without pictures, a clock, and annotators who do what they are told."""

    def __init__(self, root: Path, strata: list[str], models: int, **protocol: Any) -> None:
        self.store = Store.open(f"sqlite:///{root / 'nami.db'}")
        self.now = START
        self.store.clock = lambda: self.now
        prompts = tuple(Prompt(prompt_id(i), f"prompt {i}", stratum) for i, stratum in enumerate(strata))
        self.prompts = prompts
        self.store.catalog.add_prompt_set(PromptSet("set", prompts))
        names = tuple(f"model-{i}" for i in range(models))
        for name in names:
            self.add_model(name)
        criteria = (Criterion("quality", 1.0),)
        self.study = Study("study", "set", names, criteria, **protocol)
        self.store.studies.add(self.study)
        self.sessions: dict[str, AnnotationSession] = {}
        self.views: dict[str, View] = {}
        self.sent = 0

    def add_model(self, name: str) -> None:
        self.store.catalog.add_model(ModelCard(name, "folder"))
        for prompt in self.prompts:
            self.store.images.put(
                ImageRecord(
                    name, "set", prompt.id, 0, ImageState.DONE, path=f"{name}/{prompt.id}", sha256="x"
                )
            )

    def join(self, name: str) -> None:
        if name not in self.sessions:
            self.store.accounts.add(Annotator(name))
            self.sessions[name] = AnnotationSession(self.store, Path(), "study", name, key=b"k")
        self.views[name] = self.sessions[name].state()

    def submit(self, name: str, which: int = 0) -> bool:
        """Answer an item of those on the annotator's screen, however old; whether it was taken."""
        items = self.views[name].items
        if not items:
            self.views[name] = self.sessions[name].state()
            return False
        self.sent += 1
        try:
            self.views[name] = self.sessions[name].submit(
                items[which % len(items)].token, Answers(f"c{self.sent}", {"quality": 50.0})
            )
        except RefusedError as error:
            assert error.code == "taken_over"
            self.views[name] = self.sessions[name].state()
            return False
        return True

    def finish(self) -> None:
        """Everybody works on until nothing is left, waiting for leases to run out where need be."""
        for _ in range(50):
            for name in self.sessions:
                self.join(name)
                while self.views[name].items:
                    self.submit(name)
            if all(view.phase == "finished" for view in self.views.values()):
                return
            self.now += LATE
        raise AssertionError("the study does not end")

    def query(self, sql: str) -> list[Any]:
        with raw(self.store) as session:
            return list(session.execute(text(sql)))

    def check(self) -> None:
        """What must hold at every moment."""
        overlap = self.store.studies.get("study").overlap
        for item, taken, completed, opened, done in self.query(
            "SELECT i.id, i.taken, i.completed,"
            " (SELECT count(*) FROM assignment a WHERE a.item_id = i.id AND a.state = 'open'),"
            " (SELECT count(*) FROM assignment a WHERE a.item_id = i.id AND a.state = 'completed')"
            " FROM item i"
        ):
            assert (taken, completed) == (opened + done, done), item
            assert taken <= overlap
        shown = self.query("SELECT member_id, item_id FROM assignment")
        assert len(shown) == len(set(map(tuple, shown))), "an item was shown twice"
        rated = self.query("SELECT count(*) FROM rating")[0][0]
        completed = self.query("SELECT coalesce(sum(completed), 0) FROM item")[0][0]
        assert rated == completed == self.query("SELECT coalesce(sum(done), 0) FROM member")[0][0]


@contextmanager
def world(*arguments: Any, **protocol: Any) -> Iterator[World]:
    root = Path(tempfile.mkdtemp())
    made = World(root, *arguments, **protocol)
    try:
        yield made
    finally:
        made.store.close()
        shutil.rmtree(root)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(0, 4), st.integers(0, 2)),
        st.tuples(st.just("return"), st.integers(0, 4), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 40), st.just(0)),
        st.tuples(st.just("model"), st.just(0), st.just(0)),
        st.tuples(st.just("overlap"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    strata=st.lists(st.sampled_from(["short", "long"]), min_size=1, max_size=4),
    overlap=st.integers(1, 3),
    panel=st.sampled_from(["crossed", "spread"]),
    seed=st.integers(0, 2**31),
    steps=steps,
)
def test_overlap_is_met_exactly_whatever_happens(
    strata: list[str], overlap: int, panel: str, seed: int, steps: list[tuple[str, int, int]]
) -> None:
    with world(strata, 2, overlap=overlap, panel=panel, seed=seed) as made:
        names = [f"a{i}" for i in range(5)]
        grown = 0
        for what, number, which in steps:
            if what == "submit" and names[number] in made.sessions:
                made.submit(names[number], which)
            elif what in ("return", "submit"):
                made.join(names[number])
            elif what == "wait":
                made.now += timedelta(minutes=number)
            elif what == "model" and grown < 2:
                grown += 1
                made.add_model(f"late-{grown}")
                study = made.store.studies.get("study")
                made.store.studies.change(replace(study, models=(*study.models, f"late-{grown}")))
            elif what == "overlap":
                study = made.store.studies.get("study")
                made.store.studies.change(replace(study, overlap=min(4, study.overlap + 1)))
            made.check()
        for name in names:
            made.join(name)
        made.finish()
        made.check()
        final = made.store.studies.get("study")
        counts = [row[0] for row in made.query("SELECT completed FROM item")]
        assert counts == [final.overlap] * (len(strata) * len(final.models))


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    sizes=st.dictionaries(st.sampled_from(["short", "community", "long"]), st.integers(1, 8), min_size=1),
    models=st.integers(1, 3),
    panel=st.sampled_from(["crossed", "spread"]),
    seed=st.integers(0, 2**31),
)
def test_strata_and_models_stay_balanced_at_every_moment(
    sizes: dict[str, int], models: int, panel: str, seed: int
) -> None:
    strata = [stratum for stratum, size in sizes.items() for _ in range(size)]
    with world(strata, models, overlap=1, panel=panel, seed=seed) as made:
        made.join("ada")
        seen: Counter[tuple[str, str]] = Counter()
        while made.views["ada"].items:
            assignment = made.store.annotation.assignment(made.views["ada"].items[0].token, "ada")
            seen[assignment.prompt.stratum, assignment.image.model] += 1
            made.submit("ada")
            share = {
                stratum: sum(n for (s, _), n in seen.items() if s == stratum) / (size * models)
                for stratum, size in sizes.items()
            }
            for stratum, size in sizes.items():
                # Nobody is ahead by more than the one item that was chosen when all were level.
                assert all(share[stratum] - other <= 1 / (size * models) + 1e-9 for other in share.values())
                counts = [seen[stratum, f"model-{i}"] for i in range(models)]
                assert max(counts) - min(counts) <= 1


@pytest.mark.slow
def test_a_spread_panel_fills_all_items_at_one_pace() -> None:
    """Ten annotators, three for each item: after any number of items, none is ahead of another by more than
    what is in hand, and everybody worked on every model and stratum alike."""
    with world(["short"] * 6 + ["long"] * 6, 4, overlap=3, panel="spread", seed=5) as made:
        names = [f"a{i}" for i in range(10)]
        for name in names:
            made.join(name)
        for step in range(12):
            for name in names:
                made.submit(name)
            taken = [row[0] for row in made.query("SELECT taken FROM item")]
            assert max(taken) - min(taken) <= 2, step
        made.finish()
        made.check()
        assert {row[0] for row in made.query("SELECT completed FROM item")} == {3}
        done = [row[0] for row in made.query("SELECT done FROM member")]
        assert sum(done) == 48 * 3
        cells = made.query(
            "SELECT a.member_id, i.cell, count(*) FROM assignment a JOIN item i ON i.id = a.item_id"
            " GROUP BY a.member_id, i.cell"
        )
        by_member: dict[int, list[int]] = {}
        for member, _, count in cells:
            by_member.setdefault(member, []).append(count)
        assert all(len(counts) == 8 and max(counts) - min(counts) <= 2 for counts in by_member.values())


@pytest.mark.slow
def test_shared_items_are_spread_over_all_pairs_of_annotators() -> None:
    with world(["short"] * 30, 4, overlap=2, panel="spread", seed=5, items_per_annotator=40) as made:
        for i in range(6):
            made.join(f"a{i}")
        for _ in range(40):
            for i in range(6):
                made.submit(f"a{i}")
        made.finish()
        shared = made.query(
            "SELECT a.member_id, b.member_id, count(*) FROM assignment a JOIN assignment b"
            " ON a.item_id = b.item_id AND a.member_id < b.member_id GROUP BY 1, 2"
        )
        assert len(shared) == 15  # 120 items over 15 pairs: 8 each on average
        assert all(6 <= row[2] <= 10 for row in shared), shared
        assert {row[0] for row in made.query("SELECT done FROM member")} == {40}


def test_a_limit_ends_an_annotators_work() -> None:
    with world(["short"] * 5, 2, overlap=1, items_per_annotator=4) as made:
        made.join("ada")
        assert made.views["ada"].progress.total == 4
        while made.views["ada"].items:
            made.submit("ada")
        assert (made.views["ada"].phase, made.views["ada"].progress.done) == ("finished", 4)


def test_models_that_join_later_are_rated_by_those_who_had_finished() -> None:
    with world(["short"] * 3, 2, overlap=1) as made:
        made.join("ada")
        made.finish()
        made.add_model("late")
        study = made.store.studies.get("study")
        assert made.store.studies.change(replace(study, models=(*study.models, "late"))) == [
            "models changed",
            "3 items added",
        ]
        made.join("ada")
        assert len(made.views["ada"].items) == 3
        made.finish()
        assert {p.models: p.done for p in made.store.items.progress("study")} == {
            ("model-0",): 3,
            ("model-1",): 3,
            ("late",): 3,
        }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 4}, "seed cannot change"),
        ({"overlap": 1}, "can only grow"),
        ({"models": ("model-0",)}, "'model-1' cannot be taken out"),
        ({"criteria": (Criterion("quality", 1.0, 0, 10),)}, "scales and weights cannot change"),
        ({"panel": "spread"}, "panel cannot change"),
        ({"total": "geometric"}, "total cannot change"),
        ({"strata": {"short": 1}}, "strata can only grow"),
    ],
)
def test_what_would_make_ratings_incomparable_is_refused(change: dict[str, Any], words: str) -> None:
    from nami_bench.errors import InputError

    with world(["short"] * 2, 2, overlap=2) as made:
        with pytest.raises(InputError, match=words):
            made.store.studies.change(replace(made.study, **change))
        assert made.store.studies.get("study") == made.study


def test_texts_and_hours_change_at_once() -> None:
    with world(["short"] * 2, 2, overlap=2) as made:
        made.join("ada")
        changed = replace(
            made.study, instructions={"en": "New."}, closes=START + timedelta(hours=1), break_every=10
        )
        made.store.studies.change(changed)
        assert made.store.studies.get("study") == changed
        made.now += timedelta(hours=1)
        made.join("ada")
        assert made.views["ada"].phase == "closed"


def test_a_study_is_deleted_only_while_it_is_empty() -> None:
    from nami_bench.errors import InputError

    with world(["short"] * 2, 2, overlap=2) as made:
        made.join("ada")
        made.store.studies.delete("study")
        assert made.store.studies.all() == []
        made.store.studies.add(made.study)
        made.join("ada")
        made.submit("ada")
        with pytest.raises(InputError, match="has judgements"):
            made.store.studies.delete("study")


@pytest.mark.slow
@pytest.mark.parametrize(("panel", "most"), [("crossed", 17), ("spread", 21)])
def test_an_answer_costs_the_same_whatever_the_study_holds(panel: str, most: int) -> None:
    """Statements for one answer, which gives out the next item too, in a study ten times as large.

    A spread panel asks once more where so few items of a cell are free that some may come back.
    """
    counts = []
    for prompts in (20, 200):
        with world(["short"] * prompts, 2, overlap=3, panel=panel) as made:
            for name in ("ada", "bob"):
                made.join(name)
            for _ in range(7):
                made.submit("ada")
                made.submit("bob")
            with statements() as asked:
                for _ in range(3):
                    made.submit("ada")
            counts.append(len(asked))
    assert counts[1] <= counts[0] <= 3 * most
    assert panel == "spread" or counts[0] == counts[1]


def test_a_day_ends_at_midnight_where_the_study_is(tmp_path: Path) -> None:
    world = World(tmp_path, ["short"] * 6, 1, overlap=1, time_zone="Asia/Tokyo")
    world.join("ada")
    found = []
    for world.now in (
        datetime(2026, 1, 1, 14, 58, tzinfo=UTC),
        datetime(2026, 1, 1, 14, 59, tzinfo=UTC),  # 23:59 in Tokyo
        datetime(2026, 1, 1, 15, 1, tzinfo=UTC),
        datetime(2026, 1, 2, 0, 1, tzinfo=UTC),  # the next day in UTC
    ):
        world.submit("ada")
        found.append(world.views["ada"].progress.today)
    assert found == [1, 2, 1, 2]
    assert [one.today for one in world.store.oversight.members("study")] == [0]  # that was long ago
    opens = replace(world.study, opens=datetime(2026, 2, 1, tzinfo=UTC))
    world.store.studies.change(opens)
    world.join("ada")
    assert world.views["ada"].message == "this study opens at 2026-02-01 09:00 JST"
    world.store.close()
