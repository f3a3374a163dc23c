"""The lock: what identifies a run and everything that it rests on, as one JSON document.

What is large is named by a hash: images by the combined hash of a model's on a set, scores and judgements by
that of their values, results by that of the leaderboard as CSV.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nami_bench import __version__
from nami_bench.domain import ImageRecord, ImageState, ModelCard, Score, SetScore, Study
from nami_bench.evaluation.leaderboard.origins import model_origin
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.files import leaderboard_wide_csv
from nami_bench.file_hashes import file_sha256
from nami_bench.image_settings import used_settings
from nami_bench.images import write_bytes
from nami_bench.pipeline.prompt_origins import identity
from nami_bench.report.provenance import images_sha256
from nami_bench.run_file.bench import Took, Workbench
from nami_bench.run_file.load import LoadedRun
from nami_bench.run_file.lock_file import SCHEMA, took_before
from nami_bench.run_file.schema import RunFile
from nami_bench.serialize import plain
from nami_bench.software import software
from nami_bench.store import Store


def write_lock(bench: Workbench, boards: Mapping[str, Leaderboard]) -> dict[str, Any]:
    """Write the lock of what the workspace holds now; its content."""
    earlier = took_before(bench.lock_path)
    content = lock_of(bench, boards) | {"took": [_took(one) for one in _merged(earlier, bench.took)]}
    write_bytes(bench.lock_path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
    return content


def lock_of(bench: Workbench, boards: Mapping[str, Leaderboard]) -> dict[str, Any]:
    """Everything but the durations, as plain values."""
    run, store = bench.run, bench.store
    return {
        "schema": SCHEMA,
        "nami_bench": __version__,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_file": {
            "name": bench.loaded.path and bench.loaded.path.name,
            "sha256": bench.loaded.sha256,
            "overrides": without_folders(bench.loaded.overrides),
            "content": content_of(run),
        },
        "software": software(),
        "inputs": dict(input_hashes(bench.loaded)),
        "prompt_sets": [identity(store.catalog.prompt_set(part.name)) for part in run.prompts],
        "models": [model_lock(store, store.catalog.model(part.name), run) for part in run.model],
        "scores": list(
            score_locks(
                store,
                [part.name for part in run.prompts],
                [part.name for part in run.model],
                [part.name for part in run.metric],
            )
        ),
        "studies": [study_lock(store, store.studies.get(part.name)) for part in run.study],
        "leaderboards": {name: board_sha256(board) for name, board in boards.items()},
        "files": {
            path.relative_to(bench.workspace.reports_dir).as_posix(): file_sha256(path)
            for paths in bench.written.values()
            for path in paths
        },
    }


def content_of(run: RunFile) -> dict[str, Any]:
    """A run with every default, as plain values without the machine's folders."""
    found: dict[str, Any] = without_folders(plain(run))
    return found


def input_hashes(loaded: LoadedRun) -> Iterator[tuple[str, str | None]]:
    """The files that a run file names, as it names them, with the SHA-256 of their bytes; None: not there."""
    run = loaded.run
    named: list[Path] = [path for part in run.prompts for path in (part.file, *part.sources.values()) if path]
    named += [Path(part.recipe) for part in run.prompts if part.recipe and part.recipe.endswith(".toml")]
    named += [part.questions for part in run.metric if part.questions]
    named += [
        path for one in run.study for path in (one.file, *one.ratings, one.reading.items) if path is not None
    ]
    named += [model.table for model in run.model if model.table]
    for path in dict.fromkeys(named):
        place = loaded.place(path)
        if not place.is_dir():  # a folder of prompts is known by the set's hash
            yield without_folders(str(path)), file_sha256(place) if place.is_file() else None


def model_lock(store: Store, card: ModelCard, run: RunFile) -> dict[str, Any]:
    """A model, and by prompt set how many images it has in each state, and their combined hash."""
    records = store.images.find(models=[card.name])
    origin = model_origin(card, records)
    used = used_settings(records)
    return {
        "name": card.name,
        "adapter": card.adapter,
        "options": origin.options,
        "parameters": card.parameters,
        "licence": card.licence,
        "weights": list(origin.weights),
        "settings": without_folders(used[0].settings) if used else None,
        "images": {part.name: images_lock(of_set(records, part.name)) for part in run.prompts},
    }


