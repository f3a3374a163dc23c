"""Images and questions as the network takes them, and its answers as words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image, Resampling
from torch import Tensor
from transformers import BertTokenizer

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.questions.judges.mplug.beam_search import END, START
from nami_bench.evaluation.questions.judges.mplug.configuration import QUESTION_TOKENS

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
PAD = 0
_FIXED = {"[PAD]": PAD, "[CLS]": START, "[SEP]": END}


def image_tensor(image: Image, image_res: int) -> Tensor:
    """(3, image_res, image_res), float32: made a square by Pillow's bicubic filter, in CLIP's colours."""
    small = image.convert("RGB").resize((image_res, image_res), Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1).to(torch.float32) / 255
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return ((pixels - mean) / deviation).contiguous()


@dataclass(frozen=True, slots=True)
class EncodedQuestion:
    """QUESTION_TOKENS token numbers, PAD at the end, and whether the question had more than that."""

    ids: tuple[int, ...]
    truncated: bool


class Words:
    """BERT's tokenizer, uncased, of a vocabulary with one token on each line."""

    def __init__(self, path: Path, size: int) -> None:
        """Raises InputError unless the file has `size` tokens, BERT's own at their places."""
        try:
            with path.open(encoding="utf-8") as file:
                vocabulary = {line.rstrip("\n"): number for number, line in enumerate(file)}
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read: {one_line(str(error))}") from error
        wrong = [word for word, number in _FIXED.items() if vocabulary.get(word) != number]
        if wrong or not {"[UNK]", "[MASK]"} <= vocabulary.keys() or len(vocabulary) != size:
            raise InputError(
                f"{path} is not the network's vocabulary: it must hold {size} tokens, "
                f"{', '.join(f'{word} on line {number + 1}' for word, number in _FIXED.items())}"
            )
        self._path, self._numbers = path, vocabulary
        self._tokenizer = BertTokenizer(vocab=vocabulary)

    def encode(self, text: str) -> EncodedQuestion:
        """Lower-cased first, so that "[SEP]" in a question is a word like any other."""
        # Halves of characters, which JSON can hold, are control characters to BERT, and dropped.
        whole = text.lower().encode("utf-8", "ignore").decode("utf-8")
        ids = self._tokenizer(whole)["input_ids"]
        truncated = len(ids) > QUESTION_TOKENS
        if truncated:
            ids = [*ids[: QUESTION_TOKENS - 1], END]
        return EncodedQuestion((*ids, *[PAD] * (QUESTION_TOKENS - len(ids))), truncated)

    def number(self, word: str) -> int:
        """Of a word that is a single token; raises InputError where it is none."""
        if word not in self._numbers:
            raise InputError(f"{self._path} has no token {word!r}")
        return self._numbers[word]

    def decode(self, ids: Sequence[int]) -> str:
        """The words; BERT's own tokens and unknown ones are left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))
