"""Any image-text model of transformers that has a chat template."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from PIL.Image import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from nami_bench.errors import InputError
from nami_bench.neural.pretrained import explained, load_network, pretrained, quiet_transformers
from nami_bench.prompts.writers.local import LocalWriter
from nami_bench.prompts.writers.protocol import Sampling, WritingRequest
from nami_bench.prompts.writers.weights import DtypeName


class TransformersWriter(LocalWriter):
    """A decoder that transformers itself loads as an image-text-to-text model; never code from elsewhere."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`: a folder that save_pretrained wrote, or a name on the hub; `revision`: of it. `dtype`:
        what the network computes in; float32 on a CPU and bfloat16 elsewhere by default. `device`: auto,
        cpu, cuda ..."""

        model: str
        revision: str | None = None
        dtype: DtypeName | None = None
        device: str = "auto"

    adapter = "transformers"

    def __init__(self, options: Options) -> None:
        super().__init__(options.model, options.revision, options.dtype, options.device)

    @cached_property
    def _processor(self) -> Any:
        folder = self._files.folder
        with quiet_transformers(), explained(folder):
            processor = pretrained(AutoProcessor, folder)
        if getattr(processor, "chat_template", None) is None:
            raise InputError(f"{folder} cannot be asked: its processor has no chat template")
        return processor

    @cached_property
    def _network(self) -> Any:
        network = load_network(AutoModelForImageTextToText, self._files.folder, dtype=self._dtype)
        if network.config.is_encoder_decoder:
            raise InputError(f"{self._files.folder} cannot be asked: it is no decoder")
        return network.to(self._device)

    @torch.inference_mode()
    def _say(self, image: Image | None, request: WritingRequest) -> tuple[str, bool]:
        inputs = self._inputs(image, request.instruction)
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices), quiet_transformers():
            torch.manual_seed(request.sampling.seed)
            output = self._network.generate(**inputs, **_settings(request.sampling))
        tokens = output[0, inputs["input_ids"].shape[1] :]
        finished = len(tokens) < request.sampling.max_tokens or int(tokens[-1]) in self._end_tokens
        return self._processor.decode(tokens, skip_special_tokens=True), finished

    def _inputs(self, image: Image | None, instruction: str) -> Mapping[str, torch.Tensor]:
        seen = [] if image is None else [{"type": "image", "image": image}]
        content = [*seen, {"type": "text", "text": instruction}]
        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        return {
            name: value.to(self._device, self._dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
        }

    @cached_property
    def _end_tokens(self) -> frozenset[int]:
        found = self._network.generation_config.eos_token_id
        return frozenset(found if isinstance(found, list) else [found])


def _settings(sampling: Sampling) -> dict[str, Any]:
    """As `generate` takes them; what the model's own configuration says of drawing is overruled."""
    draws = sampling.temperature > 0
    return {
        "max_new_tokens": sampling.max_tokens,
        "num_beams": 1,
        "do_sample": draws,
        "temperature": sampling.temperature if draws else None,
        "top_p": sampling.top_p if draws else None,
        "top_k": 0 if draws else None,
    }
