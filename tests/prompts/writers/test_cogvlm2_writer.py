"""The adapter for CogVLM2 on a tiny model with the interface of its published code, loaded as remote code."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file, save_file

from nami_bench import registry
from nami_bench.cli.app import cli
from nami_bench.errors import InputError
from nami_bench.prompts.files import load_prompt_set
from nami_bench.prompts.writers.cogvlm2 import CogVLM2, CogVLM2Writer, choose
from nami_bench.prompts.writers.protocol import AnswerState, Sampling, WritingRequest

GREEDY = Sampling(0.0, 1, max_tokens=24)
RED = Image.new("RGB", (40, 20), (220, 30, 30))
BLUE = Image.new("RGB", (20, 40), (10, 20, 230))


def writer(folder: Path) -> CogVLM2Writer:
    return CogVLM2Writer(CogVLM2Writer.Options(str(folder), run_code=True, device="cpu"))


@pytest.fixture(scope="module")
def loaded(cogvlm2_folder: Path) -> CogVLM2:
    return writer(cogvlm2_folder)._model


def plain_argmax(network: Any, tokenizer: Any, image: Image.Image, query: str, steps: int) -> list[int]:
    """The whole sequence anew at every step, no cache."""
    built = network.build_conversation_input_ids(
        tokenizer, query=query, history=[], images=[image], template_version="chat"
    )
    ids, types = built["input_ids"][None], built["token_type_ids"][None]
    for _ in range(steps):
        prepared = network.prepare_inputs_for_generation(
            ids, types, images=[built["images"]], attention_mask=torch.ones_like(ids)
        )
        best = network(**prepared).logits[:, -1].argmax(dim=-1, keepdim=True)
        ids = torch.cat([ids, best], dim=1)
        types = torch.cat([types, torch.zeros_like(best)], dim=1)
    return ids[0, -steps:].tolist()


@pytest.mark.parametrize("image", [RED, BLUE], ids=["red", "blue"])
def test_greedy_decoding_is_plain_argmax_without_a_cache(loaded: CogVLM2, image: Image.Image) -> None:
    model = CogVLM2(loaded.network, loaded.tokenizer)
    model.end_tokens = frozenset()
    tokens, finished = model.answer(image, "What is it?", GREEDY)
    assert tokens == plain_argmax(loaded.network, loaded.tokenizer, image, "What is it?", 24)
    assert not finished and len(set(tokens)) > 2


def test_what_it_says_depends_on_the_image_and_the_question(loaded: CogVLM2) -> None:
    asked = ((RED, "Question:"), (BLUE, "Question:"), (RED, "A heavy bell"))
    assert len({tuple(loaded.answer(image, query, GREEDY)[0]) for image, query in asked}) == 3


def test_loaded_weights_are_those_of_the_file_whatever_the_code_initialises(
    loaded: CogVLM2, cogvlm2_folder: Path
) -> None:
    saved = load_file(cogvlm2_folder / "model.safetensors")
    here = loaded.network.state_dict()
    assert saved.keys() == here.keys()
    assert all(torch.equal(saved[name], here[name]) for name in saved)


def test_buffers_that_no_file_holds_are_computed_and_not_left_to_chance(
    cogvlm2_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(cogvlm2_folder, tmp_path / "without_buffers")
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith("inv_freq")}
    assert len(kept) == len(tensors) - 2
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    network = writer(folder)._model.network
    for at, layer in enumerate(network.layers):
        assert torch.equal(layer.inv_freq, tensors[f"layers.{at}.inv_freq"])
        assert layer.signs.tolist() == [-1.0, 1.0]


def test_an_end_token_ends_the_answer_and_is_no_part_of_it(loaded: CogVLM2) -> None:
    tokens, _ = loaded.answer(RED, "", GREEDY)
    end = tokens[4]
    model = CogVLM2(loaded.network, loaded.tokenizer)
    assert model.end_tokens == {loaded.tokenizer.convert_tokens_to_ids("<|end_of_text|>")}
    model.end_tokens = frozenset({end})
    assert model.answer(RED, "", GREEDY) == (tokens[: tokens.index(end)], True)


def test_a_seed_repeats_its_answer_and_another_draws_another(loaded: CogVLM2) -> None:
    def tokens(seed: int) -> list[int]:
        return loaded.answer(RED, "", Sampling(1.0, seed, top_p=1.0, max_tokens=16))[0]

    assert tokens(1) == tokens(1)
    assert len({tuple(tokens(seed)) for seed in range(4)}) == 4


def test_drawing_follows_the_probabilities_within_top_p() -> None:
    logits = torch.tensor([0.1, 0.5, 0.3, 0.1]).log()
    draws = Counter(
        choose(logits, Sampling(1.0, seed, top_p=0.7), torch.Generator().manual_seed(seed))
        for seed in range(2000)
    )
    assert draws.keys() == {1, 2}
    assert draws[1] / 2000 == pytest.approx(0.5 / 0.8, abs=0.04)
    sharp = Sampling(0.05, 0, top_p=1.0)
    assert choose(logits, sharp, torch.Generator().manual_seed(3)) == 1
    assert choose(logits, replace(sharp, temperature=0.0), torch.Generator()) == 1


def test_the_writer_tells_what_the_model_tells(telling_folder: Path, stories: list[str]) -> None:
    requests = [WritingRequest(image, "0" * 64, "Tell.", Sampling(0.0, 0)) for image in (RED, BLUE)]
    answers = list(writer(telling_folder).write(requests))
    assert [answer.state for answer in answers] == [AnswerState.DONE] * 2
    assert [answer.text for answer in answers] == [stories[0], stories[2]]
    assert all(answer.finished and answer.details["device"] == "cpu" for answer in answers)


def test_the_command_writes_what_the_model_tells_and_drops_what_it_tells_twice(
    telling_folder: Path, photos: Path, tmp_path: Path, stories: list[str]
) -> None:
    words = ["prompts", "write-long", "--images", str(photos), "--writer", "cogvlm2", "--min-words", "10"]
    words += ["--writer-option", f"model={telling_folder}", "--writer-option", "device=cpu"]
    words += ["--writer-option", "run_code=true"]
    words += ["-o", str(tmp_path / "long.jsonl"), "--json"]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    found = load_prompt_set(tmp_path / "long.jsonl")
    told = [prompt.text for prompt in found.prompts]
    assert len(told) > 1 and set(told) <= set(stories)
    assert report["dropped"] == {"duplicate": 6 - len(told)}
    assert found.manifest["writer"]["model"] == "telling_cogvlm2"


def test_weights_and_code_identify_the_model(cogvlm2_folder: Path, tmp_path: Path) -> None:
    found = writer(cogvlm2_folder).describe()
    assert found["adapter"] == "cogvlm2" and found["template_version"] == "chat"
    assert found["model"] == "tiny_cogvlm2" and found["dtype"] == "float32"
    changed = shutil.copytree(cogvlm2_folder, tmp_path / "tiny_cogvlm2")
    assert writer(changed).describe() == found
    code = changed / "modeling_tiny.py"
    code.write_text(code.read_text() + "# another line")
    assert writer(changed).describe()["sha256"] != found["sha256"]


@pytest.mark.parametrize("version", ["5.0.0", "5.1.2"])
def test_versions_that_load_random_weights_are_refused(
    cogvlm2_folder: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(transformers, "__version__", version)
    request = WritingRequest(RED, "0" * 64, "", GREEDY)
    with pytest.raises(InputError, match=r"random weights.*transformers>=5.2"):
        list(writer(cogvlm2_folder).write([request]))


def test_a_model_that_lacks_a_tensor_or_a_package_is_refused(
    cogvlm2_folder: Path, tmp_path: Path, remote_code: Path
) -> None:
    request = WritingRequest(RED, "0" * 64, "", GREEDY)
    lacking = shutil.copytree(cogvlm2_folder, tmp_path / "lacking_tensor")
    tensors = load_file(lacking / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, lacking / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"does not fit.*lm_head"):
        list(writer(lacking).write([request]))
    needing = shutil.copytree(cogvlm2_folder, tmp_path / "needing_package")
    code = (needing / "modeling_tiny.py").read_text()
    (needing / "modeling_tiny.py").write_text("import no_such_package\n" + code)
    with pytest.raises(InputError, match=r"cannot be loaded: ImportError.*pip install no_such_package"):
        list(writer(needing).write([request]))
    with pytest.raises(InputError, match="no model"):
        writer(tmp_path).describe()


def test_what_fails_for_one_image_is_its_reason(
    telling_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = writer(telling_folder)
    choice = CogVLM2.answer

    def answer(self: CogVLM2, image: Image.Image, query: str, sampling: Sampling) -> Any:
        if image is RED:
            raise RuntimeError("out of\nmemory")
        return choice(self, image, query, sampling)

    monkeypatch.setattr(CogVLM2, "answer", answer)
    bad, good = asked.write(WritingRequest(image, "0" * 64, "", GREEDY) for image in (RED, BLUE))
    assert bad.state is AnswerState.FAILED and bad.reason == "RuntimeError: out of memory"
    assert good.state is AnswerState.DONE


def test_it_is_not_asked_without_an_image(cogvlm2_folder: Path) -> None:
    options = {"model": str(cogvlm2_folder), "run_code": "true", "device": "cpu"}
    asked = registry.create("prompt_writers", "cogvlm2", options)
    with pytest.raises(InputError, match="writes about images only"):
        list(asked.write([WritingRequest(None, "0" * 64, "Split this.", GREEDY)]))


def test_no_other_writer_runs_code_that_comes_with_a_model(
    cogvlm2_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(cogvlm2_folder, tmp_path / "disguised")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    asked = registry.create("prompt_writers", "transformers", {"model": str(folder), "device": "cpu"})
    with pytest.raises(InputError, match="cannot be loaded"):
        list(asked.write([WritingRequest(RED, "0" * 64, "", GREEDY)]))
    assert "custom code" not in capfd.readouterr().out  # it does not ask either
