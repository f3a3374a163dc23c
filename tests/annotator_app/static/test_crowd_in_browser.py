"""Fifty people from a platform, by real pages and over HTTP, with a stand-in of the platform's own pages."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from nami_bench.annotator_app.crowd.payments import approvals, bonuses, due, participants_csv
from nami_bench.domain import Came, Checks, Device, WayOut
from nami_bench.domain.entry import Bonus, Signature
from tests.support.crowd import AGE, CODES, EXPERTISE, STUDY_ID, Visitor, arrival, pid, with_entry
from tests.support.crowd_pages import StandIn, Windows, agree, answer, end, go_back, rate
from tests.support.crowd_signatures import Platform


def test_a_person_goes_from_the_platform_through_the_pages_and_back(
    new_studio: Callable[..., Any],
    platform: StandIn,
    open_page: Windows,
    complaints: Callable[..., list[str]],
) -> None:
    studio = new_studio(items_per_annotator=2)
    redirects = dict.fromkeys(CODES, f"{platform.address}/complete?cc={{code}}")
    with_entry(studio.store, studio.study, redirects=redirects, questions=(AGE, EXPERTISE))
    platform.study = f"{studio.address}/join/shown"

    page = open_page(f"{platform.address}/?{arrival(1)}")
    page.click("text=Open the study")
    page.wait_for_selector("[data-part=agree]")
    assert page.url == f"{studio.address}/join/shown"  # the id is out of the address bar
    sizes = [page.locator(f"[data-part={name}]").bounding_box() for name in ("agree", "refuse")]
    assert (sizes[0]["width"], sizes[0]["height"]) == (sizes[1]["width"], sizes[1]["height"])
    assert complaints(page) == []
    page.reload()
    page.wait_for_selector("[data-part=agree]")  # and known all the same
    page.click("[data-part=agree]")
    assert "Tick every box" in page.inner_text("[data-part=problem]")
    assert studio.store.crowd_reports.participants("shown") == []

    agree(page)
    page.wait_for_selector("form.asked")
    assert complaints(page) == []
    page.click("form.asked [type=submit]")
    assert "answer every question" in page.inner_text("[data-part=problem]")
    answer(page, 300)
    assert page.inner_text("[data-part=problem]") == "A number from 0 to 120"
    answer(page, 30)
    page.wait_for_selector("main a.primary")
    assert complaints(page) == []
    rate(page, 2, 2)
    end(page)
    page.wait_for_selector("[data-part=code]")
    assert complaints(page) == []
    assert page.inner_text("[data-part=code]") == CODES[WayOut.COMPLETED]
    go_back(page)
    page.go_back()
    page.wait_for_selector("[data-part=code]")
    assert page.inner_text("[data-part=code]") == CODES[WayOut.COMPLETED]
    page.goto(f"{studio.address}/study/shown/")  # to the work, by the address: it is over
    page.wait_for_selector("[data-part=code]")
    assert platform.taken == [CODES[WayOut.COMPLETED]]
    page.click(".stop button")  # may take the data back still
    page.wait_for_selector("text=Withdraw your data?")
    assert page.locator(".choice").inner_text() == "Delete what I gave"
    assert complaints(page) == []

    refuses = open_page(f"{studio.address}/join/shown?{arrival(2)}", locale="zh-CN")
    refuses.click("[data-part=refuse]")
    go_back(refuses)
    assert platform.taken[1:] == [CODES[WayOut.NO_CONSENT]]

    stops = open_page(f"{studio.address}/join/shown?{arrival(3)}")
    agree(stops)
    answer(stops, 44)
    stops.click("main a.primary")
    stops.wait_for_selector(".frame img", state="visible")
    if stops.locator("dialog[open]").count():
        stops.keyboard.press("Escape")
    stops.click("[data-part=stop]")
    stops.wait_for_selector(".choice")
    assert complaints(stops) == []
    stops.click(".choice button:nth-child(2)")
    stops.wait_for_selector("[data-part=code]")
    assert stops.inner_text("[data-part=code]") == CODES[WayOut.WITHDREW]

    one_tab, other = (open_page(f"{studio.address}/join/shown?{arrival(4)}") for _ in range(2))
    agree(one_tab)
    answer(one_tab, 50)
    one_tab.wait_for_selector("main a.primary")
    other.reload()
    other.click("main .primary")  # "Welcome back"
    other.wait_for_selector("main a.primary")
    assert studio.store.oversight.events("shown", limit=1)[0].kind == "rejoined"


def test_each_bad_arrival_has_one_clear_screen_in_both_languages(
    new_studio: Callable[..., Any], open_page: Windows, complaints: Callable[..., list[str]]
) -> None:
    studio = new_studio()
    with_entry(studio.store, studio.study, device=Device(min_width=900, keyboard=True))
    (link,) = studio.store.links.invite("shown", [""], expires_at=datetime.now(UTC) - timedelta(days=1))
    seen = set()
    for path in (
        "shown", f"shown?{arrival(1)}&PROLIFIC_PID=2", "shown?participantId=3",
        "shown?PROLIFIC_PID=" + "a" * 10_000, "shown?PROLIFIC_PID=x", f"link/{link}", "link/unknown",
        "nowhere", f"shown?{arrival(1)}&preview=1",
    ):  # fmt: skip
        for locale in ("en-US", "zh-CN"):
            page = open_page(f"{studio.address}/join/{path}", locale=locale)
            page.wait_for_selector("main h1")
            words = page.inner_text("main")
            assert "join." not in words, words
            assert words not in seen
            seen.add(words)
            if locale == "en-US":
                assert complaints(page) == []
    phone = open_page(
        f"{studio.address}/join/shown?{arrival(1)}",
        viewport={"width": 390, "height": 800},
        has_touch=True,
        is_mobile=True,
    )
    phone.wait_for_selector("main h1")
    assert "at least 900 pixels" in phone.inner_text("main")
    assert phone.locator("[data-part=agree]").count() == 0
    assert studio.store.crowd_reports.participants("shown") == []


def test_forged_expired_replayed_and_used_addresses_have_a_screen_each(
    new_studio: Callable[..., Any], open_page: Windows, complaints: Callable[..., list[str]]
) -> None:
    signs, forges = Platform(), Platform()
    studio = new_studio()
    signature = Signature("rate.example", keys=json.dumps(signs.keys))
    with_entry(studio.store, studio.study, signature=signature, platform_studies=(STUDY_ID,))
    links = studio.store.links
    used, revoked = links.invite("shown", ["Zoë", "Jörg"], uses_allowed=2)
    links.revoke("shown", [links.find(revoked).id])
    for _ in range(2):
        page = open_page(f"{studio.address}/join/link/{used}")
        agree(page)
        page.wait_for_selector("main a.primary")
    good = signs.signed(arrival(1))
    elsewhere = signs.signed(arrival(1, STUDY_ID="another"))
    for path, words in (
        (f"shown?{arrival(1)}", "lacks the platform's signature"),
        (f"shown?{forges.signed(arrival(1))}", "signature in the address is not good"),
        (f"shown?{signs.signed(arrival(1), ends_in=-3600)}", "The address has expired"),
        (f"shown?{good.replace(pid(1), pid(2))}", "is for somebody else"),
        (f"shown?{elsewhere}", "belongs to another study"),
        (f"link/{used}", "used already by as many people"),
        (f"link/{revoked}", "was withdrawn"),
    ):
        page = open_page(f"{studio.address}/join/{path}")
        page.get_by_text(words).wait_for()
        assert page.inner_text("main h1") == "You cannot come in by this address"
        assert complaints(page) == []
    assert len(studio.store.crowd_reports.participants("shown")) == 2  # those of the link
    page = open_page(f"{studio.address}/join/shown?{good}")
    agree(page)
    page.wait_for_selector("main a.primary")
    # The same address replayed in another browser: the person's own part, and no other.
    again = open_page(f"{studio.address}/join/shown?{good}")
    again.click("main .primary")
    again.wait_for_selector("main a.primary")
    assert len(studio.store.crowd_reports.participants("shown")) == 3


def test_fifty_people_leave_by_every_way_and_the_files_are_right_to_the_row(
    new_studio: Callable[..., Any], platform: StandIn, open_page: Windows
) -> None:
    """Numbers say what becomes of whom; the first of most kinds goes by real pages."""
    now = datetime.now(UTC)
    studio = new_studio(prompts=tuple(f"thing {n}" for n in range(6)))
    studio.store.clock = lambda: now
    redirects = dict.fromkeys(CODES, f"{platform.address}/complete?cc={{code}}")
    with_entry(
        studio.store,
        studio.study,
        redirects=redirects,
        questions=(AGE,),
        items_per_annotator=3,
        quota=37,
        allowed_minutes=30,
        reward=1.5,
        bonus=Bonus(per_item=0.1),
        checks=Checks(constant=3),
    )
    expected: dict[int, str] = {}
    with ExitStack() as stack:

        def visitor(number: int, age: int | None = 30) -> Visitor:
            one = stack.enter_context(Visitor(studio.address, "shown", arrival(number)))
            one.agree()
            if age is not None:
                one.ask("answers", {"answers": {"age": str(age)}})
            return one

        for number in (1, 2):
            page = open_page(f"{studio.address}/join/shown?{arrival(number)}")
            agree(page)
            answer(page, 30 if number == 1 else 12)
            if number == 1:
                rate(page, 3, 3)
                end(page)
            go_back(page)
            expected[number] = "completed" if number == 1 else "screened_out"
        for number in range(3, 7):
            expected[number] = "screened_out"
            visitor(number, age=15)
        inside = [visitor(number) for number in range(7, 17)]
        for number in range(17, 21):
            expected[number] = "failed_checks"
            one = visitor(number)
            for _ in range(3):
                one.rate(most=1, value=40.0)
            assert one.leave()["exit"]["way"] == "failed_checks"
        for number in range(21, 24):
            expected[number] = "withdrew"
            one = visitor(number)
            one.rate(most=1)
            one.ask("withdraw", {"keep": number != 22})
        timed_out = [visitor(number) for number in range(24, 27)]
        timed_out[0].rate(most=2)
        now += timedelta(minutes=29)
        for number in range(27, 63):
            expected[number] = "completed"
            one = visitor(number)
            assert one.rate() == 3
            out = one.leave()
            assert out["exit"]["address"] == f"{platform.address}/complete?cc={CODES[WayOut.COMPLETED]}"
        # The quota is met (1 and 36 more), and ten are inside: they finish and are paid; nobody new begins.
        for number in range(70, 73):
            late = stack.enter_context(Visitor(studio.address, "shown", arrival(number)))
            assert late.agree()["exit"]["way"] == "study_full"
        for number, one in enumerate(inside, 7):
            expected[number] = "completed"
            assert one.rate() == 3
            assert one.leave()["exit"]["way"] == "completed"
        now += timedelta(minutes=10)
        assert timed_out[0].session()["code"] == "timed_out"
        assert timed_out[0].leave()["exit"]["code"] == CODES[WayOut.TIMED_OUT]
        expected |= dict.fromkeys(range(24, 27), "timed_out")
        for number in range(80, 84):
            stack.enter_context(Visitor(studio.address, "shown", arrival(number))).agree(agrees=False)

    study = studio.store.studies.get("shown")
    dues = due(study.entry, studio.store.crowd_reports.participants("shown"))
    rows = [*csv.DictReader(io.StringIO(participants_csv(study.entry, dues).decode()))]
    assert {int(row["participant"], 16): row["way_out"] for row in rows} == expected
    assert len(rows) == 62
    assert studio.store.crowd_reports.turned_away("shown") == {"no_consent": 4}
    paid = {number for number, way in expected.items() if way in ("completed", "failed_checks")}
    assert {*approvals(study.entry, dues).decode().split()} == {pid(number) for number in paid}
    finished = {number for number, way in expected.items() if way == "completed"}
    lines = Counter(bonuses(study.entry, dues).decode().splitlines())
    assert lines == Counter(f"{pid(number)},0.30" for number in finished)
    assert platform.taken == [CODES[WayOut.COMPLETED], CODES[WayOut.SCREENED_OUT]]
    assert {row["items"] for row in rows if row["way_out"] == "completed"} == {"3"}
    assert Counter(row["decision"] for row in rows)["look"] == 1


def test_a_generic_platform_and_a_link_lead_back_where_the_settings_say(
    new_studio: Callable[..., Any], platform: StandIn, open_page: Windows
) -> None:
    studio = new_studio(items_per_annotator=1)
    with_entry(
        studio.store,
        studio.study,
        provider=Came.GENERIC,
        parameters={"participant": "response_id"},
        redirects={WayOut.COMPLETED: f"{platform.address}/complete?cc={{participant}}"},
        codes={},
    )
    page = open_page(f"{studio.address}/join/shown?response_id=R_7%26a")
    agree(page)
    rate(page, 1, 1)
    end(page)
    go_back(page)
    assert platform.taken == ["R_7&a"]

    (link,) = studio.store.links.invite("shown", ["Zoë"])
    page = open_page(f"{studio.address}/join/link/{link}")
    page.wait_for_selector("[data-part=agree]")
    assert link not in page.url
    agree(page)
    rate(page, 1, 1)
    end(page)
    page.wait_for_selector("text=Thank you for taking part!")
    again = open_page(f"{studio.address}/join/link/{link}")
    again.click("main .primary")
    again.wait_for_selector("text=Thank you for taking part!")
    reports = studio.store.crowd_reports.participants("shown")
    assert [(one.label, one.way_out) for one in reports] == [("", "completed"), ("Zoë", "completed")]
