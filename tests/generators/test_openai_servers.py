"""The adapter `openai-images` against servers with vLLM-Omni's, SGLang's and OpenAI's schemas."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nami_bench import pipeline
from nami_bench.domain import ImageState, ModelCard, Prompt, PromptSet
from nami_bench.errors import GenerationError, InputError
from nami_bench.generators.openai_http import OpenAIImagesGenerator
from nami_bench.generators.openai_servers import OptionalFields, refused_fields, server_kind, told
from nami_bench.generators.protocol import GenerationRequest, GenerationResult, picture_sha256
from nami_bench.services.bounded_client import Answer, Headers
from nami_bench.store import Store
from tests.support.http_server import http_server
from tests.support.image_servers import ImageServer, OpenAI, SGLang, VllmOmni

KEY = "sk-test-0123456789abcdefghij"
PROMPTS = PromptSet("set", tuple(Prompt(f"{i:05d}", f"a pumpkin seed, number {i}") for i in range(2)))


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@contextmanager
def asking(fake: ImageServer, **options: Any) -> Iterator[OpenAIImagesGenerator]:
    with http_server(fake) as address:
        asked: dict[str, Any] = {"model": "gpt-image-1", "base_url": f"{address}/v1", "size": ""}
        yield OpenAIImagesGenerator(OpenAIImagesGenerator.Options(**(asked | {"max_retries": 0} | options)))


def ask(fake: ImageServer, samples: int = 1, **options: Any) -> list[GenerationResult]:
    requests = [GenerationRequest(PROMPTS.prompts[0], i, 2**33 + i) for i in range(samples)]
    with asking(fake, **options) as generator:
        return list(generator.generate(requests))


def test_vllm_omni_is_sent_seeds_and_its_metrics_are_kept() -> None:
    server = VllmOmni()
    one, two = ask(server, 2, size="32x24", server="vllm-omni", concurrency=1)
    assert [body["seed"] for body in server.bodies] == [0, 1] == [one.provenance["sent_seed"], 1]
    assert one.image is not None and one.image.size == (32, 24)
    known = one.provenance
    assert known["server"]["metrics"]["stage_durations"] == {"text_encoder": 0.1, "dit": 1.5, "vae": 0.2}
    assert known["server"]["size"] == known["asked_size"] == "32x24"
    assert known["peak_memory_bytes"] == 2048.5 * 2**20
    assert "prompt_rewriting" not in known  # it says null of every prompt: nothing is known
    assert (known["warm"], two.provenance["warm"]) == (False, True)
    (again,) = ask(VllmOmni(), 1, size="32x24")
    assert again.provenance["pixels_sha256"] == known["pixels_sha256"] != two.provenance["pixels_sha256"]


def test_thoughts_before_the_picture_are_the_models_rewriting() -> None:
    (result,) = ask(VllmOmni(), extra={"bot_task": "think"})
    assert result.provenance["prompt_rewriting"] == "model"
    assert result.provenance["rewritten_prompt"] == "The user wants a picture."


def test_sglang_has_four_pictures_for_four_seeds_and_no_rewriting() -> None:
    server = SGLang()
    results = ask(server, 4)
    assert len({result.provenance["pixels_sha256"] for result in results}) == 4
    assert {result.provenance["prompt_rewriting"] for result in results} == {"none"}
    assert "rewritten_prompt" not in results[0].provenance
    assert results[0].provenance["server"]["inference_time_s"] == 0.25
    assert results[0].provenance["peak_memory_bytes"] == 2**30
    assert server.gets == []  # base64 is asked for


def test_a_prompt_that_the_server_enhanced_is_rewriting() -> None:
    (result,) = ask(SGLang(), extra={"enhance_prompt": True})
    assert result.provenance["prompt_rewriting"] == "external"
    assert result.provenance["rewritten_prompt"].endswith(", in great detail")


def test_an_address_relative_to_the_servers_is_fetched_there_with_its_key() -> None:
    server = SGLang(KEY)
    (result,) = ask(server, extra={"response_format": "url"})
    assert result.state is ImageState.DONE, result.reason
    assert [got.path for got in server.gets] == ["/v1/images/0/content"]


def test_openai_is_asked_for_nothing_that_it_does_not_know() -> None:
    (result,) = ask(server := OpenAI(), size="1024x1024", quality="high", server="openai")
    assert result.state is ImageState.DONE
    assert "prompt_rewriting" not in result.provenance  # it rewrites inside and does not say
    assert result.provenance["server"]["usage"]["output_tokens"] == 1056
    assert server.bodies[0].keys() == {"model", "prompt", "n", "size", "quality"}


def test_fields_that_nobody_asked_for_are_left_out_where_they_are_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As by a proxy before OpenAI, whose address does not tell what is behind it."""
    server = OpenAI()
    results = ask(server, 3, size="1024x1024", concurrency=1)
    assert {result.state for result in results} == {ImageState.DONE}
    assert all("sent_seed" not in result.provenance for result in results)
    assert len(server.bodies) == 5  # the first picture needed three requests
    assert not {"seed", "response_format"} & server.bodies[-1].keys()
    said = [m for m in caplog.messages if "the server takes no" in m]
    assert len(said) == 2 and any("takes no seed (Unknown parameter: 'seed'.)" in m for m in said)


