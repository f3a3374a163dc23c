"""A small study with real image files: two models, four prompts of two strata, three annotators."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.domain import Criterion, ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Rating, Score
from nami_bench.domain.study import Study
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.images import write_png
from nami_bench.report.contents import collect
from nami_bench.report.write import write_report
from nami_bench.store import Store
from tests.support.databases import new_sqlite

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


QUICK = Precision(replicates=100)


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    """Of the audit's intervals: their widths are no subject of a report's tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nami_bench.evaluation.audit.statistics.RESAMPLES", 100)
        yield


@pytest.fixture
def images_dir(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The study, its images in `images_dir`."""
    with a_study(tmp_path) as made:
        yield made


@dataclass(frozen=True)
class Reported:
    """The study, and its report in `folder`, for tests that change nothing."""

    store: Store
    images_dir: Path
    folder: Path


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, few_resamples: None) -> Iterator[Reported]:
    root = tmp_path_factory.mktemp("reported")
    with a_study(root) as store:
        contents = collect(store, QUICK)
        assert write_report(root / "r", contents, store.catalog.models(), root / "images") == ()
        yield Reported(store, root / "images", root / "r")


@contextmanager
def a_study(root: Path) -> Iterator[Store]:
    images_dir = root / "images"
    with Store.open(new_sqlite(root / "nami.db")) as store:
        store.catalog.add_prompt_set(PROMPTS)
        for number, model in enumerate(MODELS):
            store.catalog.add_model(ModelCard(model, "folder", {"path": str(root / "secret" / "weights")}))
            for prompt in range(4):
                store.images.put(_image(images_dir, model, number, prompt))
            store.scores.put(
                score
                for prompt in range(3)
                for score in (
                    Score(model, "stars", f"{prompt:05d}", 0, "pickscore", "v1", 20.0 + prompt - number),
                    Score(model, "stars", f"{prompt:05d}", 0, "geneval", "sharp", float(prompt > number)),
                )
                if score.metric != "geneval" or prompt < 2
            )
        store.studies.add(Study("pilot", "stars", MODELS, CRITERIA, overlap=3))
        store.ratings.add(
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
