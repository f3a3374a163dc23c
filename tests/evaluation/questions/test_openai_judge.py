"""The judge `openai` against a real HTTP server on this machine."""

import base64
import io
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Sheet
from nami_bench.evaluation.questions.judges.openai import OpenAIJudge
from nami_bench.services import retrying_client
from tests.support.http_server import Asked, Reply, http_server

KEY = "sk-test-0123456789abcdefghij"
RED, BLUE = Image.new("RGB", (12, 8), (200, 30, 30)), Image.new("RGB", (8, 12), (30, 30, 200))


def chosen(tokens: Mapping[str, float], **fields: Any) -> Reply:
    """An answer with these tokens and probabilities."""
    listed = [{"token": token, "logprob": math.log(p)} for token, p in tokens.items()]
    choice = {
        "message": {"content": next(iter(tokens))},
        "logprobs": {"content": [{"top_logprobs": listed}]},
        **fields,
    }
    return Reply(body={"model": "seer-2026", "choices": [choice]})


def said(text: str | None) -> Reply:
    return Reply(body={"model": "seer-2026", "choices": [{"message": {"content": text}, "logprobs": None}]})


class Service:
    """Answers by the question's first words as it was told to, otherwise yes."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.address = ""

    def answer(self, asked: Asked) -> Reply:
        text = asked.body["messages"][0]["content"][1]["text"]
        with self.lock:
            self.asked.append(asked.body)
        told = (reply for words, reply in self.replies.items() if text.startswith(words))
        return next(told, chosen({"Yes": 0.7, "No": 0.2}))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[Service]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.02)
    running = Service()
    with http_server(running.answer) as address:
        running.address = f"{address}/v1"
        yield running


def judge(service: Service, **options: Any) -> OpenAIJudge:
    return OpenAIJudge(OpenAIJudge.Options("seer", service.address, **{"max_retries": 0, **options}))


def sheet(*texts: str, image: Image.Image = RED, expected: str = "yes") -> Sheet:
    return Sheet(image, tuple(Question(n, text, expected) for n, text in enumerate(texts)))


def ask(service: Service, *texts: str, expected: str = "yes", **options: Any) -> Sequence[Answer]:
    return next(judge(service, **options).answer([sheet(*texts, expected=expected)]))


def test_the_probability_is_the_sum_over_spellings(service: Service) -> None:
    service.replies = {
        "Is": chosen({"No": 0.4, "Yes": 0.3, " yes": 0.1, "YES": 0.05}),
        "How many": chosen({"2": 0.5, "Two": 0.2, " two": 0.1, " 2": 0.05, "3": 0.1}),
        "Are": chosen({"The": 0.9}),
    }
    answers = ask(service, "Is it?", "How many cats?", "Are they?", expected="two")
    assert [answer.text for answer in answers] == ["No", "2", "The"]
    assert [answer.probability for answer in answers] == pytest.approx([0.4, 0.85, 0.0])
    assert {str(answer.details) for answer in answers} == {"{'served_model': 'seer-2026'}"}


def test_the_probability_of_the_expected_yes_or_no(service: Service) -> None:
    service.replies = {
        "Is": chosen({"No": 0.4, "Yes": 0.3, " yes": 0.1, "YES": 0.05}),
        "Are": chosen({"The": 1}),
    }
    yes, odd = ask(service, "Is it?", "Are they?", probability="yes")
    assert yes.probability == pytest.approx(0.45) and yes.text == "No"
    assert yes.details == {
        "yes": pytest.approx(0.45),
        "no": pytest.approx(0.4),
        "served_model": "seer-2026",
    }
    assert odd.text is None and "does not answer yes or no" in str(odd.problem)
    (no,) = ask(service, "Is it?", probability="yes", expected="No")
    assert no.probability == pytest.approx(0.4)


def test_without_log_probabilities_the_words_are_the_answer(service: Service) -> None:
    service.replies = {
        "Is": said("Yes, it is"),
        "How": said("Two"),
        "Are": said("Maybe\n"),
        "Was": said(None),
    }
    texts = ("Is it?", "How many?", "Are they?", "Was it?")
    answers = ask(service, *texts, logprobs=False)
    assert [answer.text for answer in answers] == ["Yes, it is", "Two", "Maybe\n", None]
    assert {answer.probability for answer in answers} == {None}
    assert answers[3].problem == "the model says nothing"
    read = ask(service, *texts, logprobs=False, probability="yes")
    assert [answer.text for answer in read] == ["Yes, it is", None, None, None]
    assert "logprobs" not in service.asked[0] and service.asked[0]["max_tokens"] == 16


def test_the_server_is_asked_as_the_protocol_says(service: Service) -> None:
    sheets = [sheet("A?", "B?"), sheet(), sheet("C?", image=BLUE)]
    answers = list(judge(service, extra={"seed": 7}, concurrency=1).answer(sheets))
    assert [len(of_sheet) for of_sheet in answers] == [2, 0, 1]
    for body, text, image in zip(service.asked, "ABC", (RED, RED, BLUE), strict=True):
        (message,) = body.pop("messages")
        picture, question = message["content"]
        assert question == {"type": "text", "text": f"{text}? Answer in one word."}
        data = picture["image_url"]["url"].removeprefix("data:image/png;base64,")
        with Image.open(io.BytesIO(base64.b64decode(data))) as sent:
            assert sent.tobytes() == image.tobytes()
        assert body == {
            "model": "seer",
            "temperature": 0,
            "max_tokens": 1,
            "logprobs": True,
            "top_logprobs": 20,
            "seed": 7,
        }


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (chosen({"Yes": 1.0}, finish_reason="content_filter"), "content filter refused"),
        (Reply(400, {"error": {"message": f"bad {KEY}", "code": "content_policy_violation"}}), "bad ***"),
        (Reply(200, {"choices": []}), "answered without a choice"),
        (Reply(500), "answered 500"),
    ],
)
def test_a_question_that_fails_is_an_answer_with_a_problem(
    service: Service, reply: Reply, words: str
) -> None:
    service.replies = {"B": reply}
    first, second, third = ask(service, "A?", "B?", "C?")
    assert first.probability == third.probability == pytest.approx(0.7)
    assert second.text is None and second.probability is None
    assert words in str(second.problem) and KEY not in str(second.problem)


def test_a_server_that_fails_half_way_leaves_what_is_finished(service: Service) -> None:
    service.replies = {
        "5": Reply(429, {"error": {"message": "pay", "code": "insufficient_quota"}}),
    }
    sheets = [sheet(f"{n}?", f"{n}, too?") for n in range(30)]
    found: list[Sequence[Answer]] = []
    with pytest.raises(WorkError, match="no more answers for this account: pay"):
        for answers in judge(service, concurrency=2).answer(sheets):
            found.append(answers)  # noqa: PERF402
    assert [[answer.probability for answer in answers] for answers in found] == [[pytest.approx(0.7)] * 2] * 5


def test_a_server_without_log_probabilities_ends_the_run(service: Service) -> None:
    service.replies = {"A": said("Yes")}
    with pytest.raises(WorkError, match=r"gives no log probabilities.*-O logprobs=false"):
        ask(service, "A?")


def test_a_missing_key_is_told_before_anything_is_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(
        InputError, match="judge 'openai': the environment variable OPENAI_API_KEY holds no key"
    ):
        ask(service, "A?")
    assert service.asked == []
    (answer,) = ask(service, "A?", key_env="")
    assert answer.text == "Yes"


def test_identities_tell_what_is_asked_and_read() -> None:
    def identity(**options: Any) -> str:
        return OpenAIJudge(OpenAIJudge.Options("seer", "http://host/v1/", **options)).identity

    assert identity() == "seer@http://host/v1+one-word+spellings"
    assert identity(logprobs=False, probability="yes") == "seer@http://host/v1+one-word+yes+words"
    assert (
        identity(template="{question}?", extra={"seed": 3})
        == "seer@http://host/v1+{question}?+spellings+seed=3"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ""}, "model is empty"),
        ({"template": "nothing"}, "template 'nothing'"),
        ({"top_logprobs": 21}, "top_logprobs 21 is not between 2 and 20"),
        ({"extra": {"n": 2}}, "extra may not hold n"),
        ({"probability": "tea leaves"}, "probability"),
    ],
)
def test_options_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        registry.create("judges", "openai", {"model": "seer", **options})
