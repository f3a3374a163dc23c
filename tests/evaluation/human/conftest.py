"""Simulated crossed studies."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.ratings_array import RatingsArray

QUALITY = Criterion("quality", 1.0)


@dataclass(frozen=True)
class World:
    """Standard deviations of a crossed study's effects, on the scale 0-100."""

    prompt: float = 8.0
    annotator: float = 5.0
    model_prompt: float = 8.0
    model_annotator: float = 2.0
    prompt_annotator: float = 4.0
    rest: float = 9.0

    def values(
        self, means: np.ndarray, prompts: int, annotators: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Ratings, shape (models, prompts, annotators), in whole points within 0-100."""
        models = len(means)

        def effect(deviation: float, *shape: int) -> np.ndarray:
            return rng.normal(0.0, deviation, shape)

        raw = (
            means[:, None, None]
            + effect(self.prompt, 1, prompts, 1)
            + effect(self.annotator, 1, 1, annotators)
            + effect(self.model_prompt, models, prompts, 1)
            + effect(self.model_annotator, models, 1, annotators)
            + effect(self.prompt_annotator, 1, prompts, annotators)
            + effect(self.rest, models, prompts, annotators)
        )
        return np.clip(np.rint(raw), 0.0, 100.0)


def ratings_of(values: np.ndarray, criteria: tuple[Criterion, ...] = (QUALITY,)) -> RatingsArray:
    """Values (models, prompts, annotators[, criteria]) as ratings; NaN: never asked for."""
    if values.ndim == 3:
        values = values[..., None]
    codes = np.indices(values.shape[:3]).reshape(3, -1)
    flat = values.reshape(-1, values.shape[3])
    rows = ~np.isnan(flat).all(axis=1)
    models, prompts, annotators = values.shape[:3]
    return RatingsArray(
        models=tuple(f"m{i}" for i in range(models)),
        prompts=tuple(f"{i:05d}" for i in range(prompts)),
        annotators=tuple(f"a{i}" for i in range(annotators)),
        criteria=criteria,
        model=codes[0][rows],
        prompt=codes[1][rows],
        sample=np.zeros(int(rows.sum()), dtype=np.int64),
        annotator=codes[2][rows],
        values=flat[rows],
        withheld=np.zeros((int(rows.sum()), values.shape[3]), dtype=bool),
    )


def table_of(values: np.ndarray, criteria: tuple[Criterion, ...] = (QUALITY,)) -> pd.DataFrame:
    """The same as a tidy table."""
    if values.ndim == 3:
        values = values[..., None]
    m, p, a, c = np.indices(values.shape).reshape(4, -1)
    table = pd.DataFrame(
        {
            "study": "s",
            "annotator": [f"a{i}" for i in a],
            "model": [f"m{i}" for i in m],
            "prompt_id": [f"{i:05d}" for i in p],
            "sample": 0,
            "criterion": [criteria[i].name for i in c],
            "value": values.ravel(),
        }
    )
    return table[table["value"].notna()]


@pytest.fixture
def study() -> Callable[..., np.ndarray]:
    """`study(models, prompts, annotators, seed=0, **deviations)`: values of models two points apart."""

    def make(models: int, prompts: int, annotators: int, seed: int = 0, **deviations: float) -> np.ndarray:
        means = 50.0 + 2.0 * np.arange(models)
        return World(**deviations).values(means, prompts, annotators, np.random.default_rng(seed))

    return make


@pytest.fixture
def world() -> type[World]:
    return World


@pytest.fixture(name="ratings_of")
def ratings_of_fixture() -> Callable[..., RatingsArray]:
    return ratings_of


@pytest.fixture(name="table_of")
def table_of_fixture() -> Callable[..., pd.DataFrame]:
    return table_of
