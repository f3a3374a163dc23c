"""Janus-Pro by transformers: a language model that draws a picture token by token.

The sampling of https://github.com/deepseek-ai/Janus, generation_inference.py: classifier-free guidance 5,
temperature 1, and a draw from all tokens, where transformers by itself would keep the 50 likeliest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL.Image import Image, fromarray
from transformers import JanusForConditionalGeneration, JanusProcessor

from nami_bench.domain import ImageState
from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.generators.batching import BatchRunner, NoImage
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.torch_runtime import DtypeName, choose_dtype, dtype_name, library_versions
from nami_bench.neural.device import choose_device, device_name
from nami_bench.neural.hub import SETTINGS, HubModel, hub_model, settings_sha256
from nami_bench.neural.pretrained import explained, load_network, pretrained

_WHERE = "generator 'transformers'"
_KIND = "janus"


class TransformersGenerator:
    """Janus-Pro, from the hub (deepseek-community/Janus-Pro-1B, -7B) or from a folder of that form.

    A picture depends on its request's prompt and seed, the settings, the weights and the device: tokens are
    drawn with the device's own random numbers. Pictures are made one by one.
    """

    batch_size = 1

    @dataclass(frozen=True, slots=True)
    class Options:
        """What to load and how to draw.

        model: a hub name ("owner/name") or a folder that save_pretrained wrote. revision: commit, tag or
        branch of a hub model. dtype: float32, bfloat16 or float16; on a CPU float32 unless given. device:
        "auto", "cuda", "cuda:1", "mps" or "cpu". guidance_scale: above 1; transformers cannot draw without
        guidance. temperature: of the draw of each token, above 0.
        """

        model: str
        revision: str | None = None
        dtype: DtypeName | None = None
        device: str = "auto"
        guidance_scale: float = 5.0
        temperature: float = 1.0

        def __post_init__(self) -> None:
            if not 1 < self.guidance_scale < float("inf"):
                raise InputError(f"{_WHERE}: guidance_scale {self.guidance_scale:g} is not above 1")
            if not 0 < self.temperature < float("inf"):
                raise InputError(f"{_WHERE}: temperature {self.temperature:g} is not above 0")

    def __init__(self, options: Options) -> None:
        self.options = options
        self._runner = BatchRunner(self._draw, 1)

    def describe(self) -> Mapping[str, Any]:
        """Model with the hashes of weights and settings, and how tokens are drawn; fetches from the hub."""
        options, files = self.options, self._files
        return {
            "adapter": "transformers",
            "model": options.model,
            "model_files": {
                "sha256": files.sha256,
                "settings_sha256": settings_sha256(files.folder, (*SETTINGS, "generation_config.json")),
            },
            "dtype": options.dtype,
            "call": {"guidance_scale": options.guidance_scale, "temperature": options.temperature},
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one picture or failure for each request, in order; InputError where it cannot be loaded."""
        yield from self._runner.results(requests, self._provenance)

    @property
    def dtype(self) -> str:
        """What this machine computes in: see `ComputesIn`."""
        return dtype_name(self._dtype)

    @cached_property
    def _files(self) -> HubModel:
        files = hub_model(self.options.model, self.options.revision)
        kind = _model_type(files)
        if kind != _KIND:
            raise InputError(
                f"{_WHERE}: {self.options.model} is a model of type {kind!r}, and {_KIND!r} alone is known "
                "to draw pictures in transformers: try the adapters diffusers, openai-images (vLLM-Omni, "
                "SGLang) or command"
            )
        return files

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.options.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        return choose_dtype(self._device, self.options.dtype)

    @cached_property
    def _provenance(self) -> dict[str, Any]:
        return {
            "pipeline": type(self._network).__name__,
            "device": device_name(self._device),
            "dtype": self.dtype,
            "prompt_rewriting": "none",
            "libraries": library_versions(),
        }

    @cached_property
    def _network(self) -> Any:
        network = load_network(JanusForConditionalGeneration, self._files.folder, dtype=self._dtype)
        _complete(network.generation_config, self._processor)
        return network.to(self._device)

    @cached_property
    def _processor(self) -> Any:
        with explained(self._files.folder):
            return pretrained(JanusProcessor, self._files.folder, local_files_only=True)

    def _draw(self, requests: Sequence[GenerationRequest]) -> list[Image | NoImage]:
        return [self._picture(request) for request in requests]

    @torch.no_grad()
    def _picture(self, request: GenerationRequest) -> Image | NoImage:
        network, processor = self._network, self._processor
        inputs = processor(
            text=self._text(request.prompt.text), generation_mode="image", return_tensors="pt"
        ).to(self._device)
        # transformers takes no generator: what it draws with is put back afterwards.
        cuda = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            torch.manual_seed(request.seed)
            tokens = network.generate(
                **inputs,
                generation_mode="image",
                do_sample=True,
                guidance_scale=self.options.guidance_scale,
                temperature=self.options.temperature,
                top_k=0,
                top_p=1.0,
            )
        pixels = network.decode_image_tokens(tokens).float()
        if not pixels.isfinite().all():
            return NoImage(ImageState.FAILED, "the model gave NaN or infinite pixels: try another dtype")
        (array,) = processor.image_processor.postprocess(list(pixels))["pixel_values"]
        return fromarray(np.moveaxis(np.asarray(array), 0, -1).astype(np.uint8))

    def _text(self, prompt: str) -> str:
        """The prompt as one turn of a conversation."""
        turn = {"role": "user", "content": [{"type": "text", "text": prompt}]}
        text: str = self._processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False)
        return text


def _complete(generation: Any, processor: Any) -> None:
    """Give the generation's configuration the tokens that a picture begins with, where it lacks them.

    transformers passes over a generation_config.json that says of itself that it was made from the model's
    configuration, and `generate` then fails over the token that begins a picture.
    """
    tokenizer = processor.tokenizer
    kwargs = getattr(generation, "generation_kwargs", None) or {}
    begin = tokenizer.convert_tokens_to_ids(processor.image_start_token)
    generation.generation_kwargs = {"boi_token_id": begin, **kwargs}
    for name in ("bos_token_id", "pad_token_id"):
        if getattr(generation, name, None) is None:
            setattr(generation, name, getattr(tokenizer, name))


def _model_type(files: HubModel) -> str:
    try:
        config = parse_json((files.folder / "config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{files.folder / 'config.json'} is not readable JSON: {error}") from error
    return str(config.get("model_type")) if isinstance(config, dict) else "unknown"
