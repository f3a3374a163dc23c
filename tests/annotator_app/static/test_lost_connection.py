"""Nothing is lost and nothing is doubled: drafts, lost connections, restarts, log-outs, two tabs."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nami_bench.domain import Role


def submissions(studio: Any, name: str) -> list[list[float]]:
    """What somebody submitted, item by item in the order of arrival: the values in the criteria's order."""
    by_item: dict[Any, dict[str, Any]] = {}
    for r in studio.ratings(name):
        by_item.setdefault((r.created_at, r.model, r.prompt_id), {})[r.criterion] = r.value
    names = [criterion.name for criterion in studio.study.criteria]
    return [[values[n] for n in names] for _, values in sorted(by_item.items(), key=lambda one: one[0][0])]


def test_a_draft_survives_a_reload(studio: Any, screen: Any) -> None:
    screen.press("4", "2", "x", "4", "f", "c")
    screen.page.keyboard.type("half a thought")
    screen.press("Control+Enter")
    prompt = screen.prompt
    screen.page.reload()
    screen.wait_for_image()
    assert screen.prompt == prompt
    assert screen.values == ["42", "can’t judge", "not rated yet", "not rated yet"]
    assert screen.part("flag").get_attribute("aria-pressed") == "true"
    screen.press("1", "1", "2", "2", "Enter")  # from the first without a score on
    screen.wait_for_count("1 of 8")
    screen.wait_until_sent()
    assert studio.stored(screen.name, "coherence") == ["other"]
    assert screen.page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('nami/draft'))") == []


def test_time_counts_only_while_the_page_is_seen(studio: Any, screen: Any) -> None:
    begun = time.monotonic()
    seen_for = "performance.now() - performance.getEntriesByName('shown').at(-1).startTime"
    seen_ms = screen.page.evaluate(seen_for)
    screen.press("1", "1", "2", "2")
    hide = "Object.defineProperty(document, 'hidden', {get: () => %s, configurable: true})"
    tell = "; document.dispatchEvent(new Event('visibilitychange'))"
    screen.page.evaluate(hide % "true" + tell)
    hidden = time.monotonic()
    time.sleep(1.5)
    hidden_ms = 1000 * (time.monotonic() - hidden)
    screen.page.evaluate(hide % "false" + tell)
    screen.page.reload()  # and the time before a reload counts
    screen.wait_for_image()
    screen.press("3", "3", "4", "4", "Enter")
    screen.wait_for_count("1 of 8")
    screen.wait_until_sent()
    (duration,) = {r.duration_ms for r in studio.ratings(screen.name)}
    assert 0 < duration <= seen_ms + 1000 * (time.monotonic() - begun) - hidden_ms


def test_a_lost_connection_is_said_calmly_and_everything_is_sent_once_in_order(
    studio: Any, screen: Any
) -> None:
    screen.rate(10, 11, 12, 13)
    screen.wait_for_count("1 of 8")
    screen.wait_until_sent()
    screen.page.wait_for_load_state("networkidle")  # the next two images are there
    screen.page.context.set_offline(True)
    screen.rate(20, 20, 20, 20)
    screen.wait_for("Kept in this browser, not sent yet: 1. The server does not answer.")
    assert screen.part("notice").inner_text().endswith("sent again by itself; you can go on.")
    for number in (30, 40):
        screen.rate(*[number] * 4)
    screen.wait_for("Kept in this browser, not sent yet: 3. The server does not answer.")
    screen.wait_for("Waiting for the connection")
    assert (
        screen.part("notice").inner_text().endswith("It is sent again by itself.")
    )  # there is nothing to go on with
    screen.wait_for_count("4 of 8")
    assert len(submissions(studio, screen.name)) == 1
    screen.page.context.set_offline(False)
    screen.wait_for_image()
    screen.wait_until_sent()
    screen.part("notice").wait_for(state="hidden")
    assert [values[0] for values in submissions(studio, screen.name)] == [10, 20, 30, 40]
    assert len(studio.ratings(screen.name)) == 4 * 4
    screen.wait_for_count("4 of 8")


def test_a_lost_answer_does_not_double_a_rating(studio: Any, screen: Any) -> None:
    answers = 0

    def lose(route: Any) -> None:
        nonlocal answers
        answers += 1
        if answers == 1:
            route.fetch()  # the server has it, the browser never hears of it
            route.abort()
        else:
            route.continue_()

    screen.page.route("**/item/*", lose)
    screen.rate(10, 11, 12, 13)
    screen.wait_until_sent()
    assert answers >= 2
    assert submissions(studio, screen.name) == [[10, 11, 12, 13]]


def test_what_is_not_sent_survives_a_reload_and_a_log_out(studio: Any, visit: Callable[..., Any]) -> None:
    screen = visit(studio)
    context = screen.page.context
    cookies = context.cookies()
    context.clear_cookies()
    screen.rate(10, 11, 12, 13)
    screen.wait_for("You are logged out. Log in again to go on")
    screen.press("5", "5")
    screen.page.get_by_role("button", name="Log in").click()
    screen.page.wait_for_url("**/login")
    assert submissions(studio, screen.name) == []
    context.add_cookies(cookies)
    screen.page.goto(screen.address)
    screen.wait_for_image()
    screen.wait_until_sent()
    assert submissions(studio, screen.name) == [[10, 11, 12, 13]]
    assert screen.values[0] == "55"


