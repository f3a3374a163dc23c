"""CogVLM2 as published: its own code, its own conversation template, and a decoding loop of ours.

The published code was written for transformers 4.41. What transformers 5 does around it in `generate` fails
or, worse, gives other text without an error (it invents position ids, where CogVLM2 gives all of an image's
tokens the same one). So tokens are decoded here, over nothing but the model's own
`prepare_inputs_for_generation` and its forward call.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import transformers
from PIL.Image import Image
from transformers import AutoModelForCausalLM, AutoTokenizer

from nami_bench.errors import InputError
from nami_bench.neural.pretrained import (
    explained,
    load_network,
    pretrained_with_its_code,
    quiet_transformers,
)
from nami_bench.prompts.writers.local import LocalWriter
from nami_bench.prompts.writers.protocol import Sampling, WritingRequest
from nami_bench.prompts.writers.weights import DtypeName

_log = logging.getLogger(__name__)

TEMPLATE = "chat"
_LANGUAGE = 0
"""The token type of text; that of an image's tokens is 1."""
_END_TOKENS = ("<|end_of_text|>", "<|eot_id|>")
# The published _init_weights would overwrite every loaded weight, without an error.
_UNUSABLE = ("5.0", "5.1")


class CogVLM2Writer(LocalWriter):
    """CogVLM2, the chat or the caption model, which only its own Python files can run.

    They run with all that your account may do, and only where `run_code` says so: name a folder that you have
    looked through, or pin `revision` to a commit that you trust. The published files import xformers, triton
    (on GPUs only), einops and torchvision.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`: a folder, or a name on the hub; `revision`: of it. `run_code`: that the Python files which
        come with it may be run. `dtype`: what the network computes in; float32 on a CPU and bfloat16
        elsewhere by default. `device`: auto, cpu, cuda ..."""

        model: str = "THUDM/cogvlm2-llama3-chat-19B"
        revision: str | None = None
        run_code: bool = False
        dtype: DtypeName | None = None
        device: str = "auto"

    adapter = "cogvlm2"

    def __init__(self, options: Options) -> None:
        if not options.run_code:
            raise InputError(
                f"prompt writer 'cogvlm2' runs the Python files that come with {options.model}, with all "
                "that your account may do: read them, then allow it with run_code=true"
            )
        super().__init__(options.model, options.revision, options.dtype, options.device)

    def describe(self) -> Mapping[str, Any]:
        """Also the conversation template."""
        return {**super().describe(), "template_version": TEMPLATE}

    def _say(self, image: Image | None, request: WritingRequest) -> tuple[str, bool]:
        if image is None:
            raise InputError("prompt writer 'cogvlm2' writes about images only: choose another for texts")
        tokens, finished = self._model.answer(image, request.instruction, request.sampling)
        return self._model.tokenizer.decode(tokens, skip_special_tokens=True), finished

    @cached_property
    def _model(self) -> "CogVLM2":
        version = transformers.__version__
        if version.startswith(tuple(f"{bad}." for bad in _UNUSABLE)):
            raise InputError(
                f"transformers {version} loads CogVLM2 with random weights and says nothing: "
                "pip install 'transformers>=5.2,<6'"
            )
        folder = self._files.folder
        _log.warning("running the Python code that comes with the model %s", self._files.name)
        with quiet_transformers(), explained(folder):
            tokenizer = pretrained_with_its_code(AutoTokenizer, folder)
        network = load_network(AutoModelForCausalLM, folder, dtype=self._dtype, with_its_code=True)
        return CogVLM2(network.to(self._device), tokenizer)


class CogVLM2:
    """The loaded network and its tokenizer; one image at a time, as its code builds inputs."""

    def __init__(self, network: Any, tokenizer: Any) -> None:
        self.network, self.tokenizer = network, tokenizer
        self.end_tokens = _end_tokens(network, tokenizer)

    @torch.inference_mode()
    def answer(self, image: Image, query: str, sampling: Sampling) -> tuple[list[int], bool]:
        """The tokens of the answer, without the end token, and whether there was one."""
        inputs = self._inputs(image, query)
        images = inputs.pop("images")
        generator = torch.Generator().manual_seed(sampling.seed)
        tokens: list[int] = []
        cache = None
        while len(tokens) < sampling.max_tokens:
            prepared = self.network.prepare_inputs_for_generation(
                **inputs, images=images, past_key_values=cache, use_cache=True
            )
            output = self.network(**prepared, return_dict=True)
            token = choose(output.logits[0, -1], sampling, generator)
            if token in self.end_tokens:
                return tokens, True
            tokens.append(token)
            cache = output.past_key_values
            inputs = _longer(inputs, token)
        return tokens, False

    def _inputs(self, image: Image, query: str) -> dict[str, Any]:
        """A batch of one; the image as [[tensor of (3, height, width)]]."""
        built = self.network.build_conversation_input_ids(
            self.tokenizer, query=query, history=[], images=[image], template_version=TEMPLATE
        )
        device, dtype = self.network.device, self.network.dtype
        names = ("input_ids", "token_type_ids", "attention_mask")
        batch: dict[str, Any] = {name: built[name].unsqueeze(0).to(device) for name in names}
        return {**batch, "images": [[built["images"][0].to(device, dtype)]]}


def choose(logits: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """One token by `sampling`; `logits` of shape (vocabulary,), `generator` on the CPU.

    A seed means the same draws on every device.
    """
    if sampling.temperature == 0:
        return int(logits.argmax())
    probabilities, order = (logits.float().cpu() / sampling.temperature).softmax(dim=-1).sort(descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = probabilities * (before < sampling.top_p)
    return int(order[kept.multinomial(1, generator=generator)])


def _longer(inputs: Mapping[str, torch.Tensor], token: int) -> dict[str, torch.Tensor]:
    """The inputs with one more token of text."""
    added = {"input_ids": token, "token_type_ids": _LANGUAGE, "attention_mask": 1}
    return {name: torch.cat([row, row.new_full((1, 1), added[name])], dim=1) for name, row in inputs.items()}


def _end_tokens(network: Any, tokenizer: Any) -> frozenset[int]:
    """All tokens that end an answer: what the configurations name, and Llama 3's own."""
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    ends = {vocabulary[token] for token in _END_TOKENS if token in vocabulary}
    for settings in (getattr(network, "generation_config", None), network.config, tokenizer):
        value = getattr(settings, "eos_token_id", None)
        ends |= set(value if isinstance(value, list | tuple) else () if value is None else (value,))
    return frozenset(ends)
