"""Whole studies are looked at beside the server: once for all who ask, with bounded memory."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Mapper

from benchmarks.large_study import Size, fill
from nami_bench.annotator_app import onlooker as module
from nami_bench.annotator_app.admin import StudyLooks, agreement_so_far, overview
from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.errors import InputError
from nami_bench.evaluation.human import agreement
from nami_bench.evaluation.human.agreement import krippendorff_alpha
from nami_bench.store import Store
from tests.support.databases import raw, statements


@pytest.fixture(autouse=True)
def onlooker_process() -> None:
    """The real one."""


@pytest.fixture
def made_rows() -> Iterator[list[int]]:
    """How many objects SQLAlchemy makes of rows."""
    made = [0]

    def count(*_: Any) -> None:
        made[0] += 1

    event.listen(Mapper, "load", count)
    event.listen(Mapper, "refresh", count)
    yield made
    event.remove(Mapper, "load", count)
    event.remove(Mapper, "refresh", count)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with 10,000 ratings of 500 images, by bulk inserts."""
    url = f"sqlite:///{tmp_path_factory.mktemp('large') / 'nami.db'}"
    fill(url, Size(prompts=100, models=5, people=5))
    return url


@pytest.mark.slow
def test_no_reader_makes_an_object_of_a_rating_or_an_image(large: str, made_rows: list[int]) -> None:
    from nami_bench.pipeline.dataset_folder import csv_of, study_content
    from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store

    with Store.open(large) as store:
        study = store.studies.get("large")
        for look in (
            lambda: overview(store, "large"),
            lambda: csv_of(study_content(store, study)),
            lambda: leaderboard_from_store(store, study="large", precision=None),
        ):
            made_rows[0] = 0
            look()
            assert made_rows[0] < 500, "prompts and settings alone are objects"


def test_what_is_known_is_not_read_again(large: str) -> None:
    with Store.open(large) as store:
        looks = StudyLooks(store)
        first = looks.overview("large")
        with statements() as read:
            assert looks.overview("large") == first
        assert not any("FROM rating" in statement and "rating.value" in statement for statement in read)
        with raw(store) as session:
            corrected = "value IS NOT NULL AND id < 1000 AND current"
            told = session.execute(
                text(
                    "SELECT criterion_id, annotator_id, image_id, 9 AS revision, 100 - value AS value, "
                    f"created_at, true AS current FROM rating WHERE {corrected}"
                )
            ).mappings()
            rows = [dict(row) for row in told]
            session.execute(text(f"UPDATE rating SET current = false WHERE {corrected}"))
            names = ", ".join(rows[0])
            marks = ", ".join(f":{name}" for name in rows[0])
            session.execute(text(f"INSERT INTO rating ({names}) VALUES ({marks})"), rows)
        again = looks.overview("large")
        assert again != first
        anew = json.loads(StudyLooks(store).overview("large"))
        assert json.loads(again) | {"at": ""} == anew | {"at": ""}


@pytest.mark.slow
def test_the_agreement_is_that_of_the_ratings_in_force(large: str) -> None:
    """Against a reference that takes them one by one, in their order."""
    with Store.open(large) as store:
        study = store.studies.get("large")
        with raw(store) as session:
            session.execute(text("UPDATE annotator SET excluded_at = '2026-01-01' WHERE name LIKE '%-004'"))
            session.execute(text("UPDATE study SET version = version + 1"))
        found = agreement_so_far(store, study)
        units: dict[tuple[str, str, int], int] = {}
        ratings = store.ratings.all("large")
        assert {rating.annotator for rating in ratings} == {f"annotator-{n:03}" for n in range(4)}
        for rating in ratings:
            units.setdefault((rating.model, rating.prompt_id, rating.sample), len(units))
        for one in found:
            own = [r for r in ratings if r.criterion == one["criterion"] and r.value is not None]
            unit = np.array([units[r.model, r.prompt_id, r.sample] for r in own])
            alpha = krippendorff_alpha(unit, np.array([r.value for r in own]), replicates=200)
            assert (one["alpha"], one["low"], one["high"]) == (alpha.alpha, alpha.low, alpha.high)
        with raw(store) as session:
            session.execute(text("UPDATE annotator SET excluded_at = NULL"))
            session.execute(text("UPDATE study SET version = version + 1"))


def test_criteria_of_the_same_images_share_the_draws_of_the_bootstrap(
    large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draws = agreement._resampled
    monkeypatch.setattr(
        agreement, "_resampled", lambda units, *rest: drawn.append(units) or draws(units, *rest)
    )
    with Store.open(large) as store:
        found = agreement_so_far(store, store.studies.get("large"))
    assert len(found) == 4
    assert drawn == [500]


class Counting:
    """In the place of the process: answers when it is told to, and counts."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.most = self.now = 0
        self.go = asyncio.Event()
        self.is_alive = True

    async def answer(self, what: str, study: str) -> bytes:
        self.asked.append((what, study))
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go.wait()
        self.now -= 1
        return f"{study} {len(self.asked)}".encode()


def test_many_askers_cost_one_computation_and_at_most_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        counting = Counting()
        onlooker = Onlooker("sqlite://")
        monkeypatch.setattr(onlooker, "_look", counting.answer)
        first = [asyncio.ensure_future(onlooker.ask("overview", "s")) for _ in range(20)]
        while not counting.asked:
            await asyncio.sleep(0)
        later = [asyncio.ensure_future(onlooker.ask("overview", "s")) for _ in range(20)]
        await asyncio.sleep(0)
        later[0].cancel()  # whoever leaves takes nothing from the others
        counting.go.set()
        assert set(await asyncio.gather(*first)) == {b"s 1"}
        assert set(await asyncio.gather(*later[1:])) == {b"s 2"}, "what was recorded meanwhile counts"
        assert (len(counting.asked), counting.most) == (2, 1)

    asyncio.run(ask())


@pytest.mark.slow
def test_the_process_answers_tells_what_is_wrong_is_replaced_and_rests(
    large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)

    async def ask() -> None:
        onlooker = Onlooker(large)
        with pytest.raises(InputError, match="unknown study 'nix'"):
            await onlooker.ask("overview", "nix")
        while onlooker._helper is not None:  # nobody asks: its memory is given back
            await asyncio.sleep(0)
        monkeypatch.setattr(module, "IDLE_SECONDS", 1e6)
        found = json.loads(await onlooker.ask("overview", "large"))
        assert found["progress"]["total"] == 100 * 5 * 5
        assert onlooker._helper is not None
        onlooker._helper._process.kill()
        onlooker._helper._process.join()
        again = json.loads(await onlooker.ask("overview", "large"))
        assert {**again, "at": ""} == {**found, "at": ""}
        onlooker._rest()

    asyncio.run(ask())


def test_a_page_that_waits_long_for_its_answer_finds_the_process_again() -> None:
    """It asks again after three times as long (poll.js); a new process would read everything anew."""
    assert module.patience(0.1) == module.IDLE_SECONDS
    for took in (19.0, 21.0, 120.0):
        assert module.patience(took) > 3 * took
