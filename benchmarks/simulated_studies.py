"""Studies in which all models are equally good, as sparse and uneven as ordinary ones.

What intervals and tests promise is checked on them, by tests and by `benchmarks/interval_grid.py`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.ratings_array import RatingsArray

Kind = Literal[
    "normal", "noise", "severity", "taste", "likert", "heavy", "ceiling", "samples", "half", "disjoint"
]  # fmt: skip
"""What is odd about the values, or about who rated: see `Effects.of` and `_seats`."""
KINDS: tuple[Kind, ...] = get_args(Kind)

Panel = Literal["crossed", "spread"]

_MEAN = 50.0
_MEAN_AT_CEILING = 88.0
_STEP = 25.0
"""Between the grades 1 to 5 on the scale 0-100."""


@dataclass(frozen=True)
class Effects:
    """Standard deviations of a rating's parts, on the scale 0-100."""

    prompt: float = 8.0
    annotator: float = 5.0
    model_prompt: float = 8.0
    model_annotator: float = 2.0
    prompt_annotator: float = 4.0
    image: float = 0.0
    rest: float = 9.0

    @classmethod
    def of(cls, kind: Kind) -> "Effects":
        """Of a kind of study; those that are about who rated have the usual ones."""
        usual = cls()
        special = {
            "noise": cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 20.0),
            "severity": cls(annotator=16.0),
            "taste": cls(model_prompt=14.0, model_annotator=5.0),
            "samples": cls(image=6.0),
            "likert": cls(16.0, 10.0, 16.0, 4.0, 8.0, 0.0, 18.0),
        }
        return special.get(kind, usual)

    @property
    def whole(self) -> float:
        """Of one rating about the mean of all."""
        return float(np.linalg.norm(list(vars(self).values())))


@dataclass(frozen=True)
class Design:
    """Who rates what.

    `overlap`: annotators of an image on average, None for all. `done`: the share of the ratings that were
    made, at random. `panel`: "crossed", the same annotators for all models' images of a prompt, or "spread",
    others for each image. Of the kind "disjoint" each model has so many annotators of its own.
    """

    kind: Kind
    annotators: int
    prompts: int
    overlap: float | None = None
    done: float = 1.0
    panel: Panel = "crossed"

    def __str__(self) -> str:
        overlap = "all" if self.overlap is None else f"{self.overlap:g}"
        return f"{self.kind} {self.annotators}x{self.prompts} {overlap} {self.done:.0%} {self.panel}"

    @property
    def mean(self) -> float:
        """The score of every model that all prompts and annotators of the kind would give."""
        if self.kind != "ceiling":
            return _MEAN
        points = np.arange(101.0)
        below = stats.norm.cdf(points[:-1] + 0.5, _MEAN_AT_CEILING, Effects.of(self.kind).whole)
        return float(100.0 - below.sum())


def simulate(design: Design, rng: np.random.Generator, models: int = 3) -> RatingsArray:
    """One study, in whole points within 0-100."""
    rated = _seats(design, models, rng) & (rng.random(_shape(design, models)) < design.done)
    values = _values(design, models, rng)
    model, prompt, sample, annotator = np.nonzero(rated)
    prompts, prompt = np.unique(prompt, return_inverse=True)
    annotators, annotator = np.unique(annotator, return_inverse=True)
    return RatingsArray(
        models=tuple(f"model-{i}" for i in range(models)),
        prompts=tuple(f"{i:04d}" for i in prompts),
        annotators=tuple(f"annotator-{i:04d}" for i in annotators),
        criteria=(Criterion("quality", 1.0),),
        model=model,
        prompt=prompt,
        sample=sample,
        annotator=annotator,
        values=values[rated][:, None],
        withheld=np.zeros((len(model), 1), dtype=bool),
    )


def _shape(design: Design, models: int) -> tuple[int, int, int, int]:
    """Models, prompts, samples, annotators."""
    samples = 2 if design.kind == "samples" else 1
    return models, design.prompts, samples, design.annotators * (models if design.kind == "disjoint" else 1)


def _seats(design: Design, models: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Who is to rate what, shape (models, prompts, samples, annotators)."""
    shape = _shape(design, models)
    few = (1, shape[1], 1) if design.panel == "crossed" else shape[:3]
    priority = rng.random((*few, design.annotators))
    overlap = design.annotators if design.overlap is None else design.overlap
    raters = np.floor(overlap) + (rng.random(few) < overlap % 1)
    if design.kind == "half":  # of the work is the first one's, or he is in every panel
        often = min(1.0, raters.mean() / 2)
        priority[..., 0] = np.where(rng.random(few) < often, 2.0, -1.0)
    seats = (-priority).argsort(axis=-1).argsort(axis=-1) < raters[..., None]
    if design.kind == "half" and design.overlap is None:
        others = rng.random((*few, design.annotators - 1)) < 1 / (design.annotators - 1)
        seats[..., 1:] &= others
    seats = np.broadcast_to(seats, (*shape[:3], design.annotators))
    if design.kind != "disjoint":
        return seats
    own = np.zeros(shape, dtype=bool)
    for model in range(models):
        own[model, ..., model * design.annotators : (model + 1) * design.annotators] = seats[model]
    return own


def _values(design: Design, models: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """What everybody would say of every image, shape (models, prompts, samples, annotators)."""
    effects = Effects.of(design.kind)
    m, p, s, a = _shape(design, models)

    def effect(deviation: float, *shape: int) -> NDArray[np.float64]:
        return rng.normal(0.0, deviation, shape)

    rest = effect(effects.rest, m, p, s, a)
    if design.kind == "heavy":
        rest = effects.rest * rng.standard_t(3, (m, p, s, a)) / np.sqrt(3)
    raw = (
        (_MEAN_AT_CEILING if design.kind == "ceiling" else _MEAN)
        + effect(effects.prompt, 1, p, 1, 1)
        + effect(effects.annotator, 1, 1, 1, a)
        + effect(effects.model_prompt, m, p, 1, 1)
        + effect(effects.model_annotator, m, 1, 1, a)
        + effect(effects.prompt_annotator, 1, p, 1, a)
        + effect(effects.image, m, p, s, 1)
        + rest
    )
    if design.kind == "likert":
        raw = _STEP * np.rint(raw / _STEP)
    return np.clip(np.rint(raw), 0.0, 100.0)
