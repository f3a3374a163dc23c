"""UnifiedReward: marks from 1 to 5 by an image-text model that was trained to give them, behind a server.

Wang et al. 2025, "Unified Reward Model for Multimodal Understanding and Generation" (CodeGoat24).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Json

from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.authors_texts import authors_file, named_texts
from nami_bench.evaluation.jpeg import as_jpeg
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.weights import UNIFIED_REWARD_ASPECTS, UNIFIED_REWARD_FINAL
from nami_bench.images import read_image
from nami_bench.services.openai import check_options
from nami_bench.services.openai_chat import Chat, ask_about, words

Mark = Literal["final", "alignment", "coherence", "style"]

_WHERE = "metric 'unified-reward'"
_OWN_FIELDS = frozenset({"model", "messages", "n", "stream"})
_PROMPT = "{prompt}"
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_FINAL = {"final": rf"Final Score:\s*{_NUMBER}"}
_ASPECTS = {
    name: rf"{name.capitalize()} Score \(1-5\):\s*{_NUMBER}" for name in ("alignment", "coherence", "style")
}
_LOWEST, _HIGHEST = 1.0, 5.0
_MOST_TOKENS = 4096  # the authors'; the mark stands at the end of an answer
_QUALITY = 95  # of the JPEGs that the authors' client sends for the three aspects


class UnifiedReward:
    """The mark, 1..5, that the model writes in its answer to the authors' question.

    `mark` final: one mark, to which the models of version 1 come by listing what the prompt names; images are
    sent as they are. alignment, coherence or style: one of three marks, which the models of version 2.0 give
    in one answer; images are sent as JPEG of quality 95, as by the authors' client.

    An answer without the mark, or with one beyond 1 to 5, is a failure (flow_grpo takes it as 0). `details`:
    all marks of the answer, and "served_model". Prompts are sent whole.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`, `base_url`, `key_env`, `concurrency`, `timeout`, `max_retries`: see
        `nami_bench.services.openai.ServerOptions`. `mark`: see the class. `prompt`: the authors' Python file
        with the question, or a text file of your own with {prompt} in it; by default fetched. `extra`: a JSON
        object of further fields of the request; null takes one out."""

        model: str
        mark: Mark = "final"
        prompt: Path | None = None
        base_url: str = "http://localhost:8080/v1"
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        key_env: str = ""
        concurrency: int = 4
        timeout: float = 120.0
        max_retries: int = 6

        def __post_init__(self) -> None:
            check_options(self, _OWN_FIELDS, _WHERE)

    name = "unified-reward"
    value_range = (_LOWEST, _HIGHEST)

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def instrument(self) -> str:
        """The server's model, its address, which mark, the question's hash, and how images are sent."""
        asked = self.options
        digest = hashlib.sha256(self._question.encode()).hexdigest()[:12]
        jpeg = [] if asked.mark == "final" else [f"jpeg{_QUALITY}"]
        extra = [f"{name}={value}" for name, value in sorted(asked.extra.items())]
        server = f"{asked.model}@{asked.base_url.rstrip('/')}"
        return "+".join([server, f"unified-reward-{asked.mark}", f"prompt-{digest}", *jpeg, *extra])

    def applies_to(self, prompt: Prompt) -> bool:
        """Any prompt will do."""
        return True

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order.

        Raises InputError without a key or a question, and WorkError where no further answer can be had; what
        the other requests brought is yielded before.
        """
        _ = self._question  # before threads ask for it
        return ask_about(items, self.options, _WHERE, self._result, _failed)

    @cached_property
    def _question(self) -> str:
        published = UNIFIED_REWARD_FINAL if self.options.mark == "final" else UNIFIED_REWARD_ASPECTS
        given = self.options.prompt
        return read_question(published.fetch() if given is None else given.expanduser())

    def _result(self, chat: Chat, item: ScoringItem) -> ScoringResult:
        try:
            image = read_image(item.image)
        except ImageError as error:
            return ScoringResult(item, None, str(error))
        final = self.options.mark == "final"
        choice, _, served = chat.ask(
            image if final else as_jpeg(image, _QUALITY),
            self._question.replace(_PROMPT, item.prompt.text, 1),
            temperature=0,
            max_tokens=_MOST_TOKENS,
        )
        said = words(choice) or ""
        marks = read_marks(said, final=final)
        details = {**marks, "served_model": served}
        value = marks.get(self.options.mark)
        if value is None:
            reason = (
                f"the model gives no mark from 1 to 5 for {self.options.mark}: {chat.server.clean(said)!r}"
            )
            return ScoringResult(item, None, reason, details)
        return ScoringResult(item, value, details=details)


def read_question(path: Path) -> str:
    """A text file with {prompt} in it once, or the one such text of a Python file, which is not run.

    Raises InputError where there is none.
    """
    source = authors_file(path, path.name)
    if path.suffix == ".py":
        texts = [text for text in named_texts(source, str(path)).values() if _PROMPT in text]
    else:
        texts = [source.decode("utf-8", errors="replace").removesuffix("\n")]
    if len(texts) != 1 or texts[0].count(_PROMPT) != 1:
        raise InputError(
            f"{path} holds no question for UnifiedReward: it needs one with {_PROMPT} in it once"
        )
    return texts[0]


def read_marks(said: str, *, final: bool) -> Mapping[str, float]:
    """An answer's marks by name: of each the first, where it is from 1 to 5."""
    patterns = _FINAL if final else _ASPECTS
    found = {name: re.search(pattern, said) for name, pattern in patterns.items()}
    marks = {name: float(match[1]) for name, match in found.items() if match}
    return {name: mark for name, mark in marks.items() if _LOWEST <= mark <= _HIGHEST}


def _failed(item: ScoringItem, reason: str, _refused: bool) -> ScoringResult:
    return ScoringResult(item, None, reason)
