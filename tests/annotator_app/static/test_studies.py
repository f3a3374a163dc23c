"""In the browser: choosing a study, and what the browser keeps for each."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

Visit = Callable[..., Any]


@pytest.fixture
def two(
    new_studio: Callable[..., Any], listening: Callable[..., AbstractContextManager[str]]
) -> Iterator[Any]:
    """The studies `shown` and `second` of one workspace, on one server."""
    made = new_studio(served=False)
    made.newcomer()
    made.store.studies.add(replace(made.study, name="second"))
    with listening(made, all_studies=True) as made.address:
        yield made


def kept(screen: Any) -> dict[str, Any]:
    """What the browser keeps."""
    return {
        key: json.loads(value)
        for key, value in screen.page.evaluate("Object.entries(localStorage)")
        if key.startswith("nami/")
    }


def entry(token: str, study: Any, number: int) -> dict[str, Any]:
    """A rating as older pages kept it in the outbox."""
    values = {criterion.name: criterion.maximum for criterion in study.criteria}
    body = {"values": values, "reasons": {}, "flag": False, "comment": "", "duration_ms": 900}
    return {"token": token, "body": {"client_token": f"older-{number}", **body}}


def test_nothing_hinders_people_with_a_screen_reader_or_weak_eyes(
    visit: Visit, two: Any, complaints: Callable[..., list[str]]
) -> None:
    screen = visit(two, settled=False)
    screen.page.locator(".studies a").nth(1).wait_for()
    for theme, width in (("light", 1280), ("dark", 320)):
        screen.page.emulate_media(color_scheme=theme)
        screen.page.set_viewport_size({"width": width, "height": 700})
        screen.until(lambda width=width: screen.page.evaluate("innerWidth") == width)
        assert complaints(screen.page) == [], theme
        assert screen.page.locator(".bar").bounding_box()["height"] < 60
        assert screen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_studies_are_chosen_from_and_come_and_go_under_the_eyes(visit: Visit, two: Any) -> None:
    screen = visit(two, settled=False)
    entries = screen.page.locator(".studies a")
    screen.until(lambda: entries.count() == 2)
    two.store.studies.add(replace(two.study, name="third"))
    screen.until(lambda: entries.count() == 3)
    entries.filter(has_text="third").focus()
    two.store.studies.delete("second")
    screen.until(lambda: entries.count() == 2)
    assert screen.page.evaluate("document.activeElement.textContent").startswith("third")
    screen.press("Enter")
    screen.page.wait_for_url(f"{two.address}/study/third/")
    screen.settle()
    screen.wait_for_image()
    screen.part("studies").click()
    screen.page.wait_for_url(f"{two.address}/")
    screen.until(lambda: entries.count() == 2)


def test_what_one_study_keeps_in_the_browser_is_not_anothers(visit: Visit, two: Any) -> None:
    screen = visit(two, path="/study/shown/")
    screen.page.route("**/item/*", lambda route: route.abort())  # nothing is sent
    screen.wait_for_image()
    screen.rate(40, 30, 20, 10)
    screen.until(lambda: screen.unsent == 1)
    screen.page.goto(f"{two.address}/study/second/")
    screen.settle()
    screen.wait_for_image()
    assert screen.unsent == 1  # of the other study
    screen.page.unroute("**/item/*")
    screen.rate(90, 80, 70, 60)
    screen.until(lambda: len([r for r in two.store.ratings.all("second") if r.annotator == screen.name]) == 4)
    assert two.ratings(screen.name) == []
    screen.page.goto(f"{two.address}/study/shown/")
    screen.until(lambda: len(two.ratings(screen.name)) == 4)
    workspaces = {key.rpartition("@")[2] for key in kept(screen) if "/outbox/" in key}
    assert {place.partition("/")[2] for place in workspaces} == {"shown", "second"}
    assert len({place.partition("/")[0] for place in workspaces}) == 1


def test_what_an_older_page_left_unsent_is_sent_and_what_is_anothers_stays(visit: Visit, studio: Any) -> None:
    name = studio.newcomer()
    screen = visit(studio, name)
    items = screen.page.evaluate("fetch('session').then(r => r.json())")["items"]
    sent, drafted = items[1]["token"], items[2]["token"]
    key = f"nami/outbox/{name}/{studio.study.name}"
    foreign = entry("somebody-elses", studio.study, 2)
    draft = {"values": {studio.study.criteria[0].name: 33}, "reasons": {}, "flag": False, "comment": "half"}
    older = {
        key: [entry(sent, studio.study, 1), foreign],
        f"nami/draft/{drafted}": {**draft, "elapsed_ms": 5, "at": 32503680000000},
        "nami/language": "zh",
    }
    screen.page.goto(f"{studio.address}/login")  # no page that would empty its outbox
    screen.page.evaluate(
        "all => Object.entries(all).forEach(([k, v]) => localStorage.setItem(k, JSON.stringify(v)))", older
    )
    screen.page.goto(f"{studio.address}/")
    screen.until(lambda: len(studio.ratings(name)) == len(studio.study.criteria))
    screen.until(lambda: kept(screen)[key] == [foreign])  # the workspace whose it is will find it
    screen.settle()
    screen.rate(10, 20, 30, 40)  # the first of the items; the second was the one sent before
    screen.until(lambda: screen.values[0] == "33")
    assert f"nami/draft/{drafted}" not in kept(screen)


def test_older_unsent_ratings_wait_for_a_server_that_does_not_answer(visit: Visit, studio: Any) -> None:
    name = studio.newcomer()
    screen = visit(studio, name)
    items = screen.page.evaluate("fetch('session').then(r => r.json())")["items"]
    key = f"nami/outbox/{name}/{studio.study.name}"
    screen.page.goto(f"{studio.address}/login")
    older = [entry(items[1]["token"], studio.study, 3)]
    screen.page.evaluate("([k, v]) => localStorage.setItem(k, JSON.stringify(v))", [key, older])
    asked: list[str] = []

    def refuse(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"error": "busy", "code": "unavailable"})

    screen.page.route("**/before", refuse)
    screen.page.goto(f"{studio.address}/")
    screen.settle()
    screen.until(lambda: len(asked) == 1)
    assert kept(screen)[key] == older
    screen.page.unroute("**/before")
    screen.until(lambda: len(studio.ratings(name)) == len(studio.study.criteria))
    assert kept(screen)[key] == []
