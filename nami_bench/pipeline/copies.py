"""Lists of recorded images that are nearly the same, or nearly those of a folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nami_bench import registry
from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import InputError
from nami_bench.evaluation.shares import mean_over_prompts
from nami_bench.pipeline.progress import Advance
from nami_bench.pipeline.verification import file_problem

if TYPE_CHECKING:
    from nami_bench.evaluation.features import Features
    from nami_bench.evaluation.variety.copy_metrics import NearCopies, ReferenceCopies
    from nami_bench.evaluation.variety.near_copies import Block
    from nami_bench.store import Store


@dataclass(frozen=True, slots=True)
class CopyPair:
    """Two images of a model that are nearly the same, or one and a file of the folder.

    `other`: prompt and sample of the second, None where `file` names it. `flipped`: one of them must be
    mirrored; `exact`: all pixels are the same.
    """

    model: str
    prompt_id: str
    sample: int
    other: tuple[str, int] | None
    file: str | None
    similarity: float
    flipped: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class FoundCopies:
    """What was found among a model's `images`: how many `pairs` there are, of which the most similar are
    `listed`; how many images have a copy, their share and its interval (95 %, over prompts). `problems`: of
    images that could not be compared."""

    model: str
    instrument: str
    images: int
    pairs: int
    with_copies: int
    share: float
    interval: tuple[float, float] | None
    listed: tuple[CopyPair, ...] = ()
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All but the listed pairs."""
        interval = None if self.interval is None else list(self.interval)
        counts = {"images": self.images, "pairs": self.pairs, "with_copies": self.with_copies}
        return {
            "model": self.model, "instrument": self.instrument, **counts, "share": self.share,
            "interval": interval, "listed": len(self.listed), "problems": list(self.problems),
        }  # fmt: skip


def find_copies(
    store: "Store",
    images_dir: Path,
    model: str,
    prompt_set: str,
    options: Mapping[str, Any],
    most: int,
    advance: Advance = lambda count: None,
) -> FoundCopies:
    """The near-copies among a model's images of a set; with the option "reference", of a folder's.

    `options` are those of the metric `near-copies`, or `reference-copies`. `most`: so many pairs are listed.
    `advance` is told of each image twice: when its features are done, and when it has been compared. In
    memory are the features of all images, and a block of similarities.
    """
    from nami_bench.evaluation.features import extract_each

    name = "reference-copies" if "reference" in options else "near-copies"
    metric = registry.create("metrics", name, options)
    made = store.images.find(models=[model], prompt_set=prompt_set, state=ImageState.DONE)
    looked = [(record, file_problem(images_dir, record)) for record in made]
    there = [record for record, problem in looked if problem is None]
    problems = [problem for _, problem in looked if problem is not None]
    paths = [images_dir / str(record.path) for record in there]
    each = extract_each(paths, metric.extractor, metric.window, advance)
    advance(len(problems))
    problems += [one for one in each if isinstance(one, str)]
    sound = [place for place, one in enumerate(each) if not isinstance(one, str)]
    if not sound:
        raise InputError(f"{model} has no image of {prompt_set} that can be read")
    features = np.stack([cast("NDArray[np.float32]", each[place]) for place in sound])
    search = _Search(
        metric,
        [there[place] for place in sound],
        [paths[place] for place in sound],
        {prompt.id: prompt.text for prompt in store.catalog.prompt_set(prompt_set).prompts},
        features,
    )
    advance(len(problems))
    return search.found(model, most, problems, advance)


@dataclass(slots=True)
class _Kept:
    """The most similar pairs so far."""

    most: int
    rows: list[NDArray[Any]] = field(default_factory=list)
    count: int = 0

    def take(self, first: NDArray[Any], second: NDArray[Any], block: "Block") -> None:
        self.count += len(first)
        at = first - block.row, second - block.column
        self.rows.append(np.stack([first, second, block.similarity[at], block.flipped[at]], axis=1))
        if sum(map(len, self.rows)) > 4 * self.most + 10_000:
            self.rows = [self.best()]

    def best(self) -> NDArray[np.float64]:
        """(pairs, 4): first, second, similarity, flipped; the most similar first, ties in order."""
        rows = np.concatenate(self.rows) if self.rows else np.empty((0, 4))
        best: NDArray[np.float64] = rows[np.lexsort((rows[:, 1], rows[:, 0], -rows[:, 2]))][: self.most]
        return best


@dataclass(frozen=True, slots=True)
class _Search:
    metric: "NearCopies | ReferenceCopies"
    records: Sequence[ImageRecord]
    paths: Sequence[Path]
    texts: Mapping[str, str]
    features: "Features"

    def found(self, model: str, most: int, problems: Sequence[str], advance: Advance) -> FoundCopies:
        kept = _Kept(most)
        has_copy = np.zeros(len(self.records), dtype=bool)
        for block in self._blocks(advance):
            first, second = block.alike(self.metric.threshold)
            has_copy[first] = True
            if not self._reference:
                has_copy[second] = True
            kept.take(first, second, block)
        flags = [(r.prompt_id, float(f)) for r, f in zip(self.records, has_copy, strict=True)]
        share, interval = mean_over_prompts(flags, (0.0, 1.0))
        listed = tuple(self._pair(model, row) for row in kept.best())
        return FoundCopies(
            model, self.metric.instrument, len(self.records), kept.count, int(has_copy.sum()), share,
            interval, listed, tuple(problems),
        )  # fmt: skip

    @property
    def _reference(self) -> "ReferenceCopies | None":
        from nami_bench.evaluation.variety.copy_metrics import ReferenceCopies

        return self.metric if isinstance(self.metric, ReferenceCopies) else None

    def _blocks(self, advance: Advance) -> Iterator["Block"]:
        from nami_bench.evaluation.variety.copy_metrics import NearCopies
        from nami_bench.evaluation.variety.near_copies import blocks_across, blocks_within, vectors_of

        options, extractor = self.metric.options, self.metric.extractor
        vectors = vectors_of(self.paths, self.features, extractor, options.flipped, options.batch_size)
        if isinstance(self.metric, NearCopies):
            texts = [self.texts[record.prompt_id] for record in self.records]
            return blocks_within(vectors, texts, self.metric.options.between, advance)
        return blocks_across(vectors, self.metric.others, advance)

    def _pair(self, model: str, row: NDArray[np.float64]) -> CopyPair:
        from nami_bench.evaluation.variety.copy_metrics import same_pixels

        first, second = int(row[0]), int(row[1])
        record, reference = self.records[first], self._reference
        if reference is None:
            twin = self.records[second]
            other, file, path = (twin.prompt_id, twin.sample), None, self.paths[second]
        else:
            name = (reference.reference.names or [])[second]
            other, file, path = None, name, reference.folder / name
        return CopyPair(
            model, record.prompt_id, record.sample, other, file, round(float(row[2]), 6), bool(row[3]),
            same_pixels(self.paths[first], path, float(row[2])),
        )  # fmt: skip
