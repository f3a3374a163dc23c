"""The writer `transformers` on a LLaVA of the library's own classes, tiny and with random weights."""

import json
import shutil
import string
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.prompts.writers.protocol import Answer, AnswerState, Sampling, WritingRequest
from nami_bench.prompts.writers.transformers_model import TransformersWriter
from tests.support.llava import IMAGE_MARK, apart, fast_tokenizer, save_llava

RED = Image.new("RGB", (40, 20), (220, 30, 30))
BLUE = Image.new("RGB", (20, 40), (10, 20, 230))


def tokenizer() -> Any:
    from tokenizers import pre_tokenizers

    characters = [*string.ascii_letters, *string.punctuation]
    split = pre_tokenizers.Split("", "isolated")
    return fast_tokenizer(characters, split, IMAGE_MARK, image_token=IMAGE_MARK)


def picky(network: Any) -> None:
    apart(network)
    network.generation_config.update(top_k=1, temperature=0.1, do_sample=True)


@pytest.fixture(scope="module")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("models") / "tiny-llava", tokenizer(), picky)


@pytest.fixture(scope="module")
def scribe(llava_folder: Path) -> TransformersWriter:
    return TransformersWriter(TransformersWriter.Options(str(llava_folder), device="cpu"))


def ask(scribe: TransformersWriter, image: Image.Image, sampling: Sampling) -> Answer:
    (answer,) = scribe.write([WritingRequest(image, "0" * 64, "Tell", sampling)])
    return answer


@pytest.mark.parametrize("image", [RED, BLUE], ids=["red", "blue"])
def test_greedy_is_plain_argmax(scribe: TransformersWriter, llava_folder: Path, image: Image.Image) -> None:
    answer = ask(scribe, image, Sampling(0.0, 1, max_tokens=12))
    network = transformers.LlavaForConditionalGeneration.from_pretrained(llava_folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(llava_folder)
    inputs = processor(images=image, text="USER: <image>Tell ASSISTANT:", return_tensors="pt")
    ids, pixels = inputs["input_ids"], inputs["pixel_values"]
    start = ids.shape[1]
    with torch.no_grad():
        while ids.shape[1] < start + 12 and ids[0, -1] != processor.tokenizer.eos_token_id:
            logits = network(input_ids=ids, pixel_values=pixels).logits
            ids = torch.cat([ids, logits[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
    assert answer.text == processor.decode(ids[0, start:], skip_special_tokens=True) != ""
    assert answer.finished == bool(ids[0, -1] == processor.tokenizer.eos_token_id)


@pytest.mark.slow
def test_it_sees_the_image_and_draws_by_the_seed_whatever_the_model_prefers(
    scribe: TransformersWriter,
) -> None:
    assert ask(scribe, RED, Sampling(0.0, 1)).text != ask(scribe, BLUE, Sampling(0.0, 1)).text
    before = torch.random.get_rng_state()
    drawn = [ask(scribe, RED, Sampling(1.5, seed, max_tokens=12)).text for seed in (1, 2, 3, 1)]
    assert drawn[0] == drawn[3] and len(set(drawn)) == 3
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_model_is_identified_by_all_its_files(scribe: TransformersWriter, llava_folder: Path) -> None:
    found = scribe.describe()
    assert found.keys() == {"adapter", "model", "sha256", "dtype"} and found["model"] == "tiny-llava"
    with pytest.raises(InputError, match="no revisions"):
        TransformersWriter(TransformersWriter.Options(str(llava_folder), "main", device="cpu")).describe()


def test_a_model_without_a_chat_template_is_refused(llava_folder: Path, tmp_path: Path) -> None:
    mute = shutil.copytree(llava_folder, tmp_path / "mute")
    for path in mute.glob("chat_template*"):
        path.unlink()
    for name in ("processor_config.json", "tokenizer_config.json"):
        settings = json.loads((mute / name).read_text())
        settings.pop("chat_template", None)
        (mute / name).write_text(json.dumps(settings))
    writer = TransformersWriter(TransformersWriter.Options(str(mute), device="cpu"))
    with pytest.raises(InputError, match="no chat template"):
        ask(writer, RED, Sampling(0.0, 1))


def test_a_text_can_be_asked_about_alone(scribe: TransformersWriter) -> None:
    (answer,) = scribe.write([WritingRequest(None, "0" * 64, "Tell", Sampling(0.0, 1, max_tokens=3))])
    assert (answer.state, answer.reason) == (AnswerState.DONE, None)


def test_too_long_an_instruction_is_no_crash(scribe: TransformersWriter) -> None:
    request = WritingRequest(RED, "0" * 64, IMAGE_MARK * 3, Sampling(0.0, 1))
    (answer,) = scribe.write([request])
    assert answer.state is AnswerState.FAILED and answer.reason
