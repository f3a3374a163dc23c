"""People who come into a study by themselves: in at the door, to the work, and out by every way there is."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from nami_bench.annotator_app.crowd.payments import due
from nami_bench.domain import Annotator, Checks, Consent, Device, Role, Rule, Stopping
from tests.support.crowd import AGE, CODES, CONSENT, EXPERTISE, Visitor, arrival, pid, with_entry

Listening = Callable[..., AbstractContextManager[str]]
Come = Callable[..., Visitor]


@pytest.fixture
def come(bench: Any, listening: Listening) -> Iterator[Come]:
    """`come(query, link=...)` is somebody in a browser of their own at the door of `trial`."""
    visitors: list[Visitor] = []
    with listening(bench) as address:

        def knock(query: str = "", link: str = "") -> Visitor:
            visitors.append(Visitor(address, "trial", query, link))
            return visitors[-1]

        yield knock
        for visitor in visitors:
            visitor.client.close()


def ways(bench: Any) -> list[str | None]:
    """How each participant's part ended, in the order in which they came."""
    return [one.way_out and one.way_out.value for one in bench.store.crowd_reports.participants("trial")]


def test_from_the_platform_through_the_work_and_back(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=3, questions=(AGE, EXPERTISE))
    ada = come(arrival(1))
    for method in ("GET", "HEAD"):
        assert ada.client.request(method, f"/join/trial?{arrival(1)}").status_code == 200
    door = ada.door()
    assert door["step"] == "consent"
    assert door["study"]["consent"]["en"]["html"] == "<p>We study <em>pictures</em>.</p>\n"
    assert [bench.count(table) for table in ("participant", "platform_identity", "turned_away")] == [0, 0, 0]

    assert ada.agree()["step"] == "questions"
    assert ada.session()["code"] == "questions"
    assert ada.ask("answers", {"answers": {"age": "30", "expertise": "yes"}}).json()["step"] == "work"
    assert ada.ask("leave").json()["code"] == "not_done"
    assert ada.rate() == 3
    assert ada.session()["phase"] == "finished"
    out = ada.leave()
    assert out["exit"] == {
        "way": "completed",
        "code": "C-COMPLETED",
        "address": "https://app.prolific.com/submissions/complete?cc=C-COMPLETED",
    }
    # The back button, a second tab, and a platform that calls again find the same, and change nothing.
    before = bench.store.crowd_reports.participants("trial")
    assert ada.door()["exit"] == ada.leave()["exit"] == ada.agree()["exit"] == out["exit"]
    assert ada.ask("answers", {"answers": {"age": "12"}}).json()["exit"] == out["exit"]
    assert bench.store.crowd_reports.participants("trial") == before
    (report,) = before
    assert (report.items, report.identity.participant, report.identity.submission) == (3, pid(1), "s1")
    assert report.answers == {"age": "30", "expertise": "yes"}
    assert report.name.startswith("p-")
    assert pid(1) not in {rating.annotator for rating in bench.store.ratings.all("trial")}


@pytest.mark.slow
def test_each_way_out_has_its_own_code(bench: Any, come: Come) -> None:
    checks = Checks(constant=2)
    with_entry(bench.store, bench.study, items_per_annotator=4, questions=(AGE,), checks=checks, quota=1)

    refused = come(arrival(1)).agree(agrees=False)
    assert (refused["step"], refused["exit"]["code"]) == ("turned_away", CODES["no_consent"])
    assert bench.count("participant") == 0
    assert bench.store.crowd_reports.turned_away("trial") == {"no_consent": 1}

    child = come(arrival(2))
    child.agree()
    out = child.ask("answers", {"answers": {"age": "17"}}).json()
    assert (out["step"], out["exit"]["code"]) == ("out", CODES["screened_out"])
    assert child.session()["code"] == "left"

    careless = come(arrival(3))
    careless.agree()
    careless.ask("answers", {"answers": {"age": "30"}})
    for _ in range(2):
        assert careless.rate(most=1) == 1
    assert careless.session()["phase"] == "paused"
    assert careless.leave()["exit"]["code"] == CODES["failed_checks"]

    stops, inside = come(arrival(4)), come(arrival(5))
    for one in (stops, inside):
        one.agree()
        one.ask("answers", {"answers": {"age": "30"}})
    stops.rate(most=1)
    assert stops.ask("withdraw", {"keep": True}).json()["exit"]["code"] == CODES["withdrew"]

    finishes = come(arrival(6))
    finishes.agree()
    finishes.ask("answers", {"answers": {"age": "30"}})
    assert finishes.rate() == 4
    assert finishes.leave()["exit"]["code"] == CODES["completed"]

    full = come(arrival(7)).door()
    assert (full["step"], full["why"], full["exit"]["code"]) == (
        "turned_away",
        "study_full",
        CODES["study_full"],
    )
    # The quota is met while somebody is inside: they finish, and are paid.
    assert inside.rate() == 4
    assert inside.leave()["exit"]["code"] == CODES["completed"]
    assert ways(bench) == [
        "screened_out",
        "failed_checks",
        "withdrew",
        "completed",
        "completed",
    ]


