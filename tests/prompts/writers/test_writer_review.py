"""What models say instead of a prompt, or before it."""

import json
from importlib.resources import files

import pytest

from nami_bench.errors import InputError
from nami_bench.prompts.writers.review import RULES, Limits, review

ANY = Limits(1, 120)
TAIL = " Rain falls on the roof."


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("The image shows a red car on a bridge.", "A red car on a bridge."),
        ("This photograph depicts two men who carry a door.", "Two men who carry a door."),
        ("In this image, a dog runs along a wall.", "A dog runs along a wall."),
        ("In the picture, we can see several boats.", "Several boats."),
        ("The scene captures the last bus of a night.", "The last bus of a night."),
        ('Sure! Here is the prompt: "A red car waits."', "A red car waits."),
        ("Certainly, here's a description of the photo:\n\nA red car waits.", "A red car waits."),
        ("**Prompt:** A red car waits.", "A red car waits."),
        ("<think>A car, I guess.</think>\nA red car waits.", "A red car waits."),
        ("“A red car waits.”", "A red car waits."),
    ],
)
def test_an_opening_goes_where_the_rest_stands_alone(answer: str, text: str) -> None:
    draft = review(answer, True, ANY)
    assert (draft.rejected, draft.text) == (None, text)
    assert draft.opening_cut is not answer.startswith(("<think>", "“"))


@pytest.mark.parametrize(
    "answer",
    [
        "The image shows how a car is built." + TAIL,
        "This picture depicts what looks like a car." + TAIL,
        "The image captures a street and has a warm tone." + TAIL,
        "The black and white photo shows a street." + TAIL,
        "The image you provided clearly features rows of trees." + TAIL,
        "In the image the car is red." + TAIL,
        "We can see how it rains." + TAIL,
        "Here is a prompt for you. A car waits." + TAIL,
        "这张图片展示了一只猫坐在桌子上。",
        "图中有一只猫。",
    ],
)
def test_other_openings_are_asked_for_again(answer: str) -> None:
    assert review(answer, True, ANY).rejected == "opening"


@pytest.mark.parametrize(
    "answer",
    [
        "The picture frame on the wall is made of gold." + TAIL,
        "A photograph of a harbor lies on a desk." + TAIL,
        "Great herons stand in a row." + TAIL,
        "Here is where the river ends." + TAIL,
        'A card reads "I\'m sorry, I cannot help you." in blue ink.' + TAIL,
        "A very, very old tree stands alone." + TAIL,
        "The answer is carved into a stone: no." + TAIL,
    ],
)
def test_what_only_looks_like_it_passes_as_it_is(answer: str) -> None:
    draft = review(answer, True, ANY)
    assert (draft.rejected, draft.text) == (None, answer)
    assert not draft.opening_cut and not draft.shortened


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I cannot describe people in photos.", "refusal"),
        ("As an AI language model, I do not see.", "refusal"),
        ("Please provide the image you would like described.", "refusal"),
        ("No image was attached.", "refusal"),
        ("抱歉，我无法查看图片。", "refusal"),
        ("A car waits. A dog sits. A car waits.", "loop"),
        ("A tree and a bush and a tree and a bush and a tree and a bush and a dog.", "loop"),
        ("Red red red red red red walls.", "loop"),
        ("\n".join(f"{n} a man in a hat walks with {n} dogs." for n in ("One:", "Two:", "Six:")), "loop"),
        ("- a car\n- a dog", "list"),
        ("# A car\nIt waits.", "list"),
        ("A car without an end", "no whole sentence"),
        ("", "no whole sentence"),
        ("<think>It never stops", "no whole sentence"),
        ("\ufffd\x00", "unreadable"),
        ("A car \ud800 waits.", "unreadable"),
    ],
)
def test_reasons(answer: str, reason: str) -> None:
    assert review(answer, True, ANY).rejected == reason
    assert reason in RULES


def test_length_is_counted_after_the_cut() -> None:
    text = "One two three. Four five six."
    assert review(text, True, Limits(4, 6)).text == text
    short = review(text, True, Limits(2, 5))
    assert (short.text, short.shortened, short.rejected) == ("One two three.", True, None)
    assert review(text, True, Limits(4, 5)).rejected == "too short"
    assert review(text, True, Limits(1, 2)).rejected == "too long"
    assert review(text, False, Limits(1, 9)).text == "One two three."
    for low, high in ((0, 5), (6, 5)):
        with pytest.raises(InputError, match="--min-words"):
            Limits(low, high)


@pytest.mark.slow
def test_no_prompt_of_our_own_is_rejected() -> None:
    data = (files("nami_bench.prompts") / "data" / "nami_long.jsonl").read_text(encoding="utf-8")
    texts = [json.loads(line)["prompt"] for line in data.splitlines()]
    drafts = {text: review(text, True, Limits()) for text in texts}
    assert {text: d.rejected for text, d in drafts.items() if d.rejected} == {}
    changed = [text for text, draft in drafts.items() if draft.text != text]
    assert [text.partition(",")[0] for text in changed] == [
        "The photograph is a close view of a weaver's loom"
    ]
