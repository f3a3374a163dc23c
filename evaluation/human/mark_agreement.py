"""How far people agree in what they mark: where in an image, whether at all, and which words.

Where: the marks of two people on one image are paired, each with at most one, so that as many pairs as
possible lie together; F1 = 2 pairs / (marks of both). Points lie together within a distance, boxes where they
overlap enough. Over images and people it is the ratio of the sums. What the same two people's marks on
*different* images give says what agreement comes of the places where marks are usual (`chance`).

Intervals resample images, with everything that people marked on them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from nami_bench.domain import Marks, Region
from nami_bench.domain.marking import prompt_words
from nami_bench.evaluation.human.disagreement import DISAGREEMENTS
from nami_bench.evaluation.human.mark_maps import RADIUS

DISTANCE = 2 * RADIUS
"""Points no farther apart lie together, as a share of the image's height: their disks touch."""

OVERLAP = 0.5
"""Boxes of this intersection over union, or more, lie together."""

FEWEST_IMAGES = 15
"""With marks (for "whether", and as many without): of fewer no interval is given, for none would hold."""

_CHUNK = 2**22
"""Numbers in an array of (replicates, units)."""

ImageKey = tuple[str, str, int]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A number with its interval from `low` to `high`; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class KindAgreement:
    """Agreement on one kind of mark, over `images` that two people or more looked at, and `pairs` of people
    on an image.

    `f1`: see the top of this module; None where nobody marked anything. `chance`: the same of different
    images. `presence`: Krippendorff's alpha (nominal) of whether an image has such a mark. `marked`: the
    share of people's looks at an image with such a mark.
    """

    kind: str
    images: int
    pairs: int
    marks: int
    f1: Ratio
    chance: float | None
    presence: Ratio
    marked: float


@dataclass(frozen=True, slots=True)
class WordAgreement:
    """Krippendorff's alpha (nominal) of whether a word is marked; a unit is a word of the prompt of an image.

    `marked`: the share of words that were.
    """

    images: int
    words: int
    alpha: Ratio
    marked: float


@dataclass(frozen=True, slots=True)
class MarkAgreement:
    """Agreement on the marks of a study: by kind, and on words (None where none are asked for)."""

    kinds: tuple[KindAgreement, ...]
    words: WordAgreement | None
    confidence: float
    replicates: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def mark_agreement(
    marks: Iterable[Marks],
    kinds: Sequence[str],
    *,
    prompts: Mapping[str, str] | None = None,
    shapes: Mapping[ImageKey, float] | None = None,
    distance: float = DISTANCE,
    overlap: float = OVERLAP,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> MarkAgreement:
    """Agreement on each of `kinds`, and with `prompts` (texts by id) on words.

    `shapes`: of each image its width by its height (1 where it is not named). `distance` is a share of the
    height, `overlap` an intersection over union. Somebody who was shown an image several times counts with
    what they marked of it the first time. `replicates` 0: no intervals.
    """
    looks: dict[ImageKey, dict[str, Marks]] = defaultdict(dict)
    for one in marks:
        looks[one.image].setdefault(one.annotator, one)
    shared = {image: own for image, own in looks.items() if len(own) > 1}
    draws = _draws(len(shared), replicates, seed)
    together = _Together(shapes or {}, distance, overlap)
    limits = _Limits(confidence)
    words = None if prompts is None else _words(shared, prompts, draws, limits)
    found = tuple(_kind(kind, shared, together, draws, limits) for kind in kinds)
    return MarkAgreement(found, words, confidence, replicates)


def _draws(images: int, replicates: int, seed: int) -> Floats:
    """How often each image is drawn in each replicate, shape (replicates, images)."""
    if images < 2:
        return np.empty((0, images))
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=replicates).astype(float)


@dataclass(frozen=True, slots=True)
class _Limits:
    confidence: float

    def of(self, value: float | None, samples: Floats, images: int) -> Ratio:
        """`images`: so many the figure hangs on."""
        known = samples[~np.isnan(samples)]
        if value is None or len(known) < 20 or images < FEWEST_IMAGES:
            return Ratio(value)
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(known, [tail, 1 - tail])
        return Ratio(value, float(low), float(high))


@dataclass(frozen=True, slots=True)
class _Together:
    """Which marks of two people lie together."""

    shapes: Mapping[ImageKey, float]
    distance: float
    overlap: float

    def pairs(self, image: ImageKey, ours: Sequence[Region], theirs: Sequence[Region]) -> int:
        """How many pairs there can be."""
        if not ours or not theirs:
            return 0
        near = np.array([[self._lie(image, a, b) for b in theirs] for a in ours], dtype=float)
        rows, columns = linear_sum_assignment(near, maximize=True)
        return int(near[rows, columns].sum())

    def _lie(self, image: ImageKey, a: Region, b: Region) -> bool:
        if a.is_box and b.is_box:
            return _iou(a, b) >= self.overlap
        (ax, ay), (bx, by) = a.center, b.center
        return float(np.hypot((ax - bx) * self.shapes.get(image, 1.0), ay - by)) <= self.distance