@pytest.mark.slow
def test_ten_are_inside_when_the_last_place_goes(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=1, overlap=20, quota=1)
    people = [come(arrival(n)) for n in range(10)]
    assert {one.agree()["step"] for one in people} == {"work"}
    assert people[0].rate() == 1
    assert people[0].leave()["exit"]["way"] == "completed"
    assert come(arrival(99)).agree()["why"] == "study_full"
    assert bench.count("participant") == 10
    for one in people[1:]:
        assert one.rate() == 1
        assert one.leave()["exit"]["way"] == "completed"
    assert ways(bench) == ["completed"] * 10


@pytest.mark.slow
def test_places_are_held_for_a_time_and_late_ones_finish_while_theirs_is_free(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=2, allowed_minutes=30, places=1)
    now = datetime.now(UTC)
    bench.store.clock = lambda: now
    late = come(arrival(1))
    late.agree()
    late.rate(most=1)
    assert come(arrival(2)).door()["why"] == "study_full"
    now += timedelta(minutes=31)
    assert ways(bench) == ["timed_out"]
    assert late.session()["phase"] == "work"  # nobody took the place: it is theirs again
    assert come(arrival(2)).door()["why"] == "study_full"

    now += timedelta(minutes=31)
    other = come(arrival(3))
    assert other.agree()["step"] == "work"
    assert late.session()["code"] == "timed_out"
    assert late.leave()["exit"]["code"] == CODES["timed_out"]
    assert len(bench.store.ratings.all("trial")) == 2  # one item by two criteria: kept

    # What was finished in time is finished, however late somebody presses the button.
    assert other.rate() == 2
    now += timedelta(hours=5)
    bench.store.studies.change(replace(bench.store.studies.get("trial"), closes=now + timedelta(days=1)))
    assert come(arrival(4)).agree()["why"] == "study_full"  # the place is one that is paid
    assert other.leave()["exit"]["way"] == "completed"
    assert ways(bench) == ["timed_out", "completed"]


