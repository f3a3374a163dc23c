"""GenEval over a folder of images in its layout, with results that survive an interruption."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.geneval.metric import GenEvalMetric
from evaluation.geneval.results import ImageResult, ResultsFile, place_of
from evaluation.geneval.rules import has_clauses, parse_clauses
from evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.domain import Prompt, prompt_id
from nami_bench.errors import InputError
from nami_bench.images import GenEvalFolder, hash_file, read_metadata


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
) -> FolderRun:
    """Score every image of `root` that `output` has no result of, and append the results there.

    Images that cannot be read, or whose metadata.jsonl is missing or malformed, are failures: they
    are in no result and are tried again by the next run. `advance(n)` is called when n more are done with.

    Raises InputError where the detector does not know a class of the prompts, and where `output`
    holds results of another detector, or of images or metadata that are no longer those of the folder.
    """
    images, failures, passed_over = _collect(root)
    _check_classes(metric, images)
    with ResultsFile(output, metric.instrument) as file:
        by_place = {place_of(image.item.path): image for image in images}
        _check_same_images(file, by_place)
        done = {row.place for row in file.found}
        advance(len(failures) + passed_over + len(done))
        remaining = [image for place, image in by_place.items() if place not in done]
        new = []
        for image, result in zip(remaining, metric.score(image.item for image in remaining), strict=True):
            if result.value is None:
                failures.append(Failure(str(image.item.path), str(result.reason)))
            else:
                new.append(_result(image, result, metric.instrument))
                file.append(new[-1])
            advance(1)
    return FolderRun((*file.found, *new), len(file.found), tuple(failures), passed_over)


@dataclass(frozen=True, slots=True)
class _FolderImage:
    item: ScoringItem
    metadata: Mapping[str, Any]

    @property
    def metadata_text(self) -> str:
        return json.dumps(self.metadata)


def _collect(root: Path) -> tuple[list[_FolderImage], list[Failure], int]:
    """The images to score, those that cannot be, and how many have prompts without clauses."""
    images: list[_FolderImage] = []
    failures: list[Failure] = []
    passed_over = 0
    for file in GenEvalFolder(root).samples():
        try:
            metadata = read_metadata(file.path.parent.parent)
            if not has_clauses(metadata):
                passed_over += 1
                continue
            parse_clauses(metadata)
        except InputError as error:
            failures.append(Failure(str(file.path), str(error)))
            continue
        clauses = {key: value for key, value in metadata.items() if key != "prompt"}
        prompt = Prompt(prompt_id(file.index), metadata["prompt"], geneval=clauses)
        images.append(_FolderImage(ScoringItem(file.path, prompt), metadata))
    if not images and not failures:
        raise InputError(
            f"{root} holds no images with GenEval metadata (00000/samples/0000.png, 00000/metadata.jsonl)"
        )
    return images, failures, passed_over


def _result(image: _FolderImage, result: ScoringResult, instrument: str) -> ImageResult:
    return ImageResult(
        filename=str(image.item.path),
        tag=str(image.metadata["tag"]),
        prompt=image.item.prompt.text,
        correct=result.value == 1.0,
        reason=str(result.details["reason"]),
        metadata=image.metadata_text,
        details=json.dumps(result.details["boxes"]),
        detector=instrument,
        sha256=hash_file(image.item.path),
    )


def _check_classes(metric: GenEvalMetric, images: Sequence[_FolderImage]) -> None:
    unknown = sorted({name for image in images for name in metric.unknown_classes(image.metadata)})
    if unknown:
        raise InputError(
            f"the detector {metric.detector.identity} does not know {len(unknown)} of the prompts' classes "
            f"({', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}): choose another with --detector"
        )


def _check_same_images(file: ResultsFile, images: Mapping[str, _FolderImage]) -> None:
    """Refuse results of images or metadata that are no longer the folder's."""
    for row in file.found:
        image = images.get(row.place)
        if image is None or row.metadata != image.metadata_text or row.sha256 != hash_file(image.item.path):
            raise InputError(
                f"{file.path} holds a result of another {row.place} than the folder's: "
                "name another file with -o or delete it"
            )
