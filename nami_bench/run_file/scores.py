"""The run's metrics, and the scores that they give."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from nami_bench import pipeline, registry
from nami_bench.domain import ImageState, PromptSet
from nami_bench.domain.english import tally
from nami_bench.engines import Engine
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.evaluation.protocol import ScoresGroups, ScoresSets
from nami_bench.evaluation.questions.from_clauses import items_of
from nami_bench.evaluation.questions.question_file import to_jsonl
from nami_bench.evaluation.sharing import shared_features
from nami_bench.images import write_bytes
from nami_bench.run_file.bench import Took, Workbench
from nami_bench.run_file.images import Order, images_of, orders
from nami_bench.run_file.parts import MetricPart
from nami_bench.run_file.plan import Planned, expected_seconds, matching

if TYPE_CHECKING:
    from nami_bench.evaluation.protocol import Metric, SetMetric


@dataclass(frozen=True, slots=True)
class Measurement:
    """A metric with one set of options, for the prompt sets `sets` of the names."""

    part: MetricPart
    options: dict[str, Any]
    sets: tuple[str, ...]

    def metric(self) -> "Metric | SetMetric":
        """The plugin; raises InputError for options that it does not take."""
        made: Metric | SetMetric = registry.create("metrics", self.part.name, self.options)
        return made

    @property
    def looks_at_several(self) -> bool:
        """Whether a value is not that of a single image."""
        return isinstance(self.metric(), ScoresSets | ScoresGroups)


def measurements(bench: Workbench, questions: Path) -> Iterator[Measurement]:
    """Every metric with its options; questions made of clauses are read from the folder `questions`."""
    for part in bench.run.metric:
        sets = [name for name in bench.run.sets_of(part) if name in bench.sets]
        options = metric_options(part, bench.loaded.folder)
        if part.questions_from is None:
            yield Measurement(part, options, tuple(sets))
            continue
        for name in sets:
            yield Measurement(part, options | {"questions": question_file(questions, name)}, (name,))


def metric_options(part: MetricPart, folder: Path) -> dict[str, Any]:
    """What the plugin is given, but for questions that are made of clauses; a file of questions is found from
    `folder` on."""
    given = {
        "detector": part.detector,
        "detector_options": dict(part.detector_options) or None,
        "judge": part.judge,
        "judge_options": dict(part.judge_options) or None,
        "questions": None if part.questions is None else folder / part.questions.expanduser(),
    }
    return {**part.options, **{key: value for key, value in given.items() if value is not None}}


def question_file(folder: Path, prompt_set: str) -> Path:
    """Where the questions about a set stand that are made of clauses."""
    return folder / f"{prompt_set}.questions.jsonl"


def write_questions(bench: Workbench, folder: Path) -> None:
    """Write the questions that are made of the prompts' clauses; see `made_questions`."""
    wanted = (name for part in bench.run.metric if part.questions_from for name in bench.run.sets_of(part))
    for name in dict.fromkeys(wanted):
        if name in bench.sets:
            write_bytes(question_file(folder, name), made_questions(bench.sets[name]))


def made_questions(prompt_set: PromptSet) -> bytes:
    """A file of questions, of a set's clauses. Raises InputError for prompts without any."""
    items, without = items_of(prompt_set.prompts)
    if not items:
        reason = next(iter(without.values()), "it is empty")
        raise InputError(f"no questions can be made of prompt set {prompt_set.name!r}: {reason}")
    return to_jsonl(items)


def prepare_metrics(bench: Workbench) -> None:
    """Find every metric's weights and files, or say that there are none, before images are made."""
    write_questions(bench, bench.workspace.prompts_dir)
    for measurement in measurements(bench, bench.workspace.prompts_dir):
        _ = measurement.metric().instrument


def score_images(bench: Workbench, engine: Engine) -> None:
    """Score what is not scored yet."""
    with shared_features():
        for group in _groups(list(measurements(bench, bench.workspace.prompts_dir)), engine):
            metrics = [measurement.metric() for measurement in group]
            for name in group[0].sets:
                models = _models(bench, group[0].part, name)
                if models:
                    _score(bench, engine, group, metrics, name, models)


def _groups(found: Sequence[Measurement], engine: Engine) -> Iterator[list[Measurement]]:
    """Metrics that look at the same images together, each group where its first one stands."""
    groups: dict[object, list[Measurement]] = {}
    for at, one in enumerate(found):
        shares = not (one.part.alone or engine.elsewhere or one.looks_at_several)
        groups.setdefault((one.sets, one.part.models) if shares else at, []).append(one)
    yield from groups.values()