@pytest.mark.slow
def test_nothing_is_left_for_the_last_ones(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=10, overlap=2)
    people = [come(arrival(n)) for n in range(5)]
    for one in people:
        one.agree()
    done = [one.rate() for one in people]
    assert sum(done) == 24  # how the last four are spread over people hangs on their random names
    expected = ["completed" if n == 10 else "nothing_left" if n else "study_full" for n in done]
    assert {*expected} == {"completed", "nothing_left", "study_full"}
    assert [one.leave()["exit"]["way"] for one in people] == expected
    assert people[2].door()["exit"]["code"] == CODES["completed"]  # they are paid as those who finished


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", ["others", "the rule"])
def test_who_is_late_and_has_nothing_left_to_do_has_finished(
    bench: Any, listening: Listening, ended_by: str
) -> None:
    """The place is gone, but there is nothing that it could be held for."""
    early = Stopping(Rule.AGREEMENT, minimum=2, agree=2, within=60)
    rule = {"overlap": 5, "stopping": early} if ended_by == "the rule" else {}
    trial = with_entry(bench.store, bench.study, items_per_annotator=12, allowed_minutes=30, quota=2)
    study = replace(trial, name="second", **rule)
    bench.store.studies.add(study)
    now = datetime.now(UTC)
    bench.store.clock = lambda: now
    with ExitStack() as stack:
        address = stack.enter_context(listening(replace(bench, study=study)))
        late, never, *others, full = (
            stack.enter_context(Visitor(address, "second", arrival(number))) for number in range(5)
        )
        late.agree()
        never.agree()
        assert late.rate(most=1) == 1
        assert never.session()["phase"] == "work"  # has items in hand, and does none of them
        now += timedelta(minutes=31)
        for other, items in zip(others, (12, 11), strict=True):  # the one that was done is full then
            other.agree()
            assert other.rate() == items
            other.leave()
        assert full.door()["why"] == "study_full"
        assert late.session()["phase"] == "finished"
        out = late.leave()["exit"]
        assert (out["way"], out["code"]) == ("nothing_left", CODES["completed"])
        assert never.leave()["exit"]["way"] == "timed_out"


@pytest.mark.slow
def test_who_was_told_that_it_was_the_end_may_press_the_button_late(bench: Any, come: Come) -> None:
    checks = Checks(constant=2)
    with_entry(bench.store, bench.study, items_per_annotator=12, allowed_minutes=30, quota=1, checks=checks)
    now = datetime.now(UTC)
    bench.store.clock = lambda: now
    careless, finishes, told = (come(arrival(number)) for number in (1, 2, 3))
    for one in (careless, finishes, told):
        one.agree()
    for _ in range(2):
        careless.rate(most=1)
    assert careless.session()["phase"] == "paused"
    assert finishes.rate() == 12
    assert finishes.leave()["exit"]["way"] == "completed"
    assert told.rate() == 10
    now += timedelta(hours=3)
    assert careless.leave()["exit"]["way"] == "failed_checks"
    assert told.leave()["exit"]["way"] == "nothing_left"


@pytest.mark.slow
def test_who_closes_the_window_before_the_last_button_is_paid_for_what_they_did(
    bench: Any, come: Come
) -> None:
    checks = Checks(constant=2)
    entry = {"allowed_minutes": 30, "quota": 2, "reward": 3.0}
    trial = with_entry(bench.store, bench.study, items_per_annotator=2, overlap=2, checks=checks, **entry)
    now = datetime.now(UTC)
    bench.store.clock = lambda: now
    done, careless, half, withdraws = (come(arrival(number)) for number in range(4))
    for one in (done, careless, half, withdraws):
        one.agree()
    assert (done.rate(), withdraws.rate()) == (2, 2)
    for _ in range(2):
        careless.rate(most=1)
    half.rate(most=1)
    assert ways(bench) == ["completed", None, None, "completed"]  # careless may yet be let in again
    assert come(arrival(9)).door()["why"] == "study_full"  # two have finished
    assert withdraws.ask("withdraw", {"keep": False}).json()["exit"]["way"] == "completed"
    now += timedelta(hours=3)
    assert ways(bench) == ["completed", "failed_checks", "timed_out", "completed"]
    suggested = due(trial.entry, bench.store.crowd_reports.participants("trial"))
    assert [(one.decision, one.reward) for one in suggested] == [
        ("approve", 3.0),
        ("approve, and leave out of the analysis", 3.0),
        ("look", 0.0),
        ("approve", 3.0),
    ]
    assert ["last button" in one.reason for one in suggested] == [True, True, False, False]
    assert done.leave()["exit"]["code"] == CODES["completed"]
    assert half.leave()["exit"]["way"] == "timed_out"


