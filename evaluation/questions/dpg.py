"""DPG-Bench's scores (Hu et al. 2024, arXiv 2403.05135): what its own script prints, and what it should.

The official figures are those of TencentQQGYLab/ELLA at 3c228f1 (compute_dpg_bench.py, in one process): the
file's first question is passed over, an image file that fails is dropped, and categories come from the last
image of each file alone. The corrected ones keep that question, and take categories from all images. Both
zero in row order, and both score categories before zeroing unless told otherwise.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.categories import PERCENT, CategoryScore, answered_scores
from nami_bench.evaluation.questions.official_csv import Policy
from nami_bench.evaluation.questions.results import Answered, ImageAnswers
from nami_bench.evaluation.questions.rules import UnknownParentError, Zeroing, arithmetic_mean, zeroed
from nami_bench.evaluation.shares import Interval, mean_over_prompts


@dataclass(frozen=True, slots=True)
class FileScore:
    """A file's score, 0-1: the mean over its images, whose scores are `cells`."""

    file: str
    item: str
    cells: tuple[float, ...]

    @property
    def score(self) -> float:
        """Of the file, 0-1."""
        return arithmetic_mean(self.cells)


@dataclass(frozen=True, slots=True)
class DpgScore:
    """DPG-Bench's figures by one policy, 0-100, with 95 % intervals over prompts.

    `dropped` names files without a score, with the reason. `broad` and `detailed` are by categories of the
    first and second level (L1 and L2), after zeroing where `zeroed_categories`.
    """

    policy: Policy
    zeroed_categories: bool
    score: float
    interval: Interval | None
    files: tuple[FileScore, ...]
    prompts: int
    broad: tuple[CategoryScore, ...]
    detailed: tuple[CategoryScore, ...]
    dropped: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document; the files' scores by name."""
        files = {file.file: {"score": file.score, "cells": list(file.cells)} for file in self.files}
        return {**asdict(self), "policy": self.policy.value, "files": files}


def dpg_score(
    results: Sequence[ImageAnswers], policy: Policy, *, zeroed_categories: bool = False
) -> DpgScore:
    """The score of all images by a policy; raises InputError where none can be scored.

    With `zeroed_categories` a category's score, too, counts an answer whose parent is wrong as 0; in the
    official script it counts as it was given.
    """
    by_file: dict[str, list[ImageAnswers]] = defaultdict(list)
    for result in results:
        by_file[result.file].append(result)
    files, dropped = [], {}
    counted: list[ImageAnswers] = []
    for name, images in by_file.items():
        images.sort(key=lambda image: image.cell)
        try:
            cells = tuple(image_score(image.answers, policy) for image in images)
        except NotScoredError as reason:
            dropped[name] = str(reason)
            continue
        files.append(FileScore(name, images[0].item, cells))
        counted += images[-1:] if policy is Policy.OFFICIAL else images
    if not files:
        raise InputError(f"no image can be scored: {next(iter(dropped.values()))}")
    of_categories = _after_zeroing if zeroed_categories else _asked
    categories = answered_scores(
        (image.item, answered) for image in counted for answered in of_categories(image.answers, policy)
    )
    mean, interval = mean_over_prompts([(file.item, 100 * file.score) for file in files], PERCENT)
    return DpgScore(
        policy,
        zeroed_categories,
        mean,
        interval,
        tuple(files),
        len({file.item for file in files}),
        categories.broad,
        categories.detailed,
        dropped,
    )


class NotScoredError(Exception):
    """An image has no score; the message says why."""


def _asked(answers: Sequence[Answered], policy: Policy) -> Sequence[Answered]:
    """The answers that a policy knows of."""
    return [one for one in answers if policy is Policy.CORRECTED or not one.first_row]


def image_score(answers: Sequence[Answered], policy: Policy) -> float:
    """An image's score, 0-1, after zeroing, by its answers; raises NotScoredError."""
    after = _after_zeroing(answers, policy)
    if not after:
        raise NotScoredError("no question is left")
    return arithmetic_mean([one.score for one in after])


def _after_zeroing(answers: Sequence[Answered], policy: Policy) -> Sequence[Answered]:
    """The answers that a policy knows of, each with the score that its parents left it."""
    asked = _asked(answers, policy)
    before = {one.question.id: one.score for one in asked}
    try:
        after = zeroed([one.question for one in asked], before, Zeroing.IN_ROW_ORDER)
    except UnknownParentError as error:
        raise NotScoredError(str(error)) from None
    return [replace(one, score=after.scores[one.question.id]) for one in asked]
