"""GenEval's scores from the results of its images."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nami_bench.domain.clauses import GENEVAL_TASKS, line_key
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.coverage import Coverage, PromptKey, coverage, result_metadata
from nami_bench.evaluation.geneval.published import standing
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.evaluation.shares import Interval, mean_interval, share_interval, share_of_images


@dataclass(frozen=True, slots=True)
class TaskScore:
    """One task: `correct` of `images` images over `prompts` prompts.

    `interval`: 95 % for the accuracy.
    """

    task: str
    correct: int
    images: int
    prompts: int
    interval: Interval

    @property
    def accuracy(self) -> float:
        """Share of correct images, 0-1."""
        return self.correct / self.images


@dataclass(frozen=True, slots=True)
class GenEvalSummary:
    """GenEval's figures for one results file.

    `overall` is the unweighted mean of the tasks' accuracies, over the tasks that occur. `notes` say
    in words what the figures do not rest on: missing tasks, prompts and images. `detector` is None for
    files of the reference implementation. `prompts_sha256` identifies the prompts with their clauses, and
    `coverage` says what they are beside the expected set, where one was given.
    """

    detector: str | None
    images: int
    correct_images: int
    prompts: int
    correct_prompts: int
    tasks: tuple[TaskScore, ...]
    overall: float
    overall_interval: Interval
    notes: tuple[str, ...]
    prompts_sha256: str
    coverage: Coverage | None = None

    @property
    def missing_tasks(self) -> tuple[str, ...]:
        """GenEval's tasks that there are no results of."""
        present = {task.task for task in self.tasks}
        return tuple(task for task in GENEVAL_TASKS if task not in present)

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document; shares are 0-1."""
        tasks = [{**asdict(task), "accuracy": task.accuracy} for task in self.tasks]
        shares = {
            "correct_image_share": self.correct_images / self.images,
            "correct_prompt_share": self.correct_prompts / self.prompts,
        }
        published = standing(self.detector).to_json()
        return {**asdict(self), **shares, "tasks": tasks, "published_detector": published}

    def to_text(self) -> str:
        """The reference implementation's lines, which scripts parse, then ours."""
        lines = [
            "Summary",
            "=======",
            f"Total images: {self.images}",
            f"Total prompts: {self.prompts}",
            f"% correct images: {self.correct_images / self.images:.2%}",
            f"% correct prompts: {self.correct_prompts / self.prompts:.2%}",
            "",
            "Task breakdown",
            "==============",
            *(f"{t.task:<16} = {t.accuracy:.2%} ({t.correct} / {t.images})" for t in self.tasks),
            "",
            f"Overall score (avg. over tasks): {self.overall:.5f}",
            "",
            "95% intervals (prompts are a sample of many)",
            "--------------------------------------------",
            *(f"{t.task}: {_percentages(t.interval)}" for t in self.tasks),
            f"overall: {_percentages(self.overall_interval)}",
            "",
            f"Detector: {self.detector or 'not recorded'}",
            *([f"That is {standing(self.detector)}"] if self.detector else []),
            *(f"Note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def summarize(
    results: Sequence[ImageResult], expected: Sequence[Mapping[str, Any]] | None = None
) -> GenEvalSummary:
    """Aggregate per-image results as the reference does; prompts are told apart by prompt, tag,
    include and exclude.

    `expected` are the metadata of the whole prompt set: those with clauses and without results are noted.

    Intervals hold for other prompts of the same kind: those of `nami_bench.evaluation.shares`, in which
    prompts and not images are what was drawn, and in which 0 % and 100 % have a width too.

    Raises InputError for no results, or results of more than one detector.
    """
    if not results:
        raise InputError("there are no results to summarize")
    detectors = {row.detector for row in results}
    if len(detectors) > 1:
        names = " and ".join(sorted(str(name) if name else "an unnamed detector" for name in detectors))
        raise InputError(f"the results come from different detectors, {names}: summarize each apart")
    lines = result_metadata(results)
    keys = {text: line_key(line) for text, line in lines.items()}
    covered = None if expected is None else coverage(lines.values(), expected)
    tallies = _tally(results, keys)
    shares = {task: share_of_images(*tally.T) for task, tally in tallies.items()}
    tasks = tuple(
        TaskScore(
            task=task,
            correct=int(tally[:, 0].sum()),
            images=int(tally[:, 1].sum()),
            prompts=len(tally),
            interval=share_interval(shares[task]),
        )
        for task, tally in tallies.items()
    )
    prompts = np.concatenate(list(tallies.values()))
    return GenEvalSummary(
        detector=results[0].detector,
        images=len(results),
        correct_images=int(prompts[:, 0].sum()),
        prompts=len(prompts),
        correct_prompts=int((prompts[:, 0] > 0).sum()),
        tasks=tasks,
        overall=sum(task.accuracy for task in tasks) / len(tasks),
        overall_interval=mean_interval(list(shares.values())),
        notes=(*_gaps(tallies), *(covered.notes() if covered else ())),
        prompts_sha256=hashlib.sha256(repr(sorted(set(keys.values()))).encode()).hexdigest(),
        coverage=covered,
    )


def _tally(results: Sequence[ImageResult], keys: Mapping[str, PromptKey]) -> dict[str, NDArray[np.int64]]:
    """By task, in order of appearance: (correct images, images) of each prompt, shape (prompts, 2).

    `keys`: what tells prompts apart, by their metadata.
    """
    tasks: dict[str, dict[PromptKey, list[int]]] = {}
    for row in results:
        tally = tasks.setdefault(row.tag, {}).setdefault(keys[row.metadata], [0, 0])
        tally[0] += row.correct
        tally[1] += 1
    return {task: np.array(list(prompts.values())) for task, prompts in tasks.items()}


def _gaps(tallies: Mapping[str, NDArray[np.int64]]) -> list[str]:
    """What the results alone give away as missing."""
    notes = []
    missing = [task for task in GENEVAL_TASKS if task not in tallies]
    if missing:
        notes.append(
            f"no results of the task{'s' * (len(missing) > 1)} {', '.join(missing)}: "
            f"the mean over the {len(tallies)} present is not GenEval's overall score"
        )
    images = np.concatenate([tally[:, 1] for tally in tallies.values()])
    if fewer := int((images < images.max()).sum()):
        notes.append(f"{fewer} of {len(images)} prompts have fewer than {images.max()} images")
    return notes


def _percentages(interval: Interval) -> str:
    return f"{interval[0]:.2%} to {interval[1]:.2%}"