def test_a_bare_id_is_no_log_in(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=4)
    ada = come(arrival(1))
    ada.agree()
    assert ada.rate(most=2) == 2
    assert ada.client.get("/study/trial/item/now/before").json()["item"] is not None

    other = come(arrival(1))
    door = other.door()
    assert (door["step"], door["is_proven"], "exit" in door) == ("return", False, False)
    assert other.session()["code"] == "not_signed_in"
    assert other.return_()["step"] == "work"
    assert bench.count("participant") == 1
    assert other.client.get("/study/trial/item/now/before").json()["item"] is None
    assert [event.kind for event in bench.store.oversight.events("trial")] == ["rejoined"]
    # Both go on, on the same part: nobody is stranded, and nothing is counted twice.
    assert other.rate(most=1) == 1
    assert ada.rate() == 1
    assert other.client.get("/study/trial/item/now/before").json()["item"] is not None
    assert ada.leave() == other.leave()
    assert ways(bench) == ["completed"]


@pytest.mark.slow
def test_a_participant_reaches_one_study_and_nothing_else(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study)
    bench.store.studies.add(replace(bench.study, name="second"))
    ada = come(arrival(1))
    ada.agree()
    assert ada.client.get("/").headers["location"] == "study/trial/"
    for path in (
        "/studies", "/session", "/propose", "/submissions", "/admin/", "/admin/overview", "/leaderboard",
        "/study/trial/leaderboard", "/study/second/", "/study/second/session", "/item/now/before",
    ):  # fmt: skip
        assert ada.client.get(path).status_code == 403, path
    for path in ("/submissions", "/admin/pause", "/study/second/item/x", "/item/x"):
        assert ada.client.post(path, json={}).status_code == 403, path
    assert ada.client.post("/join/second/leave", json={}).json()["code"] == "not_inside"
    session = ada.session()
    assert (session["role"], session["may_propose"], session["studies"]) == ("participant", False, 1)
    name = session["annotator"]
    with pytest.raises(Exception, match="participant of a study"):
        bench.store.logins.reset_token(name)
    with pytest.raises(Exception, match="cannot be added"):
        bench.store.accounts.add(Annotator("zoe", Role.PARTICIPANT))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "arrival_no_id"),
        ("PROLIFIC_PID=", "arrival_no_id"),
        ("participantId=7", "arrival_other_platform"),
        (arrival(1) + "&PROLIFIC_PID=x", "arrival_doubled"),
        ("PROLIFIC_PID=" + "a" * 10_000, "arrival_too_long"),
        ("PROLIFIC_PID=" + "a" * 300, "arrival_too_long"),
        ("PROLIFIC_PID=%3Cscript%3E", "arrival_malformed"),
        (arrival(1, STUDY_ID="other"), "arrival_other_study"),
    ],
)
@pytest.mark.slow
def test_addresses_that_say_nothing_good_are_refused_in_one_word(
    bench: Any, come: Come, query: str, code: str
) -> None:
    with_entry(bench.store, bench.study, platform_studies=("5f0000000000000000000abc",))
    visitor = come(query)
    assert visitor.door()["code"] == code
    body = {"query": query, "agrees": True, "sha256": CONSENT.sha256("en"), "ticked": 1, "width": 1280}
    assert visitor.ask("agree", body).json()["code"] == code
    assert visitor.ask("return", {"query": query}).json()["code"] == code
    assert bench.count("participant") == 0


@pytest.mark.slow
def test_previews_and_people_who_are_logged_in_create_nobody(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study)
    unfilled = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID=s&SESSION_ID=x"
    assert come(unfilled).door()["captured"]["STUDY_ID"] == "s"
    assert come(arrival(1) + "&preview=1").door()["step"] == "preview"
    ada = come(arrival(1))
    ada.client.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
    assert ada.door()["step"] == "logged_in"
    assert ada.agree()["code"] == "logged_in"
    assert bench.count("participant") == 0


