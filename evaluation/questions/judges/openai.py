"""Answers of a server that speaks OpenAI's protocol: POST /v1/chat/completions with an image.

https://platform.openai.com/docs/api-reference/chat/create
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from PIL.Image import Image
from pydantic import Json

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.questions.answers import (
    Probability,
    probability_of,
    problem_of_words,
    spellings,
    yes_or_no_answer,
)
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Reading, Sheet
from nami_bench.evaluation.questions.templates import template_words
from nami_bench.evaluation.vqa.question import LIKELIEST
from nami_bench.services.openai import check_options
from nami_bench.services.openai_chat import Chat, ask_about, data_url, first_token, words

_WHERE = "judge 'openai'"
_OWN_FIELDS = frozenset({"model", "messages", "n", "logprobs", "top_logprobs", "stream"})
_WORDS_READ = 16  # tokens, where the answer is read and not its probability


class OpenAIJudge:
    """One request for each question, several at once.

    The server must give log probabilities of its first token. What is not among the likeliest counts as 0,
    and of spellings only those count that are one token: how a server splits the others, it does not tell.
    With `logprobs=false` there are no probabilities, and an answer's words are all.

    The key is read from the environment when questions are asked; it is in no answer, problem or log. Such
    a server can change its model at any time: see "served_model" in an answer's details.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`, `base_url`, `key_env`, `concurrency`, `timeout`, `max_retries`: see
        `nami_bench.services.openai.ServerOptions`. `template`: the words around a question, a text with
        {question} in it or one of plain, one-word and yes-or-no. `probability`: see
        `nami_bench.evaluation.questions.answers.Probability`. `logprobs`: see the class. `top_logprobs`: how
        many tokens the server is asked to list, 2..20. `extra`: a JSON object of further fields of the
        request; null takes one out."""

        model: str
        base_url: str = "https://api.openai.com/v1"
        template: str = "one-word"
        probability: Probability = "spellings"
        logprobs: bool = True
        top_logprobs: int = LIKELIEST
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        key_env: str = "OPENAI_API_KEY"
        concurrency: int = 4
        timeout: float = 120.0
        max_retries: int = 6

        def __post_init__(self) -> None:
            check_options(self, _OWN_FIELDS, _WHERE)
            if not 2 <= self.top_logprobs <= LIKELIEST:
                raise InputError(f"{_WHERE}: top_logprobs {self.top_logprobs} is not between 2 and 20")

    libraries: tuple[str, ...] = ()
    reading = Reading.WORD
    runs_on: Mapping[str, str] = {}

    def __init__(self, options: Options) -> None:
        self.options = options
        self._words = template_words(options.template, _WHERE)

    @property
    def identity(self) -> str:
        """The server's model, its address, the words around a question, and what is read of an answer."""
        asked = self.options
        read = asked.probability if asked.logprobs else f"{asked.probability}+words"
        extra = [f"{name}={value}" for name, value in sorted(asked.extra.items())]
        return "+".join([f"{asked.model}@{asked.base_url.rstrip('/')}", asked.template, read, *extra])

    def answer(self, sheets: Iterable[Sheet]) -> Iterator[Sequence[Answer]]:
        """Yield the answers to each sheet, in order; a few sheets are read ahead.

        Raises InputError without a key, and WorkError where no further answer can be had: a refused key, an
        unknown model, no credit, no server, no log probabilities. Sheets that are finished are yielded first,
        up to the first one that is not.
        """
        begun: deque[_Begun] = deque()
        requests = _requests(sheets, begun)
        for sheet, place, answer in ask_about(requests, self.options, _WHERE, self._ask, _failed):
            sheet.answers[place] = answer
            yield from _finished(begun)
        yield from _finished(begun)

    def _ask(self, chat: Chat, request: "_Request") -> "_Answered":
        sheet, place = request
        asked, question = self.options, sheet.questions[place]
        choice, answer, served = chat.ask(
            sheet.image_url,
            self._words.format(question=question.text),
            temperature=0,
            max_tokens=1 if asked.logprobs else sheet.longest or _WORDS_READ,
            logprobs=True if asked.logprobs else None,
            top_logprobs=asked.top_logprobs if asked.logprobs else None,
        )
        if asked.logprobs:
            listed = first_token(choice, answer, chat.server)
            found = self._by_logprobs(question, [(chat.server.redacted(text), p) for text, p in listed])
        else:
            found = self._by_words(question, chat.server.redacted(words(choice) or ""))
        details = {**found.details, "served_model": served}
        return sheet, place, Answer(found.text, found.probability, found.problem, details)

    def _by_logprobs(self, question: Question, listed: Sequence[tuple[str, float]]) -> Answer:
        texts = [text for text, _ in listed]
        if self.options.probability == "yes":
            return yes_or_no_answer(question.expected, texts[0], listed, texts)

        def chance(spelling: str) -> float:
            return sum(probability for text, probability in listed if text == spelling)

        return Answer(texts[0], probability_of(spellings(question.text, question.expected), chance))

    def _by_words(self, question: Question, said: str) -> Answer:
        if not said.strip():
            return Answer(problem="the model says nothing")
        problem = problem_of_words(self.options.probability, question.expected, said)
        return Answer(problem=one_line(problem)) if problem else Answer(said)


class _Begun:
    """A sheet of which some questions may have been answered."""

    def __init__(self, sheet: Sheet) -> None:
        self.questions = sheet.questions
        self.longest = sheet.longest
        self.answers: list[Answer | None] = [None] * len(sheet.questions)
        self._image: Image = sheet.image
        self._url: str | None = None
        self._lock = Lock()

    @property
    def image_url(self) -> str:
        """The image as it is sent, made once for all questions, in the thread of the first one."""
        with self._lock:
            if self._url is None:
                self._url = data_url(self._image)
            return self._url


_Request = tuple[_Begun, int]
"""A sheet and the place of one of its questions."""
_Answered = tuple[_Begun, int, Answer]


def _requests(sheets: Iterable[Sheet], begun: deque[_Begun]) -> Iterator[_Request]:
    for sheet in sheets:
        begun.append(_Begun(sheet))
        yield from ((begun[-1], place) for place in range(len(sheet.questions)))


def _failed(request: _Request, reason: str, _refused: bool) -> _Answered:
    return (*request, Answer(problem=reason))


def _finished(begun: deque[_Begun]) -> Iterator[Sequence[Answer]]:
    """The answers of the sheets at the front that have them all."""
    while begun and None not in begun[0].answers:
        yield [answer for answer in begun.popleft().answers if answer is not None]
