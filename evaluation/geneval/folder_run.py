"""GenEval over a folder of images in its layout, with results that survive an interruption."""

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, cast

from nami_bench.domain import Prompt, prompt_id
from nami_bench.domain.clauses import clause_fields, has_clauses, line_key, parse_clauses
from nami_bench.engines import LOCAL, Engine, Job, shard_size
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.coverage import result_metadata
from nami_bench.evaluation.geneval.engine import JudgedImage
from nami_bench.evaluation.geneval.masks import MasksFile
from nami_bench.evaluation.geneval.metric import GenEvalMetric, boxes
from nami_bench.evaluation.geneval.results import ImageResult, ResultsFile, place_of
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.geneval_folder import GenEvalFolder, read_metadata
from nami_bench.images import ImageSource, hash_file


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that has no verdict, and why."""

    filename: str
    reason: str


@dataclass(frozen=True, slots=True)
class FolderRun:
    """What became of a folder's images.

    `results` are all in the results file, of which `reused` stem from earlier runs; `passed_over`
    counts images whose prompts have no GenEval clauses.
    """

    results: tuple[ImageResult, ...]
    reused: int
    failures: tuple[Failure, ...]
    passed_over: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document: counts and failures, without the results."""
        return {
            "scored": len(self.results) - self.reused,
            "reused": self.reused,
            "passed_over": self.passed_over,
            "failures": [asdict(failure) for failure in self.failures],
        }


def score_folder(
    root: Path,
    metric: GenEvalMetric,
    output: Path,
    advance: Callable[[int], None] = lambda count: None,
    *,
    follow_links: bool = False,
    engine: Engine = LOCAL,
) -> FolderRun:
    """Score every image of `root` that `output` has no result of, and append the results there; masks go to
    the file beside it (see `nami_bench.evaluation.geneval.masks`).

    Images that cannot be read, whose metadata.jsonl is missing or malformed, or that a link fetches from
    outside `root` (unless `follow_links`), are failures: they are in no result and are tried again by the
    next run. `advance(n)` is called when n more are done with. `engine` judges; one that works elsewhere
    makes its metrics from the options of this one.

    Raises InputError where the detector does not know a class of the prompts, and where `output`
    holds results of another detector, or of images or metadata that are no longer those of the folder.
    """
    images, failures, passed_over = _collect(root, follow_links)
    _check_classes(metric, images)
    with ResultsFile(output, metric.instrument) as file:
        by_place = {place_of(image.path): image for image in images}
        _check_same_images(file, by_place)
        remaining = dict(by_place)
        for row in file.found:
            del remaining[row.place]
        advance(len(failures) + passed_over + len(file.found))
        new = []
        windows = _windows(by_place, remaining, metric.window)
        asked = [_Asked(image.item, place_of(image.path) in remaining) for image in windows]
        # A worker elsewhere has no cores to spare for decoding but those that were asked for.
        options = replace(metric.options, workers=metric.options.workers or 0)
        job = Job(metric, partial(GenEvalMetric, options), _instrument, _judge, _lost)
        places = {row.place for row in file.found}
        with (
            MasksFile(output, places) as masks,
            closing(engine.run(job, _cut(asked, shard_size(metric)))) as judged_images,
        ):
            for judged in judged_images:
                if judged.verdict is None:
                    failures.append(Failure(str(judged.item.image), str(judged.problem)))
                else:
                    new.append(_result(remaining[_place(judged.item)], judged, metric.instrument))
                    masks.append(new[-1].place, judged.verdict.kept)
                    file.append(asdict(new[-1]))
                advance(1)
    return FolderRun((*file.found, *new), len(file.found), tuple(failures), passed_over)


@dataclass(frozen=True, slots=True)
class _Asked:
    """An image of a window; not `wanted`: judged before, it only keeps its place in the batches."""

    item: ScoringItem
    wanted: bool


def _place(item: ScoringItem) -> str:
    return place_of(cast(Path, item.image))


def _judge(metric: GenEvalMetric, images: Iterable[_Asked]) -> Iterator[JudgedImage]:
    """A verdict for each wanted image, in order."""
    wanted: set[ImageSource] = set()

    def items() -> Iterator[ScoringItem]:
        for asked in images:
            if asked.wanted:
                wanted.add(asked.item.image)
            yield asked.item

    return metric.judge(items(), lambda item: item.image in wanted)


