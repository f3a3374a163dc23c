"""VQAScore by an image-text model of transformers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Literal

import torch
from PIL.Image import Image

from nami_bench.evaluation.image_text import ImageTextMetric, Pair
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.vqa.question import LIKELIEST, TEMPLATE, measurement, question, yes_and_no
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import HubModel, hub_model, settings_sha256
from nami_bench.neural.image_text_decoder import ImageTextDecoder, UnreadableError


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
        return _Judge(ImageTextDecoder(self._files.folder, dtype, choose_device(self.options.device)))

    def _measure(self, pairs: Sequence[Pair]) -> Iterator[Measurement]:
        for (text, _), alike in groupby(pairs, key=lambda pair: (pair[1], pair[0].size)):
            yield from self._judge.answer([image for image, _ in alike], text)


class _Judge:
    """A loaded model that says how sure it is of yes."""

    def __init__(self, decoder: ImageTextDecoder) -> None:
        self._decoder = decoder
        self._answers = yes_and_no(decoder.texts)

    def answer(self, images: Sequence[Image], text: str) -> list[Measurement]:
        """One measurement for each of at least one image of one size, all of the same prompt."""
        decoder = self._decoder
        try:
            inputs = decoder.inputs(images, question(text))
        except UnreadableError as error:
            return [Measurement(None, str(error))] * len(images)
        length = inputs["input_ids"].shape[1]
        if decoder.limit is not None and length > decoder.limit:
            reason = f"question and image are {length} tokens, the model reads {decoder.limit}"
            return [Measurement(None, reason, {"over_long": True})] * len(images)
        return [self._measurement(row) for row in decoder.logits(inputs)[:, -1].softmax(dim=-1).cpu()]

    def _measurement(self, probabilities: torch.Tensor) -> Measurement:
        if not probabilities.isfinite().all():
            return Measurement(float("nan"))
        texts = self._decoder.texts
        best = probabilities.topk(min(LIKELIEST, len(probabilities))).indices.tolist()
        tokens = ((texts[number], float(probabilities[number])) for number in self._answers)
        return measurement(tokens, [texts.get(number, "") for number in best])
