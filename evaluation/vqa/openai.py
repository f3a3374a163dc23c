"""VQAScore by a server that speaks OpenAI's protocol: POST /v1/chat/completions with an image.

https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Json

from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.vqa.question import LIKELIEST, TEMPLATE, measurement, question, spoken
from nami_bench.images import read_image
from nami_bench.services.bounded_client import Answer
from nami_bench.services.openai import OpenAIServer, check_options
from nami_bench.services.openai_chat import Chat, ask_about, first_token, words

_WHERE = "metric 'vqa-score-openai'"
_OWN_FIELDS = frozenset({"model", "messages", "n", "logprobs", "top_logprobs", "stream"})
_WORDS_READ = 16  # tokens, where the answer is read and not its probability


class OpenAIVqaScore:
    """P("Yes") after the question whether the image shows the prompt, 0..1: see
    `nami_bench.evaluation.vqa.question`.

    The server must give log probabilities of its first token; what is not among the likeliest counts as 0.
    With `logprobs=false` the answer itself is read instead: 1 for yes, 0 for no, which is another instrument.

    The key is read from the environment when images are scored; it is in no score, reason or log.
    Interrupted, or stopped by the server, it yields what is paid for first. Such a server can change its
    model at any time: the name is all that identifies it, and the one that each answer gives ("served_model"
    in a result's details), which may not change among the scores of one instrument.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`, `base_url`, `key_env`, `concurrency`, `timeout`, `max_retries`: see
        `nami_bench.services.openai.ServerOptions`. `logprobs`: see the class. `top_logprobs`: how many tokens
        the server is asked to list, 2..20. `extra`: a JSON object of further fields of the request; null
        takes one out."""

        model: str
        base_url: str = "https://api.openai.com/v1"
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

    name = "vqa-score-openai"
    value_range = (0.0, 1.0)

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def instrument(self) -> str:
        """The server's model, its address, the question's words, and whether the answer is read as it is."""
        asked = self.options
        read = [] if asked.logprobs else ["answer-read"]
        extra = [f"{name}={value}" for name, value in sorted(asked.extra.items())]
        return "+".join([f"{asked.model}@{asked.base_url.rstrip('/')}", TEMPLATE, *read, *extra])

    def applies_to(self, prompt: Prompt) -> bool:
        """Any prompt will do."""
        return True

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order.

        Raises InputError without a key, and WorkError where no further answer can be had: a refused key, an
        unknown model, no credit, no server, no log probabilities. What the other requests brought is yielded
        before.
        """
        return ask_about(items, self.options, _WHERE, self._result, _failed)

    def _result(self, chat: Chat, item: ScoringItem) -> ScoringResult:
        try:
            image = read_image(item.image)
        except ImageError as error:
            return ScoringResult(item, None, str(error))
        asked = self.options
        choice, answer, served = chat.ask(
            image,
            question(item.prompt.text),
            temperature=0,
            max_tokens=1 if asked.logprobs else _WORDS_READ,
            logprobs=True if asked.logprobs else None,
            top_logprobs=asked.top_logprobs if asked.logprobs else None,
        )
        if asked.logprobs:
            found = _by_logprobs(choice, answer, chat.server)
        else:
            found = _by_words(choice, chat.server)
        return ScoringResult(item, found.value, found.reason, {**found.details, "served_model": served})


def _failed(item: ScoringItem, reason: str, _refused: bool) -> ScoringResult:
    return ScoringResult(item, None, reason)


def _by_logprobs(choice: Mapping[str, Any], answer: Answer, server: OpenAIServer) -> Measurement:
    pairs = first_token(choice, answer, server)
    return measurement(pairs, [text for text, _ in pairs])


def _by_words(choice: Mapping[str, Any], server: OpenAIServer) -> Measurement:
    said = words(choice)
    read = spoken(said or "")
    if read is None:
        return Measurement(None, f"the model does not answer yes or no: {server.clean(str(said))!r}")
    return Measurement(float(read == "yes"))
