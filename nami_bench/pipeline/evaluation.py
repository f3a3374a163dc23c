"""Automatic metrics over recorded images."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nami_bench import registry
from nami_bench.domain import LOWER_IS_BETTER, ImageRecord, ImageState, Prompt, Score
from nami_bench.engines import LOCAL, Engine, Job, shard_size
from nami_bench.evaluation.measurement import measured_with
from nami_bench.evaluation.protocol import Bounded, ScoresGroups, ScoresSets
from nami_bench.pipeline.progress import Advance, batches
from nami_bench.pipeline.same_settings import ServedModel
from nami_bench.pipeline.set_evaluation import evaluate_set
from nami_bench.pipeline.verification import file_problem, refuse_unseen, untouched

if TYPE_CHECKING:
    from nami_bench.evaluation.protocol import Metric, SetMetric
    from nami_bench.images import ImageSource
    from nami_bench.store import Store

_SCORES_PER_COMMIT = 64
OVER_LONG = "with over-long prompts"

Known = Mapping[tuple[str, str, int], Score]
"""By model, prompt and sample, the values that an instrument has given."""


def evaluate(
    store: "Store",
    images_dir: Path,
    metric_name: str,
    options: Mapping[str, Any],
    models: Sequence[str],
    prompt_set: str,
    advance: Advance = lambda count: None,
    engine: Engine = LOCAL,
) -> Counter[str]:
    """`run_metric` with the plugin of that name and options."""
    make = partial(registry.create, "metrics", metric_name, options)
    return run_metric(store, images_dir, make(), models, prompt_set, advance, engine=engine, make=make)


def metric_maker(name: str, options: Mapping[str, Any]) -> Callable[[], Any]:
    """Makes the metric in a worker elsewhere, which has no cores to spare but those asked for."""
    own = {"workers": 0, **options} if name == "geneval" else options
    return partial(registry.create, "metrics", name, own)


def run_metric(
    store: "Store",
    images_dir: Path,
    metric: "Metric | SetMetric",
    models: Sequence[str],
    prompt_set: str,
    advance: Advance = lambda count: None,
    *,
    engine: Engine = LOCAL,
    make: Callable[[], Any] | None = None,
) -> Counter[str]:
    """Score the recorded images of `models` with a metric and record the scores.

    Images already scored by the same instrument, from the same bytes, are passed over; one whose file has
    changed since (on this machine: in an object store `verify_images` looks) loses its score. Returns counts
    of scored, kept, inapplicable and failed images; failures are recorded with their reason. Scored and kept
    ones whose prompt was too long for the metric are counted once more, as "with over-long prompts". A metric
    of groups looks again at every group of which an image has changed, come or gone; one of whole sets gives
    one score for each model instead. Stopped by an error or by the user, it keeps what is finished.

    `engine` does the scoring; one that works elsewhere makes its metrics with `make`. Raises InputError where
    a server answers with another model than it did for recorded scores of this instrument.
    """
    if isinstance(metric, ScoresSets):
        return evaluate_set(store, images_dir, metric, models, prompt_set, advance, engine=engine, make=make)
    if isinstance(metric, ScoresGroups):
        from nami_bench.pipeline.group_evaluation import evaluate_groups

        return evaluate_groups(store, images_dir, metric, models, prompt_set, advance, engine, make)
    return _evaluate_images(store, images_dir, metric, models, prompt_set, advance, engine, make)


def _evaluate_images(
    store: "Store",
    images_dir: Path,
    metric: "Metric",
    models: Sequence[str],
    prompt_set: str,
    advance: Advance,
    engine: Engine,
    make: Callable[[], Any] | None,
) -> Counter[str]:
    with closing(Scoring(store, images_dir, metric, models, prompt_set, advance)) as scoring:
        prompts = scoring.prompts
        pictures = (Picture(record, prompts[record.prompt_id], images_dir) for record in scoring.todo)
        work = _score_elsewhere if engine.elsewhere else _score
        job = Job(metric, make or (lambda: metric), instrument_of, work, partial(lost, metric))
        with closing(engine.run(job, batches(pictures, shard_size(metric)))) as scores:
            scoring.keep(scores)
    return scoring.counts


class Scoring:
    """A metric's work on the recorded images of some models: which are to be scored, and what comes of it.

    To be closed, whatever happens: so what is finished is kept.
    """

    def __init__(
        self,
        store: "Store",
        images_dir: Path,
        metric: "Metric",
        models: Sequence[str],
        prompt_set: str,
        advance: Advance,
    ) -> None:
        self._store, self._images_dir, self._advance = store, images_dir, advance
        self.metric = metric
        self.prompts = store.catalog.prompt_set(prompt_set).by_id
        self.counts = Counter({"scored": 0, "failed": 0})
        self._pending: list[Score] = []
        known = {
            (s.model, s.prompt_id, s.sample): s
            for s in store.scores.find(metric=metric.name, models=models, prompt_set=prompt_set)
            if s.instrument == metric.instrument and s.value is not None
        }
        self._served = ServedModel(
            f"{metric.name} by {metric.instrument} has scores",
            (score.details.get("served_model") for score in known.values()),
            "name one of the two as the server's model (option model), which is an instrument of its own",
        )
        made = store.images.find(models=models, prompt_set=prompt_set, state=ImageState.DONE)
        self.todo = self._not_done(made, known)

    def keep(self, scores: Iterable[Score]) -> None:
        """Record scores as they come."""
        for score in scores:
            self._served.check(score.details.get("served_model"))
            self._pending.append(score)
            self.counts["failed" if score.value is None else "scored"] += 1
            self.counts[OVER_LONG] += _is_over_long(score)
            self._advance(1)
            if len(self._pending) == _SCORES_PER_COMMIT:
                self.close()

    def close(self) -> None:
        """Record what is pending."""
        pending, self._pending = self._pending, []
        self._store.scores.put(pending)

    def _not_done(self, made: Sequence[ImageRecord], known: Known) -> list[ImageRecord]:
        """The images that are to be scored; the others are counted."""
        return [r for r in made if not self._inapplicable(r) and not self._kept(r, known)]

    def _inapplicable(self, record: ImageRecord) -> bool:
        """Whether the metric has nothing to say of an image; it is counted then."""
        if self.metric.applies_to(self.prompts[record.prompt_id]):
            return False
        self.counts["not applicable"] += 1
        self._advance(1)
        return True

    def _kept(self, record: ImageRecord, known: Known) -> bool:
        """Whether an image has its score already; it is counted then."""
        score = self._holding(record, known)
        if score is None:
            return False
        self.counts["kept"] += 1
        self.counts[OVER_LONG] += _is_over_long(score)
        self._advance(1)
        return True

    def _holding(self, record: ImageRecord, known: Known) -> Score | None:
        """The score that still holds of an image."""
        score = known.get((record.model, record.prompt_id, record.sample))
        if score and score.image_sha256 == record.sha256 and untouched(self._images_dir, record):
            return score
        return None


def _is_over_long(score: Score) -> bool:
    return score.details.get("over_long") is True


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that is to be scored."""

    record: ImageRecord
    prompt: Prompt
    images_dir: Path

    @property
    def path(self) -> Path:
        """Where its file is."""
        return self.images_dir / str(self.record.path)