def of_set(records: Iterable[ImageRecord], prompt_set: str) -> list[ImageRecord]:
    """The images of one prompt set."""
    return [record for record in records if record.prompt_set == prompt_set]


def images_lock(records: Sequence[ImageRecord]) -> dict[str, Any]:
    """A model's images of one set."""
    states = Counter(record.state.value for record in records)
    return {**{state.value: states[state.value] for state in ImageState}, "sha256": images_sha256(records)}


def score_locks(
    store: Store, prompt_sets: Iterable[str], models: Sequence[str], metrics: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """Scores of these: one entry for each metric, instrument, prompt set and model."""
    metrics = dict.fromkeys(metrics)
    for prompt_set in prompt_sets:
        groups: dict[tuple[str, str, str], list[Score | SetScore]] = {}
        for metric in metrics:
            for score in store.scores.find(metric=metric, models=models, prompt_set=prompt_set):
                groups.setdefault((metric, score.instrument, score.model), []).append(score)
        for of_set in store.scores.of_sets(models=models, prompt_set=prompt_set):
            if of_set.metric in metrics:
                groups[of_set.metric, of_set.instrument, of_set.model] = [of_set]
        for (metric, instrument, model), scores in groups.items():
            yield _score_lock(prompt_set, metric, instrument, model, scores)


def _score_lock(
    prompt_set: str, metric: str, instrument: str, model: str, scores: Sequence[Score | SetScore]
) -> dict[str, Any]:
    lines = sorted(
        f"{_scored(score)} {_rounded(score.value)}\n" for score in scores if score.value is not None
    )
    return {
        "metric": metric,
        "instrument": without_folders(instrument),
        "prompt_set": prompt_set,
        "model": model,
        "scored": len(lines),
        "failed": len(scores) - len(lines),
        "sha256": _sha256("".join(lines)),
    }


def _scored(score: Score | SetScore) -> str:
    return f"{score.prompt_id}/{score.sample}" if isinstance(score, Score) else f"{score.images} images"


def _rounded(value: float | None) -> str:
    """To nine digits: what another machine's last bits differ in is no other value."""
    return f"{value:.9g}"


def study_lock(store: Store, study: Study) -> dict[str, Any]:
    """A study's definition and its judgements in force, by hash."""
    lines = sorted(_judgements(store, study))
    return {
        "name": study.name,
        "sha256": definition_sha256(study),
        "judgements": len(lines),
        "judgements_sha256": _sha256("".join(lines)),
    }


def definition_sha256(study: Study) -> str:
    """Of everything that a study says."""
    return _sha256(json.dumps(plain(study), sort_keys=True))


def _judgements(store: Store, study: Study) -> Iterator[str]:
    table = store.ratings.table(study.name)
    columns = ["annotator", "model", "prompt_id", "sample", "criterion", "value", "reason"]
    for row in table[columns].itertuples(index=False):
        yield json.dumps([str(cell) for cell in row]) + "\n"
    for one in store.comparisons.all(study.name):
        told = (one.annotator, one.left, one.right, one.prompt_id, one.sample, one.criterion, one.outcome)
        yield json.dumps([str(cell) for cell in told]) + "\n"


def board_sha256(board: Leaderboard) -> str:
    """Of the leaderboard as CSV, which holds all of its values and no dates."""
    return hashlib.sha256(leaderboard_wide_csv(board)).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _merged(earlier: Sequence[Took], now: Sequence[Took]) -> list[Took]:
    """One entry for each metric, of all its images together."""
    found: dict[str, Took] = {}
    for one in [*earlier, *now]:
        key = json.dumps(_took(one)["metric"], sort_keys=True)
        before = found.get(key, Took(one.metric, 0, 0))
        found[key] = replace(one, seconds=before.seconds + one.seconds, images=before.images + one.images)
    return list(found.values())


def _took(one: Took) -> dict[str, Any]:
    metric = without_folders(plain(one.metric))
    return {"metric": metric, "images": one.images, "seconds": round(one.seconds, 3)}
