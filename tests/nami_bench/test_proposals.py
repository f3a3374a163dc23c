"""Proposed prompts in the store: every field, one decision each, limits; and their checks."""

import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from nami_bench import pipeline
from nami_bench.domain import Annotator, Prompt, PromptSet, PromptSubmission, Role, SubmissionState
from nami_bench.errors import InputError, RefusedError, UnknownNameError
from nami_bench.pipeline.known_prompts import KnownPrompts, Origin
from nami_bench.store import Store
from nami_bench.store.proposals import PER_HOUR, STRANGERS_PER_HOUR, STRANGERS_WAITING

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HERON = "a heron that waits for the tram with a folded newspaper"


def proposal(number: int = 0, **changes: Any) -> PromptSubmission:
    values: dict[str, Any] = {
        "id": f"id{number}",
        "text": f"prompt number {number}",
        "licence": "CC0-1.0",
        "licence_sha256": "abc",
        "consented_at": WHEN,
        "author": "ada",
        "tags": {"category": "animals", "challenge": "count, color", "language": "fr"},
    }
    return PromptSubmission(**(values | changes))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store.open(database_url) as opened:
        for name in ("ada", "bob"):
            opened.accounts.add(Annotator(name))
        opened.clock = lambda: WHEN + timedelta(hours=2)
        yield opened


def refusal(error: pytest.ExceptionInfo[RefusedError]) -> str:
    return error.value.code


def test_what_goes_in_comes_out(store: Store) -> None:
    """Field parity: every field survives, with a value that is not its default in one of the three."""
    given = [proposal(0), proposal(1), proposal(2, author=None)]
    for one in given:
        store.proposals.add(one, "192.0.2.1")
    assert store.proposals.all() == given
    store.proposals.accept("id0", "root", "un héron", {"category": "art"})
    store.proposals.refuse("id1", "root", "  too vague ")
    decided = {"decided_by": "root", "decided_at": WHEN + timedelta(hours=2)}
    accepted = replace(
        given[0],
        state=SubmissionState.ACCEPTED,
        edited_text="un héron",
        edited_tags={"category": "art"},
        **decided,  # type: ignore[arg-type]
    )
    refused = replace(given[1], state=SubmissionState.REFUSED, reason="too vague", **decided)  # type: ignore[arg-type]
    assert store.proposals.all() == [accepted, refused, given[2]]
    together = (accepted, refused)
    assert all(any(getattr(one, f.name) is not None for one in together) for f in fields(PromptSubmission))
    assert store.proposals.get("id0") == accepted
    assert (accepted.final_text, accepted.final_tags, accepted.is_edited) == (
        "un héron",
        {"category": "art"},
        True,
    )


def test_lists_are_by_state_author_and_order(store: Store) -> None:
    for number in range(5):
        store.proposals.add(proposal(number, author="ada" if number % 2 else "bob"))
    store.proposals.accept("id3", "root")
    store.clock = lambda: WHEN + timedelta(hours=3)
    store.proposals.refuse("id0", "root", "no")
    assert [s.id for s in store.proposals.all(SubmissionState.PENDING)] == ["id1", "id2", "id4"]
    assert [s.id for s in store.proposals.all(SubmissionState.PENDING, limit=2)] == ["id1", "id2"]
    assert [s.id for s in store.proposals.all(author="bob")] == ["id0", "id2", "id4"]
    assert [s.id for s in store.proposals.decided(9)] == ["id0", "id3"]
    assert store.proposals.count() == {
        SubmissionState.PENDING: 3,
        SubmissionState.ACCEPTED: 1,
        SubmissionState.REFUSED: 1,
    }


def test_accepting_as_it_is_changes_nothing(store: Store) -> None:
    store.proposals.add(proposal())
    accepted = store.proposals.accept("id0", "root", proposal().text, dict(proposal().tags))
    assert (accepted.edited_text, accepted.edited_tags, accepted.is_edited) == (None, None, False)


