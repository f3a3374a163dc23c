"""The adapter `openai-images` against a real HTTP server on this machine."""

import base64
import io
import json
import logging
import signal
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image

from nami_bench import pipeline, registry
from nami_bench.cli.app import cli
from nami_bench.domain import ImageState, ModelCard, Prompt, PromptSet
from nami_bench.errors import GenerationError, InputError
from nami_bench.generators.openai_http import OpenAIImagesGenerator
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.services import bounded_client, retrying_client
from nami_bench.services.bounded_client import Answer, NoAnswerError
from nami_bench.store import Store
from tests.support.http_server import Asked, Reply, http_server

KEY = "sk-test-0123456789abcdefghij"


def picture(width: int = 8, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 6), (200, 30, 30)).save(buffer, format)
    return buffer.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A small PNG that says it has so many pixels."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + picture()[24:29]
    return picture()[:12] + header + zlib.crc32(header).to_bytes(4, "big") + picture()[33:]


def data(item: Any, **changes: Any) -> Reply:
    return Reply(body=json.dumps({"created": 1, "data": [item]}).encode(), **changes)


def inline(image: bytes, delay: float = 0.0, **fields: str) -> Reply:
    return data({"b64_json": base64.b64encode(image).decode(), **fields}, delay=delay)


def problem(status: int, message: str, code: str | None = None, **changes: Any) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "code": code}
    return Reply(status, json.dumps({"error": error}).encode(), **changes)


