"""A store of known content: two models, four prompts of two strata, GenEval by two detectors, a study."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nami_bench.domain import (
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Rating,
    Score,
    Study,
)
from nami_bench.store import Store

CLAUSES = {"include": [{"class": "star", "count": 1}]}
PROMPTS = PromptSet(
    "stars",
    (
        Prompt("00000", "a star", "short", geneval={"tag": "single_object", **CLAUSES}),
        Prompt("00001", "two stars", "short", geneval={"tag": "counting", **CLAUSES}),
        Prompt("00002", "one more star", "long", geneval={"tag": "single_object", **CLAUSES}),
        Prompt("00003", "a star without clauses", "long"),
    ),
)
CRITERIA = (Criterion("relevance", 0.5), Criterion("beauty", 0.5, minimum=1, maximum=5))
# Verdicts of the detector "sharp" by prompt, then by sample; None where the image failed.
VERDICTS: dict[str, list[tuple[float | None, float | None]]] = {
    "alpha": [(1, 1), (0, 1), (1, 0)],
    "beta": [(0, 1), (0, 0), (None, 1)],
}


def image(model: str, prompt_id: str, sample: int, failed: bool = False) -> ImageRecord:
    name = f"{model}/stars/{prompt_id}/samples/{sample:04d}.png"
    if failed:
        return ImageRecord(model, "stars", prompt_id, sample, ImageState.FAILED, reason="no memory")
    return ImageRecord(
        model, "stars", prompt_id, sample, ImageState.DONE, path=name, sha256=name, width=8, height=8
    )


def score(model: str, prompt_id: str, sample: int, value: float, instrument: str = "sharp") -> Score:
    return Score(model, "stars", prompt_id, sample, "geneval", instrument, value)


def rating(
    model: str, prompt: int, annotator: str, relevance: float | None, beauty: float | None
) -> list[Rating]:
    """Both ratings of the image of sample 0, on one day of March 2026 for each prompt."""
    values = {"relevance": relevance, "beauty": beauty}
    when = datetime(2026, 3, 1 + prompt, tzinfo=UTC)
    return [
        Rating("study", annotator, model, f"{prompt:05d}", 0, name, value,
               "cannot tell" if value is None else None, created_at=when)
        for name, value in values.items()
    ]  # fmt: skip


@pytest.fixture
def images_only(tmp_path: Path) -> Iterator[Store]:
    """Images and GenEval's verdicts of both models, beta's first image of prompt 00002 failed; no study."""
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.catalog.add_prompt_set(PROMPTS)
        store.catalog.add_model(ModelCard("alpha", "shapes", parameters=2_100_000_000))
        store.catalog.add_model(ModelCard("beta", "shapes"))
        for model, verdicts in VERDICTS.items():
            for prompt, samples in enumerate([*verdicts, (0.0, 0.0)]):
                for sample, value in enumerate(samples):
                    store.images.put(image(model, f"{prompt:05d}", sample, failed=value is None))
            store.scores.put(
                score(model, f"{prompt:05d}", sample, value)
                for prompt, samples in enumerate(verdicts)
                for sample, value in enumerate(samples)
                if value is not None
            )
        yield store


@pytest.fixture
def rated(images_only: Store) -> Store:
    """The same with a study: alpha rated by two annotators, beta in part."""
    images_only.studies.add(Study("study", "stars", ("alpha", "beta"), CRITERIA, overlap=2, samples=1))
    images_only.ratings.add(
        one
        for prompt in range(4)
        for annotator, relevance in (("ann", 60), ("ben", 100))
        for one in rating("alpha", prompt, annotator, relevance, 3)
    )
    images_only.ratings.add([*rating("beta", 0, "ann", 30, 2), *rating("beta", 1, "ann", None, 2)])
    return images_only
