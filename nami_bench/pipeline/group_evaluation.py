"""Automatic metrics whose value of an image depends on other images of the same model."""

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nami_bench.domain import GROUP, ImageRecord, Score
from nami_bench.engines import Engine, Job, shard_size
from nami_bench.engines.protocol import Windowed
from nami_bench.pipeline.evaluation import Known, Picture, Scoring, as_score, instrument_of, lost
from nami_bench.pipeline.progress import Advance
from nami_bench.pipeline.verification import file_problem, refuse_unseen

if TYPE_CHECKING:
    from nami_bench.evaluation.protocol import Metric, ScoresGroups
    from nami_bench.store import Store


def evaluate_groups(
    store: "Store",
    images_dir: Path,
    metric: "ScoresGroups",
    models: Sequence[str],
    prompt_set: str,
    advance: Advance,
    engine: Engine,
    make: Callable[[], Any] | None,
) -> Counter[str]:
    """`run_metric` of a metric of groups."""
    one = cast("Metric", metric)
    with closing(_GroupScoring(store, images_dir, one, models, prompt_set, advance)) as scoring:
        prompts = scoring.prompts
        pictures = [Picture(record, prompts[record.prompt_id], images_dir) for record in scoring.todo]
        work = _score_elsewhere if engine.elsewhere else _score
        job = Job(one, make or (lambda: one), instrument_of, work, partial(lost, one))
        with closing(engine.run(job, _shards(pictures, metric))) as scores:
            scoring.keep(scores)
    return scoring.counts


class _GroupScoring(Scoring):
    """A group is done where each of its images has a value that is about just these images."""

    def _not_done(self, made: Sequence[ImageRecord], known: Known) -> list[ImageRecord]:
        groups: dict[object, list[ImageRecord]] = defaultdict(list)
        for record in made:
            if not self._inapplicable(record):
                groups[_group_of(record, cast("ScoresGroups", self.metric))].append(record)
        left: list[ImageRecord] = []
        for group in groups.values():
            identity = _identity(group)
            scores = [self._holding(record, known) for record in group]
            if all(score is not None and score.details.get(GROUP) == identity for score in scores):
                for record in group:
                    self._kept(record, known)
            else:
                left += group
        return left


def _group_of(record: ImageRecord, metric: "ScoresGroups") -> tuple[str, ...]:
    return (record.model, record.prompt_id) if metric.grouped_by == "prompt" else (record.model,)


def _identity(group: Iterable[ImageRecord]) -> str:
    lines = sorted(f"{record.prompt_id} {record.sample} {record.sha256}" for record in group)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _groups(pictures: Iterable[Picture], metric: "ScoresGroups") -> Iterator[list[Picture]]:
    """Pictures come group after group."""
    for _, group in groupby(pictures, lambda picture: _group_of(picture.record, metric)):
        yield list(group)


def _shards(pictures: Sequence[Picture], metric: "ScoresGroups") -> Iterator[list[Picture]]:
    """Whole groups, together at least as many images as a shard has.

    They end where a pass of the metric's network does (groups that fill its window), so that its batches, and
    thus the numbers, stay the same where no file is lost.
    """
    window = metric.window if isinstance(metric, Windowed) else 1
    shard: list[Picture] = []
    in_pass = 0
    for group in _groups(pictures, metric):
        shard += group
        in_pass += len(group)
        if in_pass >= window:
            in_pass = 0
            if len(shard) >= shard_size(metric):
                yield shard
                shard = []
    if shard:
        yield shard


@dataclass(frozen=True, slots=True)
class _Looked:
    """A group whose files have been looked at."""

    identity: str
    sound: list[Picture]
    problems: list[tuple[Picture, str]]


def _look(group: Sequence[Picture]) -> _Looked:
    found = [(picture, file_problem(picture.images_dir, picture.record)) for picture in group]
    return _Looked(
        _identity(picture.record for picture in group),
        [picture for picture, problem in found if problem is None],
        [(picture, problem) for picture, problem in found if problem is not None],
    )


def _score(metric: "Metric", pictures: Iterable[Picture]) -> Iterator[Score]:
    """One score for each picture of each group; the others of a group are scored without a lost one."""
    from nami_bench.evaluation.protocol import ScoringItem

    of_groups = cast("ScoresGroups", metric)
    waiting: deque[_Looked] = deque()

    def sound() -> Iterator[list[ScoringItem]]:
        for group in _groups(pictures, of_groups):
            waiting.append(_look(group))
            yield [ScoringItem(picture.path, picture.prompt) for picture in waiting[-1].sound]

    for results in of_groups.score_groups(sound()):
        looked = waiting.popleft()
        for picture, problem in looked.problems:
            yield lost(metric, picture, problem)
        for picture, result in zip(looked.sound, results, strict=True):
            details = {**result.details, GROUP: looked.identity}
            yield as_score(metric, picture.record, result.value, result.reason, details)


def _score_elsewhere(metric: "Metric", pictures: Iterable[Picture]) -> Iterator[Score]:
    """`_score` on a machine that may not see the images: to fail each of them would be wrong."""
    shard = list(pictures)
    for picture in shard:
        refuse_unseen(picture.path)
    return _score(metric, shard)
