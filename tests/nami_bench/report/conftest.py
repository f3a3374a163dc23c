"""A small study with real image files: two models, four prompts of two strata, three annotators."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.domain import Criterion, ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Rating, Score
from nami_bench.images import write_png
from nami_bench.store import Store
from nami_bench.study import Study

EVIL = '<img src=x onerror="alert(1)"> $x^2$ & "two" </script>'
MODELS = ("alpha", "beta")
STAR = {"tag": "counting", "include": [{"class": "star", "count": 1}]}
PROMPTS = PromptSet(
    "stars",
    (
        Prompt("00000", EVIL, "short", geneval=STAR),
        Prompt("00001", "two stars", "short", geneval=STAR),
        Prompt("00002", "a long one", "long"),
        Prompt("00003", "one more", "long"),
    ),
)
CRITERIA = tuple(Criterion(name, 1) for name in ("relevance", "beauty", "truth"))


@pytest.fixture
def images_dir(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def store(tmp_path: Path, images_dir: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.add_prompt_set(PROMPTS)
        for number, model in enumerate(MODELS):
            store.add_model(ModelCard(model, "folder", {"path": str(tmp_path / "secret" / "weights")}))
            for prompt in range(4):
                store.put_image(_image(images_dir, model, number, prompt))
            store.put_scores(
                score
                for prompt in range(3)
                for score in (
                    Score(model, "stars", f"{prompt:05d}", 0, "pickscore", "v1", 20.0 + prompt - number),
                    Score(model, "stars", f"{prompt:05d}", 0, "geneval", "sharp", float(prompt > number)),
                )
                if score.metric != "geneval" or prompt < 2
            )
        store.add_study(Study("pilot", "stars", MODELS, CRITERIA, overlap=3))
        store.add_ratings(
            Rating(
                "pilot", annotator, model, f"{prompt:05d}", 0, c.name, 70.0 - 20 * number + 5 * prompt - shift
            )
            for number, model in enumerate(MODELS)
            for prompt in range(4 - number)
            for shift, annotator in enumerate(("ann", "ben", "cat"))
            for c in CRITERIA
        )
        yield store


def _image(images_dir: Path, model: str, number: int, prompt: int) -> ImageRecord:
    if (number, prompt) == (1, 3):
        return ImageRecord(model, "stars", "00003", 0, ImageState.REFUSED, reason="content policy")
    path = images_dir / model / f"{prompt}.png"
    stored = write_png(path, Image.new("RGB", (640, 320), (50 * prompt, 90 * number, 10)))
    return ImageRecord(
        model, "stars", f"{prompt:05d}", 0, ImageState.DONE, path=f"{model}/{prompt}.png",
        sha256=stored.sha256, width=640, height=320,
    )  # fmt: skip
