"""Several questions about an image, each answered by one token: the image is run through the network once."""

import copy
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from PIL.Image import Image
from transformers import RepetitionPenaltyLogitsProcessor

from nami_bench.neural.device import is_out_of_memory
from nami_bench.neural.image_text_decoder import ImageTextDecoder, Inputs, UnreadableError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Why a question could not be put to the model; `over_long`: it is longer than what that reads."""

    problem: str
    over_long: bool = False


class FirstTokens:
    """Scores of the tokens with which a decoder may begin its answers.

    Prompts about one image are alike up to the question. That beginning, image and all, is run once and its
    keys and values are kept; what remains of each prompt follows in batches of `batch_size`. The shorter ones
    of a batch are filled up at their right end, where a decoder that looks back only cannot see it: neither
    a mask nor positions of ours are needed, and each model counts its own, also Qwen's in three dimensions.

    Not every network can be run in two parts. On the first image with several questions both ways are tried;
    where they differ, or the short one fails, every question is run by itself from then on.
    """

    def __init__(self, decoder: ImageTextDecoder, batch_size: int, reuse: bool) -> None:
        """`reuse`: whether to try at all."""
        self._decoder = decoder
        self._batch_size = batch_size
        self._reuse = reuse
        self._tried = False
        penalty = decoder.network.generation_config.repetition_penalty
        # Temperature and top-p, which its file may hold too, are for drawing: here the likeliest is asked.
        self._penalty = None if penalty in (None, 1) else RepetitionPenaltyLogitsProcessor(float(penalty))

    def scores(self, image: Image, texts: Sequence[str]) -> list[torch.Tensor | NotAsked]:
        """For each text, scores of the whole vocabulary, float32, on the network's device.

        The model's repetition penalty, where it has one, is applied, as it is when it writes.
        """
        marked = [self._decoder.mark(text) is not None for text in texts]
        plain = [text for text, holds in zip(texts, marked, strict=True) if not holds]
        found = self._together(image, plain) if self._reuse and len(plain) > 1 else None
        if found is None:
            return [self._alone(image, text) for text in texts]
        together = iter(found)
        return [
            self._alone(image, text) if holds else next(together)
            for text, holds in zip(texts, marked, strict=True)
        ]

    def _alone(self, image: Image, text: str) -> torch.Tensor | NotAsked:
        try:
            inputs = self._decoder.inputs([image], text)
        except UnreadableError as error:
            return NotAsked(str(error))
        tokens = inputs["input_ids"][0].tolist()
        return self._refusal(tokens) or self._penalised(tokens, self._decoder.logits(inputs)[0, -1])

    def _refusal(self, tokens: Sequence[int]) -> NotAsked | None:
        limit = self._decoder.limit
        if limit is None or len(tokens) <= limit:
            return None
        words = f"question and image are {len(tokens)} tokens, the model reads {limit}"
        return NotAsked(words, over_long=True)

    def _penalised(self, tokens: Sequence[int], scores: torch.Tensor) -> torch.Tensor:
        if self._penalty is None:
            return scores
        seen = torch.tensor([tokens], device=scores.device)
        penalised: torch.Tensor = self._penalty(seen, scores[None])[0]
        return penalised

    def _together(self, image: Image, texts: Sequence[str]) -> list[torch.Tensor | NotAsked] | None:
        """`scores` of texts without marks; None where they cannot be had in this way."""
        if self._tried:
            return self._split(image, texts)
        try:
            found = self._split(image, texts)
        except Exception as error:  # whatever a network does that is not made for it
            if is_out_of_memory(error):
                raise
            self._give_up(f"{type(error).__name__}: {error}")
            return None
        if found is None:
            return None
        self._tried = True
        if not all(map(self._same, found, (self._alone(image, text) for text in texts))):
            self._give_up("other probabilities")
            return None
        return found

    def _give_up(self, why: str) -> None:
        """Run no image in parts any more."""
        _log.debug("an image is run once for each question, since running it once brought %s", why)
        self._reuse = False

    def _same(self, one: torch.Tensor | NotAsked, other: torch.Tensor | NotAsked) -> bool:
        """Whether scores are, but for rounding, the `other` ones, which are those of a whole run."""
        if isinstance(one, NotAsked) or isinstance(other, NotAsked):
            return one == other
        here, there = one.softmax(-1), other.softmax(-1)
        if not there.isfinite().all():
            return True  # no answer either way
        bound = 1e-4 if self._decoder.dtype == torch.float32 else 5e-2
        return bool((here - there).abs().sum() / 2 <= bound)

    def _split(self, image: Image, texts: Sequence[str]) -> list[torch.Tensor | NotAsked] | None:
        try:
            whole = self._decoder.inputs([image], texts[0])
        except UnreadableError:
            return None
        first, *others = map(self._decoder.unseen, texts)
        prompts = with_image(whole["input_ids"][0].tolist(), first, others)
        if prompts is None:
            return None
        found: list[Any] = [self._refusal(tokens) for tokens in prompts]
        asked = [place for place, refusal in enumerate(found) if refusal is None]
        rows = self._run([prompts[place] for place in asked], whole) if asked else ()
        for place, row in zip(asked, rows, strict=True):
            found[place] = self._penalised(prompts[place], row)
        return found

    @torch.inference_mode()
    def _run(self, prompts: Sequence[Sequence[int]], whole: Inputs) -> Iterator[torch.Tensor]:
        """Scores after each of some prompts about the image of `whole`, which begins as they do."""
        decoder = self._decoder
        length = min(common_length(prompts), *(len(tokens) - 1 for tokens in prompts))
        beginning = {name: _cut(value, whole["input_ids"], length) for name, value in whole.items()}
        seen = decoder.run({**beginning, "use_cache": True}).past_key_values
        for start in range(0, len(prompts), self._batch_size):
            endings = [tokens[length:] for tokens in prompts[start : start + self._batch_size]]
            cache = copy.deepcopy(seen)
            # As beam search does it, which caches of linear attention know too.
            cache.reorder_cache(torch.zeros(len(endings), dtype=torch.long, device=decoder.device))
            yield from self._follow(endings, cache)

    def _follow(self, endings: Sequence[Sequence[int]], cache: Any) -> Iterator[torch.Tensor]:
        longest, shortest = max(map(len, endings)), min(map(len, endings))
        filled = [[*tokens, *[tokens[-1]] * (longest - len(tokens))] for tokens in endings]
        rows = torch.tensor(filled, device=self._decoder.device)
        keep = longest - shortest + 1
        logits = self._decoder.logits({"input_ids": rows, "past_key_values": cache, "use_cache": True}, keep)
        for row, tokens in zip(logits, endings, strict=True):
            yield row[len(tokens) - shortest]


def with_image(
    whole: Sequence[int], unseen: Sequence[int], others: Sequence[Sequence[int]]
) -> list[list[int]] | None:
    """Prompts as a processor would make them of one image, without having it look at that again.

    `whole`: the tokens it made of the first prompt. `unseen`, `others`: those of the first one and of the
    rest before there was room for the image. None where a prompt begins differently: where the question
    stands before the image, say.
    """
    alike = common_length([whole, unseen])
    after = min(common_length([whole[::-1], unseen[::-1]]), len(unseen) - alike)
    head, unseen_head = list(whole[: len(whole) - after]), list(unseen[: len(unseen) - after])
    if any(list(other[: len(unseen_head)]) != unseen_head for other in others):
        return None
    return [list(whole), *([*head, *other[len(unseen_head) :]] for other in others)]


def common_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all of at least one sequence begin with."""
    return sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*sequences, strict=False)))


def _cut(value: torch.Tensor, tokens: torch.Tensor, length: int) -> torch.Tensor:
    """The beginning of what there is one of for each token; anything else (pixels, sizes) as it is."""
    return value[:, :length] if value.shape == tokens.shape and not value.is_floating_point() else value
