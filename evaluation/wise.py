"""WISE: three marks for an image of a prompt that needs knowledge (arXiv 2503.07265; PKU-YuanGroup/WISE)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Json

from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.questions.categories import CategoryScore, mean_scores
from nami_bench.evaluation.questions.published_file import PublishedFile, joint_sha256, published_files
from nami_bench.images import read_image
from nami_bench.services.openai import check_options
from nami_bench.services.openai_chat import Chat, ask_about, words

MARKS = {"consistency": 0.7, "realism": 0.2, "aesthetic": 0.1}
"""Each from 0 to 2, with its weight in an image's score."""
CATEGORIES = {
    "Cultural": (400, 0.4),
    "Time": (567, 0.167),
    "Space": (700, 0.133),
    "Biology": (800, 0.1),
    "Physics": (900, 0.1),
    "Chemistry": (1000, 0.1),
}
"""In the order of prompts: the last prompt's number, and the weight in the overall score."""
_BEST = 2
_WHERE = "metric 'wise'"
_OWN_FIELDS = frozenset({"model", "messages", "n", "stream"})
_MOST_TOKENS = 2000  # the benchmark's own; a model that thinks first needs them
_QUESTION = "wise-question-1"


def question(prompt: str, explanation: str) -> str:
    """What the judge is asked; `_QUESTION` names the words in instruments."""
    return (
        "Mark this image, which was made for a prompt, with three whole numbers from 0 to 2: 0 for bad, 1 "
        "for middling, 2 for without any fault; in doubt take the lower one.\n"
        "Consistency: does it show all that the prompt means, as its explanation says?\n"
        "Realism: could it be a photograph, in its physics, materials and space?\n"
        "Aesthetic quality: are composition, color and style those of a masterpiece?\n"
        f'The prompt: "{prompt}"\nThe explanation: "{explanation}"\n'
        'Answer with the three numbers in this order and nothing else, like "2 1 0".'
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """A prompt's line of the benchmark."""

    explanation: str
    category: str


class Wise:
    """WiScore, 0..1: (0.7 consistency + 0.2 realism + 0.1 aesthetic quality) / 2, by a server that speaks
    OpenAI's protocol.

    By the benchmark's code: the files, an image's weights, the places of categories, that the prompt's
    explanation is shown, temperature 0. By its page: the overall score's weights, and gpt-4o-2024-05-13 as
    the judge. Not reproduced: the benchmark's long instruction. Ours, in the instrument as `wise-question-1`,
    asks for three bare numbers; anything else is a failure with its reason, and no value. So scores are not
    to be compared with published ones. Not covered: WISE Verified, which numbers its prompts otherwise.

    `details` of a result: "consistency", "realism" and "aesthetic", each 0 to 2, the prompt's "category", and
    "served_model". `wise_score` makes the benchmark's figures of them.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`prompts`: a JSON file of the benchmark, or the folder of all three. `model`, `base_url`,
        `key_env`, `concurrency`, `timeout`, `max_retries`: see `nami_bench.services.openai.ServerOptions`.
        `extra`: a JSON object of further fields of the request; null takes one out."""

        prompts: Path
        model: str
        base_url: str = "https://api.openai.com/v1"
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        key_env: str = "OPENAI_API_KEY"
        concurrency: int = 4
        timeout: float = 120.0
        max_retries: int = 6

        def __post_init__(self) -> None:
            check_options(self, _OWN_FIELDS, _WHERE)

    name = "wise"
    value_range = (0.0, 1.0)

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def instrument(self) -> str:
        """The server's model, its address, the question's words and the benchmark's file."""
        asked = self.options
        extra = [f"{name}={value}" for name, value in sorted(asked.extra.items())]
        files = f"prompts-{joint_sha256(self._files)[:12]}"
        return "+".join([f"{asked.model}@{asked.base_url.rstrip('/')}", _QUESTION, files, *extra])

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether the prompt is one of the benchmark's."""
        return prompt.text.strip() in self._by_prompt

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order.

        Raises InputError without a key, and WorkError where no further answer can be had; what the other
        requests brought is yielded before.
        """
        return ask_about(items, self.options, _WHERE, self._result, _failed)

    @cached_property
    def _files(self) -> list[PublishedFile]:
        return published_files(self.options.prompts, ".json")

    @cached_property
    def _by_prompt(self) -> Mapping[str, _Entry]:
        return {text: entry for file in self._files for text, entry in _entries(file)}

    def _result(self, chat: Chat, item: ScoringItem) -> ScoringResult:
        try:
            image = read_image(item.image)
        except ImageError as error:
            return ScoringResult(item, None, str(error))
        entry = self._by_prompt[item.prompt.text.strip()]
        choice, _, served = chat.ask(
            image, question(item.prompt.text, entry.explanation), temperature=0, max_tokens=_MOST_TOKENS
        )
        said = words(choice) or ""
        told = {"category": entry.category, "served_model": served}
        marks = read_marks(said)
        if marks is None:
            reason = f"the model does not answer with three numbers from 0 to 2: {chat.server.clean(said)!r}"
            return ScoringResult(item, None, reason, told)
        return ScoringResult(item, wiscore(marks), details={**marks, **told})


def read_marks(said: str) -> Mapping[str, int] | None:
    """An answer's marks by name; None where it is anything but three numbers from 0 to 2."""
    found = re.fullmatch(r"\s*([0-2])\s+([0-2])\s+([0-2])\s*", said)
    return dict(zip(MARKS, map(int, found.groups()), strict=True)) if found else None


def wiscore(marks: Mapping[str, int]) -> float:
    """An image's score, 0..1."""
    return sum(weight * marks[name] for name, weight in MARKS.items()) / _BEST


@dataclass(frozen=True, slots=True)
class WiseScore:
    """The benchmark's figures, 0-100: `overall` is weighted by category, None where one was not measured."""

    categories: tuple[CategoryScore, ...]
    overall: float | None


def wise_score(results: Iterable[tuple[str, Mapping[str, Any]]]) -> WiseScore:
    """Of (prompt, details of its result) of all images that have a value."""
    categories = mean_scores((details["category"], prompt, wiscore(details)) for prompt, details in results)
    scores = {one.category: one.score for one in categories}
    whole = scores.keys() >= CATEGORIES.keys()
    overall = sum(weight * scores[name] for name, (_, weight) in CATEGORIES.items()) if whole else None
    return WiseScore(categories, overall)


def _failed(item: ScoringItem, reason: str, _refused: bool) -> ScoringResult:
    return ScoringResult(item, None, reason)


def _entries(file: PublishedFile) -> Iterator[tuple[str, _Entry]]:
    rows = file.json()
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{file.path} is no file of WISE: it must be a list of prompts")
    for place, row in enumerate(rows, start=1):
        try:
            yield _entry(row)
        except ValueError as error:
            raise InputError(f"{file.path}, prompt {place}: {error}") from error


def _entry(row: Any) -> tuple[str, _Entry]:
    """A prompt and what belongs to it; raises ValueError."""
    if not isinstance(row, dict):
        raise ValueError("it must be an object with 'prompt_id', 'Prompt' and 'Explanation'")
    number, prompt, explanation = (row.get(key) for key in ("prompt_id", "Prompt", "Explanation"))
    for key, value in (("Prompt", prompt), ("Explanation", explanation)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{key!r} must be text, got {value!r}")
    if not isinstance(number, int) or not 1 <= number <= 1000:
        raise ValueError(f"'prompt_id' must be a whole number from 1 to 1000, got {number!r}")
    category = next(name for name, (last, _) in CATEGORIES.items() if number <= last)
    return str(prompt).strip(), _Entry(str(explanation), category)
