"""Proposed prompts over HTTP: who may, what is refused, who sees what, and decisions."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.access import MAX_BODY
from nami_bench.annotator_app.pace import Pace
from nami_bench.annotator_app.submission_routes import MAX_SENT
from nami_bench.annotator_app.terms import read_terms
from nami_bench.config import SubmissionsConfig, open_workspace
from nami_bench.domain import Annotator, PromptSubmission, Role, SubmissionState
from nami_bench.errors import InputError
from nami_bench.store.proposals import PER_HOUR, STRANGERS_PER_HOUR
from tests.support.console import ConsolePage

CONSOLE = pytest.mark.slow  # begins a server with a console: two seconds of a core

HERON = "a heron that waits for the tram with a folded newspaper"
BAKER = "a baker stacks nine round loaves on a blue handcart"
EMBEDDED = "a toddler laughing at a soap bubble"


@pytest.fixture
def people(bench: Any, address: str) -> Iterator[Callable[[str], httpx.Client]]:
    """`people(name)` is a browser that has logged in; "root" and "zoe" are administrators, "" a stranger."""
    tokens = dict(bench.tokens)
    for name in ("root", "zoe"):
        tokens[name] = bench.store.accounts.add(Annotator(name, Role.ADMINISTRATOR))
    with ExitStack() as stack:

        def enter(name: str) -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=address, timeout=60))
            if name:
                answer = client.post("/login", data={"name": name, "token": tokens[name]})
                assert answer.status_code == 303
            return client

        yield enter


@pytest.fixture
def open_to_everybody(bench: Any) -> Any:
    """The bench, whose settings let people without an account propose; to be served by the test."""
    return replace(bench, workspace=replace(bench.workspace, submissions=SubmissionsConfig("everybody")))


def body(client: httpx.Client, text: str = HERON, **changes: Any) -> dict[str, Any]:
    """What the page sends."""
    sha256 = client.get("/submissions").json()["terms"]["licence_sha256"]
    return {"text": text, "consent": True, "licence_sha256": sha256} | changes


def send(client: httpx.Client, sent: dict[str, Any] | bytes, path: str = "/submissions") -> tuple[int, str]:
    """The status, and the code of a refusal."""
    raw = json.dumps(sent).encode() if isinstance(sent, dict) else sent
    answer = client.post(path, content=raw, headers={"Content-Type": "application/json"})
    if answer.status_code >= 400:
        assert set(answer.json()) - {"final"} == {"error", "code"} and answer.json()["error"]
        assert "Traceback" not in answer.text and "nami.db" not in answer.text
    return answer.status_code, answer.json().get("code", "")


def propose(client: httpx.Client, text: str = HERON, **changes: Any) -> str:
    answer = client.post("/submissions", json=body(client, text, **changes))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def check(client: httpx.Client, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/submissions/check", json={"text": text}).json()
    return answer


def test_a_proposal_is_kept_with_consent_and_tags(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    ada = people("ada")
    terms = ada.get("/submissions").json()["terms"]
    assert (terms["licence"], terms["max_words"]) == ("CC0-1.0", 120)
    assert "CC0 1.0 Universal" in terms["licence_text"] and "Affirmer" in terms["licence_text"]
    tags = {"category": "animals", "challenges": ["text", "count"], "language": "fr"}
    propose(ada, f"  {HERON}\n on  rails ", **tags)
    (kept,) = bench.store.proposals.all()
    assert (kept.text, kept.author, kept.state) == (f"{HERON} on rails", "ada", SubmissionState.PENDING)
    assert kept.tags == {"category": "animals", "challenge": "count, text", "language": "fr"}
    assert (kept.licence, kept.licence_sha256) == ("CC0-1.0", read_terms(bench.workspace).licence_sha256)
    (own,) = ada.get("/submissions").json()["own"]
    assert (own["text"], own["state"], own["reason"]) == (kept.text, "pending", None)


MALFORMED = (422, "malformed")
WRONG: list[tuple[Any, tuple[int, str]]] = [
    (b"", MALFORMED),
    (b"[]", MALFORMED),
    (b"\xff\xfe", MALFORMED),
    (b"[" * 30_000, (400, "malformed")),
    ({"text": None}, MALFORMED),
    ({"text": ["x"]}, MALFORMED),
    ({"text": "x" * (MAX_SENT + 1)}, MALFORMED),
    ({"consent": "yes"}, MALFORMED),
    ({"author": "bob"}, MALFORMED),
    ({"state": "accepted"}, MALFORMED),
    ({"challenges": ["count"] * 18}, MALFORMED),
    ({"challenges": "count"}, MALFORMED),
    ({"category": "foods"}, (400, "wrong_use")),
    ({"challenges": ["none"]}, (400, "wrong_use")),
    ({"language": "xx"}, (400, "wrong_use")),
    ({"consent": False}, (400, "no_consent")),
    ({"licence_sha256": "0" * 64}, (409, "licence_changed")),
    ({"text": ""}, (400, "too_short")),
    ({"text": " \n\t "}, (400, "too_short")),
    ({"text": "word " * 121}, (400, "too_long")),
    ({"text": "x" * 1501}, (400, "too_long")),
    ({"text": "a dog\0in a park"}, (400, "hidden_characters")),
    ({"text": "a dog \u202egod a"}, (400, "hidden_characters")),
    ({"text": "half \ud800 of a pair"}, MALFORMED),
    ({"text": "a nude on a sofa by the window"}, (400, "safety")),
    ({"text": "call me at 555-123-4567 about the dog"}, (400, "personal")),
    ({"text": "a lake at dawn --ar 16:9"}, (400, "switches")),
    ({"text": EMBEDDED.upper()}, (409, "duplicate")),
    ({"text": f"{EMBEDDED} outdoors"}, (409, "near_duplicate")),
]


@pytest.mark.slow
def test_what_is_wrong_is_refused_in_words_and_leaves_no_row(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    ada = people("ada")
    good = body(ada)
    answers = [(w, send(ada, w if isinstance(w, bytes) else good | w), expected) for w, expected in WRONG]
    assert [(wrong, found) for wrong, found, expected in answers if found != expected] == []
    assert send(ada, good | {"text": "x" * MAX_BODY}) == (413, "too_large")
    assert send(ada, {"text": HERON, "more": 1}, "/submissions/check") == MALFORMED
    assert bench.count("prompt_submission") == 0
    assert send(ada, good) == (200, "")
    assert send(ada, good) == (409, "duplicate")  # pressed twice, or sent again after a lost answer
    assert bench.count("prompt_submission") == 1


@CONSOLE
def test_text_comes_out_as_it_was_typed(people: Callable[[str], httpx.Client]) -> None:
    ada, root = people("ada"), people("root")
    texts = [
        "<script>alert(1)</script> on a wall",
        "'; DROP TABLE prompt; --",
        "{{7*7}} %s \\ in neon",
        "一只猫在屋檐下🎨",
    ]
    for text in texts:
        propose(ada, text)
    assert [row[1] for row in waiting(root)] == texts
    answer = ada.get("/submissions")
    assert [one["text"] for one in answer.json()["own"]] == texts[::-1]
    assert answer.headers["content-type"] == "application/json"


def test_typing_shows_words_problems_and_the_nearest_prompt(people: Callable[[str], httpx.Client]) -> None:
    ada = people("ada")
    assert check(ada, " a  red\nbicycle ") == {"words": 3, "problems": [], "nearest": None}
    near = check(ada, f"{EMBEDDED} in a garden full of bees")
    assert near["problems"] == []
    assert near["nearest"] == {
        "similarity": pytest.approx(5 / 11, abs=0.001),
        "origin": "set",
        "set": "nami-short",
        "text": EMBEDDED,
    }
    assert check(ada, EMBEDDED)["problems"] == ["duplicate"]


@CONSOLE
def test_nobody_learns_of_others_submissions_before_they_are_accepted(
    people: Callable[[str], httpx.Client],
) -> None:
    ada, bob, root = people("ada"), people("bob"), people("root")
    identifier = propose(ada)
    like = HERON.replace("folded", "wet")
    assert check(ada, like)["nearest"]["text"] == HERON
    assert check(ada, like)["nearest"]["origin"] == "own"
    hidden = bob.post("/submissions/check", json={"text": like})
    assert hidden.json()["nearest"] == {
        "similarity": pytest.approx(7 / 11, abs=0.001), "origin": "pending", "set": None, "text": None,
    }  # fmt: skip
    assert "newspaper" not in hidden.text and "ada" not in hidden.text
    assert bob.get("/submissions").json()["own"] == []
    assert check(root, like)["nearest"]["text"] == HERON
    assert accept(root, identifier, HERON) == ["It is accepted."]
    shown = bob.post("/submissions/check", json={"text": like})
    assert (shown.json()["nearest"]["origin"], shown.json()["nearest"]["text"]) == ("accepted", HERON)
    assert "ada" not in shown.text
    own = ada.get("/submissions")
    assert own.json()["own"][0]["state"] == "accepted"
    assert "root" not in json.dumps(own.json()["own"])  # nor who decided


def waiting(owner: httpx.Client) -> list[list[str]]:
    """The rows of the console's table of proposed prompts."""
    return ConsolePage(owner, "prompts").rows("prompts_look", output=1)