def _score(
    bench: Workbench,
    engine: Engine,
    group: Sequence[Measurement],
    metrics: Sequence["Metric | SetMetric"],
    prompt_set: str,
    models: Sequence[str],
) -> None:
    store, folder = bench.store, bench.workspace.images_dir
    images = store.images.find(models=models, prompt_set=prompt_set, state=ImageState.DONE)
    titles = [f"{measurement.part.title} on {prompt_set}" for measurement in group]
    with bench.tell.progress(f"   {'; '.join(titles)}", len(images) * len(group)) as advance:
        if len(group) == 1:
            (one,) = group
            make = pipeline.metric_maker(one.part.name, one.options)
            began = time.monotonic()
            counts = pipeline.run_metric(
                store, folder, metrics[0], models, prompt_set, advance, engine=engine, make=make
            )
            found = [pipeline.Shared(counts, time.monotonic() - began)]
        else:
            of_images = [cast("Metric", metric) for metric in metrics]
            found = pipeline.run_metrics(store, folder, of_images, models, prompt_set, advance)
    for measurement, title, done in zip(group, titles, found, strict=True):
        _tell(bench, measurement.part, title, done)


def _tell(bench: Workbench, part: MetricPart, title: str, done: pipeline.Shared) -> None:
    """Say what came of a metric, and note how long it took."""
    if done.counts["scored"]:
        bench.took.append(Took(part, done.seconds, done.counts["scored"]))
    bench.tell.say(f"   {title}: {tally(done.counts)}")
    if done.counts["failed"]:
        bench.failures.append(
            f"{done.counts['failed']} images could not be scored by {title}: their reasons are recorded with "
            "them"
        )


def _models(bench: Workbench, part: MetricPart, prompt_set: str) -> list[str]:
    """Those with images of the set; a model of the workspace may have none of it."""
    named = [model.name for model in bench.run.models_on(prompt_set, part.models)]
    found = bench.store.images.find(models=named, prompt_set=prompt_set, state=ImageState.DONE)
    return list(dict.fromkeys(record.model for record in found))


def plan_scores(bench: Workbench, earlier: Sequence[Took]) -> list[Planned]:
    """What would be scored; `earlier` says how long that took before."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            write_questions(bench, folder)
        except InputError as error:
            return [Planned("scores", "questions", "scores", None, None, problem=str(error))]
        return [
            _planned(bench, measurement, prompt_set, earlier)
            for measurement in measurements(bench, folder)
            for prompt_set in measurement.sets
        ]


def _planned(bench: Workbench, measurement: Measurement, prompt_set: str, earlier: Sequence[Took]) -> Planned:
    part, title = measurement.part, f"{measurement.part.title} on {prompt_set}"
    asked = [
        order
        for order in orders(bench)
        if order.prompt_set.name == prompt_set and (not part.models or order.model.name in part.models)
    ]
    try:
        metric = measurement.metric()
        there, to_do = _counted(bench, metric, asked, part, prompt_set)
    except NamiBenchError as error:
        most = sum(order.images for order in asked)
        return Planned("scores", title, "scores", None, None, None, f"of up to {most} images", str(error))
    known = [(one.seconds, one.images) for one in earlier if matching(one.metric) == matching(part)]
    return Planned("scores", title, "scores", there, to_do, expected_seconds(known, to_do) if to_do else None)


def _counted(
    bench: Workbench, metric: "Metric | SetMetric", asked: Sequence[Order], part: MetricPart, prompt_set: str
) -> tuple[int, int]:
    """How many images are scored, and how many are to be, with those that are to be made."""
    prompts = bench.sets[prompt_set].by_id
    to_make = sum(
        order.samples * sum(metric.applies_to(prompt) for prompt in order.prompts) for order in asked
    ) - sum(metric.applies_to(prompts[r.prompt_id]) for order in asked for r in images_of(bench, order))
    models = _recorded_models(bench, part, prompt_set)
    if not models:
        return 0, to_make
    records = bench.store.images.find(models=models, prompt_set=prompt_set, state=ImageState.DONE)
    wanted = Counter(record.model for record in records if metric.applies_to(prompts[record.prompt_id]))
    there = _scored(bench, metric, models, prompt_set, wanted)
    return there, wanted.total() - there + to_make


def _recorded_models(bench: Workbench, part: MetricPart, prompt_set: str) -> list[str]:
    if not bench.store.catalog.has_prompt_set(prompt_set):
        return []
    known = {card.name for card in bench.store.catalog.models()}
    return [model.name for model in bench.run.models_on(prompt_set, part.models) if model.name in known]


def _scored(
    bench: Workbench,
    metric: "Metric | SetMetric",
    models: Sequence[str],
    prompt_set: str,
    wanted: Counter[str],
) -> int:
    """Images that have a score of this instrument; weights are looked for only where there are scores."""
    if isinstance(metric, ScoresSets):
        of_sets = bench.store.scores.of_sets(models=models, prompt_set=prompt_set)
        own = [score for score in of_sets if score.metric == metric.name]
        return sum(s.images for s in own if s.instrument == metric.instrument and s.images == wanted[s.model])
    images = {
        (r.model, r.prompt_id, r.sample): r.sha256
        for r in bench.store.images.find(models=models, prompt_set=prompt_set, state=ImageState.DONE)
    }
    scores = bench.store.scores.find(metric=metric.name, models=models, prompt_set=prompt_set)
    return sum(
        score.value is not None
        and score.instrument == metric.instrument
        and images.get((score.model, score.prompt_id, score.sample)) == score.image_sha256
        for score in scores
    )