def _score(metric: "Metric", pictures: Iterable[Picture]) -> Iterator[Score]:
    """One score for each picture; first of those whose files are not as recorded."""
    sound: dict[ImageSource, Picture] = {}
    for picture in pictures:
        problem = file_problem(picture.images_dir, picture.record)
        if problem is None:
            sound[picture.path] = picture
        else:
            yield lost(metric, picture, problem)
    yield from score_pictures(metric, sound)


def score_pictures(metric: "Metric", pictures: Mapping["ImageSource", Picture]) -> Iterator[Score]:
    """One score for each picture, by where its image is."""
    from nami_bench.evaluation.protocol import ScoringItem

    waiting = dict(pictures)
    for result in metric.score(ScoringItem(image, picture.prompt) for image, picture in pictures.items()):
        record = waiting.pop(result.item.image).record
        yield as_score(metric, record, result.value, result.reason, result.details)
    assert not waiting, f"{metric.name} gave no result for {len(waiting)} images"


def _score_elsewhere(metric: "Metric", pictures: Iterable[Picture]) -> Iterator[Score]:
    """`_score` on a machine that may not see the images: to fail each of them would be wrong."""
    shard = list(pictures)
    for picture in shard:
        refuse_unseen(picture.path)
    return _score(metric, shard)


def lost(metric: "Metric", picture: Picture, reason: str) -> Score:
    """The score of a picture that cannot be looked at."""
    return as_score(metric, picture.record, None, reason, {})


def instrument_of(metric: "Metric") -> str:
    """By which an engine's metrics are known to be alike."""
    return metric.instrument


def as_score(
    metric: "Metric",
    record: ImageRecord,
    value: float | None,
    reason: str | None,
    details: Mapping[str, Any],
) -> Score:
    """What a metric found out about a recorded image, with what it was measured."""
    return Score(
        model=record.model,
        prompt_set=record.prompt_set,
        prompt_id=record.prompt_id,
        sample=record.sample,
        metric=metric.name,
        instrument=metric.instrument,
        value=value,
        reason=reason,
        image_sha256=record.sha256,
        details=details if value is None else {**details, **_told(metric)},
        value_range=metric.value_range if isinstance(metric, Bounded) else None,
    )


def _told(metric: "Metric") -> dict[str, Any]:
    """For the details of every value that a metric gives."""
    lower = {LOWER_IS_BETTER: True} if getattr(metric, LOWER_IS_BETTER, False) else {}
    return {**lower, "measured_with": measured_with(metric)}
