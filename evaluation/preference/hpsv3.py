"""HPSv3: human preference by an image-text model that was trained on pairs, with how sure it is.

Ma et al. 2025, "HPSv3: Towards Wide-Spectrum Human Preference Score" (MizzenAI/HPSv3).
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.authors_texts import authors_file, named_texts
from nami_bench.evaluation.image_text import ImageTextMetric, Pair
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.preference.hpsv3_network import Hpsv3Network, Positions, load_hpsv3
from nami_bench.evaluation.preference.hpsv3_reader import Hpsv3Reader, NotReadError
from nami_bench.evaluation.weights import HPS3_FILE, HPS3_REPOSITORY, HPS3_TEXTS, QWEN2_VL
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import hub_file, hub_folder, settings_sha256, short_sha256

REWARD = "<|Reward|>"
"""The token at which the network is read."""

_TEXTS = "hpsv3/dataset/data_collator_qwen.py"
_PROMPT = "{text_prompt}"


class HPSv3(ImageTextMetric):
    """mu of the authors' network, without bounds; a difference of two is the log-odds of a preference.

    A prompt is never cut: where the text is longer than what the network reads, or holds one of its marks,
    the image has no value and a reason. `details` of a result: "log_sigma", the logarithm of the standard
    deviation that the network gives beside mu, and "tokens".
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`weights`: the authors' HPSv3.safetensors; by default fetched. `processor`: a folder or hub name
        with Qwen2-VL's configuration, tokenizer and image processor. `instruction`: the authors' package
        (.whl), or its file data_collator_qwen.py, for the words around a prompt; by default fetched.
        `positions`: how tokens are counted; the model was trained and published with 1d, and 3d gives what
        transformers' newer versions make of it. `dtype`: what the network computes in, but for its head.
        `batch_size` is in images. `device`: auto, cpu, cuda ..."""

        weights: Path | None = None
        processor: str = QWEN2_VL
        instruction: Path | None = None
        positions: Positions = "1d"
        dtype: Literal["float32", "bfloat16"] = "bfloat16"
        batch_size: int = 8
        device: str = "auto"

    name = "hpsv3"
    libraries = ("torch", "torchvision", "transformers")

    def __init__(self, options: Options) -> None:
        super().__init__(options.batch_size)
        self.options = options

    @cached_property
    def instrument(self) -> str:
        """Weights, the processor's files, the instruction, the dtype where it is not float32, and positions
        in three dimensions where they are asked for."""
        asked = self.options
        parts = [
            f"hpsv3-{short_sha256(self._weights)}",
            f"processor-{settings_sha256(self._folder)}",
            f"instruction-{self._instruction.sha256[:12]}",
        ]
        parts += [] if asked.dtype == "float32" else [asked.dtype]
        return "+".join(parts + ([] if asked.positions == "1d" else [f"{asked.positions}-positions"]))

    @cached_property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Metric`."""
        return {**super().runs_on, "dtype": self.options.dtype}

    @cached_property
    def _weights(self) -> Path:
        return hub_file(HPS3_REPOSITORY, HPS3_FILE, self.options.weights)

    @cached_property
    def _folder(self) -> Path:
        return hub_folder(self.options.processor)

    @cached_property
    def _instruction(self) -> "Instruction":
        given = self.options.instruction
        return read_instruction(HPS3_TEXTS.fetch() if given is None else given.expanduser())

    @cached_property
    def _reader(self) -> Hpsv3Reader:
        return Hpsv3Reader(self._folder, REWARD)

    @cached_property
    def _network(self) -> Hpsv3Network:
        asked = self.options
        dtype: torch.dtype = getattr(torch, asked.dtype)
        loaded = load_hpsv3(self._weights, self._folder, self._reader.tokens, dtype, asked.positions)
        network: Hpsv3Network = loaded.to(choose_device(asked.device))
        return network

    def _measure(self, pairs: Sequence[Pair]) -> Iterator[Measurement]:
        read = [self._read(image, text) for image, text in pairs]
        sound = [one for one in read if not isinstance(one, Measurement)]
        found = iter(self._network(*self._reader.batch(sound)).cpu() if sound else ())
        for one in read:
            yield one if isinstance(one, Measurement) else _measurement(next(found), one)

    def _read(self, image: Image.Image, prompt: str) -> "Mapping[str, torch.Tensor] | Measurement":
        """What the network gets of a pair, or why it gets nothing."""
        try:
            return self._reader.read(image, prompt, self._instruction.around(prompt))
        except NotReadError as error:
            return Measurement(None, str(error), {"over_long": True} if error.over_long else {})


def preference(first: float, second: float) -> float:
    """The probability, 0..1, that people prefer the first of two images of one prompt, by their values."""
    return 1 / (1 + math.exp(second - first)) if first >= second else 1 - preference(second, first)


@dataclass(frozen=True, slots=True)
class Instruction:
    """The words around a prompt, to the byte: `question`, in which the prompt's place is {text_prompt}, and
    `rating`, in which the reward token is."""

    question: str
    rating: str

    @property
    def sha256(self) -> str:
        """Hex, of both."""
        return hashlib.sha256((self.question + self.rating).encode()).hexdigest()

    def around(self, prompt: str) -> str:
        """The whole text about a prompt, which may hold braces."""
        return self.question.replace(_PROMPT, prompt, 1) + self.rating


def read_instruction(path: Path) -> Instruction:
    """Of the authors' wheel, or of the one file in it that has the words; raises InputError."""
    found = named_texts(authors_file(path, _TEXTS), str(path))
    question, rating = found.get("INSTRUCTION", ""), found.get("prompt_with_special_token", "")
    if question.count(_PROMPT) != 1 or rating.count(REWARD) != 1:
        raise InputError(
            f"{path} does not hold HPSv3's instruction: it needs INSTRUCTION with {_PROMPT} in it, and "
            f"prompt_with_special_token with {REWARD}"
        )
    return Instruction(question, rating)


def _measurement(found: torch.Tensor, read: Mapping[str, torch.Tensor]) -> Measurement:
    mu, log_sigma = found.tolist()
    if not math.isfinite(log_sigma):
        return Measurement(math.nan)
    return Measurement(mu, details={"log_sigma": log_sigma, "tokens": read["input_ids"].shape[1]})