def test_a_killed_server_loses_nothing(
    new_studio: Callable[..., Any], visit: Callable[..., Any], start_server: Callable[..., Any]
) -> None:
    studio = new_studio(served=False)
    name = studio.newcomer(Role.ANNOTATOR)
    server = start_server(studio, "--port", "0")
    studio.address = server.address
    screen = visit(studio, name)
    screen.page.wait_for_load_state("networkidle")
    screen.rate(10, 11, 12, 13)
    screen.wait_for_count("1 of 8")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    screen.rate(20, 20, 20, 20)
    screen.wait_for("not sent yet")
    screen.page.wait_for_timeout(700)  # tried again in vain
    start_server(studio, "--port", server.address.rpartition(":")[2])
    screen.wait_until_sent()
    screen.wait_for_image()
    assert submissions(studio, name) == [[10, 11, 12, 13], [20, 20, 20, 20]]


ANSWERS_OF_OTHERS: list[dict[str, Any]] = [
    *({"status": status, "body": "<h1>no</h1>"} for status in (400, 401, 403, 404, 413, 422, 502)),
    *({"status": status, "json": {"error": "no", "code": "bad_answers"}} for status in (400, 404, 409)),
    {"status": 200, "body": "<h1>Log in to this network</h1>"},
    {"status": 200, "json": {}},
    {"status": 200, "body": "null"},
    {"status": 200, "json": {"received": "another", "items": []}},
]


def test_only_the_servers_own_answer_takes_an_unsent_rating_out_of_the_browser(
    studio: Any, screen: Any
) -> None:
    answers = iter(ANSWERS_OF_OTHERS)
    given = 0

    def answer(route: Any) -> None:
        nonlocal given
        found = next(answers, None)
        if found is None:
            route.abort()
        else:
            route.fulfill(**found)
        given += 1

    screen.page.route("**/item/*", answer)
    screen.rate(10, 11, 12, 13)
    for number in range(1, len(ANSWERS_OF_OTHERS) + 1):
        screen.until(lambda number=number: given == number)
        screen.wait_for("Kept in this browser, not sent yet: 1.")
        assert screen.unsent == 1
        screen.page.evaluate("window.dispatchEvent(new Event('online'))")  # sooner than by itself
    screen.page.unroute("**/item/*")
    screen.page.reload()
    screen.wait_until_sent()
    assert submissions(studio, screen.name) == [[10, 11, 12, 13]]
    assert screen.part("refused").is_hidden()


def test_refused_scores_are_shown_kept_for_download_and_work_goes_on(studio: Any, screen: Any) -> None:
    refusal = {"error": "gone to somebody else", "code": "taken_over", "final": True}
    screen.page.route("**/item/*", lambda route: route.fulfill(status=409, json=refusal), times=1)
    prompt = screen.prompt
    screen.rate(10, 11, 12, 13)
    screen.wait_for("The scores of an item were not taken, and are kept in this browser: It took so long")
    screen.wait_for_image()
    assert studio.ratings(screen.name) == []
    screen.rate(20, 20, 20, 20)
    screen.wait_until_sent()
    screen.until(lambda: screen.values == ["10", "11", "12", "13"])  # still in hand: comes again as given
    screen.page.get_by_role("button", name="Show them").click()  # it stays until it was read
    screen.part("notice").wait_for(state="hidden")
    window = screen.page.locator("dialog.window-refused")
    assert prompt in window.inner_text() and "It took so long that the item" in window.inner_text()
    screen.press("Escape")
    screen.until(lambda: len(submissions(studio, screen.name)) == 1)

    screen.page.reload()
    screen.wait_for_image()
    screen.page.get_by_role("button", name="Not taken: 1").click()
    with screen.page.expect_download() as download:
        screen.page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"refused-shown-{screen.name}.json"
    kept = json.loads(Path(download.value.path()).read_text())
    (entry,) = kept["refused"]
    assert (kept["study"], kept["annotator"]) == ("shown", screen.name)
    assert sorted(entry["body"]["values"].values()) == [10, 11, 12, 13]
    assert (entry["about"]["prompt"], entry["refused"]["code"]) == (prompt, "taken_over")
    screen.page.get_by_role("button", name="Remove from this browser").click()
    assert window.is_visible()  # asked once more
    screen.page.get_by_role("button", name="Remove for good: 1").click()
    assert screen.part("refused").is_hidden()
    assert screen.page.evaluate("Object.values(localStorage).join()").count("taken_over") == 0


def test_a_database_that_is_gone_is_said_on_the_screen_and_nothing_is_lost_when_it_is_back(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio()
    screen = visit(studio)
    root = studio.workspace.root
    (root / "nami.db").rename(root / "elsewhere.db")
    screen.rate(10, 11, 12, 13)
    screen.wait_for("The server’s database is gone or damaged, and nothing can be saved")
    assert screen.unsent == 1
    (root / "elsewhere.db").rename(root / "nami.db")
    screen.page.evaluate("window.dispatchEvent(new Event('online'))")
    screen.wait_until_sent()
    assert submissions(studio, screen.name) == [[10, 11, 12, 13]]


def test_of_two_tabs_one_works_and_the_other_can_take_over(studio: Any, screen: Any) -> None:
    screen.press("1", "1")
    second = screen.page.context.new_page()
    second.goto(studio.address)
    second.wait_for_selector("text=Open in another tab")
    second.keyboard.press("7")
    second.keyboard.press("Enter")  # work here
    second.wait_for_selector(".frame img")
    screen.wait_for("Open in another tab")
    assert second.locator(".criterion .value").first.inner_text() == "11"  # the draft came along
    screen.press("2", "2")
    for key in (*"223344", "Enter"):
        second.keyboard.press(key)
    second.wait_for_selector("[data-part=count]:text-is('1 of 8')")
    screen.press("Enter")  # back to the first tab
    screen.wait_for_count("1 of 8")
    screen.wait_for_image()
    second.wait_for_selector("text=Open in another tab")
    screen.wait_until_sent()
    assert submissions(studio, screen.name) == [[11, 22, 33, 44]]
