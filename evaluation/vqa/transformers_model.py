"""VQAScore by an image-text model of transformers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from itertools import groupby
from typing import Any, Literal

import torch
from PIL.Image import Image
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.image_text import ImageTextMetric, Measurement, Pair
from nami_bench.evaluation.vqa.question import LIKELIEST, TEMPLATE, measurement, question
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import HubModel, hub_model, settings_sha256
from nami_bench.neural.pretrained import load_network, pretrained


class VqaScore(ImageTextMetric):
    """P("Yes") after the question whether the image shows the prompt, 0..1: see
    `nami_bench.evaluation.vqa.question`.

    Any decoder that transformers loads as an image-text-to-text model and that has a chat template. A prompt
    is never cut: where the question is longer than what the model reads, the image has no value, a reason,
    and "over_long" in its details.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`: a folder that save_pretrained wrote, or a name on the hub; `revision`: of it. `dtype`:
        what the network computes in; another one is another instrument. `batch_size`: images in one pass;
        only images of one prompt and size share one, so that nothing is padded. `device`: auto, cpu, cuda
        ..."""

        model: str
        revision: str | None = None
        dtype: Literal["float32", "bfloat16", "float16"] = "float32"
        batch_size: int = 8
        device: str = "auto"

    name = "vqa-score"
    libraries = ("torch", "torchvision", "transformers")
    value_range = (0.0, 1.0)

    def __init__(self, options: Options) -> None:
        super().__init__(options.batch_size)
        self.options = options

    @property
    def instrument(self) -> str:
        """Model, its settings (processor, tokenizer, chat template), weights, the question's words, and the
        dtype where it is not float32."""
        dtype = [] if self.options.dtype == "float32" else [self.options.dtype]
        return "+".join([f"{self._files.name}-{self._settings}-{self._files.sha256}", TEMPLATE, *dtype])

    @cached_property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Metric`."""
        return {**super().runs_on, "dtype": self.options.dtype}

    @cached_property
    def _files(self) -> HubModel:
        return hub_model(self.options.model, self.options.revision)

    @cached_property
    def _settings(self) -> str:
        return settings_sha256(self._files.folder)

    @cached_property
    def _judge(self) -> "_Judge":
        dtype: torch.dtype = getattr(torch, self.options.dtype)
        return _Judge(self._files, dtype, choose_device(self.options.device))

    def _measure(self, pairs: Sequence[Pair]) -> Iterator[Measurement]:
        for (text, _), alike in groupby(pairs, key=lambda pair: (pair[1], pair[0].size)):
            yield from self._judge.answer([image for image, _ in alike], text)


class _Judge:
    """The loaded model and its processor."""

    def __init__(self, files: HubModel, dtype: torch.dtype, device: torch.device) -> None:
        """Raises InputError where the model cannot be loaded, or is none that can be asked."""
        try:
            self.processor: Any = pretrained(AutoProcessor, files.folder)
            config = pretrained(AutoConfig, files.folder)
        except Exception as error:  # whatever a foreign file's values lead to
            raise InputError(f"{files.folder} cannot be asked: {one_line(str(error), 200)}") from error
        if config.is_encoder_decoder or getattr(self.processor, "chat_template", None) is None:
            raise InputError(f"{files.folder} cannot be asked: it must be a decoder with a chat template")
        self.network = load_network(AutoModelForImageTextToText, files.folder, dtype=dtype).to(device)
        self.dtype, self.device = dtype, device
        self.limit = getattr(config.get_text_config(), "max_position_embeddings", None)
        vocabulary: Mapping[str, int] = self.processor.tokenizer.get_vocab()
        self.texts = {number: text for text, number in vocabulary.items()}
        self.last_only = (
            {"logits_to_keep": 1} if "logits_to_keep" in signature(self.network.forward).parameters else {}
        )

    @torch.inference_mode()
    def answer(self, images: Sequence[Image], text: str) -> list[Measurement]:
        """One measurement for each of at least one image of one size, all of the same prompt."""
        inputs = self._inputs(images, question(text))
        length = inputs["input_ids"].shape[1]
        if self.limit is not None and length > self.limit:
            reason = f"question and image are {length} tokens, the model reads {self.limit}"
            return [Measurement(None, reason, {"over_long": True})] * len(images)
        logits = self.network(**inputs, **self.last_only).logits[:, -1]
        return [self._measurement(row) for row in logits.float().softmax(dim=-1).cpu()]

    def _inputs(self, images: Sequence[Image], asked: str) -> Mapping[str, torch.Tensor]:
        conversations = [
            [{"role": "user", "content": [{"type": "image", "image": i}, {"type": "text", "text": asked}]}]
            for i in images
        ]
        inputs = self.processor.apply_chat_template(
            conversations, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        return {
            name: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
        }

    def _measurement(self, probabilities: torch.Tensor) -> Measurement:
        if not probabilities.isfinite().all():
            return Measurement(float("nan"))
        best = probabilities.topk(min(LIKELIEST, len(probabilities))).indices.tolist()
        tokens = ((self.texts[number], float(probabilities[number])) for number in self._answers)
        return measurement(tokens, [self.texts.get(number, "") for number in best])

    @cached_property
    def _answers(self) -> list[int]:
        """Every token that reads yes or no."""
        return [n for n, text in self.texts.items() if text.strip(" ▁Ġ").lower() in ("yes", "no")]
