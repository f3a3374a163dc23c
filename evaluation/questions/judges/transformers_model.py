"""Answers of an image-text model of transformers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from PIL.Image import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.answers import Probability, probability_of, spellings, yes_or_no_answer
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Reading, Sheet
from nami_bench.evaluation.questions.judges.first_tokens import FirstTokens, NotAsked
from nami_bench.evaluation.questions.templates import template_words
from nami_bench.evaluation.vqa.question import LIKELIEST, yes_and_no
from nami_bench.neural.device import choose_device, device_name
from nami_bench.neural.hub import SETTINGS, HubModel, hub_model, settings_sha256
from nami_bench.neural.image_text_decoder import ImageTextDecoder

_WHERE = "judge 'transformers'"


class TransformersJudge:
    """Probabilities of the first token of an answer, over the whole vocabulary.

    Any decoder that transformers loads as an image-text-to-text model and that has a chat template. With
    Qwen/Qwen3-VL-8B-Instruct and the options as they are it is GenEval 2's judge. An image is run through the
    network once for all of its questions where the model allows it (see `FirstTokens`).

    A question is never cut: where it is longer than what the model reads, it has a problem, and "over_long"
    in its details.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`: a folder that save_pretrained wrote, or a name on the hub; `revision`: of it. `dtype`:
        what the network computes in; auto is bfloat16 on CUDA and float32 elsewhere. `template`: the words
        around a question, a text with {question} in it or one of plain, one-word and yes-or-no.
        `probability`: see `nami_bench.evaluation.questions.answers.Probability`. `batch_size`: questions in
        one pass. `device`: auto, cpu, cuda ... `max_new_tokens`: how long an answer's text may be; beyond 1
        every question is run once more. `reuse`: run each image once; false runs every question by itself,
        for the same answers."""

        model: str
        revision: str | None = None
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
        template: str = "one-word"
        probability: Probability = "spellings"
        batch_size: int = 16
        device: str = "auto"
        max_new_tokens: int = 1
        reuse: bool = True

    reading = Reading.WORD
    libraries = ("torch", "torchvision", "transformers")

    def __init__(self, options: Options) -> None:
        for name in ("batch_size", "max_new_tokens"):
            if (value := getattr(options, name)) < 1:
                raise InputError(f"{_WHERE}: {name} must be at least 1, got {value}")
        self.options = options
        self._words = template_words(options.template, _WHERE)

    @property
    def identity(self) -> str:
        """Model, its settings (processor, tokenizer, chat template, generation), weights, the words around a
        question, which probability is read, and the dtype where it is not float32."""
        asked = self.options
        dtype = [] if self._dtype == "float32" else [self._dtype]
        longer = [f"tokens={asked.max_new_tokens}"] if asked.max_new_tokens > 1 else []
        model = f"{self._files.name}-{self._settings}-{self._files.sha256}"
        return "+".join([model, asked.template, asked.probability, *dtype, *longer])

    @cached_property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Judge`."""
        return {"device": device_name(self._device), "dtype": self._dtype}

    def answer(self, sheets: Iterable[Sheet]) -> Iterator[Sequence[Answer]]:
        """Yield the answers to each sheet, in order; raises InputError where the model cannot be loaded."""
        for sheet in sheets:
            texts = [self._words.format(question=question.text) for question in sheet.questions]
            scores = self._first_tokens.scores(sheet.image, texts)
            yield [
                self._answer(sheet, text, question, found)
                for text, question, found in zip(texts, sheet.questions, scores, strict=True)
            ]

    @cached_property
    def _files(self) -> HubModel:
        return hub_model(self.options.model, self.options.revision)

    @cached_property
    def _settings(self) -> str:
        return settings_sha256(self._files.folder, (*SETTINGS, "generation_config.json"))

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.options.device)

    @cached_property
    def _dtype(self) -> str:
        if self.options.dtype != "auto":
            return self.options.dtype
        return "bfloat16" if self._device.type == "cuda" else "float32"

    @cached_property
    def _decoder(self) -> ImageTextDecoder:
        return ImageTextDecoder(self._files.folder, getattr(torch, self._dtype), self._device)

    @cached_property
    def _first_tokens(self) -> FirstTokens:
        return FirstTokens(self._decoder, self.options.batch_size, self.options.reuse)

    def _answer(self, sheet: Sheet, text: str, question: Question, found: torch.Tensor | NotAsked) -> Answer:
        if isinstance(found, NotAsked):
            return Answer(problem=found.problem, details={"over_long": True} if found.over_long else {})
        chances = found.softmax(dim=-1).cpu()
        if not chances.isfinite().all():
            return Answer(problem="the model gave numbers that are not finite")
        longest = sheet.longest or self.options.max_new_tokens
        said = self._said(sheet.image, text, int(chances.argmax()), longest)
        if self.options.probability == "yes":
            return self._yes_or_no(question, said, chances)
        written = spellings(question.text, question.expected)
        return Answer(said, probability_of(written, lambda spelling: self._chance(spelling, chances)))

    def _said(self, image: Image, text: str, first: int, longest: int) -> str:
        if longest == 1:
            return self._decoder.decode([first])
        return self._decoder.say(self._decoder.inputs([image], text), longest)

    def _yes_or_no(self, question: Question, said: str, chances: torch.Tensor) -> Answer:
        texts = self._decoder.texts
        best = chances.topk(min(LIKELIEST, len(chances))).indices.tolist()
        tokens = [(texts[number], float(chances[number])) for number in self._yes_and_no]
        likeliest = [texts.get(number, "") for number in best]
        return yes_or_no_answer(question.expected, said, tokens, likeliest)

    def _chance(self, spelling: str, chances: torch.Tensor) -> float:
        token = self._first_token_of(spelling)
        return 0.0 if token is None else float(chances[token])

    @cached_property
    def _yes_and_no(self) -> list[int]:
        return yes_and_no(self._decoder.texts)

    def _first_token_of(self, spelling: str) -> int | None:
        """None for a spelling of no token."""
        tokens = self._decoder.tokenizer(spelling, add_special_tokens=False)["input_ids"]
        return int(tokens[0]) if tokens else None
