"""Messages and announcements: who sees what, how often one may write, and what remains of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import Annotator
from nami_bench.errors import InputError, RefusedError, UnknownNameError
from nami_bench.export.ratings_file import ratings_csv
from nami_bench.store.messages import PER_HOUR

_numbers = count()


@pytest.fixture
def people(bench: Any, address: str) -> Iterator[Callable[[str], httpx.Client]]:
    """`people(name)` is a browser that has logged in."""
    with ExitStack() as stack:

        def enter(name: str) -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=address, timeout=30))
            answer = client.post("/login", data={"name": name, "token": bench.tokens[name]})
            assert answer.status_code == 303
            return client

        yield enter


def comment(bench: Any, name: str, words: str) -> int:
    """Let somebody comment on an item; its number."""
    own = AnnotationSession(bench.store, bench.images_dir, "trial", name)
    token = own.state().items[0].token
    own.submit(token, Answers(f"m{next(_numbers)}", {"relevance": 60.0, "realism": 3.0}, comment=words))
    return int(next(f.number for f in bench.store.oversight.flags("trial") if f.comment == words))


def test_a_thread_belongs_to_one_annotator_and_the_organizers(bench: Any) -> None:
    messages = bench.store.messages
    number = comment(bench, "ada", "six fingers")
    messages.write("trial", "ADA", "  Yes, that\r\nis a flaw. ", by="root", about=number)
    messages.answer("trial", "ada", "Thank you!", "t1")
    messages.answer("trial", "ada", "Thank you!", "t1")  # sent again over a slow line
    with pytest.raises(RefusedError, match="another message"):
        messages.answer("trial", "ada", "Something else", "t1")
    with pytest.raises(RefusedError):
        messages.answer("trial", "bob", "Thank you!", "t1")

    told, said = messages.thread("trial", "ada")
    assert (told.author, told.text, told.is_read) == ("root", "Yes, that\nis a flaw.", False)
    assert (told.about.comment, told.about.prompt) == (
        "six fingers",
        bench.store.catalog.prompt_set("pictures").prompts[int(told.about.prompt_id)].text,
    )
    assert (said.author, said.text, said.about) == (None, "Thank you!", None)
    assert messages.thread("trial", "bob") == []
    (thread,) = messages.threads("trial")
    assert (thread.annotator, thread.messages, thread.unread) == ("ada", 2, 1)

    messages.mark_read("trial", "ada", said.number, by_annotator=False)
    assert [one.is_read for one in messages.thread("trial", "ada")] == [False, True]
    messages.mark_read("trial", "ada", said.number, by_annotator=True)
    assert [one.unread for one in messages.threads("trial")] == [0]
    assert all(one.is_read for one in messages.thread("trial", "ada"))
    assert "flaw" not in ratings_csv(bench.store.ratings.table("trial")).decode()


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001, "a\0b", "\ud800"])
def test_what_is_no_message_is_refused(shared: tuple[Any, httpx.Client], text: str) -> None:
    bench, _ = shared
    with pytest.raises(InputError):
        bench.store.messages.write("trial", "ada", text, by="root")
    with pytest.raises(InputError):
        bench.store.messages.answer("trial", "ada", text, "t")
    with pytest.raises(InputError):
        bench.store.announcements.add("trial", text, by="root")
    assert bench.store.messages.thread("trial", "ada") == []


def test_messages_are_about_ones_own_items_and_counted_by_the_hour(bench: Any) -> None:
    messages, number = bench.store.messages, comment(bench, "ada", "odd")
    with pytest.raises(UnknownNameError, match="study comments"):
        messages.write("trial", "bob", "?", by="root", about=number)
    now = datetime.now(UTC)
    bench.store.clock = lambda: now
    for i in range(PER_HOUR):
        messages.answer("trial", "ada", f"{i}", f"h{i}")
    with pytest.raises(RefusedError) as refused:
        messages.answer("trial", "ada", "more", "more")
    assert refused.value.code == "too_many"
    messages.answer("trial", "bob", "mine", "bob")
    messages.write("trial", "ada", "organizers go on", by="root")
    bench.store.clock = lambda: now + timedelta(minutes=61)
    messages.answer("trial", "ada", "more", "more")
    assert len(messages.thread("trial", "ada")) == PER_HOUR + 2
    assert [m.text for m in messages.thread("trial", "ada", limit=2)] == ["organizers go on", "more"]


def test_an_announcement_is_shown_in_its_time_until_it_is_dismissed(bench: Any) -> None:
    told = bench.store.announcements
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    first = told.add("trial", "Welcome", by="root")
    later = told.add("trial", "At two", by="root", shown_from=now + hour, shown_until=now + 2 * hour)
    for bad in ({"shown_until": now - hour}, {"shown_from": now + hour, "shown_until": now + hour}):
        with pytest.raises(InputError, match="nobody would see it"):
            told.add("trial", "never", by="root", **bad)
    with pytest.raises(InputError, match="time zone"):
        told.add("trial", "when?", by="root", shown_from=datetime(2030, 1, 1))

    def shown(name: str) -> list[str]:
        return [one.text for one in told.shown_to("trial", name)]

    assert shown("ada") == shown("bob") == ["Welcome"]
    for _ in range(2):
        told.dismiss("trial", "ada", first)
    told.dismiss("trial", "ada", 999)
    assert (shown("ada"), shown("bob")) == ([], ["Welcome"])
    bench.store.clock = lambda: now + 1.5 * hour
    assert shown("bob") == ["Welcome", "At two"]
    bench.store.clock = lambda: now + 3 * hour
    assert shown("bob") == ["Welcome"]
    told.take_back("trial", first, by="root")
    assert [one.number for one in told.all("trial")] == [later]
    with pytest.raises(UnknownNameError):
        told.take_back("trial", first, by="root")
    bench.store.studies.delete("trial")
    assert bench.count("announcement") == bench.count("dismissal") == 0


@pytest.mark.parametrize("keep", [False, True])
def test_messages_are_erased_with_the_person_and_an_organizer_is_forgotten(bench: Any, keep: bool) -> None:
    bench.store.accounts.add(Annotator("ottilie"))
    number = comment(bench, "ottilie", "odd")
    bench.store.messages.write("trial", "ottilie", "about it", by="ada", about=number)
    bench.store.messages.answer("trial", "ottilie", "I live in Example Street", "s")
    bench.store.enrolments.assign("trial", ["ottilie"], by="ada")
    told = bench.store.announcements.add("trial", "Welcome", by="ada")
    bench.store.announcements.dismiss("trial", "ottilie", told)
    bench.store.messages.write("trial", "bob", "hello", by="ottilie")

    found = bench.store.erasures.erase("ottilie", keep_ratings=keep)
    assert found.messages == 2
    assert [bench.count(table) for table in ("message", "enrolment", "dismissal")] == [1, 0, 0]
    assert [m.author for m in bench.store.messages.thread("trial", "bob")] == ["erased"]
    bench.store.erasures.erase("ada", keep_ratings=keep)
    assert [one.author for one in bench.store.announcements.all("trial")] == ["erased"]
    events = bench.store.oversight.events("trial")
    assert ("erased", "announced: Welcome") in [(event.by, event.text) for event in events]
    assert not any("ada" in text or "ottilie" in text for text in (f"{e.text} {e.by}" for e in events))


def test_an_image_that_goes_leaves_the_message_about_it(bench: Any) -> None:
    from nami_bench.store import ImageChoice

    number = comment(bench, "ada", "odd")
    bench.store.messages.write("trial", "ada", "indeed", by="root", about=number)
    bench.store.removals.remove_images(ImageChoice(), with_ratings=True)
    (one,) = bench.store.messages.thread("trial", "ada")
    assert (one.text, one.about) == ("indeed", None)


def test_over_http_an_annotator_reads_answers_and_dismisses(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    ada, bob = people("ada"), people("bob")
    number = comment(bench, "ada", "six fingers")
    bench.store.messages.write("trial", "ada", "<b>yes</b>", by="root", about=number)
    told = bench.store.announcements.add("trial", "Welcome", by="root")
    bench.store.oversight.pause("trial", "ada", "please call")  # who is paused can read and write
    assert bob.get("/messages").json()["messages"] == []
    seen = ada.get("/study/trial/messages").json()
    (one,) = seen["messages"]
    assert (one["text"], one["mine"], one["about"]["comment"], seen["unread"]) == (
        "<b>yes</b>", False, "six fingers", 1,
    )  # fmt: skip
    assert seen["announcements"][0]["text"] == "Welcome"
    assert "root" not in ada.get("/messages").text  # who of the organizers it was
    assert not any(model in ada.get("/messages").text for model in bench.study.models)

    assert ada.post("/messages/read", json={"number": one["number"]}).status_code == 200
    assert ada.post("/messages/dismiss", json={"number": told}).status_code == 200
    sent = ada.post("/messages", json={"client_token": "x1", "text": "Thank you"})
    assert [m["text"] for m in sent.json()["messages"]] == ["<b>yes</b>", "Thank you"]
    assert (sent.json()["unread"], sent.json()["announcements"]) == (0, [])
    assert len(bob.get("/messages").json()["announcements"]) == 1

    for body, status in (
        ({"client_token": "x2", "text": " "}, 400),
        ({"client_token": "x2", "text": "x" * 2001}, 400),
        ({"client_token": "x2", "text": "x" * 4001}, 422),
        ({"client_token": "../", "text": "x"}, 422),
        ({"client_token": "x1", "text": "other"}, 409),
        ({"text": "x"}, 422),
        ({"client_token": "x2", "text": "x", "annotator": "bob"}, 422),
    ):
        assert ada.post("/messages", json=body).status_code == status, body
    assert len(bench.store.messages.thread("trial", "ada")) == 2