@pytest.mark.slow
def test_what_is_agreed_to_is_the_text_as_it_is(bench: Any, come: Come) -> None:
    study = with_entry(bench.store, bench.study, items_per_annotator=2, device=Device(min_width=900))
    ada = come(arrival(1))
    assert ada.agree(ticked=0)["code"] == "boxes"
    assert ada.agree(sha256="0" * 64)["code"] == "consent_changed"
    assert ada.agree(width=600)["code"] == "device"
    assert bench.count("participant") == 0
    assert ada.agree(sha256=CONSENT.sha256("zh"))["step"] == "work"
    ada.rate(most=1)

    changed = Consent({"en": "Something else.", "zh": "别的。"}, version="2")
    bench.store.studies.change(replace(study, entry=replace(study.entry, consent=changed)))
    assert ada.session()["code"] == "consent_changed"
    door = ada.door()
    assert (door["step"], door["is_back"]) == ("consent", True)
    assert ada.agree(sha256=changed.sha256("en"), ticked=0)["step"] == "work"
    assert bench.count("agreement") == 2
    assert ada.rate() == 1


@pytest.mark.slow
def test_who_withdraws_may_have_everything_deleted(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=3, questions=(AGE,))
    ada, bob = come(arrival(1)), come(arrival(2))
    for one in (ada, bob):
        one.agree()
        one.ask("answers", {"answers": {"age": "44"}})
        one.rate(most=2)
    out = ada.ask("withdraw", {"keep": False}).json()
    assert out["exit"]["way"] == "withdrew"
    assert {rating.annotator for rating in bench.store.ratings.all("trial")} == {bob.session()["annotator"]}
    assert list(bench.store.crowd_reports.answers("trial")) == [bob.session()["annotator"]]
    assert [one.items for one in bench.store.crowd_reports.participants("trial")] == [0, 2]
    # Who has finished and takes the data back is paid all the same.
    assert bob.rate() == 1
    bob.leave()
    assert bob.ask("withdraw", {"keep": False}).json()["exit"]["way"] == "completed"
    assert bench.store.ratings.all("trial") == []

    study = bench.store.studies.get("trial")
    until = replace(CONSENT, delete_until=datetime.now(UTC) - timedelta(days=1))
    bench.store.studies.change(replace(study, entry=replace(study.entry, consent=until)))
    assert ada.ask("withdraw", {"keep": False}).json()["code"] == "too_late"


