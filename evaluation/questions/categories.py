"""Scores by the categories of questions: of any metric that keeps its answers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nami_bench.evaluation.questions.results import Answered
from nami_bench.evaluation.shares import Interval, mean_over_prompts

PERCENT = (0.0, 100.0)


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """The mean score, 0-100, of `questions` answers in `prompts` prompts; `interval`: 95 %, over prompts."""

    category: str
    score: float
    questions: int
    prompts: int
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class CategoryScores:
    """By categories of the first level, up to the dash, and by whole ones; both in alphabetical order."""

    broad: tuple[CategoryScore, ...]
    detailed: tuple[CategoryScore, ...]


def category_scores(results: Iterable[tuple[str, Sequence[Any]]]) -> CategoryScores:
    """Scores before zeroing, over all questions of all images.

    `results`: of each image that has a score its prompt's id and the list "answers" in the details of its
    result. Raises ValueError for entries that are no answers.
    """
    return answered_scores(
        (prompt, Answered.from_json(entry)) for prompt, entries in results for entry in entries
    )


def answered_scores(answers: Iterable[tuple[str, Answered]]) -> CategoryScores:
    """The same of (prompt, one of its answers)."""
    known = list(answers)
    return CategoryScores(
        mean_scores((one.question.broad_category, prompt, one.score) for prompt, one in known),
        mean_scores((one.question.category, prompt, one.score) for prompt, one in known),
    )


def mean_scores(scores: Iterable[tuple[str, str, float]]) -> tuple[CategoryScore, ...]:
    """The mean of (category, prompt, score 0-1) in each category, in alphabetical order."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for category, prompt, score in scores:
        found[category].append((prompt, 100 * score))
    means = []
    for category in sorted(found):
        mean, interval = mean_over_prompts(found[category], PERCENT)
        prompts = len({prompt for prompt, _ in found[category]})
        means.append(CategoryScore(category, mean, len(found[category]), prompts, interval))
    return tuple(means)