@pytest.mark.parametrize("first", ["accept", "refuse"])
@pytest.mark.parametrize("second", ["accept", "refuse"])
def test_the_second_of_two_administrators_changes_nothing(store: Store, first: str, second: str) -> None:
    def decide(what: str, by: str) -> None:
        if what == "accept":
            store.proposals.accept("id0", by, f"as {by} has it")
        else:
            store.proposals.refuse("id0", by, f"as {by} has it")

    store.proposals.add(proposal())
    decide(first, "root")
    before = store.proposals.get("id0")
    with pytest.raises(RefusedError, match=rf"^root has {first}(e?)d this prompt already") as error:
        decide(second, "zoe")
    assert refusal(error) == "decided"
    assert store.proposals.get("id0") == before


def test_of_many_decisions_at_one_moment_one_counts(store: Store) -> None:
    store.proposals.add(proposal())
    outcomes: list[str] = []

    def decide(name: str) -> None:
        try:
            outcomes.append(store.proposals.accept("id0", name, f"as {name} has it").decided_by or "")
        except RefusedError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=decide, args=(f"root{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = set(outcomes) - {"decided"}
    assert outcomes.count("decided") == 7
    assert store.proposals.get("id0").edited_text == f"as {winner} has it"


def test_the_same_text_is_taken_once_unless_it_was_refused(store: Store) -> None:
    store.proposals.add(proposal(0, text=HERON))
    with pytest.raises(RefusedError) as error:
        store.proposals.add(proposal(1, text=HERON, author="bob"))
    assert refusal(error) == "duplicate"
    store.proposals.refuse("id0", "root", "a comma is missing")
    store.proposals.add(proposal(2, text=HERON))
    store.proposals.accept("id2", "root")
    with pytest.raises(RefusedError):
        store.proposals.add(proposal(3, text=HERON))


def test_an_account_proposes_so_many_in_an_hour(store: Store) -> None:
    for number in range(PER_HOUR):
        store.proposals.add(proposal(number))
    with pytest.raises(RefusedError) as error:
        store.proposals.add(proposal(PER_HOUR))
    assert refusal(error) == "too_many"
    store.proposals.add(proposal(PER_HOUR + 1, author="bob"))
    store.proposals.add(proposal(PER_HOUR + 2, consented_at=WHEN + timedelta(hours=1, seconds=1)))


@pytest.mark.slow
def test_strangers_are_limited_by_address_and_in_all(store: Store) -> None:
    numbers = iter(range(10_000))

    def send(address: str) -> None:
        store.proposals.add(proposal(next(numbers), author=None), address)

    for last in range(STRANGERS_PER_HOUR):
        send(f"2001:db8::{last}")  # one network, whatever its last half
    with pytest.raises(RefusedError) as error:
        send("2001:db8::99")
    assert refusal(error) == "too_many"
    for number in range(STRANGERS_PER_HOUR, STRANGERS_WAITING):
        send(f"10.{number // 200}.0.{number % 200}")
    with pytest.raises(RefusedError) as error:
        send("192.0.2.77")
    assert refusal(error) == "too_many"
    store.proposals.refuse("id0", "root", "no")
    send("192.0.2.77")


def test_a_strangers_address_is_never_kept_and_its_trace_goes_with_the_decision(store: Store) -> None:
    store.proposals.add(proposal(author=None), "192.0.2.77")

    def row() -> Any:
        with store._database.reading() as session:
            return session.execute(text("SELECT * FROM prompt_submission")).mappings().one()

    assert "192.0.2" not in str(dict(row()))
    assert len(row()["source"]) == 64
    store.proposals.accept("id0", "root")
    assert row()["source"] is None


def test_who_and_what_is_unknown_is_named(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="submission 'id7'"):
        store.proposals.accept("id7", "root")
    with pytest.raises(UnknownNameError, match="annotator 'eve'"):
        store.proposals.add(proposal(author="eve"))
    store.accounts.add(Annotator("simulated-1", Role.SIMULATED))
    with pytest.raises(InputError, match="simulated"):
        store.proposals.add(proposal(author="simulated-1"))
    store.proposals.add(proposal())
    with pytest.raises(InputError, match="needs a reason"):
        store.proposals.refuse("id0", "root", "  ")
    assert store.proposals.get("id0").state is SubmissionState.PENDING


def test_a_submissions_fields_agree_with_its_state() -> None:
    with pytest.raises(InputError, match="refused one has a reason"):
        proposal(state=SubmissionState.REFUSED)
    with pytest.raises(InputError, match="refused one has a reason"):
        proposal(reason="why")
    with pytest.raises(InputError, match="only an accepted one is edited"):
        proposal(edited_text="other")


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'known.db'}") as opened:
        opened.accounts.add(Annotator("ada"))
        yield opened