def _iou(a: Region, b: Region) -> float:
    def shared(low: float, length: float, other: float, extent: float) -> float:
        return max(0.0, min(low + length, other + extent) - max(low, other))

    aw, ah, bw, bh = (float(v or 0) for v in (a.w, a.h, b.w, b.h))
    both = shared(a.x, aw, b.x, bw) * shared(a.y, ah, b.y, bh)
    return both / (aw * ah + bw * bh - both)


def _kind(
    kind: str,
    shared: Mapping[ImageKey, Mapping[str, Marks]],
    together: _Together,
    draws: Floats,
    limits: _Limits,
) -> KindAgreement:
    own = {
        image: {who: [r for r in one.regions if r.kind == kind] for who, one in looks.items()}
        for image, looks in shared.items()
    }
    counts = np.array([_image_counts(image, by, by, together) for image, by in own.items()]).reshape(-1, 3)
    others = list(own.items())
    shifted = [
        _image_counts(image, by, other, together)
        for (image, by), (_, other) in zip(others, others[1:] + others[:1], strict=True)
        if len(others) > 1
    ]
    looks = [bool(regions) for by in own.values() for regions in by.values()]
    bearing = sum(any(by.values()) for by in own.values())
    units = np.repeat(np.arange(len(own)), [len(by) for by in own.values()])
    return KindAgreement(
        kind=kind,
        images=len(own),
        pairs=int(counts[:, 2].sum()),
        marks=sum(len(regions) for by in own.values() for regions in by.values()),
        f1=limits.of(_f1(counts.sum(axis=0)), _f1s(draws @ counts), bearing),
        chance=_f1(np.sum(shifted, axis=0)) if shifted else None,
        presence=_alpha(
            units,
            np.array(looks, dtype=float),
            np.arange(len(own)),
            draws,
            limits,
            min(bearing, len(own) - bearing),
        ),
        marked=float(np.mean(looks)) if looks else 0.0,
    )


def _image_counts(
    image: ImageKey,
    ours: Mapping[str, Sequence[Region]],
    theirs: Mapping[str, Sequence[Region]],
    together: _Together,
) -> tuple[int, int, int]:
    """(marks of each two people that lie together, marks of both, pairs of people)."""
    matched = total = pairs = 0
    names = sorted(ours.keys() | theirs.keys())
    for a, b in combinations(names, 2):
        if a in ours and b in theirs:
            matched += together.pairs(image, ours[a], theirs[b])
            total += len(ours[a]) + len(theirs[b])
            pairs += 1
    return matched, total, pairs


def _f1(counts: Any) -> float | None:
    return float(2 * counts[0] / counts[1]) if counts[1] else None


def _f1s(counts: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * counts[:, 0] / counts[:, 1], dtype=float)


def _words(
    shared: Mapping[ImageKey, Mapping[str, Marks]],
    prompts: Mapping[str, str],
    draws: Floats,
    limits: _Limits,
) -> WordAgreement:
    units: list[int] = []
    values: list[float] = []
    image_of: list[int] = []
    for number, ((_, prompt_id, _), looks) in enumerate(shared.items()):
        for word in prompt_words(prompts[prompt_id]):
            unit = len(image_of)
            image_of.append(number)
            units += [unit] * len(looks)
            values += [float(word in one.words) for one in looks.values()]
    said = np.array(values)
    bearing = sum(any(one.words for one in looks.values()) for looks in shared.values())
    alpha = _alpha(np.array(units, dtype=int), said, np.array(image_of, dtype=int), draws, limits, bearing)
    return WordAgreement(len(shared), len(image_of), alpha, float(said.mean()) if len(said) else 0.0)


def _alpha(
    units: npt.NDArray[Any],
    values: Floats,
    image_of: npt.NDArray[Any],
    draws: Floats,
    limits: _Limits,
    images: int,
) -> Ratio:
    """Nominal alpha; `image_of`: of each unit its image, which is drawn as a whole."""
    if not len(values) or values.min() == values.max():
        return Ratio(None)
    nominal = DISAGREEMENTS["nominal"](units, values)
    value = float(nominal.alphas(np.ones((1, len(image_of))))[0])
    parts = np.array_split(draws, max(1, draws.shape[0] * len(image_of) // _CHUNK)) if len(draws) else []
    samples = [nominal.alphas(part[:, image_of]) for part in parts]
    return limits.of(value, np.concatenate(samples) if samples else np.empty(0), images)
