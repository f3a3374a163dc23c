"""ImageReward: a reward that people's rankings of images for a prompt taught a BLIP model.

Xu et al. 2023, "ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from transformers import AutoTokenizer

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.preference.image_reward_network import RewardNetwork, load_reward_network
from nami_bench.evaluation.weights import BERT, IMAGE_REWARD_FILE, IMAGE_REWARD_REPOSITORY
from nami_bench.evaluation.windowed import Window, WindowedMetric
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import combined_sha256, hub_file, hub_folder, short_sha256
from nami_bench.neural.pretrained import pretrained

TEXT_LIMIT = 33
"""The original reads 35 tokens, two of which mark start and end, and was trained on no more."""

MEAN, DEVIATION = 0.16717362830052426, 1.0333394966054072
"""Of the rewards on the authors' data: what they normalize with."""

_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")


class ImageReward(WindowedMetric):
    """(r - mean) / deviation of the network's reward r, about normal with mean 0 and deviation 1.

    A prompt of more than 33 tokens is cut into windows (the original drops the rest): see `WindowedMetric`.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`weights`: the authors' ImageReward.pt; by default fetched. `tokenizer`: a folder or a hub name.
        `batch_size` is in images. `device`: auto, cpu, cuda ..."""

        weights: Path | None = None
        tokenizer: str = BERT
        batch_size: int = 32
        device: str = "auto"

    name = "image-reward"
    libraries = ("torch", "torchvision", "transformers")

    def __init__(self, options: Options) -> None:
        super().__init__(options.batch_size)
        self.options = options

    @cached_property
    def instrument(self) -> str:
        """Weights, vocabulary, and that long prompts are cut into windows."""
        return f"image-reward-{short_sha256(self._weights)}+tokenizer-{self._tokenizer_sha256}+windows"

    @cached_property
    def _weights(self) -> Path:
        return hub_file(IMAGE_REWARD_REPOSITORY, IMAGE_REWARD_FILE, self.options.weights)

    @cached_property
    def _tokenizer_folder(self) -> Path:
        return hub_folder(self.options.tokenizer)

    @property
    def _tokenizer_sha256(self) -> str:
        found = [self._tokenizer_folder / name for name in _TOKENIZER_FILES]
        files = [path for path in found if path.is_file()]
        if not files:
            raise InputError(f"{self._tokenizer_folder} holds no BERT tokenizer: it needs vocab.txt")
        return combined_sha256(files)

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            return pretrained(AutoTokenizer, self._tokenizer_folder)
        except Exception as error:  # whatever a foreign file's values lead to
            raise InputError(
                f"{self._tokenizer_folder} holds no BERT tokenizer: {one_line(str(error), 200)}"
            ) from error

    @cached_property
    def _network(self) -> RewardNetwork:
        return load_reward_network(self._weights).to(choose_device(self.options.device))

    @property
    def _text_limit(self) -> int:
        return TEXT_LIMIT

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    @torch.inference_mode()
    def _values(self, images: Sequence[Image], windows: Sequence[Sequence[Window]]) -> list[torch.Tensor]:
        network, size = self._network, self._batch_size
        seen = network.see(images)
        rows = [row for row, several in enumerate(windows) for _ in several]
        texts = [self._marked(window) for several in windows for window in several]
        rewards = [
            network(seen[rows[at : at + size]], texts[at : at + size]) for at in range(0, len(texts), size)
        ]
        values = (torch.cat(rewards).float().cpu() - MEAN) / DEVIATION
        return list(torch.split(values, [len(several) for several in windows]))

    def _marked(self, window: Window) -> list[int]:
        return [self._tokenizer.cls_token_id, *window, self._tokenizer.sep_token_id]
