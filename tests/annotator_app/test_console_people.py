"""The console's page on people: everything that may be done about them, over HTTP."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import Annotator, Role
from tests.support.console import ConsolePage
from tests.support.crowd import with_entry

pytestmark = pytest.mark.slow  # each begins a server with a console: two seconds of a core


@pytest.fixture
def page(bench: Any, address: str) -> Iterator[ConsolePage]:
    """The page as root sees it; ada has rated and commented on an item, bob is assigned and not here."""
    own = AnnotationSession(bench.store, bench.images_dir, "trial", "ada")
    token = own.state().items[0].token
    own.submit(token, Answers("c1", {"relevance": 60.0, "realism": 3.0}, comment="<b>odd</b>"))
    bench.store.enrolments.assign("trial", ["bob"], by="root")
    token = bench.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/login", data={"name": "root", "token": token}).status_code == 303
        yield ConsolePage(client, "people")


def test_everybody_shows_and_one_person_in_full(bench: Any, page: ConsolePage) -> None:
    (people, note, flags, person), _ = page.call("everybody_look", None)
    assert [row[:3] for row in people["data"]] == [["ada", "at work", "1"], ["bob", "not come yet", "0"]]
    assert "nobody can be compared" in note["value"] and "None yet" in flags
    assert [one[0] for one in person["choices"]] == ["ada", "bob"]
    (figures,), _ = page.call("one_person_look_at", "ada")
    assert "share of the commonest answers to an item</td><td>1.00</td>" in figures
    assert "None yet" in page.call("one_person_look_at", "bob")[0][0]
    (chosen,), _ = page.choose("everybody_choose", ["bob", "not come yet"])
    assert chosen == "bob"


def test_an_owner_writes_reads_and_announces(bench: Any, page: ConsolePage) -> None:
    (thread, comments), _ = page.call("one_person_read", "ada")
    assert "None yet" in thread and "<td>&lt;b&gt;odd&lt;/b&gt;</td>" in comments
    (flag,) = bench.store.oversight.flags("trial")
    assert f'<a href="items?study=trial&amp;item={flag.item}">Item {flag.item}</a>' in comments
    (text, about, thread, _), said = page.call("one_person_write", "ada", "Thank you", flag.number)
    assert (text, about, said) == ("", 0, ["Sent to ada"])
    link = f'<a href="items?study=trial&amp;item={flag.item}">{flag.number}: &lt;b&gt;odd&lt;/b&gt;</a>'
    assert f"<td>root</td><td>{link}</td><td>Thank you</td>" in thread
    bench.store.messages.answer("trial", "ada", "Welcome", "a1")
    page.call("one_person_read", "ada")
    assert bench.store.messages.threads("trial")[0].unread == 1  # to be shown is not to be read
    page.call("one_person_mark_read", "ada")
    assert bench.store.messages.threads("trial")[0].unread == 0
    page.call("one_person_tell_everybody", "At two")
    assert [one.text for one in bench.store.announcements.shown_to("trial", "bob")] == ["At two"]
    assert page.call("one_person_write", None, "x", 0)[1] == ["Choose a person first"]


def test_work_is_paused_and_assigned(bench: Any, page: ConsolePage) -> None:
    page.call("one_person_pause_one", "ada", "please call")
    (ada, _) = bench.store.oversight.members("trial")
    assert ada.paused == "please call"
    page.call("one_person_resume_one", "ada")
    assert bench.store.oversight.members("trial")[0].paused is None
    page.call("one_person_assign_all", "ada\n bob \n")
    assert [one.annotator for one in bench.store.enrolments.of("trial")] == ["ada", "bob"]
    page.call("one_person_unassign_one", "bob")
    assert [one.annotator for one in bench.store.enrolments.of("trial")] == ["ada"]
    assert "Unknown annotator" in page.call("one_person_assign_all", "nobody")[1][0]


def test_accounts_are_made_in_one_go_and_tokens_shown_once(bench: Any, page: ConsolePage) -> None:
    (_, shown), said = page.call("accounts_add_all", "name;study\nlena;trial\nADA;\n")
    rows = list(csv.DictReader(io.StringIO(shown["value"])))
    assert [(row["name"], bool(row["token"])) for row in rows] == [("lena", True), ("ADA", False)]
    assert said == ["1 new accounts, 1 there already"]
    assert bench.store.logins.authenticate("lena", rows[0]["token"]) == Annotator("lena")
    assert "line 2" in page.call("accounts_add_all", "name,role\nx,boss\n")[1][0]
    (shown,), _ = page.call("accounts_new_token", "lena")
    name, token = shown["value"].split("\t")
    assert bench.store.logins.authenticate(name, token) == Annotator("lena")


def test_nobody_is_erased_by_a_slip(bench: Any, page: ConsolePage) -> None:
    ((told,), _) = page.call("accounts_try_erasing", "ada", False)
    assert "1 answer as sent removed" in told
    assert "to erase this person" in page.call("accounts_erase_for_good", "ada", False, "bob")[1][0]
    assert (
        "cannot erase yourself" in page.call("accounts_erase_for_good", "root", False, "root")[1][0].lower()
    )
    assert "another administrator" in page.call("accounts_change_role", "root", "annotator")[1][0]
    assert bench.store.accounts.get("ada") and bench.store.accounts.get("root").role is Role.ADMINISTRATOR
    page.call("accounts_leave_out", "ada")
    assert bench.store.accounts.get("ada").excluded
    page.call("accounts_count_again", "ada")
    page.call("accounts_forbid", "ada")
    assert not bench.store.accounts.get("ada").active
    _, said = page.call("accounts_erase_for_good", "ada", False, "ada")
    assert said == ["Erased, in the database and in its file"]
    assert [one.name for one in bench.store.accounts.all()] == ["bob", "root"]


def test_links_are_made_shown_once_and_ended(bench: Any, page: ConsolePage) -> None:
    study = bench.store.studies.get("trial")
    refused = page.call("links_invite", "lena\nolaf", 1, 0, "https://rate.example.org/nami/")[1]
    assert "has no [entry]" in refused[0]
    with_entry(bench.store, study)
    (rows, labels, made, code), _ = page.call(
        "links_invite", "lena,x\n\n olaf \n", 1, 7, "https://rate.example.org/nami/"
    )
    assert labels == "" and code["visible"] is False
    listed = list(csv.reader(io.StringIO(made["value"].removeprefix("\ufeff"))))
    assert [row[0] for row in listed] == ["label", "lena", "olaf"]
    token = listed[1][1].removeprefix("https://rate.example.org/nami/join/link/")
    found = bench.store.links.find(token)
    assert found is not None and (found.label, found.created_by) == ("lena", "root")
    for name in ("lena", "olaf"):
        assert f"<td>{name}</td><td>0</td><td>1</td>" in rows and "<td>open</td>" in rows
    (rows, _), said = page.call("links_revoke", f"{found.id}")
    assert ("<td>revoked</td>" in rows, said) == (True, ["1 link ended"])
    assert "such as 3 4" in page.call("links_revoke", "all of them")[1][0]
    (_, _, _, code), _ = page.call("links_invite", "", 0, 0, "https://rate.example.org/")
    assert 'src="data:image/svg+xml' in code["value"]
    kinds = [(one.kind, one.by) for one in bench.store.oversight.events("trial")]
    assert kinds[:3] == [("links", "root")] * 3
