"""Automatic scores: from one value for each image to one number for each model."""

import json
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from evaluation.geneval.results import ImageResult
from evaluation.geneval.summary import summarize
from nami_bench.domain import GENEVAL_TASKS, ImageRecord, Prompt, Score, SetScore
from nami_bench.leaderboard.rows import AutomaticColumn, AutomaticScore

GENEVAL = "geneval"
Prompts = Mapping[str, Mapping[str, Prompt]]
"""By prompt set and id, the prompts that the leaderboard is about."""


def automatic_columns(
    scores: Iterable[Score], set_scores: Iterable[SetScore], prompts: Prompts
) -> tuple[AutomaticColumn, ...]:
    """One column for each metric, prompt set and instrument that occurs, GenEval's first."""
    of_images = {(s.metric, s.prompt_set, s.instrument) for s in scores}
    of_sets = {(s.metric, s.prompt_set, s.instrument, s.lower_is_better) for s in set_scores}
    found = [
        *(AutomaticColumn(m, p, i, _tasks(prompts[p]) if m == GENEVAL else ()) for m, p, i in of_images),
        *(AutomaticColumn(m, p, i, of_sets=True, lower_is_better=lower) for m, p, i, lower in of_sets),
    ]
    return tuple(sorted(found, key=lambda column: (column.metric != GENEVAL, column.key)))


def automatic_score(
    column: AutomaticColumn,
    scores: Sequence[Score],
    records: Sequence[ImageRecord],
    prompts: Mapping[str, Prompt],
) -> AutomaticScore:
    """One model's score in `column`.

    `scores` and `records` are the model's in that column and prompt set, `prompts` those of the set.
    Expected is an image of every prompt that the metric applies to, for each sample number of which
    the model has a record.
    """
    expected = _expected(column, records, prompts)
    values = [s.value for s in scores if s.value is not None]
    if column.metric != GENEVAL:
        return AutomaticScore(fmean(values) if values else None, {}, len(values), expected)
    tasks = _accuracies(scores, prompts)
    found = [accuracy for task in column.tasks if (accuracy := tasks.get(task)) is not None]
    overall = fmean(found) if found and len(found) == len(column.tasks) else None
    return AutomaticScore(overall, {task: tasks.get(task) for task in column.tasks}, len(values), expected)


def automatic_set_score(
    column: AutomaticColumn,
    score: SetScore,
    records: Sequence[ImageRecord],
    prompts: Mapping[str, Prompt],
) -> AutomaticScore:
    """As `automatic_score`, for a column of whole sets."""
    return AutomaticScore(score.value, {}, score.images, _expected(column, records, prompts))


def _expected(column: AutomaticColumn, records: Sequence[ImageRecord], prompts: Mapping[str, Prompt]) -> int:
    samples = {record.sample for record in records}
    applicable = sum(prompt.geneval is not None or column.metric != GENEVAL for prompt in prompts.values())
    return applicable * len(samples)


def _tasks(prompts: Mapping[str, Prompt]) -> tuple[str, ...]:
    found = {prompt.task for prompt in prompts.values()} - {None}
    return (*(t for t in GENEVAL_TASKS if t in found), *sorted(str(t) for t in found - set(GENEVAL_TASKS)))


def _accuracies(scores: Sequence[Score], prompts: Mapping[str, Prompt]) -> dict[str, float]:
    results = [_result(score, prompts[score.prompt_id]) for score in scores if score.value is not None]
    return {task.task: task.accuracy for task in summarize(results).tasks} if results else {}


def _result(score: Score, prompt: Prompt) -> ImageResult:
    return ImageResult(
        filename=f"{score.prompt_id}/samples/{score.sample:04d}.png",
        tag=str(prompt.task),
        prompt=prompt.text,
        correct=score.value == 1.0,
        reason="",
        metadata=json.dumps(prompt.metadata()),
        details="{}",
        detector=score.instrument,
    )
