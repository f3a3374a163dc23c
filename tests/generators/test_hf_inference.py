"""The adapter `hf-inference` against a stand-in on this machine, through `huggingface_hub`'s own client."""

import base64
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers import _common, together
from PIL import Image

from nami_bench.domain import ImageState, Prompt
from nami_bench.errors import GenerationError, InputError
from nami_bench.generators.hf_inference import HfInferenceGenerator
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.services import retrying_client
from tests.support.http_server import Asked, Reply, http_server
from tests.support.image_servers import noise_png

TOKEN = "hf_test0123456789abcdefghij"


class Endpoint:
    """An inference endpoint: {"inputs", "parameters"} in, the bytes of a PNG out."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.replies: list[Reply] = []
        self.address = ""
        self.lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
            if self.replies:
                return self.replies.pop(0)
        parameters = asked.body.get("parameters", {})
        size = parameters.get("width", 16), parameters.get("height", 16)
        return Reply(body=noise_png(parameters.get("seed", 7), *size))

    def ask(self, count: int = 1, **options: Any) -> list[GenerationResult]:
        requests = [GenerationRequest(Prompt("00000", "a fox"), i, 2**31 + i) for i in range(count)]
        asked: dict[str, Any] = {"model": "owner/painter", "base_url": self.address, "max_retries": 2}
        return list(
            HfInferenceGenerator(HfInferenceGenerator.Options(**(asked | options))).generate(requests)
        )


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[Endpoint]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.02)
    running = Endpoint()
    with http_server(running) as running.address:
        yield running


def test_what_is_given_is_sent_and_nothing_else(endpoint: Endpoint) -> None:
    given = {"steps": 4, "guidance_scale": 0.0, "width": 24, "height": 16, "extra": {"shift": 3}}
    one, two = endpoint.ask(2, concurrency=1, **given)
    (first,) = {
        json.dumps(asked.body["parameters"] | {"seed": 0}, sort_keys=True) for asked in endpoint.asked
    }
    expected = {"num_inference_steps": 4, "guidance_scale": 0.0, "width": 24, "height": 16, "shift": 3}
    assert json.loads(first) == {**expected, "seed": 0}
    assert [asked.body["inputs"] for asked in endpoint.asked] == ["a fox"] * 2
    assert [asked.body["parameters"]["seed"] for asked in endpoint.asked] == [0, 1]
    assert endpoint.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert one.image is not None and one.image.size == (24, 16) and one.image.mode == "RGB"
    known = one.provenance
    assert (known["asked_size"], known["sent_seed"], known["provider"]) == ("24x16", 0, "hf-inference")
    assert known["pixels_sha256"] != two.provenance["pixels_sha256"]
    assert one.seconds is not None and one.seconds <= known["finished"] - known["started"] + 0.01
    assert "prompt_rewriting" not in known  # nothing is told


def test_a_transparent_image_is_laid_over_white_and_said(endpoint: Endpoint) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 6), (200, 30, 30, 0)).save(buffer, "PNG")
    endpoint.replies = [Reply(body=buffer.getvalue())]
    see_through, opaque = endpoint.ask(2, concurrency=1)
    assert see_through.image is not None and see_through.image.getpixel((0, 0)) == (255, 255, 255)
    assert see_through.provenance["alpha"] == "composited over white"
    assert "alpha" not in opaque.provenance


def test_the_pictures_of_a_provider_come_through_its_own_interface(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = InferenceProviderMapping(
        provider="together",
        hf_model_id="owner/painter",
        providerId="painter-turbo",
        task="text-to-image",
        status="live",
    )
    monkeypatch.setitem(_common.HARDCODED_MODEL_INFERENCE_MAPPING["together"], "owner/painter", mapping)
    helper = together.TogetherTextToImageTask
    monkeypatch.setattr(helper, "_prepare_base_url", lambda self, key: endpoint.address)
    picture = base64.b64encode(noise_png(1)).decode()
    endpoint.replies = [Reply(body={"data": [{"b64_json": picture}]})]
    (result,) = endpoint.ask(base_url="", provider="together", steps=4)
    assert result.state is ImageState.DONE, result.reason
    (asked,) = endpoint.asked
    assert asked.path == "/v1/images/generations"
    assert (asked.body["model"], asked.body["prompt"], asked.body["seed"]) == ("painter-turbo", "a fox", 0)


def test_no_token_of_this_machine_goes_to_an_endpoint_without_a_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    (result,) = endpoint.ask(key_env="")
    assert result.state is ImageState.DONE
    assert TOKEN not in json.dumps(endpoint.asked[0].headers)


def test_a_busy_endpoint_is_asked_again(endpoint: Endpoint) -> None:
    endpoint.replies = [Reply(503, {"error": "loading"}), Reply(0), Reply(429, {"error": "slow"})]
    (result,) = endpoint.ask(max_retries=3)
    assert (result.state, result.provenance["attempts"]) == (ImageState.DONE, 4)


def test_a_seed_that_is_refused_is_left_out(endpoint: Endpoint) -> None:
    problem = {"error": "unexpected keyword argument 'seed'"}
    endpoint.replies = [Reply(400, problem)]
    one, two = endpoint.ask(2, concurrency=1)
    assert one.state is two.state is ImageState.DONE
    assert "sent_seed" not in one.provenance
    assert ["seed" in asked.body.get("parameters", {}) for asked in endpoint.asked] == [True, False, False]


@pytest.mark.parametrize(
    ("reply", "state", "words"),
    [
        (lambda: Reply(400, {"error": "no such thing"}), ImageState.FAILED, "answered 400: no such thing"),
        (lambda: Reply(500, {"error": f"oh {TOKEN}"}), ImageState.FAILED, "answered 500 .*oh \\*\\*\\*"),
        (
            lambda: Reply(400, {"error": {"message": "not that", "code": "content_filter"}}),
            ImageState.REFUSED,
            "not that",
        ),
        (lambda: Reply(body=b"<html>"), ImageState.FAILED, "without an image"),
        (lambda: Reply(body=noise_png(1)[:-40]), ImageState.FAILED, "is damaged"),
        (
            lambda: Reply(body=b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"),
            ImageState.FAILED,
            "is EPS, not PNG",
        ),
    ],
)
def test_what_brings_no_image(
    endpoint: Endpoint, reply: Callable[[], Reply], state: ImageState, words: str
) -> None:
    endpoint.replies = [reply()] * 2
    (result,) = endpoint.ask(max_retries=1)
    assert result.state is state
    assert result.reason is not None
    assert re.search(words, result.reason), result.reason


@pytest.mark.parametrize(
    ("reply", "options", "words"),
    [
        (Reply(401, {"error": "bad"}), {}, r"refused the key in \$HF_TOKEN"),
        (Reply(404, {"error": "no model"}), {}, "answered 404"),
        (Reply(402, {"error": "pay"}), {}, "no more images for this account: pay"),
        (
            Reply(400, {"error": "unexpected keyword argument 'shift'"}),
            {"extra": {"shift": 3}},
            "does not take shift",
        ),
    ],
)
def test_what_ends_the_run(endpoint: Endpoint, reply: Reply, options: dict[str, Any], words: str) -> None:
    endpoint.replies = [reply] * 40
    with pytest.raises(GenerationError, match=words):
        endpoint.ask(20, concurrency=1, **options)
    assert len(endpoint.asked) == 1


def test_no_endpoint_ends_the_run(endpoint: Endpoint) -> None:
    with http_server(endpoint) as closed:
        address = closed
    with pytest.raises(GenerationError, match="cannot reach http://127"):
        endpoint.ask(3, base_url=address, max_retries=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ""}, "model is empty"),
        ({"base_url": "host"}, "base_url is not of the form"),
        ({"provider": "fal-ai"}, "give no provider beside it"),
        ({"steps": 0}, "steps 0 is below 1"),
        ({"extra": {"seed": 4}}, "extra may not hold seed"),
        ({"key_env": TOKEN + "-"}, "never the key itself"),
        ({"concurrency": 65}, "concurrency 65 is not between 1 and 64"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"model": "owner/painter", "base_url": "http://127.0.0.1:1"} | options
    with pytest.raises(InputError, match=words):
        HfInferenceGenerator.Options(**given)
