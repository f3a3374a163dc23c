"""Decoders of transformers that answer questions about an image in a chat: loading them, asking them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from nami_bench.errors import InputError, one_line
from nami_bench.neural.pretrained import load_network, pretrained, quiet_transformers

Inputs = dict[str, torch.Tensor]
"""What a processor makes of conversations, on the network's device; "input_ids" is among it."""


class UnreadableError(Exception):
    """An image or a text that a model's processor cannot read; the message says why."""


class ImageTextDecoder:
    """A loaded model and its processor.

    `limit`: how many tokens it reads, image and words together; None where it does not say. `texts`: how its
    tokenizer writes each token.
    """

    def __init__(self, folder: Path, dtype: torch.dtype, device: torch.device) -> None:
        """Raises InputError where the model cannot be loaded, or is none that can be asked."""
        try:
            config = pretrained(AutoConfig, folder)
            if config.is_encoder_decoder:
                raise InputError("it is an encoder-decoder, and it must be a decoder with a chat template")
            self.processor: Any = pretrained(AutoProcessor, folder)
            if getattr(self.processor, "chat_template", None) is None:
                raise InputError("it must be a decoder with a chat template")
        except Exception as error:  # whatever a foreign file's values lead to
            raise InputError(f"{folder} cannot be asked: {one_line(str(error), 200)}") from error
        self.network = load_network(AutoModelForImageTextToText, folder, dtype=dtype).to(device)
        self.dtype, self.device = dtype, device
        self.limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
        self.tokenizer: Any = self.processor.tokenizer
        vocabulary: Mapping[str, int] = self.tokenizer.get_vocab()
        self.texts = {number: text for text, number in vocabulary.items()}
        parameters = signature(self.network.forward).parameters
        self._can_keep_last = "logits_to_keep" in parameters

    def inputs(self, images: Sequence[Image], text: str) -> Inputs:
        """Conversations in which each of `images`, of one size, is followed by `text`.

        A mark that `text` writes out, such as "<image>" or the end of a message, is read as mere text. Raises
        UnreadableError where the processor cannot, or where it refuses the image (for its proportions, say).
        """
        how: dict[str, Any] = {}
        if mark := self.mark(text):
            if not self._can_read_marks_as_text:
                raise UnreadableError(
                    f"the text holds {mark!r}, which this model's processor takes for a mark"
                )
            how["sanitize_control_tokens"] = True
        try:
            made = self.processor.apply_chat_template(
                [_conversation(text, image) for image in images],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                **how,
            )
        except (NotImplementedError, ValueError) as error:
            what = f"the text, which holds {mark!r}," if mark else "the image and the text"
            raise UnreadableError(f"{what} cannot be read: {one_line(str(error), 200)}") from error
        return {
            name: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for name, value in made.items()
        }

    def unseen(self, text: str) -> list[int]:
        """The tokens of such a conversation as the chat template writes it, before the processor makes room
        for what an image is turned into."""
        written = self.processor.apply_chat_template(_conversation(text), add_generation_prompt=True)
        tokens: list[int] = self.tokenizer(written, add_special_tokens=False)["input_ids"]
        return tokens

    def logits(self, inputs: Mapping[str, Any], keep: int = 1) -> torch.Tensor:
        """What follows each of the last `keep` tokens, float32: (batch, keep, vocabulary)."""
        logits: torch.Tensor = self.run(inputs, keep).logits[:, -keep:].float()
        return logits

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, Any], keep: int = 1) -> Any:
        """The network's output; where it can, it computes logits of the last `keep` tokens alone."""
        last_only = {"logits_to_keep": keep} if self._can_keep_last else {}
        return self.network(**inputs, **last_only)

    @torch.inference_mode()
    def say(self, inputs: Inputs, tokens: int) -> str:
        """The likeliest words, up to so many tokens, of one conversation."""
        settings = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
        with quiet_transformers():
            said = self.network.generate(**inputs, max_new_tokens=tokens, **settings)
        return self.decode(said[0, inputs["input_ids"].shape[1] :].tolist())

    def decode(self, tokens: Sequence[int]) -> str:
        """What tokens say; special ones say nothing."""
        text: str = self.tokenizer.decode(
            list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def mark(self, text: str) -> str | None:
        """The first of the model's special tokens and marks of images that is written out in `text`."""
        return first_mark(text, self._marks)

    @cached_property
    def _marks(self) -> frozenset[str]:
        return special_marks(self.processor)

    @cached_property
    def _can_read_marks_as_text(self) -> bool:
        """Newer versions of transformers can."""
        return "sanitize_control_tokens" in signature(self.processor.apply_chat_template).parameters


def special_marks(processor: Any) -> frozenset[str]:
    """How a processor's special tokens and marks of images are written."""
    added: Mapping[int, Any] = processor.tokenizer.added_tokens_decoder
    special = {str(token.content) for token in added.values() if token.special}
    named = (getattr(processor, f"{kind}_token", None) for kind in ("image", "video", "audio"))
    return frozenset(special | {str(mark) for mark in named if mark})


def first_mark(text: str, marks: Iterable[str]) -> str | None:
    """The one of `marks` that is written out first in `text`, the longest of several."""
    found = [(text.find(mark), -len(mark), mark) for mark in marks if mark in text]
    return min(found)[2] if found else None


def _conversation(text: str, image: Image | None = None) -> list[dict[str, Any]]:
    picture = {"type": "image"} if image is None else {"type": "image", "image": image}
    return [{"role": "user", "content": [picture, {"type": "text", "text": text}]}]
