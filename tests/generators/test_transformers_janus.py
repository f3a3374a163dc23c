"""The adapter `transformers` on a tiny Janus of the real classes, built here; the hub is offline."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="NO TORCH: pip install -e '.[models]'")
pytest.importorskip("diffusers", reason="NO DIFFUSERS: pip install -e '.[models]'")

import torch
from huggingface_hub import constants
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    GenerationConfig,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusImageProcessor,
    JanusProcessor,
    Qwen2Tokenizer,
)

from nami_bench.domain import ImageState, Prompt
from nami_bench.errors import InputError
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.transformers_janus import TransformersGenerator

SIDE = 32
CHAT = "{% for m in messages %}{{ m['role'] }}: {{ m['content'][0]['text'] }}\n{% endfor %}"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def config() -> JanusConfig:
    language: dict[str, Any] = {"model_type": "llama", "vocab_size": 320, "hidden_size": 32}
    language |= {"intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    language |= {"num_key_value_heads": 2, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0}
    vision: dict[str, Any] = {"image_size": SIDE, "patch_size": 16, "num_image_tokens": 4}
    vision |= {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 2}
    vision |= {"projection_dim": 32, "hidden_dropout_rate": 0.0}
    pictures: dict[str, Any] = {"embed_dim": 4, "num_embeddings": 64, "latent_channels": 4, "in_channels": 3}
    pictures |= {"base_channels": 32, "channel_multiplier": [1, 1, 1, 1], "num_res_blocks": 1}
    pictures |= {"out_channels": 3, "num_patches": 4, "projection_dim": 32, "image_token_embed_dim": 32}
    pictures |= {"hidden_size": 32, "num_hidden_layers": 1, "double_latent": False}
    return JanusConfig(text_config=language, vision_config=vision, vq_config=pictures, image_token_id=5)


def processor() -> JanusProcessor:
    marks = {
        "image_token": "<image_placeholder>",
        "boi_token": "<begin_of_image>",
        "eoi_token": "<end_of_image>",
    }
    tokens = ["<|endoftext|>", *marks.values(), *sorted(ByteLevel.alphabet())]
    tokenizer = Qwen2Tokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=[],
        unk_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=marks,
    )
    return JanusProcessor(JanusImageProcessor(), tokenizer, chat_template=CHAT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("janus")
    torch.manual_seed(0)
    model = JanusForConditionalGeneration(config()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 3  # as it comes, every token is about as likely as any other
    tokens = {"bos_token_id": 0, "pad_token_id": 0, "eos_token_id": 3}
    model.generation_config = GenerationConfig(**tokens, generation_kwargs={"boi_token_id": 2})
    model.save_pretrained(path)
    processor().save_pretrained(path)
    return path


def draw(model: Path, *requests: tuple[str, int], **options: Any) -> list[Any]:
    generator = TransformersGenerator(TransformersGenerator.Options(str(model), device="cpu", **options))
    asked = [GenerationRequest(Prompt("00000", text), i, seed) for i, (text, seed) in enumerate(requests)]
    results = list(generator.generate(asked))
    assert [result.reason for result in results] == [None] * len(results)
    return results


def pixels(result: Any) -> np.ndarray[Any, Any]:
    return np.asarray(result.image).astype(int)


def test_a_picture_follows_from_prompt_and_seed_alone(folder: Path) -> None:
    fox, other_seed, cat = draw(folder, ("a fox", 1), ("a fox", 2), ("a big cat", 1))
    assert fox.state is ImageState.DONE
    assert (fox.image.size, fox.image.mode) == ((SIDE // 2, SIDE // 2), "RGB")
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    (again,) = draw(folder, ("a fox", 1))
    assert torch.equal(before, torch.random.get_rng_state())  # nobody else's numbers are taken
    assert (pixels(again) == pixels(fox)).all()
    assert (pixels(other_seed) != pixels(fox)).any()
    assert (pixels(cat) != pixels(fox)).any()
    known = fox.provenance
    assert (known["pipeline"], known["device"], known["dtype"], known["prompt_rewriting"]) == (
        "JanusForConditionalGeneration",
        "cpu",
        "float32",
        "none",
    )


def test_settings_reach_the_draw(folder: Path) -> None:
    """At a temperature of almost nothing every seed has the likeliest tokens."""
    cold = draw(folder, ("a fox", 1), ("a fox", 2), temperature=1e-4)
    assert (pixels(cold[0]) == pixels(cold[1])).all()
    (guided,) = draw(folder, ("a fox", 1), temperature=1e-4, guidance_scale=1.01)
    assert (pixels(guided) != pixels(cold[0])).any()


def test_tokens_beyond_the_fifty_likeliest_are_drawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 tokens, nearly flat: transformers' default of 50 would leave 14 out for every picture."""
    seen: list[int] = []
    multinomial = torch.multinomial

    def watched(probabilities: Any, **arguments: Any) -> Any:
        seen.append(int((probabilities > 0).sum()))
        return multinomial(probabilities, **arguments)

    monkeypatch.setattr(torch, "multinomial", watched)
    draw(folder, ("a fox", 1))
    assert set(seen) == {64}


def test_the_description_tells_weights_and_settings_apart(folder: Path, tmp_path: Path) -> None:
    def described(path: Path) -> dict[str, Any]:
        options = TransformersGenerator.Options(str(path), device="cpu")
        told: dict[str, Any] = json.loads(json.dumps(TransformersGenerator(options).describe()))
        return told

    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    assert described(copy)["model_files"] == described(folder)["model_files"]
    (copy / "chat_template.jinja").write_text("another")
    now, before = described(copy)["model_files"], described(folder)["model_files"]
    assert now["sha256"] == before["sha256"] and now["settings_sha256"] != before["settings_sha256"]


def test_other_models_are_refused_in_words(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "config.json").write_text('{"model_type": "emu3"}')
    with pytest.raises(InputError, match=r"of type 'emu3', and 'janus' alone .*openai-images"):
        draw(copy, ("a fox", 1))
    with pytest.raises(InputError, match="nobody/nothing"):
        draw(Path("nobody/nothing"), ("a fox", 1))


def test_the_token_that_begins_a_picture_is_the_processors_where_none_is_named(
    folder: Path, tmp_path: Path
) -> None:
    """As where generation_config.json says that it was made from config.json: transformers drops it then."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_from_model_config": True}))
    (fox,), (same,) = draw(folder, ("a fox", 1)), draw(copy, ("a fox", 1))
    assert (pixels(fox) == pixels(same)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"guidance_scale": 1.0}, "guidance_scale 1 is not above 1"),
        ({"temperature": 0.0}, "temperature 0 is not"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        TransformersGenerator.Options("owner/name", **options)
