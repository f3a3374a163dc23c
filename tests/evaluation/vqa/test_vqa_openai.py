"""The metric `vqa-score-openai` against a real HTTP server on this machine."""

import base64
import io
import json
import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from nami_bench import registry
from nami_bench.cli.app import cli
from nami_bench.domain import Prompt
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.vqa.openai import OpenAIVqaScore
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.services import retrying_client
from nami_bench.store import Store
from tests.support.http_server import Asked, Reply, http_server

KEY = "sk-test-0123456789abcdefghij"


def chosen(tokens: Mapping[str, float], **fields: Any) -> Reply:
    """An answer with these tokens and probabilities."""
    listed = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in tokens.items()]
    best = max(tokens, key=lambda token: tokens[token])
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": best},
        "logprobs": {"content": [{"token": best, "logprob": math.log(tokens[best]), "top_logprobs": listed}]},
        "finish_reason": "length",
        **fields,
    }
    return Reply(body={"model": "seer-2026-01-01", "choices": [choice]})


def said(text: str | None) -> Reply:
    return Reply(
        body={"choices": [{"message": {"content": text}, "logprobs": None, "finish_reason": "stop"}]}
    )


def problem(status: int, message: str, code: str | None = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"message": message, "code": code}}, named)


class Service:
    """Answers by the question's prompt as it was told to, the last reply again and again."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.delays: dict[str, float] = {}
        self.lock = threading.Lock()
        self.address = ""

    def answer(self, asked: Asked) -> Reply:
        body = asked.body
        text = body["messages"][0]["content"][1]["text"].split('"')[1]
        with self.lock:
            self.paths.append(asked.path)
            self.keys.append(asked.headers["Authorization"])
            self.asked.append(body)
            told = self.replies.get(text) or [chosen({"Yes": 0.7, "No": 0.2})]
            reply = told.pop(0) if len(told) > 1 else told[0]
        return replace(reply, delay=self.delays.get(text, 0))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[Service]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.02)
    running = Service()
    with http_server(running.answer) as address:
        running.address = f"{address}/v1"
        yield running


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (12, 8), (200, 30, 30)).save(tmp_path / "red.png")
    return tmp_path / "red.png"


Ask = Callable[..., list[ScoringResult]]


@pytest.fixture
def ask(service: Service, image: Path) -> Ask:
    def run(*texts: str, **options: Any) -> list[ScoringResult]:
        metric = OpenAIVqaScore(OpenAIVqaScore.Options("seer", service.address, **options))
        return list(metric.score(ScoringItem(image, Prompt("00000", text)) for text in texts))

    return run


def test_the_value_is_the_probability_of_yes(service: Service, ask: Ask) -> None:
    service.replies = {
        "a cat": [chosen({"Yes": 0.5, " Yes": 0.1, "yes": 0.05, "No": 0.2})],
        "a dog": [chosen({"No": 0.9, "no": 0.05})],
    }
    cat, dog = ask("a cat", "a dog")
    assert cat.value == pytest.approx(0.6) and dog.value == 0.0
    assert cat.details == {
        "yes": pytest.approx(0.65),
        "no": pytest.approx(0.2),
        "served_model": "seer-2026-01-01",
    }


def test_the_server_is_asked_as_the_protocol_says(service: Service, ask: Ask, image: Path) -> None:
    ask("a cat", extra={"seed": 7, "max_tokens": None, "max_completion_tokens": 1})
    (body,) = service.asked
    (message,) = body.pop("messages")
    picture, question = message["content"]
    assert question == {"type": "text", "text": 'Does this figure show "a cat"? Please answer yes or no.'}
    head, _, data = picture["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as sent, Image.open(image) as kept:
        assert sent.tobytes() == kept.tobytes()
    assert body == {
        "model": "seer",
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
        "seed": 7,
        "max_completion_tokens": 1,
    }
    assert service.paths == ["/v1/chat/completions"] and service.keys == [f"Bearer {KEY}"]


def test_a_busy_server_is_asked_again(service: Service, ask: Ask) -> None:
    busy = problem(429, "slow down", Retry_After="0")
    service.replies["a cat"] = [busy, problem(503, "soon"), chosen({"Yes": 1.0})]
    (result,) = ask("a cat")
    assert result.value == pytest.approx(1.0) and len(service.asked) == 3


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (chosen({"The": 0.9, "A": 0.1}), "does not answer yes or no: its likeliest answer begins 'The'"),
        (chosen({"Yes": 1.0}, finish_reason="content_filter"), "content filter refused"),
        (problem(400, "rejected", "content_policy_violation"), "rejected"),
        (problem(422, "image is too small"), "answered 422: image is too small"),
        (Reply(200, b"<html>"), "answered without a choice: <html>"),
        (Reply(200, {"choices": []}), "answered without a choice"),
        (Reply(200, [1]), "answered without a choice"),
        (Reply(500), "answered 500"),
    ],
)
def test_what_fails_one_image_is_its_reason(service: Service, ask: Ask, reply: Reply, words: str) -> None:
    service.replies["a cat"] = [reply]
    bad, good = ask("a cat", "a dog", max_retries=0)
    assert bad.value is None and words in str(bad.reason)
    assert str(bad.reason).isprintable() and KEY not in str(bad.reason)
    assert good.value == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (problem(401, f"wrong key {KEY}"), r"refused the key in \$OPENAI_API_KEY \(401\)"),
        (problem(404, "no model seer"), "answered 404: see to base_url, model.*no model seer"),
        (problem(429, "pay", "insufficient_quota"), "no more answers for this account: pay"),
        (said("Yes"), r"gives no log probabilities.*-O logprobs=false"),
        (chosen({"Yes": 1.0}, logprobs={"content": []}), "gives no log probabilities"),
        (chosen({"Yes": 1.0}, logprobs={"content": [{"top_logprobs": "x"}]}), "gives no log probabilities"),
    ],
)
def test_what_ends_every_image_ends_the_run(service: Service, ask: Ask, reply: Reply, words: str) -> None:
    texts = [f"prompt {number}" for number in range(20)]
    service.replies = {text: [reply] for text in texts}
    with pytest.raises(WorkError, match=words) as raised:
        ask(*texts, concurrency=2, max_retries=0)
    assert KEY not in str(raised.value) and len(service.asked) <= 4


def test_without_log_probabilities_the_answer_is_read_where_asked_for(service: Service, ask: Ask) -> None:
    answers = {"a": "Yes.", "b": " **No**, it does not.", "c": "yes, it does", "d": "Nothing", "e": None}
    service.replies = {text: [said(answer)] for text, answer in answers.items()}
    found = ask(*answers, logprobs=False)
    assert [result.value for result in found] == [1.0, 0.0, 1.0, None, None]
    assert "does not answer yes or no: 'Nothing'" in str(found[3].reason)
    assert "logprobs" not in service.asked[0] and service.asked[0]["max_tokens"] == 16


def test_instruments_tell_how_the_answer_is_taken() -> None:
    def instrument(**options: Any) -> str:
        return OpenAIVqaScore(OpenAIVqaScore.Options("seer", "http://host/v1/", **options)).instrument

    assert instrument() == "seer@http://host/v1+vqascore-question-1"
    assert instrument(logprobs=False) == "seer@http://host/v1+vqascore-question-1+answer-read"
    assert instrument(extra={"seed": 3}) == "seer@http://host/v1+vqascore-question-1+seed=3"


def test_a_damaged_image_is_not_sent(service: Service, tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n")
    metric = OpenAIVqaScore(OpenAIVqaScore.Options("seer", service.address))
    (result,) = metric.score([ScoringItem(tmp_path / "damaged.png", Prompt("00000", "a cat"))])
    assert result.value is None and result.reason and service.asked == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "model: is missing"),
        ({"model": "m", "key_env": KEY}, "never the key itself"),
        ({"model": "m", "base_url": "host/v1"}, "base_url is not of the form"),
        ({"model": "m", "extra": '{"messages": []}'}, "extra may not hold messages"),
        ({"model": "m", "top_logprobs": "50"}, "top_logprobs 50 is not between 2 and 20"),
        ({"model": "m", "concurrency": "0"}, "concurrency 0 is not between 1 and 64"),
    ],
)
def test_bad_options_are_refused_without_repeating_a_key(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as raised:
        registry.create("metrics", "vqa-score-openai", options)
    assert words in str(raised.value) and KEY not in str(raised.value)


@pytest.fixture
def workspace(tmp_path: Path, image: Path) -> Path:
    """Two images of each of four prompts."""
    folder = GenEvalFolder(tmp_path / "made")
    for index in range(4):
        folder.write_metadata(index, {"prompt": f"thing {index}"})
        for sample in range(2):
            target = folder.sample_path(index, sample)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(image.read_bytes())
    root = tmp_path / "bench"
    for words in (["init"], ["images", "import", str(folder.root), "--model", "camera"]):
        assert CliRunner().invoke(cli, ["--workspace", str(root), *words]).exit_code == 0
    return root


def test_a_run_resumes_where_the_server_gave_up_and_leaves_the_key_nowhere(
    service: Service, workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.replies["thing 2"] = [problem(429, f"pay {KEY}", "insufficient_quota")]
    service.delays["thing 3"] = 0.3
    command = ["--workspace", str(workspace), "evaluate", "vqa-score-openai"]
    command += ["-O", "model=seer", "-O", f"base_url={service.address}", "-O", "concurrency=8"]
    stopped = CliRunner().invoke(cli, command)
    assert isinstance(stopped.exception, WorkError) and "for this account: pay ***" in str(stopped.exception)
    with Store.open(f"sqlite:///{workspace / 'nami.db'}") as store:
        kept = {(score.prompt_id, score.sample) for score in store.scores.find()}
    paid = {(f"{index:05d}", sample) for index in (0, 1, 3) for sample in (0, 1)}
    assert kept == paid  # what came after the refusal, out of turn, too
    service.replies.clear()
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    assert "2 scored, 6 kept" in done.stderr
    board = CliRunner().invoke(cli, ["--workspace", str(workspace), "leaderboard", "--format", "json"])
    (row,) = json.loads(board.stdout)["rows"]
    (shown,) = row["automatic"].values()
    assert shown["value"] == pytest.approx(0.7) and shown["images"] == 8 and row["gaps"] == []
    written = b"".join(path.read_bytes() for path in workspace.rglob("*") if path.is_file())
    assert KEY.encode() not in written and KEY not in caplog.text
    assert KEY not in done.output and KEY not in stopped.output
