"""Automatic metrics of whole sets of images."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nami_bench.domain import ImageRecord, ImageState, Prompt, SetScore
from nami_bench.engines import LOCAL, Engine, Job, shard_size
from nami_bench.evaluation.measurement import measured_with
from nami_bench.evaluation.protocol import ScoresFeatures
from nami_bench.pipeline.progress import Advance, batches
from nami_bench.pipeline.verification import file_problem, refuse_unseen, untouched

if TYPE_CHECKING:
    from nami_bench.evaluation.features import Extracted, Features
    from nami_bench.evaluation.protocol import ScoringItem, SetMetric, SetResult
    from nami_bench.store import Store

_REASONS_KEPT = 20


def evaluate_set(
    store: "Store",
    images_dir: Path,
    metric: "SetMetric",
    models: Sequence[str],
    prompt_set: str,
    advance: Advance = lambda count: None,
    *,
    engine: Engine = LOCAL,
    make: Callable[[], Any] | None = None,
) -> Counter[str]:
    """Score each model's recorded images as one set and record the score.

    A metric that `ScoresFeatures` has them extracted by `engine`, which makes its metrics with `make`; the
    value is computed in this process.

    A model whose images, and their files, are unchanged since they were all scored is passed over. Returns
    counts of images, as `pipeline.evaluate` does. Images that cannot be read are left out, counted as failed,
    and their reasons recorded with the score.
    """
    counts: Counter[str] = Counter()
    prompts = store.catalog.prompt_set(prompt_set).by_id
    known = {
        score.model: score
        for score in store.scores.of_sets(models=models, prompt_set=prompt_set)
        if (score.metric, score.instrument) == (metric.name, metric.instrument)
    }
    for model in models:
        made = store.images.find(models=[model], prompt_set=prompt_set, state=ImageState.DONE)
        records = [record for record in made if metric.applies_to(prompts[record.prompt_id])]
        inapplicable = len(made) - len(records)
        counts["not applicable"] += inapplicable
        advance(inapplicable)
        identity = _sha256(records)
        score = known.get(model)
        unchanged = score and (score.images, score.images_sha256) == (len(records), identity)
        if score and unchanged and all(untouched(images_dir, record) for record in records):
            counts["kept"] += score.images
            advance(score.images)
            continue
        items, problems = _sound(images_dir, records, prompts)
        advance(len(problems))
        if engine.elsewhere and isinstance(metric, ScoresFeatures):
            result = _score_elsewhere(metric, items, advance, engine, make or (lambda: metric))
        else:
            result = metric.score_set(items, advance)
        score = _as_score(metric, model, prompt_set, identity, result, problems)
        store.scores.put_of_set(score)
        counts["scored"] += score.images
        counts["failed"] += len(records) - score.images
    return counts


def _sound(
    images_dir: Path, records: Sequence[ImageRecord], prompts: Mapping[str, Prompt]
) -> tuple[list["ScoringItem"], list[str]]:
    """The images whose files are as recorded, and what is wrong with each other one."""
    from nami_bench.evaluation.protocol import ScoringItem

    items, problems = [], []
    for record in records:
        problem = file_problem(images_dir, record)
        if problem is None:
            items.append(ScoringItem(images_dir / str(record.path), prompts[record.prompt_id]))
        else:
            problems.append(problem)
    return items, problems


def _score_elsewhere(
    metric: "ScoresFeatures",
    items: Sequence["ScoringItem"],
    advance: Advance,
    engine: Engine,
    make: Callable[[], Any],
) -> "SetResult":
    """What `score_set` gives, from features that workers extracted."""
    import numpy as np

    metric.check_size(len(items))
    job = Job(metric, make, _extracts_with, _extract, _lost)
    found: list[Features] = []
    problems: list[str] = []
    with closing(engine.run(job, batches(items, shard_size(metric)))) as shards:
        for features, reasons in shards:
            found.append(features)
            problems += reasons
            advance(len(features) + len(reasons))
    return metric.score_features(np.concatenate([part for part in found if len(part)] or found), problems)


def _extracts_with(metric: "ScoresFeatures") -> str:
    return metric.extracts_with


def _extract(metric: "ScoresFeatures", items: Iterable["ScoringItem"]) -> Iterator["Extracted"]:
    shard = list(items)
    for item in shard:
        refuse_unseen(cast(Path, item.image))
    yield metric.extract(shard)


def _lost(item: "ScoringItem", reason: str) -> "Extracted":
    import numpy as np

    return np.empty((0, 0), np.float32), [f"{item.image}: {reason}"]


def _as_score(
    metric: "SetMetric",
    model: str,
    prompt_set: str,
    identity: str,
    result: "SetResult",
    problems: Sequence[str],
) -> SetScore:
    problems = [*problems, *result.problems]
    details = {**result.details, "measured_with": measured_with(metric)}
    if problems:
        details["left_out"] = problems[:_REASONS_KEPT]
    return SetScore(
        model=model,
        prompt_set=prompt_set,
        metric=metric.name,
        instrument=metric.instrument,
        value=result.value,
        images=0 if result.value is None else result.images,
        lower_is_better=metric.lower_is_better,
        reason=result.reason,
        images_sha256=identity,
        details=details,
    )


def _sha256(records: Sequence[ImageRecord]) -> str:
    """Identity of a set of images, in whatever order."""
    return hashlib.sha256("\n".join(sorted(str(record.sha256) for record in records)).encode()).hexdigest()
