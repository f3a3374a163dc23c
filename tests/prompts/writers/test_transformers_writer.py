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

IMAGE_MARK = "<image>"
TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
RED = Image.new("RGB", (40, 20), (220, 30, 30))
BLUE = Image.new("RGB", (20, 40), (10, 20, 230))


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokens = ["<pad>", "<s>", "</s>", "<unk>", IMAGE_MARK, *string.ascii_letters, *string.punctuation]
    built = Tokenizer(models.WordLevel({token: n for n, token in enumerate(tokens)}, unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=built,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=[IMAGE_MARK],
        extra_special_tokens={"image_token": IMAGE_MARK},
    )


@pytest.fixture(scope="module")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-llava"
    words = tokenizer()
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=16,
        ),
        text_config=transformers.LlamaConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=256,
            tie_word_embeddings=False,
        ),
        image_token_index=words.convert_tokens_to_ids(IMAGE_MARK),
        vision_feature_layer=-1,
        image_seq_length=4,
    )
    torch.manual_seed(11)
    network = transformers.LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(10)
    network.generation_config.update(top_k=1, temperature=0.1, do_sample=True)
    network.save_pretrained(folder)
    transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
        tokenizer=words,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


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


def test_too_long_an_instruction_is_no_crash(scribe: TransformersWriter) -> None:
    request = WritingRequest(RED, "0" * 64, IMAGE_MARK * 3, Sampling(0.0, 1))
    (answer,) = scribe.write([request])
    assert answer.state is AnswerState.FAILED and answer.reason