def accept(owner: httpx.Client, identifier: str, text: str, *tags: Any) -> list[str]:
    """Press the button; what is said then."""
    category, challenges, language = tags or ("none", [], "none")
    fields = (identifier, text, category, challenges, language)
    return ConsolePage(owner, "prompts").call("prompts_accept_it", *fields)[1]


def refuse(owner: httpx.Client, identifier: str, reason: str) -> list[str]:
    """Press the button; what is said then."""
    return ConsolePage(owner, "prompts").call("prompts_refuse_it", identifier, reason)[1]


@CONSOLE
def test_administrators_decide_and_it_is_recorded(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    ada, root = people("ada"), people("root")
    plain, edited, refused = (
        propose(ada, HERON),
        propose(ada, BAKER, category="food"),
        propose(ada, "blue bicycle"),
    )
    assert [(row[0], row[2]) for row in waiting(root)] == [
        (plain, "ada"), (edited, "ada"), (refused, "ada"),
    ]  # fmt: skip
    assert accept(root, plain, HERON) == ["It is accepted."]
    assert accept(root, edited, f" {BAKER}, at dawn ", "city", ["count"], "none") == [
        "It is accepted with changes."
    ]
    assert refuse(root, refused, "too little") == ["It is refused."]
    found = {one.id: one for one in bench.store.proposals.all()}
    assert {one.decided_by for one in found.values()} == {"root"}
    assert all(one.decided_at is not None for one in found.values())
    assert (found[edited].text, found[edited].edited_text) == (BAKER, f"{BAKER}, at dawn")
    assert found[edited].edited_tags == {"category": "city", "challenge": "count"}
    assert (found[plain].is_edited, found[refused].reason) == (False, "too little")
    page = ConsolePage(root, "prompts")
    assert page.rows("prompts_look", output=1) == []
    assert [(row[1], row[4]) for row in page.rows("prompts_look", output=2)] == [
        ("refused", "root"), ("accepted, with changes", "root"), ("accepted", "root"),
    ]  # fmt: skip
    events = bench.store.oversight.events("trial", kind="prompt_decided")
    assert [(event.by, event.study) for event in events] == [("root", None)] * 3
    own = {one["id"]: one for one in ada.get("/submissions").json()["own"]}
    assert (own[refused]["reason"], own[edited]["edited_text"]) == ("too little", f"{BAKER}, at dawn")


@CONSOLE
def test_the_second_administrator_is_told_and_nothing_is_overwritten(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    identifier = propose(people("ada"))
    root, zoe = people("root"), people("zoe")
    assert refuse(root, identifier, "no") == ["It is refused."]
    before = bench.store.proposals.get(identifier)
    late = "Root has refused this prompt already: nothing was changed"
    assert accept(zoe, identifier, "a goose") == [late]
    assert refuse(zoe, identifier, "x") == [late]
    assert bench.store.proposals.get(identifier) == before


@CONSOLE
def test_decisions_are_checked_too(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    identifier = propose(people("ada"))
    root = people("root")
    for said in (
        accept(root, "nothing", HERON),
        accept(root, identifier, "word " * 121),
        accept(root, identifier, EMBEDDED),
        refuse(root, identifier, " "),
    ):
        assert len(said) == 1 and not said[0].startswith("It is"), said
    assert bench.store.proposals.get(identifier).state is SubmissionState.PENDING


@pytest.mark.slow
def test_proposals_are_limited_in_number(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    ada = people("ada")
    good = body(ada)
    for number in range(PER_HOUR):
        assert send(ada, good | {"text": f"lantern{number} floats{number} upriver{number}"}) == (200, "")
    assert send(ada, good | {"text": "one more lantern"}) == (429, "too_many")
    assert bench.count("prompt_submission") == PER_HOUR


def test_the_pace_of_questions_is_limited_for_each_asker() -> None:
    now = [0.0]
    pace = Pace(3, 60, lambda: now[0])
    assert [pace.allows("ada") for _ in range(4)] == [True, True, True, False]
    assert pace.allows("bob")
    now[0] = 60
    assert pace.allows("ada")


def test_strangers_propose_only_where_they_are_let(people: Callable[[str], httpx.Client]) -> None:
    stranger = people("")
    assert (stranger.get("/propose").status_code, stranger.get("/propose").headers["location"]) == (
        303,
        "login",
    )
    for method, path in (("GET", "/submissions"), ("POST", "/submissions"), ("POST", "/submissions/check")):
        answer = stranger.request(method, path, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), path


@pytest.mark.slow
def test_everybody_may_propose_where_the_settings_say_so(
    open_to_everybody: Any, listening: Callable[[Any], AbstractContextManager[str]]
) -> None:
    bench = open_to_everybody
    bench.store.proposals.add(
        PromptSubmission("theirs", BAKER, "CC0-1.0", "x", bench.store.clock(), "ada"), ""
    )
    with listening(bench) as address, httpx.Client(base_url=address, timeout=60) as stranger:
        assert "Propose" in stranger.get("/propose").text or stranger.get("/propose").status_code == 200
        assert stranger.get("/session").status_code == stranger.get("/admin/theme.css").status_code == 401
        answer = stranger.get("/submissions").json()
        assert (answer["annotator"], answer["role"], answer["own"]) == (None, None, [])
        # Neither what waits nor this workspace's own sets are shown to strangers.
        assert check(stranger, BAKER)["nearest"] == {
            "similarity": 1, "origin": "pending", "set": None, "text": None,
        }  # fmt: skip
        study = check(stranger, "picture <i>0</i> & more")["nearest"]
        assert (study["similarity"], study["origin"], study["text"]) == (1, "hidden", None)
        good = body(stranger)
        crossed = {"Sec-Fetch-Site": "cross-site"}
        assert stranger.post("/submissions", json=good, headers=crossed).status_code == 403
        for number in range(STRANGERS_PER_HOUR):
            assert (
                send(stranger, good | {"text": f"lantern{number} floats{number} upriver{number}"})[0] == 200
            )
        assert send(stranger, good) == (429, "too_many")
        stranger.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        assert send(stranger, good) == (200, "")  # with an account, under its name and limit
    authors = [one.author for one in bench.store.proposals.all()]
    assert authors == ["ada", *[None] * STRANGERS_PER_HOUR, "ada"]


@CONSOLE
def test_the_page_is_gone_where_nobody_may_propose(
    bench: Any, listening: Callable[[Any], AbstractContextManager[str]]
) -> None:
    closed = replace(bench, workspace=replace(bench.workspace, submissions=SubmissionsConfig("nobody")))
    token = bench.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    with listening(closed) as address, httpx.Client(base_url=address, timeout=60) as root:
        root.post("/login", data={"name": "root", "token": token})
        for method, path in (("GET", "/propose"), ("GET", "/submissions"), ("POST", "/submissions")):
            assert root.request(method, path, json={}).status_code == 404, path
        assert root.get("/studies").json()["may_propose"] is False
        said = ConsolePage(root, "prompts").call("prompts_look")[0][0]
        assert said == "Nobody may propose prompts now. 0 wait for a decision."


def test_terms_come_from_the_workspaces_settings(tmp_path: Path) -> None:
    settings = tmp_path / "nami.toml"

    def terms(lines: str) -> Any:
        settings.write_text(f"[workspace]\nformat = 1\n[submissions]\n{lines}\n")
        return read_terms(open_workspace(tmp_path))

    assert (terms("").open_to, terms("").licence) == ("annotators", "CC0-1.0")
    (tmp_path / "mine.txt").write_text("Do as you like.\n")
    own = terms('licence = "mine-1"\nlicence_file = "mine.txt"\nmax_words = 30\nopen_to = "everybody"')
    assert (own.open_to, own.max_words, own.licence, own.licence_text) == (
        "everybody",
        30,
        "mine-1",
        "Do as you like.",
    )
    assert own.licence_sha256 != terms("").licence_sha256
    (tmp_path / "empty.txt").write_text(" \n")
    for lines, words in (
        ('licence = "mine-1"', "name the file that holds its text"),
        ('licence_file = "gone.txt"', "cannot read the licence"),
        ('licence_file = "empty.txt"', "is empty"),
        ("max_words = 0", "1 or more"),
        ('open_to = "friends"', "submissions.open_to"),
        ("anonymous = true", "unknown key"),
    ):
        with pytest.raises(InputError, match=words):
            terms(lines)