@pytest.mark.parametrize(
    ("server", "options", "words"),
    [
        (OpenAI(), {"send_seed": True}, "does not take seed as .* give it: Unknown parameter"),
        (OpenAI(), {"extra": {"steps": 3}}, "does not take steps as"),
        (OpenAI(), {"size": "7x7"}, "does not take size as .*Invalid value for 'size'"),
        (VllmOmni(), {"extra": {"num_inference_steps": 900}}, "does not take num_inference_steps as"),
    ],
)
def test_a_field_that_is_wrong_for_every_prompt_ends_the_run(
    server: ImageServer, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(GenerationError, match=words):
        ask(server, 20, concurrency=1, **options)
    assert len(server.bodies) <= 3


def test_equal_samples_are_refused_also_by_a_later_run_and_seeds_make_them_differ(tmp_path: Path) -> None:
    with http_server(SGLang()) as address, Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.catalog.add_prompt_set(PROMPTS)
        asked = {"model": "m", "base_url": f"{address}/v1", "size": "", "concurrency": "2"}
        store.catalog.add_model(ModelCard("unseeded", "openai-images", {**asked, "send_seed": "false"}))
        store.catalog.add_model(ModelCard("seeded", "openai-images", asked))

        def run(model: str, samples: int) -> Any:
            return pipeline.generate(store, tmp_path / "images", model, PROMPTS, samples=samples).counts

        assert run("unseeded", 1) == {"made": 2}
        words = "fixed seed: samples 0 and 1 of prompt 00000 .* no seeds were sent: .*send_seed=true"
        with pytest.raises(InputError, match=words):
            run("unseeded", 4)
        kept = [path.relative_to(tmp_path).parts[3] for path in tmp_path.rglob("*.png")]
        assert sorted(kept) == ["00000", "00001"]
        assert len(store.images.find(models=["unseeded"])) == 2
        assert run("seeded", 4) == {"made": 8}
        assert store.images.find(models=["seeded"])[0].provenance["settings"]["send_seed"] is True


def test_pictures_of_one_colour_are_no_sign_of_a_fixed_seed() -> None:
    from PIL import Image

    assert picture_sha256(Image.new("RGB", (4, 4))) is None
    assert picture_sha256(Image.new("L", (4, 4))) is None
    assert picture_sha256(Image.linear_gradient("L")) != picture_sha256(Image.radial_gradient("L"))


@pytest.mark.parametrize(
    ("status", "payload", "refused"),
    [
        (400, {"error": {"message": 'Unknown name "seed": Cannot find field.'}}, {"seed"}),
        (400, {"error": {"message": "seed is not supported by this model"}}, {"seed"}),
        (400, {"error": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': '...'}]"}, {"seed"}),
        (422, {"detail": [{"loc": ["body", "size"], "type": "literal_error"}]}, {"size"}),
        (422, {"detail": [{"loc": ["body", "prompt"], "type": "string_too_long"}]}, set()),
        (400, {"error": {"message": "the prompt 'a seed' is not allowed"}}, set()),
        (400, {"error": {"message": "this size is not supported", "code": "x"}}, set()),
        (400, {"error": {"message": "'seed' not allowed", "code": "content_filter"}}, set()),
        (500, {"error": {"message": "Unknown parameter: 'seed'"}}, set()),
        (400, {}, set()),
        (400, {"error": ["seed"], "detail": "seed?"}, set()),
    ],
)
def test_which_field_an_error_means(status: int, payload: dict[str, Any], refused: set[str]) -> None:
    body = {"model": "m", "prompt": "a seed", "n": 1, "size": "9x9", "seed": 4}
    assert refused_fields(Answer(status, Headers(), b"", 0.1), payload, body) == refused


@pytest.mark.parametrize(
    ("name", "url", "kind"),
    [
        ("auto", "https://api.openai.com/v1", "openai"),
        ("auto", "https://mine.openai.azure.com/openai/v1", "openai"),
        ("auto", "https://openai.com.example.org/v1", "other"),
        ("auto", "http://127.0.0.1:8000/v1", "other"),
        ("sglang", "https://api.openai.com/v1", "sglang"),
    ],
)
def test_whose_protocol_an_address_speaks(name: Any, url: str, kind: str) -> None:
    assert server_kind(name, url) == kind


def test_what_a_server_tells_is_kept_only_up_to_a_size() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = {"in": [deep]}
    payload = {"usage": {"a": None}, "long": "y" * 10_000, "deep": deep, "nan": float("nan"), "data": [1]}
    payload |= {f"field {i}": i for i in range(1000)}
    kept = told(payload, {"b64_json": "zzz", "text": "half \ud800 and \0"})
    assert len(str(kept)) < 10_000
    assert kept["nan"] == "nan" and kept["long"].endswith("...") and "data" not in kept
    assert told({}, {"b64_json": "zzz", "text": "half \ud800 and \0"}) == {"text": "half ? and "}


def test_only_fields_that_nobody_asked_for_are_dropped() -> None:
    optional = OptionalFields(["seed"])
    assert not optional.drop(["size"], "no")
    assert optional.drop(["seed", "size"], "no") and optional.drop(["seed"], "no")
    assert optional.kept({"seed": 1, "size": "x"}) == {"size": "x"}
