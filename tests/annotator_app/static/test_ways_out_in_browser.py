"""Every way out of a study by real pages, back to a stand-in of each platform; and what each is paid."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nami_bench.annotator_app.crowd.payments import approvals, bonuses, due, participants_csv
from nami_bench.domain import Came, Checks, Panel, WayOut
from nami_bench.domain.entry import Bonus
from tests.annotator_app.static.conftest import Studio
from tests.support.crowd import AGE, with_entry
from tests.support.crowd_pages import (
    ConnectPages,
    SonaPages,
    StandIn,
    Windows,
    agree,
    answer,
    end,
    go_back,
    rate,
)

each_platform = pytest.mark.parametrize(
    "platform", [StandIn, ConnectPages, SonaPages], indirect=True, ids=lambda one: one.came.value
)
ITEMS = 3


TITLES = {
    WayOut.COMPLETED: "Thank you for taking part!",
    WayOut.NOTHING_LEFT: "Thank you for taking part!",
    WayOut.NO_CONSENT: "You do not take part",
    WayOut.SCREENED_OUT: "You cannot go on in this study",
    WayOut.FAILED_CHECKS: "Your part ends here",
    WayOut.STUDY_FULL: "The study is full",
    WayOut.TIMED_OUT: "Your time is up",
    WayOut.WITHDREW: "You have stopped",
}


class Crowd:
    """People who come from the platform's page, and leave: `ways` is how each did, by their numbers."""

    def __init__(self, platform: StandIn, studio: Studio, open_page: Windows) -> None:
        self.platform, self.studio, self.open_page = platform, studio, open_page
        self.ways: dict[int, WayOut] = {}
        self.taken: list[str] = []
        platform.study = f"{studio.address}/join/shown"

    def comes(self, number: int, age: int | None = 30) -> Any:
        """Somebody's page: at the door, or, with an age, through text and questions."""
        page = self.open_page(f"{self.platform.address}/?{self.platform.arrival(number)}")
        page.click("text=Open the study")
        if age is not None:
            agree(page)
            answer(page, age)
        return page

    def leaves(self, page: Any, number: int, way: WayOut) -> None:
        """The page of this way out stands there, and leads back to the platform, which takes it."""
        page.wait_for_selector(f"h1:text-is('{TITLES[way]}')")
        go_back(page)
        is_again = self.platform.came is not Came.PROLIFIC and number in self.ways
        self.taken += [] if is_again else self.platform.takes(number, way)
        assert self.platform.taken == self.taken
        self.ways[number] = way


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMI_SONA_CREDIT_TOKEN", SonaPages.token)


