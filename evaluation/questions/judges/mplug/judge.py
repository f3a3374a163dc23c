"""The judge: questions in, answers out."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from PIL.Image import Image
from torch import Tensor

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Reading, Sheet
from nami_bench.evaluation.questions.judges.mplug.beam_search import START, Search, beam_search
from nami_bench.evaluation.questions.judges.mplug.configuration import (
    IMAGE_CONFIG,
    QUESTION_TOKENS,
    TEXT_CONFIG,
    VOCABULARY,
    WEIGHTS,
    read_configuration,
)
from nami_bench.evaluation.questions.judges.mplug.decoder import Memory
from nami_bench.evaluation.questions.judges.mplug.inputs import PAD, EncodedQuestion, Words, image_tensor
from nami_bench.evaluation.questions.judges.mplug.network import MplugNetwork
from nami_bench.evaluation.questions.judges.mplug.weights import load_network
from nami_bench.neural.batches import OutOfMemory, ShrinkingBatches
from nami_bench.neural.device import choose_device, device_name
from nami_bench.neural.hub import settings_sha256, short_sha256

_VERDICTS = ("yes", "no")
NOT_FINITE = Answer(problem="the model gave numbers that are not finite")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its tokens, and the image's (1, tokens, width)."""

    question: Question
    encoded: EncodedQuestion
    image: Tensor


class MplugJudge:
    """ModelScope's damo/mplug_visual-question-answering_coco_large_en, in float32.

    An image is encoded once for all its questions, which are asked together. Answers are words, chosen by
    beam search, without a probability. Of a question longer than 25 tokens the end is not read, and
    "truncated" is in the answer's details.
    """

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options:
        """`model`: the folder as ModelScope has it, with pytorch_model.bin, config.yaml, config_bert.json and
        vocab.txt. `device`: auto, cpu, cuda ... `batch_size`: questions in one pass. `shortcut`: answer yes
        where it is likelier than no as the first token, else no, and give the probability of the one that is
        expected. That is another instrument: 10 of 33 verdicts change on the network that our tests use."""

        model: Path
        device: str = "auto"
        batch_size: int = 8
        shortcut: bool = False

    libraries = ("torch", "transformers", "pillow")
    reading = Reading.EXACT

    def __init__(self, options: Options) -> None:
        """Raises InputError where the folder lacks a file or says what no network can be."""
        if options.batch_size < 1:
            raise InputError(f"the judge 'mplug': batch_size must be at least 1, got {options.batch_size}")
        self.options = options
        self.folder = options.model.expanduser()
        self.config = read_configuration(self.folder)
        image = self.config.image
        self.search = Search(image.min_length, image.max_length, image.beam_size)

    @cached_property
    def identity(self) -> str:
        """Weights, settings and vocabulary by their hashes, and what decides how they are used."""
        settings = settings_sha256(self.folder, (IMAGE_CONFIG, TEXT_CONFIG, VOCABULARY))
        search = f"beam-{self.search.beams}-length-{self.search.min_length}-{self.search.max_length}"
        return "+".join(
            (
                f"mplug-{settings}-{short_sha256(self.folder / WEIGHTS)}",
                f"image_res-{self.config.image.image_res}",
                f"stride_layer-{self.config.text.stride_layer}",
                f"{QUESTION_TOKENS}-tokens",
                "first-token" if self.options.shortcut else search,
                "float32",
            )
        )

    @property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Judge`."""
        return {"device": device_name(self._device), "dtype": "float32"}

    def answer(self, sheets: Iterable[Sheet]) -> Iterator[Sequence[Answer]]:
        """Yield one answer for each question of each sheet, in order; raises InputError where the network
        cannot be loaded. Batches hold questions of one sheet."""
        for sheet in sheets:
            yield self._answer(sheet) if sheet.questions else ()

    def _answer(self, sheet: Sheet) -> list[Answer]:
        (image,) = self._see([sheet.image])
        if isinstance(image, OutOfMemory):
            return [Answer(problem=image.reason)] * len(sheet.questions)
        asked = [_Asked(one, self._words.encode(one.text), image) for one in sheet.questions]
        answers = self._ask(asked)
        return [Answer(problem=one.reason) if isinstance(one, OutOfMemory) else one for one in answers]

    @cached_property
    def _see(self) -> ShrinkingBatches[Image, Tensor]:
        return ShrinkingBatches(self._image_tokens, 1)

    @cached_property
    def _ask(self) -> ShrinkingBatches[_Asked, Answer]:
        return ShrinkingBatches(self._answers, self.options.batch_size)

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.options.device)

    @cached_property
    def _words(self) -> Words:
        return Words(self.folder / VOCABULARY, self.config.text.vocab_size)

    @cached_property
    def _network(self) -> MplugNetwork:
        return load_network(self.folder / WEIGHTS, self.config).to(self._device)

    @torch.inference_mode()
    def _image_tokens(self, images: Sequence[Image]) -> list[Tensor]:
        pixels = torch.stack([image_tensor(image, self.config.image.image_res) for image in images])
        return [tokens[None] for tokens in self._network.see(pixels.to(self._device))]

    @torch.inference_mode()
    def _answers(self, asked: Sequence[_Asked]) -> list[Answer]:
        """Of questions about one image."""
        ids = torch.tensor([one.encoded.ids for one in asked], device=self._device)
        memory = self._network.read(asked[0].image, ids, (ids != PAD).long())
        answers = self._by_first_token if self.options.shortcut else self._by_search
        return [
            replace(answer, details={"truncated": True}) if one.encoded.truncated else answer
            for one, answer in zip(asked, answers(asked, memory), strict=True)
        ]

    def _by_search(self, asked: Sequence[_Asked], memory: Memory) -> Iterator[Answer]:
        def next_logits(tokens: Tensor, rows: Tensor, place: int) -> Tensor:
            memory.reorder(rows)
            return self._network.say(tokens, place, memory)

        for found in beam_search(next_logits, len(asked), self.search, self._device):
            yield NOT_FINITE if found is None else Answer(self._words.decode(found[0].tokens))

    def _by_first_token(self, asked: Sequence[_Asked], memory: Memory) -> Iterator[Answer]:
        start = torch.full((len(asked),), START, device=self._device)
        first = self._network.say(start, 0, memory).softmax(dim=-1)
        numbers = [self._words.number(word) for word in _VERDICTS]
        for one, likely in zip(asked, first[:, numbers].tolist(), strict=True):
            yes, no = likely
            if not math.isfinite(yes + no):
                yield NOT_FINITE
            else:
                expected = dict(zip(_VERDICTS, likely, strict=True)).get(one.question.expected)
                yield Answer("yes" if yes > no else "no", expected)