def test_known_prompts_follow_the_store(sqlite: Store) -> None:
    known = KnownPrompts(sqlite)

    def nearest(text: str, **more: Any) -> tuple[Any, ...]:
        near = known.nearest(text, **more)
        if near is None or near.similarity < 0.3:
            return ()
        return near.prompt.origin, near.prompt.name, near.prompt.author, near.similarity

    assert nearest("a photo of three cats")[:2] == (Origin.PUBLIC, "geneval")
    assert known.nearest("zzz yyy xxx") is None
    sqlite.catalog.add_prompt_set(PromptSet("mine", (Prompt("00000", HERON),)))
    assert nearest(HERON.upper() + "!") == (Origin.RECORDED, "mine", None, 1)

    hermit = "a hermit crab that moves into a small green bottle"
    sqlite.proposals.add(proposal(0, text=hermit))
    assert nearest(hermit) == (Origin.PENDING, "id0", "ada", 1)
    assert nearest(hermit, with_pending=False) == nearest(hermit, leaving_out="id0") == ()
    edited = "a hermit crab that moves into a porcelain teapot at low tide"
    sqlite.proposals.accept("id0", "root", edited)
    assert nearest(edited, with_pending=False) == (Origin.ACCEPTED, "id0", "ada", 1)
    ferry = "the last ferry under a violet sky"
    sqlite.proposals.add(proposal(1, text=ferry))
    sqlite.proposals.refuse("id1", "root", "no")
    assert nearest(ferry) == ()


def test_proposing_and_accepting_check_the_text(sqlite: Store) -> None:
    known = KnownPrompts(sqlite)
    pipeline.propose_prompt(sqlite, known, proposal(0, text=HERON), 120)
    for words, code in (
        (HERON.replace(" folded", ""), "near_duplicate"),
        (HERON.upper(), "duplicate"),
        ("word " * 121, "too_long"),
        ("a nude on a sofa by the window", "safety"),
    ):
        with pytest.raises(RefusedError) as error:
            pipeline.propose_prompt(sqlite, known, proposal(1, text=words.strip()), 120)
        assert refusal(error) == code, words
    with pytest.raises(RefusedError) as error:
        pipeline.accept_submission(sqlite, known, "id0", "root", 120, text="write to me@example.org please")
    assert refusal(error) == "personal"
    assert sqlite.proposals.get("id0").state is SubmissionState.PENDING
    accepted = pipeline.accept_submission(sqlite, known, "id0", "root", 120, text=f"  {HERON},\n at dawn ")
    assert accepted.edited_text == f"{HERON}, at dawn"


def test_of_two_alike_that_wait_one_is_accepted(sqlite: Store) -> None:
    """Both came before either was known: in two processes, say."""
    known = KnownPrompts(sqlite)
    sqlite.proposals.add(proposal(0, text=HERON))
    sqlite.proposals.add(proposal(1, text=HERON + " today"))
    pipeline.accept_submission(sqlite, known, "id0", "root", 120)
    with pytest.raises(RefusedError) as error:
        pipeline.accept_submission(sqlite, known, "id1", "root", 120)
    assert refusal(error) == "near_duplicate"
    pipeline.accept_submission(sqlite, known, "id1", "root", 120, text="a goose that queues for the tram")


def test_a_reason_is_one_printable_line(sqlite: Store) -> None:
    sqlite.proposals.add(proposal())
    refused = pipeline.refuse_submission(sqlite, "id0", "root", "not\nclear\x1b[31m " + "x" * 600)
    assert refused.reason is not None
    assert refused.reason.startswith("not clear [31m xx") and len(refused.reason) == 500
