"""Prompt enhancers: off unless asked for, recorded when on, and the same again whatever ran before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nami_bench.domain import ImageState, Prompt
from nami_bench.errors import InputError
from nami_bench.generators.diffusers_pipeline import DiffusersGenerator
from nami_bench.generators.prompt_rewriting import own_randomness
from nami_bench.generators.protocol import GenerationRequest, GenerationResult

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Folder = Callable[[str], Path]
TEXTS = ("a red fox", "two blue cars near a tall green tree")
REQUESTS = [GenerationRequest(Prompt(f"{i:05d}", text), 0, 1000 + i) for i, text in enumerate(TEXTS)]


def generator(folder: Path, **options: Any) -> DiffusersGenerator:
    given = {"steps": 1, "height": 32, "width": 32, **options}
    return DiffusersGenerator(DiffusersGenerator.Options(model=str(folder), **given))


def draw(
    folder: Path, requests: list[GenerationRequest] = REQUESTS, **options: Any
) -> list[GenerationResult]:
    results = list(generator(folder, **options).generate(requests))
    assert [result.state for result in results] == [ImageState.DONE] * len(requests)
    return results


def same(one: GenerationResult, other: GenerationResult) -> bool:
    return np.array_equal(np.asarray(one.image), np.asarray(other.image))


@pytest.mark.slow
def test_an_enhancer_is_off_unless_asked_for_and_repeatable_when_on(pipeline_folder: Folder) -> None:
    folder = pipeline_folder("ernie_image")
    off = draw(folder)
    assert {result.provenance["prompt_rewriting"] for result in off} == {"none"}
    assert not any("rewritten_prompt" in result.provenance for result in off)
    assert generator(folder).describe()["call"]["use_pe"] is False
    on = draw(folder, prompt_rewriting="on", batch_size=2)
    assert {r.provenance["prompt_rewriting"] for r in on} == {"pipeline"}
    assert {r.provenance["batch"] for r in on} == {1}
    assert not same(off[0], on[0])
    torch.rand(7)  # something else ran before, in another order
    again = draw(folder, REQUESTS[::-1], prompt_rewriting="on")[::-1]
    assert [r.provenance["rewritten_prompt"] for r in again] == [r.provenance["rewritten_prompt"] for r in on]
    assert all(map(same, on, again))
    other = draw(folder, [GenerationRequest(REQUESTS[0].prompt, 1, 7)], prompt_rewriting="on")
    assert other[0].provenance["rewritten_prompt"] != on[0].provenance["rewritten_prompt"]


@pytest.mark.slow
def test_the_words_of_an_enhancer_that_only_logs_them_are_recorded(
    pipeline_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import LongCatImagePipeline

    folder = pipeline_folder("longcat")
    monkeypatch.setattr(
        LongCatImagePipeline, "rewire_prompt", lambda self, prompt, device: [f"{p}, in fog" for p in prompt]
    )
    (off,), (on,) = (draw(folder, REQUESTS[:1], prompt_rewriting=choice) for choice in ("off", "on"))
    (written,) = draw(folder, [GenerationRequest(Prompt("00000", "a red fox, in fog"), 0, 1000)])
    assert (on.provenance["prompt_rewriting"], off.provenance["prompt_rewriting"]) == ("pipeline", "none")
    assert on.provenance["rewritten_prompt"] == "a red fox, in fog"
    assert same(on, written) and not same(on, off)


@pytest.mark.slow
def test_a_fixed_instruction_is_recorded_with_its_text(pipeline_folder: Folder) -> None:
    (lumina,) = draw(pipeline_folder("lumina2"), REQUESTS[:1])
    assert lumina.provenance["prompt_rewriting"] == "instruction"
    instruction = lumina.provenance["prompt_instruction"]
    assert instruction["argument"] == "system_prompt" and instruction["text"].startswith(
        "You are an assistant"
    )
    extra = {"use_resolution_binning": False, "complex_human_instruction": None}
    (sana,) = draw(pipeline_folder("sana"), REQUESTS[:1], extra=extra)
    assert sana.provenance["prompt_rewriting"] == "none"


def test_what_cannot_rewrite_is_not_asked_to(pipeline_folder: Folder) -> None:
    with pytest.raises(InputError, match="FluxPipeline here rewrites no prompts: give prompt_rewriting=off"):
        next(generator(pipeline_folder("flux"), prompt_rewriting="on").generate(REQUESTS[:1]))
    with pytest.raises(InputError, match="set use_pe by the option prompt_rewriting, not in extra"):
        generator(pipeline_folder("flux"), extra={"use_pe": True})


def test_global_randomness_follows_from_the_seed_and_is_given_back() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    inside = []
    for _ in range(2):
        with own_randomness(3, torch.device("cpu")):
            inside.append(torch.rand(3))
    assert torch.equal(*inside) and torch.equal(torch.get_rng_state(), before)