@pytest.mark.slow
def test_links_open_a_study_as_often_as_they_say(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=2)
    links = bench.store.links
    (own,) = links.invite("trial", ["Zoë"])
    (class_,) = links.invite("trial", ["the class"], uses_allowed=2)
    page = come().client.get(f"/join/link/{own}")
    assert (page.status_code, f'data-link="{own}"' in page.text) == (200, True)
    assert come().client.get("/join/link/unknown").status_code == 404
    assert come(link="unknown").door()["code"] == "link_unknown"

    first = come(link=own)
    assert first.door()["step"] == "consent"
    assert links.find(own).uses == 0  # a mail scanner opens it, and nothing is used up
    first.agree()
    first.rate(most=1)
    second = come(link=own)  # the same person's way back, in another browser
    door = second.door()
    assert (door["step"], door["is_proven"]) == ("return", True)
    second.return_()
    assert second.client.get("/study/trial/item/now/before").json()["item"] is not None
    assert bench.count("participant") == 1

    for _ in range(2):
        assert come(link=class_).agree()["step"] == "work"
    assert come(link=class_).door()["code"] == "link_used"
    assert come(link=class_).agree(sha256=CONSENT.sha256("en"), ticked=1)["code"] == "link_used"
    links.revoke("trial", [links.find(own).id])
    assert come(link=own).door()["code"] == "link_revoked"
    (over,) = links.invite("trial", [""], expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert come(link=over).door()["code"] == "link_expired"
    assert own not in str(httpx.get(come().client.base_url.join("/join/trial")).text)


@pytest.mark.slow
def test_who_took_part_elsewhere_is_refused_and_ids_can_be_forgotten(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=1)
    come(arrival(1)).agree()
    second = replace(bench.store.studies.get("trial"), name="second")
    second = replace(second, entry=replace(second.entry, refuse_from=("trial",)))
    bench.store.studies.add(second)
    from nami_bench.domain import Identity
    from nami_bench.store.crowd_admission import Coming

    known = Coming(Identity("prolific", pid(1)))
    assert bench.store.crowd.took_part_elsewhere("second", known.identity)
    assert bench.store.crowd_reports.forget("trial", dry_run=True) == (1, 0)
    assert bench.store.crowd_reports.forget("trial") == (1, 0)
    assert not bench.store.crowd.took_part_elsewhere("second", known.identity)
    assert [one.identity for one in bench.store.crowd_reports.participants("trial")] == [None]
    assert come(arrival(1)).door()["step"] == "consent"


@pytest.mark.slow
def test_somebody_else_at_the_same_computer_is_somebody_else(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=1)
    browser = come(arrival(1))
    first = browser.agree()
    browser.rate()
    assert browser.leave()["step"] == "out"
    browser.query = arrival(2)
    assert browser.door()["step"] == "consent"
    assert browser.agree()["step"] == first["step"] == "work"
    browser.query = arrival(2) + "&PROLIFIC_PID=x"  # what cannot be read says nothing against who is inside
    assert browser.door()["step"] == "work"
    assert ways(bench) == ["completed", None]


def test_strangers_learn_no_names_of_studies(come: Come) -> None:
    for what in ("door", "agree", "return"):
        body = {"agrees": True} if what == "agree" else {}
        for study, code in (("tria", "no_study"), ("trial", "no_entry")):
            visitor = come()
            visitor.study = study
            answer = visitor.ask(what, body)
            assert (answer.json()["code"], "'trial'" in answer.text) == (code, False), answer.text


@pytest.mark.slow
def test_a_participant_is_erased_and_a_study_without_judgements_deleted(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=2, questions=(AGE,))
    (link,) = bench.store.links.invite("trial", ["Zoë"])
    ada, zoe = come(arrival(1)), come(link=link)
    for one in (ada, zoe):
        one.agree()
        one.ask("answers", {"answers": {"age": "30"}})
        one.rate(most=1)
    names = [one.name for one in bench.store.crowd_reports.participants("trial")]
    bench.store.erasures.erase(names[0])
    bench.store.erasures.erase(names[1], keep_ratings=True)
    tables = ("participant", "platform_identity", "agreement", "participant_answer", "login_session")
    assert [bench.count(table) for table in tables] == [0, 0, 0, 0, 0]
    assert [one.label for one in bench.store.links.all("trial")] == [""]
    assert zoe.session()["code"] in ("not_signed_in", "not_yours")  # at once, or within two seconds

    bench.store.studies.add(replace(bench.store.studies.get("trial"), name="second"))
    bench.store.links.invite("second", [""])
    bench.store.studies.delete("second")
    assert bench.count("invitation") == 1


@pytest.mark.slow
def test_what_is_sent_again_after_a_lost_connection_is_one_person(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=2)
    (link,) = bench.store.links.invite("trial", ["the class"], uses_allowed=0)
    for opened_by in ({"link": link}, {"query": arrival(1)}):
        first, again = come(**opened_by), come(**opened_by)
        assert first.agree(once=f"tab of {[*opened_by]}")["step"] == "work"
        body = {**opened_by, "agrees": True, "sha256": CONSENT.sha256("en"), "ticked": 1, "width": 1280}
        sent = again.ask("agree", body | {"once": f"tab of {[*opened_by]}"})  # the first was lost
        assert sent.json()["step"] == "work"
        assert again.session()["annotator"] == first.session()["annotator"]
    assert bench.count("participant") == 2
    assert bench.store.links.find(link).uses == 1
    assert bench.store.oversight.events("trial") == []
    assert come(link=link).agree(once="another tab")["step"] == "work"
    assert bench.count("participant") == 3


@pytest.mark.slow
def test_a_study_for_assigned_people_lets_in_who_comes_by_its_door(bench: Any, come: Come) -> None:
    with_entry(bench.store, bench.study, items_per_annotator=2, admission="assigned")
    ada = come(arrival(1))
    assert ada.agree()["step"] == "work"
    assert ada.rate(most=1) == 1
    told = ada.client.post(
        "/study/trial/messages", json={"client_token": "m1", "text": "The second image is upside down."}
    )
    assert [one["text"] for one in told.json()["messages"]] == ["The second image is upside down."]
    ada.ask("withdraw", {"keep": False})
    assert bench.count("message") == 0
