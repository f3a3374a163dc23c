"""Two images side by side; scales of buttons; training and qualification; phases without items."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from nami_bench.domain import Criterion
from nami_bench.domain.study import CheckItem, CheckKind

CRITERIA = (Criterion("relevance", 0.5), Criterion("realism", 0.5))
FIVE = (Criterion("relevance", 1, 1, 5, {1: "unrelated", 5: "all of it"}),)


def outcomes(studio: Any, criterion: str) -> list[str]:
    """The verdicts in force on a criterion."""
    found = studio.store.comparisons.all(studio.study.name)
    return sorted(str(c.outcome) for c in found if c.criterion == criterion)


def test_pairs_are_judged_by_keyboard(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = new_studio(mode="pairwise", criteria=CRITERIA)
    screen = visit(studio)
    assert screen.page.locator(".frame img").count() == 2
    left, right = (screen.page.locator(".frame img").nth(i) for i in (0, 1))
    assert left.bounding_box()["x"] + left.bounding_box()["width"] <= right.bounding_box()["x"] + 1
    for done, (keys, words) in enumerate(
        [
            (["ArrowLeft", "ArrowRight"], ["Left", "Right"]),
            (["t", "b"], ["Tie", "Both bad"]),
            (["1", "4"], ["Left", "Both bad"]),
        ]
    ):
        screen.wait_for_image()
        screen.press(*keys)
        assert screen.values == words
        screen.press("Enter")
        screen.wait_for_count(f"{done + 1} of 4")
    screen.page.get_by_role("radio", name="Tie").first.click()
    screen.page.get_by_role("radio", name="Right").last.click()
    screen.press("Enter")
    screen.wait_for("Thank you!")
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    assert screen.values == ["Tie", "Right"]
    screen.press("ArrowUp", "ArrowUp", "ArrowRight", "Enter")
    screen.wait_for("Thank you!")
    screen.wait_until_sent()
    assert outcomes(studio, "relevance") == ["left", "left", "right", "tie"]
    assert outcomes(studio, "realism") == ["both_bad", "both_bad", "right", "right"]


def test_both_images_are_zoomed_as_one(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    screen = visit(new_studio(mode="pairwise", criteria=CRITERIA))
    boxes = [frame.bounding_box() for frame in screen.page.locator(".frame").all()]
    screen.page.mouse.move(boxes[1]["x"] + 40, boxes[1]["y"] + boxes[1]["height"] / 2)
    screen.page.mouse.wheel(0, -300)
    screen.press("Shift+ArrowLeft")

    def places() -> list[Any]:
        images = [image.bounding_box() for image in screen.page.locator(".frame img").all()]
        return [
            (round(image["x"] - box["x"]), round(image["y"] - box["y"]), round(image["width"]))
            for image, box in zip(images, boxes, strict=True)
        ]

    screen.until(lambda: places()[0][2] > 1.5 * boxes[0]["width"])
    assert places()[0] == places()[1]


def test_pairs_stand_one_above_the_other_on_a_phone(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    screen = visit(new_studio(mode="pairwise", criteria=CRITERIA), viewport={"width": 390, "height": 844})
    left, right = (image.bounding_box() for image in screen.page.locator(".frame").all())
    assert right["y"] >= left["y"] + left["height"]
    assert screen.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_one_digit_is_enough_on_a_short_scale(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(criteria=FIVE, control="buttons")
    screen = visit(studio)
    screen.press("4")
    assert screen.values == ["4"]
    screen.press("ArrowRight", "ArrowRight", "9")
    assert screen.values == ["5"]  # 6 and 9 are off the scale
    screen.press("Home")
    assert screen.page.get_by_role("radio", checked=True).inner_text().split() == ["1", "unrelated"]
    screen.page.get_by_role("radio").nth(2).click()
    screen.press("Enter")
    screen.wait_for_count("1 of 8")
    screen.wait_until_sent()
    assert studio.stored(screen.name, "relevance") == ["3"]


def check_item(kind: CheckKind, prompt: int, expected: tuple[float, float], words: str = "") -> CheckItem:
    return CheckItem(
        kind,
        f"{prompt:05d}",
        ("zebrafish-xl",),
        {"relevance": expected},
        feedback={"en": words} if words else {},
    )


def test_training_and_qualification_say_what_was_expected(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    items = (
        check_item(CheckKind.TRAINING, 0, (0, 20), "There is no star."),
        check_item(CheckKind.QUALIFICATION, 1, (60, 100)),
    )
    studio = new_studio(check_items=items)
    screen = visit(studio)
    assert screen.part("phase").inner_text() == "Training"
    screen.rate(90, 50, 50, 50)
    screen.wait_for("Have another look")
    screen.wait_for("There is no star.")
    cells = screen.page.locator(".feedback tbody tr").first.locator("th, td").all_inner_texts()
    assert [cell.lower() for cell in cells] == ["relevance", "90", "0 – 20", "✗"]
    screen.page.wait_for_selector(".frame img")  # the image stays beside it
    screen.press("5", "Enter")
    screen.until(lambda: screen.part("phase").inner_text() == "Qualification")
    screen.wait_for_image()
    screen.rate(80, 50, 50, 50)
    screen.wait_for("Well judged")
    screen.press("Enter")
    screen.part("phase").wait_for(state="hidden")
    screen.wait_for_image()
    screen.rate(70, 50, 50, 50)
    screen.wait_until_sent()
    assert studio.stored(screen.name, "relevance") == ["70"]  # practice is no rating


def test_who_fails_is_told_calmly(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = new_studio(check_items=(check_item(CheckKind.QUALIFICATION, 1, (60, 100)),))
    screen = visit(studio)
    screen.rate(0, 50, 50, 50)
    screen.wait_for("Have another look")
    screen.press("Enter")
    screen.wait_for("Your work is paused")
    screen.wait_for("Everything that you submitted is saved.")


def test_a_server_with_a_fault_is_named_and_asked_again_until_it_answers(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(check_items=(check_item(CheckKind.QUALIFICATION, 1, (60, 100)),))
    screen = visit(studio)
    fault = {"status": 500, "json": {"error": "no", "code": "broken"}}
    screen.page.route("**/item/*", lambda route: route.fulfill(**fault))
    screen.rate(80, 50, 50, 50)
    screen.wait_for("Not sent yet. The server has a fault: please tell the organizer.")
    assert screen.unsent == 1
    screen.page.unroute("**/item/*")
    screen.wait_for("Well judged")
    screen.press("Enter")
    screen.wait_for_image()
    assert screen.part("message").inner_text() == ""


def test_a_study_opens_and_closes(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    early = visit(new_studio(opens=tomorrow))
    early.wait_for("The study is closed now")
    early.wait_for("The study has not begun yet.")
    late = visit(new_studio(closes=tomorrow - timedelta(days=2)), locale="zh-CN")
    late.wait_for("研究目前未开放")