@each_platform
def test_every_way_out_leads_back_to_the_platform_and_is_paid_as_it_should(
    new_studio: Callable[..., Studio], platform: StandIn, open_page: Windows
) -> None:
    now = datetime.now(UTC)
    studio = new_studio()
    studio.store.clock = lambda: now
    with_entry(
        studio.store,
        studio.study,
        **platform.entry(),
        questions=(AGE,),
        items_per_annotator=ITEMS,
        quota=2,
        places=2,
        allowed_minutes=30,
        reward=1.5,
        bonus=Bonus(per_item=0.1),
        checks=Checks(constant=ITEMS),
    )
    crowd = Crowd(platform, studio, open_page)

    refuses = crowd.comes(1, age=None)
    refuses.click("[data-part=refuse]")
    crowd.leaves(refuses, 1, WayOut.NO_CONSENT)
    crowd.leaves(crowd.comes(2, age=12), 2, WayOut.SCREENED_OUT)

    careless = crowd.comes(3)
    rate(careless, ITEMS, ITEMS, alike=True)
    end(careless)
    crowd.leaves(careless, 3, WayOut.FAILED_CHECKS)

    stops = crowd.comes(4)
    rate(stops, 1, ITEMS)
    stops.click("[data-part=stop]")
    stops.click(".choice button:nth-child(2)")
    crowd.leaves(stops, 4, WayOut.WITHDREW)

    late = crowd.comes(5)
    rate(late, 1, ITEMS)
    finishes = crowd.comes(6)
    crowd.leaves(crowd.comes(7, age=None), 7, WayOut.STUDY_FULL)
    rate(finishes, ITEMS, ITEMS)
    end(finishes)
    crowd.leaves(finishes, 6, WayOut.COMPLETED)
    finishes.go_back()  # and once more, by the back button
    crowd.leaves(finishes, 6, WayOut.COMPLETED)

    now += timedelta(minutes=31)
    takes_the_place = crowd.comes(8)
    late.reload()
    end(late)
    crowd.leaves(late, 5, WayOut.TIMED_OUT)
    rate(takes_the_place, ITEMS, ITEMS)
    end(takes_the_place)
    crowd.leaves(takes_the_place, 8, WayOut.COMPLETED)
    crowd.leaves(crowd.comes(9, age=None), 9, WayOut.STUDY_FULL)

    study = studio.store.studies.get("shown")
    assert study.entry is not None
    dues = due(study.entry, studio.store.crowd_reports.participants("shown"))
    rows = [*csv.DictReader(io.StringIO(participants_csv(study.entry, dues).decode()))]
    who = platform.person
    decided = ("participant", "way_out", "items", "decision", "reward", "bonus")
    assert [tuple(row[name] for name in decided) for row in rows] == [
        (who(2), "screened_out", "0", "screen out", "0.00", "0.00"),
        (who(3), "failed_checks", "3", "approve, and leave out of the analysis", "1.50", "0.00"),
        (who(4), "withdrew", "0", "ask to return", "0.00", "0.00"),
        (who(5), "timed_out", "1", "look", "0.00", "0.00"),
        (who(6), "completed", "3", "approve", "1.50", "0.30"),
        (who(8), "completed", "3", "approve", "1.50", "0.30"),
    ]
    assert studio.store.crowd_reports.turned_away("shown") == {"no_consent": 1}
    expected = {
        Came.PROLIFIC: (f"{who(3)}\n{who(6)}\n{who(8)}\n", f"{who(6)},0.30\n{who(8)},0.30\n"),
        Came.CONNECT: (
            f"{who(3)}\n{who(6)}\n{who(8)}\n",
            f"participantId,amount\r\n{who(6)},0.30\r\n{who(8)},0.30\r\n",
        ),
        # Who has credit is not to be credited again by hand; a bonus SONA does not pay.
        Came.SONA: (
            f"survey_code,experiment_id\r\n{who(3)},{SonaPages.experiment}\r\n",
            "participant,submission,label,way_out,bonus,currency\r\n"
            f"{who(6)},,,completed,0.30,GBP\r\n{who(8)},,,completed,0.30,GBP\r\n",
        ),
    }
    paid = (approvals(study.entry, dues).decode(), bonuses(study.entry, dues).decode())
    assert paid == expected[platform.came]
    if isinstance(platform, SonaPages):
        assert platform.asked_for == [who(6), who(8)]
        assert [row["credit"] for row in rows] == ["", "", "", "", "granted", "granted"]
    assert not [address for address in open_page.asked_for if SonaPages.token in address]


@each_platform
def test_who_finds_nothing_left_has_finished_and_who_finds_nothing_at_all_is_sent_back(
    new_studio: Callable[..., Studio],
    platform: StandIn,
    open_page: Windows,
    complaints: Callable[..., list[str]],
) -> None:
    studio = new_studio(prompts=("a circle", "a star"), panel=Panel.SPREAD, overlap=1)
    with_entry(
        studio.store,
        studio.study,
        **platform.entry(),
        questions=(AGE,),
        items_per_annotator=ITEMS,
        reward=2,
    )
    crowd = Crowd(platform, studio, open_page)
    first, second, third = (crowd.comes(number) for number in (1, 2, 3))
    rate(first, ITEMS, ITEMS)
    end(first)
    crowd.leaves(first, 1, WayOut.COMPLETED)
    rate(second, 1, 1)
    end(second)
    second.wait_for_selector("text=Nothing more is left to rate")
    assert complaints(second) == []
    crowd.leaves(second, 2, WayOut.NOTHING_LEFT)
    third.click("main a.primary")
    end(third)
    crowd.leaves(third, 3, WayOut.STUDY_FULL)

    study = studio.store.studies.get("shown")
    assert study.entry is not None
    dues = due(study.entry, studio.store.crowd_reports.participants("shown"))
    assert [(one.report.way_out, one.report.items, one.decision, one.reward) for one in dues] == [
        (WayOut.COMPLETED, 3, "approve", 2),
        (WayOut.NOTHING_LEFT, 1, "approve", 2),
        (WayOut.STUDY_FULL, 0, "ask to return", 0),
    ]
