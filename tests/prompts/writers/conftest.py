"""A tiny model with CogVLM2's interface, loaded from its own code, and images."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.http_server import Asked, Reply, http_server

CODE = Path(__file__).resolve().parents[2] / "data" / "cogvlm2_interface"
STORIES = [
    "A heavy bronze bell hangs from two oak beams. Its rim carries seven small stars. Snow lies outside.",
    "Three yellow kites climb over an empty beach! Behind them sails one grey ship. Waves break softly.",
    "Under some lamp sits the baker, flour on both hands. Bread cools near him. Nobody else is awake.",
]
COLORS = [(220, 30, 30), (20, 200, 60), (10, 20, 230), (240, 240, 20), (5, 5, 5), (250, 250, 250)]
MARKS = ("<pad>", "<s>", "<|end_of_text|>", "<unk>", "Question:", "Answer:")


@pytest.fixture(scope="session")
def remote_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where transformers keeps code that comes with models: not in the user's own cache."""
    from transformers import dynamic_module_utils

    folder = tmp_path_factory.mktemp("hf-modules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(folder))
        patch.setenv("HF_MODULES_CACHE", str(folder))
        yield folder


def word_tokenizer(words: list[str]) -> Any:
    """Splits at white space."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate([*MARKS, *words])}
    built = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=built, pad_token="<pad>", bos_token="<s>", unk_token="<unk>"
    )


def save_cogvlm2(folder: Path, stories: bool) -> Path:
    """Random weights; with `stories`, such that after "Answer:" it tells one of STORIES, which of them
    depends on the image."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM

    words = [word for story in STORIES for word in story.split()]
    spoken = list(dict.fromkeys(words))
    assert sorted(spoken) == sorted(words), "each word leads to one other word"
    tokenizer = word_tokenizer(spoken)
    shutil.copytree(CODE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    tokenizer.save_pretrained(folder)
    settings = {
        "model_type": "cogvlm2_interface",
        "architectures": ["TinyForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_tiny.TinyConfig",
            "AutoModelForCausalLM": "modeling_tiny.TinyForCausalLM",
        },
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "initializer_range": 0.3,
    }
    (folder / "config.json").write_text(json.dumps(settings))
    torch.manual_seed(5)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    network = AutoModelForCausalLM.from_config(config, trust_remote_code=True)
    if stories:
        _teach(network, tokenizer)
    save_file(dict(network.state_dict()), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _teach(network: Any, tokenizer: Any) -> None:
    """Each word of a story leads to the next; the first one is that of the color most like the image's."""
    import torch

    with torch.no_grad():
        words = network.embed_tokens.weight
        words.copy_(torch.nn.functional.normalize(words, dim=1) * 8)
        for layer in network.layers:
            for weight in layer.dense.parameters():
                weight.mul_(0.1)
        head = network.lm_head.weight
        head.zero_()
        seen = torch.stack([_last_state(network, tokenizer, color) for color in COLORS[: len(STORIES)]])
        tastes = seen - seen.mean(dim=0)
        tastes *= 4 / tastes.norm(dim=1).max()
        for story, taste in zip(STORIES, tastes, strict=True):
            chain = tokenizer.convert_tokens_to_ids(story.split())
            head[chain[0]] = words[tokenizer.convert_tokens_to_ids("Answer:")] + taste
            for before, after in zip(chain, [*chain[1:], 2], strict=True):
                head[after] += words[before]


def _last_state(network: Any, tokenizer: Any, color: tuple[int, int, int]) -> Any:
    """What the head sees after "Answer:" where the image has one color."""
    image = Image.new("RGB", (24, 16), color)
    built = network.build_conversation_input_ids(tokenizer, query="?", history=[], images=[image])
    states: list[Any] = []
    hook = network.norm.register_forward_hook(lambda module, inputs, output: states.append(output[0, -1]))
    batch = {name: built[name][None] for name in ("input_ids", "token_type_ids", "attention_mask")}
    network(**network.prepare_inputs_for_generation(**batch, images=[built["images"]]))
    hook.remove()
    return states[0]


@pytest.fixture(scope="session")
def cogvlm2_folder(tmp_path_factory: pytest.TempPathFactory, remote_code: Path) -> Path:
    return save_cogvlm2(tmp_path_factory.mktemp("models") / "tiny_cogvlm2", stories=False)


@pytest.fixture(scope="session")
def telling_folder(tmp_path_factory: pytest.TempPathFactory, remote_code: Path) -> Path:
    return save_cogvlm2(tmp_path_factory.mktemp("models") / "telling_cogvlm2", stories=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six images of one color each, in two folders."""
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    for number, color in enumerate(COLORS):
        place = root / "more" if number > 3 else root
        Image.new("RGB", (24, 16), color).save(place / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def stories() -> list[str]:
    """What `telling_folder`'s model can say."""
    return STORIES


class ChatServer:
    """Speaks /v1/chat/completions; `reply(body)` gives the status and the payload."""

    def __init__(self) -> None:
        self.reply: Callable[[dict[str, Any]], tuple[int, Any]] = lambda body: said("Hm.")
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.address = ""

    def answer(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked.body)
            self.headers.append({**asked.headers, "path": asked.path})
        return Reply(*self.reply(asked.body))


def said(text: str | None, **fields: Any) -> tuple[int, Any]:
    """An answer with this text; `fields` are the choice's."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **fields}
    return 200, {"model": "scribe-2", "choices": [choice]}


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[ChatServer]:
    """A real HTTP server on this machine; the key is in OPENAI_API_KEY."""
    from nami_bench.services import retrying_client

    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefghij")
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.02)
    running = ChatServer()
    with http_server(running.answer) as address:
        running.address = f"{address}/v1"
        yield running


@pytest.fixture
def answered() -> Callable[..., tuple[int, Any]]:
    """`said`, for replies of `chat`."""
    return said
