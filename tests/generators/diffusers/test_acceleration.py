"""Caches, attention backends, fp8 storage and torch.compile: asked for, said and counted."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.step_caches import Cache

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Folder = Callable[[str], Path]
TEXTS = ("a red fox", "two blue cars near a tall green tree", "a red fox")
REQUESTS = [GenerationRequest(Prompt(f"0000{i}", text), 0, i % 2) for i, text in enumerate(TEXTS)]
STEPS = 8


@pytest.fixture(scope="module")
def deep(pipeline_folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Options for a tiny FLUX with blocks enough to leave some out, and weights that are not near zero."""
    from diffusers import FluxTransformer2DModel

    base = pipeline_folder("flux")
    config = FluxTransformer2DModel.load_config(base, subfolder="transformer")
    torch.manual_seed(0)
    network = FluxTransformer2DModel.from_config({**config, "num_layers": 3, "num_single_layers": 3})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.08 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("deep")
    network.save_pretrained(folder)
    size = {"steps": STEPS, "height": 32, "width": 32, "extra": '{"max_sequence_length": 48}'}
    return {"model": base, "transformer": folder, **size}


def create(options: dict[str, Any], **more: Any) -> Any:
    given = {key: str(value) for key, value in {**options, **more}.items()}
    return registry.create("generators", "diffusers", given)


def drawn(generator: Any, *requests: GenerationRequest) -> list[tuple[NDArray[np.int16], Any]]:
    """(picture, provenance) of each request, drawn one by one."""
    results = [result for one in requests for result in generator.generate([one])]
    assert all(result.image is not None for result in results), results
    return [(np.asarray(result.image, np.int16), result.provenance) for result in results]


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["fbcache:0.8", "taylorseer:3", "magcache:0.5"])
def test_a_cache_leaves_steps_out_counts_them_and_forgets_between_images(
    deep: dict[str, Any], cache: str
) -> None:
    ((exact, plain),) = drawn(create(deep), REQUESTS[0])
    assert "passes" not in plain
    (first, about), (other, _), (again, _) = drawn(create(deep, cache=cache), *REQUESTS)
    assert about["passes"] == STEPS and 0 < about["passes_computed"] < STEPS
    assert (first != exact).any() and (first != other).any()
    assert np.array_equal(first, again)


@pytest.mark.slow
def test_a_cache_that_leaves_nothing_out_is_said(
    deep: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    ((exact, _),) = drawn(create(deep), REQUESTS[0])
    generator = create(deep, cache="fbcache:0.000001")
    (picture, about), _ = drawn(generator, *REQUESTS[:2])
    assert np.array_equal(picture, exact) and about["passes_computed"] == about["passes"] == STEPS
    said = [r.getMessage() for r in caplog.records if "left nothing out" in r.getMessage()]
    assert said == [
        "cache=fbcache left nothing out: all 8 passes were computed in full, and no time was saved"
    ]


@pytest.mark.slow
def test_a_plan_that_is_the_same_for_all_may_be_used_in_batches(deep: dict[str, Any]) -> None:
    options = {**deep, "cache": '{"kind": "magcache", "threshold": 0.5}'}
    alone = [picture for picture, _ in drawn(create(options), *REQUESTS[:2])]
    together = list(create(options, batch_size=2).generate(REQUESTS[:2]))
    assert [r.provenance["batch"] for r in together] == [2, 2]
    assert all(
        np.abs(np.asarray(r.image, np.int16) - p).max() <= 1 for r, p in zip(together, alone, strict=True)
    )


@pytest.mark.slow
def test_attention_and_storage_change_little_and_touch_no_other_model(deep: dict[str, Any]) -> None:
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry as registry_of_backends

    ((exact, _),) = drawn(create(deep), REQUESTS[0])
    before = registry_of_backends.get_active_backend()[0]
    generator = create(deep, attention="_native_math")
    ((picture, _),) = drawn(generator, REQUESTS[0])
    assert np.abs(picture - exact).max() <= 1
    chosen = {
        part.processor._attention_backend.value
        for part in generator._pipeline.transformer.modules()
        if hasattr(part, "processor")
    }
    assert chosen == {"_native_math"} and registry_of_backends.get_active_backend()[0] == before
    ((eight, _),) = drawn(create(deep, quantize="fp8-storage"), REQUESTS[0])
    assert 0 < np.abs(eight - exact).max() < 40


@pytest.mark.slow
def test_compiled_blocks_draw_the_same(deep: dict[str, Any]) -> None:
    ((exact, _),) = drawn(create(deep, steps=1), REQUESTS[0])
    generator = create(deep, steps=1, compile=True)
    ((picture, _),) = drawn(generator, REQUESTS[0])
    assert np.abs(picture - exact).max() <= 1
    assert generator.describe()["compile"] is True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("flux", {"attention": "flash"}, "attention=flash cannot be had with FluxTransformer2DModel here"),
        ("sdxl", {"attention": "native"}, "UNet2DConditionModel leaves no choice of attention"),
        ("sdxl", {"cache": "fbcache"}, "diffusers has no caches for UNet2DConditionModel"),
    ],
)
def test_what_a_pipeline_or_this_machine_cannot_do(
    pipeline_folder: Folder, kind: str, options: dict[str, str], message: str
) -> None:
    size = {"steps": "1", "height": "32", "width": "32", "model": str(pipeline_folder(kind))}
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        list(create(size, **options).generate(REQUESTS[:1]))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_magcache_needs_the_ratios_of_the_model() -> None:
    from diffusers import QwenImageTransformer2DModel

    sizes = {"num_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2, "joint_attention_dim": 16}
    network = QwenImageTransformer2DModel(in_channels=16, out_channels=4, axes_dims_rope=(8, 4, 4), **sizes)
    with pytest.raises(InputError, match="magcache needs the mag_ratios of QwenImageTransformer2DModel"):
        Cache("magcache").enable(network, STEPS)
    Cache("magcache", {"mag_ratios": [1.0] * 4}).enable(network, STEPS)
    assert network.is_cache_enabled


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache": "teacache"}, "unknown cache 'teacache'"),
        ({"cache": "fbcache:low"}, "'low' is no number"),
        ({"cache": '{"kind": "fbcache", "treshold": 1}'}, "did you mean 'threshold'"),
        ({"cache": "{fbcache}"}, "is not JSON"),
        ({"cache": "fbcache", "batch_size": "4"}, "depend on its neighbours: give batch_size=1"),
        ({"cache": "seacache", "batch_size": "2"}, "depend on its neighbours"),
        ({"cache": "taylorseer", "compile": "true"}, "cache and compile do not go together"),
        ({"attention": "flashy"}, "unknown attention backend 'flashy': did you mean 'flash'"),
        ({"quantize": "vae:fp8-storage"}, "unknown way to quantise 'fp8-storage'"),
    ],
)
def test_bad_words_are_refused_before_anything_is_loaded(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        create({"model": "a/b"}, **options)


def test_how_caches_are_written() -> None:
    assert Cache.read("fbcache:0.2") == Cache("fbcache", {"threshold": 0.2})
    assert Cache.read("taylorseer:3") == Cache("taylorseer", {"cache_interval": 3})
    assert Cache.read('{"kind": "taylorseer", "max_order": 2}') == Cache("taylorseer", {"max_order": 2})
    assert Cache.read("magcache") == Cache("magcache")