class Service:
    """Says for each prompt what it was told to say, the last reply again and again; else sends a picture."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.files: dict[str, Reply] = {}
        self.posts: list[tuple[float, dict[str, str], dict[str, Any]]] = []
        self.gets: list[dict[str, str]] = []
        self.address = ""
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def asked(self) -> list[str]:
        return [body["prompt"] for _, _, body in self.posts]

    def answer(self, asked: Asked) -> Reply:
        headers = dict(asked.headers)
        if asked.method == "GET":
            return self.answer_get(asked.path, headers)
        with self.lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        reply = self.answer_post(asked.path, headers, asked.body)
        time.sleep(reply.delay)
        with self.lock:
            self.under_way -= 1
        return replace(reply, delay=0)

    def answer_post(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        if path != "/v1/images/generations":
            return problem(404, f"no such path {path}")
        with self.lock:
            self.posts.append((time.monotonic(), headers, body))
            told = self.replies.get(body["prompt"])
            if not told:
                return inline(picture())
            return told.pop(0) if len(told) > 1 else told[0]

    def answer_get(self, path: str, headers: dict[str, str]) -> Reply:
        self.gets.append(headers)
        return self.files.get(path.partition("?")[0], Reply(404))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[Service]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.02)
    running = Service()
    with http_server(running.answer) as running.address:
        yield running


def generator(service: Service, **options: Any) -> OpenAIImagesGenerator:
    defaults: dict[str, Any] = {"model": "painter", "base_url": f"{service.address}/v1", "max_retries": 2}
    return OpenAIImagesGenerator(OpenAIImagesGenerator.Options(**(defaults | options)))


def requests(*texts: str) -> list[GenerationRequest]:
    return [GenerationRequest(Prompt(f"{i:05d}", text), 0, 2**40 + i) for i, text in enumerate(texts)]


def ask(service: Service, *texts: str, **options: Any) -> list[GenerationResult]:
    return list(generator(service, **options).generate(requests(*texts)))


def failure(service: Service, reply: Reply, **options: Any) -> str:
    """The reason that the prompt 'a dog' failed with."""
    service.replies["a dog"] = [reply]
    (result,) = ask(service, "a dog", **options)
    assert (result.state, result.image) == (ImageState.FAILED, None)
    assert result.reason
    return result.reason


def test_a_transparent_image_is_laid_over_white_and_said(service: Service) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 6), (200, 30, 30, 0)).save(buffer, "PNG")
    service.replies["a dog"] = [inline(buffer.getvalue())]
    see_through, opaque = ask(service, "a dog", "a cat")
    assert see_through.image is not None and see_through.image.getpixel((0, 0)) == (255, 255, 255)
    assert see_through.provenance["alpha"] == "composited over white"
    assert "alpha" not in opaque.provenance


def test_inline_images_come_with_their_time_and_what_the_server_said_of_them(service: Service) -> None:
    reply = inline(picture(9), revised_prompt="a big dog")
    reply.headers["x-request-id"] = "req-7"
    service.replies["a dog"] = [reply]
    (result,) = ask(service, "a dog")
    assert result.state is ImageState.DONE
    assert result.image is not None and result.image.size == (9, 6)
    assert result.seconds is not None and 0 < result.seconds < 5
    known = result.provenance
    assert (known["attempts"], known["request_id"], known["batch"]) == (1, "req-7", 1)
    assert (known["prompt_rewriting"], known["rewritten_prompt"]) == ("external", "a big dog")
    assert result.seconds <= known["finished"] - known["started"] < 5


def test_a_key_that_the_server_repeats_is_blotted_out(service: Service) -> None:
    item = {"b64_json": base64.b64encode(picture()).decode(), "revised_prompt": f"a dog,\n{KEY}"}
    reply = Reply(body={"data": [item], "usage": {KEY: [KEY]}}, headers={"x-request-id": KEY})
    service.replies["a dog"] = [reply]
    (result,) = ask(service, "a dog")
    known = result.provenance
    assert (known["request_id"], known["rewritten_prompt"]) == ("***", "a dog,\n***")
    assert known["server"] == {"usage": {"***": ["***"]}}
    assert failure(service, problem(400, f"{KEY} is bad")).endswith("answered 400: *** is bad")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_images_behind_an_address_are_fetched_without_the_key(service: Service, format: str) -> None:
    service.files["/files/1"] = Reply(302, headers={"Location": "/files/2"})
    service.files["/files/2"] = Reply(body=picture(10, format))
    service.replies["a dog"] = [data({"url": f"{service.address}/files/1?signature=x"})]
    (result,) = ask(service, "a dog")
    assert result.image is not None and result.image.size == (10, 6)
    assert len(service.gets) == 2
    assert not any("Authorization" in headers for headers in service.gets)


def test_the_request_says_what_the_options_say(service: Service) -> None:
    extra = {"style": "vivid", "response_format": "url"}
    ask(service, "a dog", size="512x512", quality="high", extra=extra)
    ask(service, "a dog", size="", key_env="", server="openai")
    (_, headers, full), (_, keyless, bare) = service.posts
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert full == {
        "model": "painter",
        "prompt": "a dog",
        "n": 1,
        "size": "512x512",
        "quality": "high",
        "style": "vivid",
        "response_format": "url",
        "seed": 2**40 % 2**31,
    }
    assert "Authorization" not in keyless
    assert bare == {"model": "painter", "prompt": "a dog", "n": 1}


def test_results_come_in_order_while_no_more_are_under_way_than_allowed(service: Service) -> None:
    texts = [f"prompt {i}" for i in range(9)]
    for i, text in enumerate(texts):
        service.replies[text] = [inline(picture(8 + i), delay=0.15 if i % 3 == 0 else 0.05)]
    results = ask(service, *texts, concurrency=3)
    assert [r.request.prompt.text for r in results] == texts
    assert [r.image.width for r in results if r.image] == [8 + i for i in range(9)]
    assert service.most_under_way == 3


def test_one_at_a_time_means_one_at_a_time(service: Service) -> None:
    ask(service, "a", "b", "c", concurrency=1)
    assert service.most_under_way == 1
    assert service.asked == ["a", "b", "c"]


def test_retry_after_is_respected(service: Service) -> None:
    service.replies["a dog"] = [
        problem(429, "slow down", headers={"Retry-After": "1"}),
        inline(picture()),
    ]
    (result,) = ask(service, "a dog")
    assert result.state is ImageState.DONE
    assert result.provenance["attempts"] == 2
    assert service.posts[1][0] - service.posts[0][0] >= 1.0
    assert result.seconds is not None and result.seconds < 0.9  # the wait is not the image's time


@pytest.mark.parametrize(
    "reply",
    [problem(500, "oh"), problem(503, "busy"), Reply(408), Reply(0)],
    ids=["500", "503", "408", "cut"],
)
def test_what_may_pass_is_tried_again(service: Service, reply: Reply) -> None:
    service.replies["a dog"] = [reply, reply, inline(picture())]
    (result,) = ask(service, "a dog")
    assert result.state is ImageState.DONE
    assert result.provenance["attempts"] == 3


def test_a_server_that_keeps_failing_fails_the_image_and_the_rest_goes_on(service: Service) -> None:
    service.replies["a dog"] = [problem(500, "out of order")]
    failed, done = ask(service, "a dog", "a cat")
    assert failed.state is ImageState.FAILED
    assert failed.reason is not None
    assert failed.reason.endswith("/v1/images/generations answered 500 after 3 attempts: out of order")
    assert done.state is ImageState.DONE
    assert service.asked.count("a dog") == 3


def test_a_long_wait_is_said(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retrying_client, "_LONG_WAIT", 0.0)
    service.files["/file"] = Reply(503)
    reason = failure(service, data({"url": f"{service.address}/file?signature=secret"}), max_retries=1)
    assert reason == f"the image's address {service.address}/file answered 503"
    assert f"{service.address}/file: 503; trying again in 0 seconds" in caplog.messages


def test_waits_grow_and_are_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 1.0)
    for attempts, longest in [(1, 1), (2, 2), (3, 4), (6, 32), (9, 60)]:
        waits = {retrying_client._wait(NoAnswerError("x", may_pass=True), attempts) for _ in range(50)}
        assert len(waits) > 40
        assert longest / 2 <= min(waits) <= max(waits) <= longest


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("in 100 seconds", 95, 100),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0, 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, low: float, high: float) -> None:
    if value == "in 100 seconds":
        value = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = Answer(429, httpx.Headers({"Retry-After": value}), b"", 0.1, 1).retry_after
    assert seconds is not None and low <= seconds <= high


@pytest.mark.parametrize("value", ["", "soon", "-3", "1.5", "Mon, 01 Jan 2001 00:00:00"])
def test_an_unusable_retry_after_is_none(value: str) -> None:
    assert Answer(429, httpx.Headers({"Retry-After": value}), b"", 0.1, 1).retry_after is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "content_policy_violation"), (400, "moderation_blocked"), (403, "content_filter")],
)
def test_policy_refusals_are_refusals_in_the_servers_words(service: Service, status: int, code: str) -> None:
    service.replies["a dog"] = [problem(status, "Your request was rejected.", code)]
    refused, done = ask(service, "a dog", "a cat")
    assert (refused.state, refused.reason) == (ImageState.REFUSED, "Your request was rejected.")
    assert done.state is ImageState.DONE
    assert service.asked.count("a dog") == 1


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_bad_request_is_a_failure_and_never_tried_again(service: Service, status: int) -> None:
    assert failure(service, problem(status, "size is wrong")).endswith(f"answered {status}: size is wrong")
    assert len(service.posts) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (problem(401, f"wrong key {KEY}"), r"refused the key in \$OPENAI_API_KEY \(401\)"),
        (problem(403, "no access to painter"), "answered 403: see to base_url.*no access to painter"),
        (problem(404, "no model painter"), "answered 404: see to base_url, model.*no model painter"),
        (problem(429, "pay first", "insufficient_quota"), "no more images for this account: pay first"),
        (problem(429, "slow", headers={"Retry-After": "900"}), "asks to wait 900 seconds: run again then"),
        (Reply(301, headers={"Location": "https://new/"}), "moved to https://new/: set base_url"),
    ],
)
def test_what_ends_every_image_ends_the_run(service: Service, reply: Reply, words: str) -> None:
    texts = [f"prompt {i}" for i in range(20)]
    service.replies = {text: [reply] for text in texts}
    with pytest.raises(GenerationError, match=words) as raised:
        ask(service, *texts, concurrency=2, max_retries=0)
    assert KEY not in str(raised.value)
    assert len(service.posts) <= 4  # those under way, and no more


def test_images_under_way_are_kept_when_the_run_ends(service: Service) -> None:
    service.replies = {"bad": [problem(401, "no", delay=0.2)], "slow": [inline(picture(), delay=0.4)]}
    results = generator(service, concurrency=2).generate(requests("bad", "slow", "never"))
    assert next(results).request.prompt.text == "slow"
    with pytest.raises(GenerationError, match="401"):
        next(results)
    assert sorted(service.asked) == ["bad", "slow"]


def test_an_interrupt_waits_for_images_under_way_and_keeps_them(service: Service) -> None:
    main = threading.main_thread().ident
    assert main is not None
    answer = service.answer_post

    def interrupt(path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        reply = answer(path, headers, body)
        if body["prompt"] == "b":
            time.sleep(0.1)  # by now the other one is under way too
            signal.pthread_kill(main, signal.SIGINT)
        return replace(reply, delay=0.2)

    service.answer_post = interrupt  # type: ignore[method-assign]
    results = generator(service, concurrency=2).generate(requests("a", "b", "c", "d", "e"))
    kept: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        kept.extend(result.request.prompt.text for result in results)
    assert kept == ["a", "b"]
    assert sorted(service.asked) == ["a", "b"]


def test_no_server_ends_the_run_with_one_sentence(service: Service) -> None:
    with http_server(service.answer) as closed:
        address = f"{closed}/v1"
    with pytest.raises(GenerationError, match=r"cannot reach http.*refused.*see that the server runs"):
        ask(service, "a", "b", base_url=address)


def test_a_slow_server_fails_the_image(service: Service) -> None:
    reply = inline(picture(), delay=0.6)
    assert "timed out" in failure(service, reply, timeout=0.2, max_retries=1)
    assert len(service.posts) == 2


def test_an_answer_that_never_ends_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_client, "MAX_BYTES", 1000)
    assert "the answer is larger than 1000 bytes" in failure(service, Reply(body=b" " * 2000))
    service.files["/big"] = Reply(body=b" " * 2000)
    reason = failure(service, data({"url": f"{service.address}/big"}))
    assert (
        reason
        == f"no answer from the image's address {service.address}/big: the answer is larger than 1000 bytes"
    )


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(body=b"<html>it works</html>"), "without an image: <html>it works</html>"),
        (Reply(body=b""), "without an image: (nothing)"),
        (Reply(body=b"\xff\xfe{"), "without an image"),
        (Reply(body=b"[" * 100_000), "without an image"),
        (Reply(body=b'{"data": []}'), "without an image"),
        (Reply(body=b'{"data": {"b64_json": "x"}}'), "without an image"),
        (Reply(body=b"[1]"), "without an image: [1]"),
        (data({"b64_json": 5}), "without an image"),
        (Reply(body=b'{"data": [' + b"[]," * 200_000 + b"[]]}"), "without an image"),
        (inline(claiming(8193, 8192)), "what the server sent has 8193x8192 pixels, over the limit"),
        (data("x"), "without an image"),
        (data({"b64_json": "&&&"}), "is not an image"),
        (data({"b64_json": "abcde"}), "is not base64"),
        (inline(b"GIF89a"), "what the server sent is not an image"),
        (inline(picture()[:-30]), "what the server sent is damaged"),
        (inline(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"), "is not an image"),
        (data({"url": "file:///etc/hostname"}), "which is not http(s)"),
        (data({"url": "https://[broken"}), "no answer from the image's address"),
        (Reply(body=b'{"error": {"message": "\x1b[31mred\\nlines \\ud800"}}'), "without an image"),
        (problem(400, "\x1b[31mred\nlines \ud800"), "answered 400: [31mred lines"),
        (Reply(200, picture()[:5], {"Content-Length": "500"}), "peer closed connection"),
    ],
)
def test_garbage_is_a_failure_with_a_printable_reason(service: Service, reply: Reply, words: str) -> None:
    if reply.headers:
        reply.headers["Connection"] = "close"
    reason = failure(service, reply, max_retries=0)
    assert words in reason
    assert reason.isprintable() and len(reason) <= 300


def test_a_missing_file_behind_the_address_is_a_failure_without_its_signature(service: Service) -> None:
    reply = data({"url": f"{service.address}/gone?signature=secret"})
    assert failure(service, reply) == f"the image's address {service.address}/gone answered 404"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "model: is missing"),
        ({"model": ""}, "model is empty"),
        ({"model": "m", "key_env": KEY}, "never the key itself"),
        ({"model": "m", "base_url": f"https://{KEY}@host/v1"}, "base_url is not of the form"),
        ({"model": "m", "base_url": f"https://host/v1?key={KEY}"}, "base_url is not of the form"),
        ({"model": "m", "base_url": "host/v1"}, "base_url is not of the form"),
        ({"model": "m", "extra": "{"}, "extra"),
        ({"model": "m", "extra": '{"style": NaN}'}, "extra is not JSON"),
        ({"model": "m", "extra": "[]"}, "extra"),
        ({"model": "m", "extra": '{"n": 4, "seed": 1}'}, "extra may not hold n, seed"),
        ({"model": "m", "concurrency": "0"}, "concurrency 0 is not between 1 and 64"),
        ({"model": "m", "timeout": "nan"}, "timeout nan is not between"),
        ({"model": "m", "max_retries": "99"}, "max_retries 99 is not between 0 and 20"),
        ({"model": "m", "api_key": KEY}, "api_key: unknown key"),
    ],
)
def test_bad_options_are_refused_without_repeating_a_key(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as raised:
        registry.create("generators", "openai-images", options)
    assert words in str(raised.value)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "words"), [(None, "holds no key"), (" ", "holds no key"), ("schlüssel", "that no key has")]
)
def test_without_a_usable_key_nothing_is_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch, key: str | None, words: str
) -> None:
    if key is None:
        monkeypatch.delenv("OPENAI_API_KEY")
    else:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match=f"OPENAI_API_KEY.*{words}|OPENAI_API_KEY {words}"):
        ask(service, "a dog")
    assert service.posts == []


def test_the_description_is_json_and_knows_no_key(service: Service) -> None:
    described = json.loads(json.dumps(generator(service, extra={"style": "vivid"}).describe()))
    assert described["model"] == "painter"
    assert described["extra"] == {"style": "vivid"}
    assert "key" not in json.dumps(described)


def everything_written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_run_from_the_command_line_leaves_the_key_nowhere(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.replies = {
        "prompt 0": [inline(picture(), revised_prompt=f"a dog, {KEY}")],
        "prompt 1": [problem(400, f"bad request with Bearer {KEY}")],
        "prompt 2": [problem(400, f"not for {KEY}", "content_policy_violation")],
        "prompt 3": [Reply(body=f"<html>{KEY}</html>".encode())],
    }
    (tmp_path / "four.txt").write_text("".join(f"prompt {i}\n" for i in range(4)))
    said = ""

    def run(*arguments: str) -> str:
        nonlocal said
        result = CliRunner().invoke(cli, ["--workspace", str(tmp_path / "w"), *arguments])
        said += result.output + str(result.exception)
        return result.output

    run("init")
    run(
        *("models", "add", "painter", "--adapter", "openai-images", "-O", "model=painter"),
        *("-O", f"base_url={service.address}/v1", "-O", "max_retries=0"),
    )
    command = ("generate", "--model", "painter", "--prompts", str(tmp_path / "four.txt"), "--samples", "1")
    assert "1 made, 2 failed, 1 refused" in run(*command)
    service.replies = {"prompt 1": [inline(picture())], "prompt 3": [problem(401, f"wrong key {KEY}")]}
    run(*command)
    assert "refused the key in $OPENAI_API_KEY (401)" in said
    states = {
        row["state"]: row["images"]
        for row in json.loads(run("models", "show", "painter", "--json"))["images"]
    }
    assert states == {"done": 2, "failed": 1, "refused": 1}

    assert "HTTP Request: POST" in caplog.text
    written = everything_written(tmp_path)
    assert b"not for ***" in written
    for place in (said, caplog.text, written.decode(errors="replace")):
        assert KEY not in place


def test_the_pipeline_keeps_refuses_and_takes_up_again(service: Service, tmp_path: Path) -> None:
    prompts = PromptSet("set", tuple(Prompt(f"{i:05d}", f"prompt {i}") for i in range(4)))
    service.replies = {
        "prompt 1": [problem(400, "Rejected.", "moderation_blocked")],
        "prompt 2": [problem(500, "out of order")],
    }
    options = {"model": "painter", "base_url": f"{service.address}/v1", "max_retries": "0"}
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.catalog.add_prompt_set(prompts)
        store.catalog.add_model(ModelCard("painter", "openai-images", options))

        def run() -> dict[str, int]:
            report = pipeline.generate(store, tmp_path / "images", "painter", prompts, samples=2)
            return dict(report.counts)

        assert run() == {"made": 4, "refused": 2, "failed": 2}
        service.replies.pop("prompt 2")
        service.posts.clear()
        assert run() == {"kept": 4, "refused": 2, "made": 2}
        assert service.asked == ["prompt 2"] * 2
        records = store.images.find()
    assert [r.reason for r in records if r.state is ImageState.REFUSED] == ["Rejected."] * 2
    done = [r for r in records if r.state is ImageState.DONE]
    assert all(r.seconds and (r.width, r.height) == (8, 6) for r in done)
    assert done[0].provenance["settings"]["model"] == "painter"