def _lost(asked: _Asked, reason: str) -> JudgedImage | None:
    return JudgedImage(asked.item, problem=reason) if asked.wanted else None


def _instrument(metric: GenEvalMetric) -> str:
    return metric.instrument


def _cut(images: Sequence[_Asked], size: int) -> Iterator[Sequence[_Asked]]:
    return (images[start : start + size] for start in range(0, len(images), size))


@dataclass(frozen=True, slots=True)
class _FolderPrompt:
    """What a folder's images have in common."""

    prompt: Prompt
    metadata: Mapping[str, Any]
    metadata_text: str


@dataclass(frozen=True, slots=True)
class _FolderImage:
    path: Path
    shared: _FolderPrompt

    @property
    def item(self) -> ScoringItem:
        return ScoringItem(self.path, self.shared.prompt)


def _collect(root: Path, follow_links: bool) -> tuple[list[_FolderImage], list[Failure], int]:
    """The images to score, those that cannot be, and how many have prompts without clauses."""
    images: list[_FolderImage] = []
    failures: list[Failure] = []
    passed_over = 0
    samples = GenEvalFolder(root).samples()
    for (index, folder), files in groupby(samples, lambda file: (file.index, file.path.parent.parent)):
        try:
            shared = _shared(folder, index)
        except InputError as error:
            failures += [Failure(str(file.path), str(error)) for file in files]
            continue
        for file in files:
            if shared is None:
                passed_over += 1
            elif file.outside and not follow_links:
                reason = f"{file.path} is a link out of the folder, to {file.outside}"
                failures.append(Failure(str(file.path), reason))
            else:
                images.append(_FolderImage(file.path, shared))
    if not images and not failures:
        raise InputError(
            f"{root} holds no images with GenEval metadata (00000/samples/0000.png, 00000/metadata.jsonl)"
        )
    return images, failures, passed_over


def _shared(folder: Path, index: int) -> _FolderPrompt | None:
    """The prompt of a folder, or None where it has no GenEval clauses; raises InputError."""
    metadata = read_metadata(folder)
    if not has_clauses(metadata):
        return None
    parse_clauses(metadata, f"{folder.name}/metadata.jsonl")
    prompt = Prompt(prompt_id(index), metadata["prompt"], geneval=clause_fields(metadata))
    return _FolderPrompt(prompt, metadata, json.dumps(metadata))


def _windows(
    images: Mapping[str, _FolderImage], remaining: Container[str], size: int
) -> Iterator[_FolderImage]:
    """Whole windows of `size` images, of which at least one remains: what is left after an interruption is
    judged in the same batches as if there had been none, so that it gets the same numbers."""
    places = iter(images)
    while window := list(islice(places, size)):
        if any(place in remaining for place in window):
            yield from (images[place] for place in window)


def _result(image: _FolderImage, judged: JudgedImage, instrument: str) -> ImageResult:
    assert judged.verdict is not None
    return ImageResult(
        filename=str(image.path),
        tag=str(image.shared.metadata["tag"]),
        prompt=image.shared.prompt.text,
        correct=judged.verdict.correct,
        reason=judged.verdict.reason,
        metadata=image.shared.metadata_text,
        details=json.dumps(boxes(judged.verdict)),
        detector=instrument,
        sha256=judged.sha256,
    )


def _check_classes(metric: GenEvalMetric, images: Sequence[_FolderImage]) -> None:
    unknown = sorted({name for image in images for name in metric.unknown_classes(image.shared.metadata)})
    if unknown:
        raise InputError(
            f"the detector {metric.detector.identity} does not know {len(unknown)} of the prompts' classes "
            f"({', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}): choose another with --detector"
        )


def _check_same_images(file: ResultsFile, images: Mapping[str, _FolderImage]) -> None:
    """Refuse results of images or metadata that are no longer the folder's."""
    lines = result_metadata(file.found)
    for row in file.found:
        image = images.get(row.place)
        if (
            image is None
            or line_key(lines[row.metadata]) != line_key(image.shared.metadata)
            or row.sha256 != hash_file(image.path)
        ):
            raise InputError(
                f"{file.path} holds a result of another {row.place} than the folder's: "
                "name another file with -o or delete it"
            )
