"""Automatic scores: from one value for each image to one number for each model."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from nami_bench.domain import GENEVAL_TASKS, LOWER_IS_BETTER, ImageRecord, Prompt, Score, SetScore
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.evaluation.geneval.summary import summarize
from nami_bench.evaluation.leaderboard.rows import AutomaticColumn, AutomaticScore, Interval, PromptOrigin
from nami_bench.evaluation.questions.results import Answered
from nami_bench.evaluation.shares import mean_over_prompts

GENEVAL = "geneval"
Prompts = Mapping[str, Mapping[str, Prompt]]
"""By prompt set and id, the prompts that the leaderboard is about."""


def automatic_columns(
    scores: Iterable[Score],
    set_scores: Iterable[SetScore],
    prompts: Prompts,
    origins: Mapping[str, PromptOrigin],
) -> tuple[AutomaticColumn, ...]:
    """One column for each metric, prompt set and instrument that occurs, GenEval's first."""
    of_images: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    lower: set[tuple[str, str, str]] = set()
    for s in scores:
        key = s.metric, s.prompt_set, s.instrument
        of_images[key].update(category for category, _ in _answers(s))
        if s.details.get(LOWER_IS_BETTER):
            lower.add(key)
    of_sets = {(s.metric, s.prompt_set, s.instrument, s.lower_is_better) for s in set_scores}
    found = [
        *(
            AutomaticColumn(
                m,
                p,
                i,
                _tasks(prompts[p]) if m == GENEVAL else tuple(sorted(categories)),
                lower_is_better=(m, p, i) in lower,
            )
            for (m, p, i), categories in of_images.items()
        ),
        *(AutomaticColumn(m, p, i, of_sets=True, lower_is_better=less) for m, p, i, less in of_sets),
    ]
    marked = (replace(column, rewritten=origins[column.prompt_set].rewritten > 0) for column in found)
    return tuple(sorted(marked, key=lambda column: (column.metric != GENEVAL, column.key)))


def automatic_score(
    column: AutomaticColumn,
    scores: Sequence[Score],
    records: Sequence[ImageRecord],
    prompts: Mapping[str, Prompt],
    level: float = 0.95,
) -> AutomaticScore:
    """One model's score in `column`, with its interval at `level` (GenEval's: at 95 %).

    `scores` and `records` are the model's in that column and prompt set, `prompts` those of the set.
    Expected is an image of every prompt that the metric applies to, for each sample number of which
    the model has a record.
    """
    expected = _expected(column, records, prompts)
    scored = [s for s in scores if s.value is not None]
    if column.metric == GENEVAL:
        return _geneval_score(column, scored, prompts, expected)
    mean, interval = _mean_over_images(scored, level)
    score = AutomaticScore(mean, {}, len(scored), expected, interval)
    return _with_categories(score, scored, level) if column.tasks else score


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


def _mean_over_images(scores: Sequence[Score], level: float) -> tuple[float | None, Interval | None]:
    """`mean_over_prompts` of the scores, within the metric's range."""
    if not scores:
        return None, None
    values = [(score.prompt_id, score.value or 0.0) for score in scores]
    mean, found = mean_over_prompts(values, scores[0].value_range, level)
    return mean, None if found is None else Interval(*found)


def _answers(score: Score) -> Iterator[tuple[str, float]]:
    """Of a metric that asks questions, each one's broad category and score, 0-1, before zeroing."""
    if score.value is not None:
        for entry in score.details.get("answers", ()):
            answered = Answered.from_json(entry)
            yield answered.question.broad_category, answered.score


def _with_categories(score: AutomaticScore, scored: Sequence[Score], level: float) -> AutomaticScore:
    """The same with the mean over the questions of each category, over prompts as they are a sample."""
    values: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for one in scored:
        for category, value in _answers(one):
            values[category].append((one.prompt_id, value))
    means = {name: mean_over_prompts(found, (0.0, 1.0), level) for name, found in values.items()}
    return replace(
        score,
        tasks={name: mean for name, (mean, _) in means.items()},
        task_intervals={name: Interval(*found) for name, (_, found) in means.items() if found is not None},
    )


def _geneval_score(
    column: AutomaticColumn, scores: Sequence[Score], prompts: Mapping[str, Prompt], expected: int
) -> AutomaticScore:
    if not scores:
        return AutomaticScore(None, dict.fromkeys(column.tasks), 0, expected)
    summary = summarize(
        [
            ImageResult.of(
                f"{score.prompt_id}/samples/{score.sample:04d}.png",
                prompts[score.prompt_id],
                score.value == 1.0,
                score.instrument,
            )
            for score in scores
        ]
    )
    found = {task.task: task for task in summary.tasks}
    whole = all(task in found for task in column.tasks)
    return AutomaticScore(
        value=summary.overall if whole else None,
        tasks={task: found[task].accuracy if task in found else None for task in column.tasks},
        images=len(scores),
        expected=expected,
        interval=Interval(*summary.overall_interval) if whole else None,
        task_intervals={name: Interval(*task.interval) for name, task in found.items()},
    )
