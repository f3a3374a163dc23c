"""The writer `openai` against a real HTTP server on this machine."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.errors import InputError, WorkError
from nami_bench.prompts.writers.openai import OpenAIWriter
from nami_bench.prompts.writers.protocol import Answer, AnswerState, Sampling, WritingRequest

KEY = "sk-test-0123456789abcdefghij"
IMAGES = [Image.new("RGB", (200, 100), (40 * n, 0, 0)) for n in range(5)]
Said = Callable[..., tuple[int, Any]]


def ask(
    chat: Any, images: list[Image.Image], sampling: Sampling | None = None, **options: Any
) -> list[Answer]:
    asked = OpenAIWriter(OpenAIWriter.Options("scribe", chat.address, **options))
    how = sampling or Sampling(0.0, 17)
    return list(
        asked.write(WritingRequest(image, f"{n:064x}", "Tell.", how) for n, image in enumerate(images))
    )


def sent_image(body: dict[str, Any]) -> Image.Image:
    head, _, data = body["messages"][0]["content"][0]["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_answers_come_in_order_with_what_the_server_says_of_itself(chat: Any, answered: Said) -> None:
    chat.reply = lambda body: answered(f"Red {sent_image(body).getpixel((0, 0))[0]}.")
    answers = ask(chat, IMAGES, concurrency=3)
    assert [answer.text for answer in answers] == ["Red 0.", "Red 40.", "Red 80.", "Red 120.", "Red 160."]
    assert all(a.state is AnswerState.DONE and a.finished for a in answers)
    assert answers[0].details == {"served_model": "scribe-2"}


def test_the_server_is_asked_as_the_protocol_says(chat: Any) -> None:
    ask(chat, IMAGES[:1], extra={"max_tokens": None, "max_completion_tokens": 900})
    ask(chat, IMAGES[:1], Sampling(0.7, 5), key_env="", longest_side=64)
    first, second = chat.asked
    assert sent_image(first).size == (200, 100) and sent_image(second).size == (64, 32)
    (message,) = first.pop("messages")
    assert message["role"] == "user" and message["content"][1] == {"type": "text", "text": "Tell."}
    assert first == {
        "model": "scribe",
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 17,
        "max_completion_tokens": 900,
    }
    assert {name: second[name] for name in ("temperature", "top_p", "seed", "max_tokens")} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 5,
        "max_tokens": 400,
    }
    assert chat.headers[0]["Authorization"] == f"Bearer {KEY}" and "Authorization" not in chat.headers[1]
    assert chat.headers[0]["path"] == "/v1/chat/completions"


def test_a_text_can_be_asked_about_alone(chat: Any, answered: Said) -> None:
    chat.reply = lambda body: answered("Ok.")
    asked = OpenAIWriter(OpenAIWriter.Options("scribe", chat.address))
    (answer,) = asked.write([WritingRequest(None, "0" * 64, "Split this.", Sampling(0, 1))])
    assert answer.text == "Ok."
    (message,) = chat.asked[0]["messages"]
    assert message["content"] == [{"type": "text", "text": "Split this."}]


@pytest.mark.parametrize(
    ("reply", "state", "words"),
    [
        ((400, {"error": {"message": "no", "code": "content_policy_violation"}}), AnswerState.REFUSED, "no"),
        ((200, {"choices": [{"finish_reason": "content_filter"}]}), AnswerState.REFUSED, "content filter"),
        ((200, {"choices": [{"message": {"refusal": "I won't"}}]}), AnswerState.REFUSED, "I won't"),
        ((422, {"error": {"message": f"bad {KEY}"}}), AnswerState.FAILED, "answered 422: bad ***"),
        ((200, {"choices": []}), AnswerState.FAILED, "without a choice"),
        ((200, {"choices": [{"message": {"content": None}}]}), AnswerState.FAILED, "without a text"),
        ((500, None), AnswerState.FAILED, "answered 500"),
    ],
)
def test_what_fails_one_image_is_its_reason(
    chat: Any, answered: Said, reply: tuple[int, Any], state: AnswerState, words: str
) -> None:
    chat.reply = lambda body: reply if sent_image(body).getpixel((0, 0))[0] == 0 else answered("Ok.")
    bad, good = ask(chat, IMAGES[:2], max_retries=0)
    assert bad.state is state and words in str(bad.reason) and KEY not in str(bad.reason)
    assert good.text == "Ok."


def test_an_answer_cut_by_the_server_is_not_finished(chat: Any, answered: Said) -> None:
    chat.reply = lambda body: answered("It is", finish_reason="length")
    (answer,) = ask(chat, IMAGES[:1])
    assert not answer.finished


def test_what_ends_every_image_ends_the_run_after_what_was_paid_for(chat: Any, answered: Said) -> None:
    def reply(body: dict[str, Any]) -> tuple[int, Any]:
        red = sent_image(body).getpixel((0, 0))[0]
        return answered("Ok.") if red < 80 else (402, {"error": {"message": f"pay {KEY}"}})

    chat.reply = reply
    asked = OpenAIWriter(OpenAIWriter.Options("scribe", chat.address, concurrency=1))
    answers: list[Answer] = []
    with pytest.raises(WorkError, match=r"no more answers for this account: pay \*\*\*"):
        answers.extend(asked.write(WritingRequest(i, "0" * 64, "Tell.", Sampling(0, 1)) for i in IMAGES))
    assert [answer.text for answer in answers] == ["Ok.", "Ok."] and len(chat.asked) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "model: is missing"),
        ({"model": "m", "key_env": KEY}, "never the key itself"),
        ({"model": "m", "extra": '{"messages": []}'}, "extra may not hold messages"),
        ({"model": "m", "longest_side": "5"}, "longest_side 5 is not between"),
    ],
)
def test_bad_options_are_refused_without_repeating_a_key(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as raised:
        registry.create("prompt_writers", "openai", options)
    assert words in str(raised.value) and KEY not in str(raised.value)
