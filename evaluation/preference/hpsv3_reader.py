"""What HPSv3's network is given of an image and a text: pixels and tokens, by Qwen2-VL's processor."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import Qwen2VLConfig, Qwen2VLProcessor

from nami_bench.errors import InputError, one_line
from nami_bench.neural.image_text_decoder import first_mark, special_marks
from nami_bench.neural.pretrained import pretrained

_AREA = 256 * 28 * 28
"""Pixels; an image is brought as near to them as whole patches allow, whatever its size."""

_FACTOR = 28
"""Both sides are multiples of it: two patches of 14 pixels become one token."""

_MOST_ASPECT = 200
_PER_TOKEN = ("input_ids", "attention_mask", "mm_token_type_ids")

Inputs = Mapping[str, torch.Tensor]
"""What the processor makes, one row for each pair; patches of all images are in one tensor."""


class NotReadError(Exception):
    """A pair that the network cannot be given; `over_long`: for the length of its text."""

    def __init__(self, reason: str, over_long: bool = False) -> None:
        super().__init__(reason)
        self.over_long = over_long


class Hpsv3Reader:
    """Qwen2-VL's processor with the reward token.

    `tokens`: how many its tokenizer has, that one among them.
    """

    def __init__(self, folder: Path, reward: str) -> None:
        """Raises InputError where the folder holds no such processor."""
        try:
            self._processor: Any = pretrained(Qwen2VLProcessor, folder)
            config = pretrained(Qwen2VLConfig, folder)
            if getattr(self._processor, "chat_template", None) is None:
                raise InputError("it has no chat template")
            tokenizer = self._processor.tokenizer
            tokenizer.add_special_tokens({"additional_special_tokens": [reward]})
        except Exception as error:  # whatever a foreign file's values lead to
            raise InputError(f"{folder} holds no Qwen2-VL processor: {one_line(str(error), 200)}") from error
        self.tokens = len(tokenizer)
        self._limit: int = config.get_text_config().max_position_embeddings
        self._reward: int = tokenizer.convert_tokens_to_ids(reward)
        self._marks = special_marks(self._processor)

    def read(self, image: Image.Image, prompt: str, text: str) -> Inputs:
        """One pair's; `text` is the prompt with the words around it. Raises NotReadError."""
        if mark := first_mark(prompt, self._marks):
            # A second reward token would be read in the first one's place.
            raise NotReadError(f"the prompt holds {mark!r}, which the model takes for a mark")
        resized = resize(image)
        found: Inputs = self._processor(
            text=[self.written(text)], images=[resized], return_tensors="pt", do_resize=False
        )
        length = found["input_ids"].shape[1]
        if length > self._limit:
            reason = f"text and image are {length} tokens, the model reads {self._limit}"
            raise NotReadError(reason, over_long=True)
        return dict(found)

    def written(self, text: str) -> str:
        """The conversation as the chat template writes it."""
        content = [{"type": "image"}, {"type": "text", "text": text}]
        written: str = self._processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        return written

    def batch(self, read: Sequence[Inputs]) -> tuple[Inputs, torch.Tensor]:
        """Several pairs' as one, padded on the right, and where each one's reward token is (n,)."""
        longest = max(one["input_ids"].shape[1] for one in read)
        fill = {"input_ids": self._processor.tokenizer.pad_token_id}
        joined = {
            name: torch.cat([_padded(one[name], longest, fill.get(name, 0)) for one in read])
            if name in _PER_TOKEN
            else torch.cat([one[name] for one in read])
            for name in read[0]
        }
        return joined, (joined["input_ids"] == self._reward).int().argmax(dim=1)


def resize(image: Image.Image) -> Image.Image:
    """An 8-bit RGB image as the published code resizes it; raises NotReadError for a strip."""
    height, width = image.height, image.width
    if max(height, width) / min(height, width) > _MOST_ASPECT:
        raise NotReadError(
            f"the image is {width} x {height}: the model reads none whose sides differ more than "
            f"{_MOST_ASPECT} times"
        )
    rows, columns = _sides(height, width)
    return image.resize((columns, rows), Image.Resampling.BICUBIC)


def _sides(height: int, width: int) -> tuple[int, int]:
    near = [max(_FACTOR, round(side / _FACTOR) * _FACTOR) for side in (height, width)]
    area = near[0] * near[1]
    if area > _AREA:
        beta = math.sqrt(height * width / _AREA)
        near = [math.floor(side / beta / _FACTOR) * _FACTOR for side in (height, width)]
    elif area < _AREA:
        beta = math.sqrt(_AREA / (height * width))
        near = [math.ceil(side * beta / _FACTOR) * _FACTOR for side in (height, width)]
    return near[0], near[1]


def _padded(row: torch.Tensor, length: int, value: int) -> torch.Tensor:
    return torch.nn.functional.pad(row, (0, length - row.shape[1]), value=value)
