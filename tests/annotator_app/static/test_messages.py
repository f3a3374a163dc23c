"""Messages on the rating screen: seen without being in the way, answered there, also by who is paused."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def look_again(screen: Any) -> None:
    """The page does this by itself every half minute."""
    with screen.page.expect_response("**/messages"):
        screen.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def comment(screen: Any, words: str) -> None:
    screen.press("c")
    screen.page.keyboard.insert_text(words)
    screen.press("Control+Enter")


def test_a_message_waits_for_the_next_item_and_is_answered_by_keys(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio()
    store = studio.store
    store.announcements.add("shown", "Welcome!\nTake your time.", by="root")
    ada = visit(studio)
    told = ada.part("told")
    told.get_by_text("Welcome!").wait_for()
    told.get_by_role("button", name="Got it").click()
    ada.until(lambda: not told.is_visible())
    assert ada.page.evaluate("document.activeElement.closest('.criteria') !== null"), (
        "the scores have it back"
    )

    ada.wait_for_image()
    comment(ada, "six fingers")
    ada.rate(70, 60, 50, 40)
    ada.wait_for_count("1 of 8")
    ada.wait_until_sent()
    (flag,) = store.oversight.flags("shown")
    ada.wait_for_image()
    ada.press("7")
    before = ada.page.locator(".criteria").bounding_box()
    store.messages.write("shown", ada.name, "<b>Yes</b>, that is a flaw.", by="root", about=flag.number)
    look_again(ada)
    ada.page.get_by_role("button", name="Messages (1 new)").wait_for()
    assert ada.page.locator(".criteria").bounding_box() == before, "nothing moves under the pointer"
    ada.press("0")  # the number goes on as if nothing had come
    assert ada.values[0] == "70"
    ada.rate(60, 50, 40)
    ada.wait_for_count("2 of 8")
    told.get_by_text("The organizer wrote: <b>Yes</b>, that is a flaw.").wait_for()
    assert told.get_attribute("role") == "status"
    ada.wait_for_image()
    ada.press("5", "5")
    assert ada.values[0] == "55"

    told.get_by_role("button", name="Read and answer").focus()
    ada.press("Enter")
    thread = ada.page.locator("dialog .thread")
    thread.get_by_text("six fingers").wait_for()
    assert thread.get_by_text("About “").is_visible()
    ada.page.keyboard.insert_text("Thank you, I will look for it.")
    ada.press("Escape")
    ada.page.get_by_role("button", name="Messages", exact=True).click()
    assert ada.page.locator("dialog textarea").input_value() == "Thank you, I will look for it."
    ada.press("Control+Enter")
    thread.locator("li.mine").wait_for()
    assert ada.page.locator("dialog textarea").input_value() == ""
    ada.press("Escape")
    ada.until(lambda: not told.is_visible())
    told_, said = store.messages.thread("shown", ada.name)
    assert (told_.is_read, said.text) == (True, "Thank you, I will look for it.")
    ada.page.reload()
    ada.settle()
    ada.page.get_by_role("button", name="Messages", exact=True).wait_for()
    assert not told.is_visible()


def test_who_is_paused_reads_why_and_writes_from_there(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(contact="lab@uni.example")
    ada = visit(studio, viewport={"width": 390, "height": 844}, locale="zh-CN")
    ada.wait_for_image()
    studio.store.oversight.pause("shown", ada.name, "please call")
    ada.page.reload()
    ada.wait_for("please call")
    assert ada.page.get_by_text("lab@uni.example").is_visible()
    ada.page.get_by_role("button", name="给组织者写消息").click()
    ada.page.keyboard.insert_text("为什么？")
    ada.page.route("**/messages", lambda route: route.abort())
    ada.press("Control+Enter")
    ada.page.get_by_text("未发送，内容保留在此处").wait_for()
    ada.page.unroute("**/messages")
    ada.press("Control+Enter")
    ada.page.locator("dialog li.mine").wait_for()
    assert [one.text for one in studio.store.messages.thread("shown", ada.name)] == ["为什么？"]
    look_again(ada)
    studio.store.messages.write("shown", ada.name, "It was our mistake.", by="root")
    look_again(ada)
    ada.page.locator("dialog .thread").get_by_text("It was our mistake.").wait_for()
