"""A workspace with all that a results site shows: ratings with a comment, pairs, scores, a refused image."""

from itertools import product
from pathlib import Path

from PIL import Image

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import (
    Annotator,
    Comparison,
    Criterion,
    ImageRecord,
    ImageState,
    Marking,
    MarkKind,
    Marks,
    ModelCard,
    Outcome,
    Prompt,
    PromptSet,
    Rating,
    Region,
    Score,
    Study,
)
from nami_bench.images import write_png
from nami_bench.store import Store

EVIL = '<img src=x onerror="alert(1)"> & "two" </script><b>'
COMMENT = "the left star has six points"
MODELS = ("alpha", "beta", "gamma")
RATERS = ("mei.lin@example.org", "omar", "tom")
CRITERIA = (Criterion("relevance", 0.5), Criterion("beauty", 0.5))
PROMPTS = PromptSet(
    "stars",
    tuple(
        Prompt(
            f"{at:05d}",
            EVIL if at == 0 else f"a photo of {at} stars",
            ("short", "long")[at % 2],
            tags={"light": ("day", "night")[at // 6]},
            geneval={"tag": ("counting", "colors")[at // 3 % 2], "include": [{"class": "star", "count": 1}]},
        )
        for at in range(12)
    ),
)


def site_workspace(folder: Path) -> Workspace:
    """The workspace; its ratings are the study `pilot`, its pairs `duel`, in this order."""
    workspace = init_workspace(folder)
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(PROMPTS)
        for number, model in enumerate(MODELS):
            card = ModelCard(
                model,
                "folder",
                {"path": str(folder / "secret" / "weights")},
                (2, 8, 0)[number] * 10**9 or None,
            )
            store.catalog.add_model(card)
            for at, sample in product(range(12), range(2)):
                store.images.put(_image(workspace, model, number, at, sample))
            store.scores.put(_scores(model, number))
        store.studies.add(Study("duel", "stars", MODELS, CRITERIA[:1], mode="pairwise", samples=1))
        marking = Marking((MarkKind("artifact"),), words=True)
        store.studies.add(Study("pilot", "stars", MODELS, CRITERIA, overlap=4, samples=2, marks=marking))
        store.ratings.add(_ratings())
        store.comparisons.add(_comparisons())
        region = Region("artifact", 0.25, 0.5)
        store.markings.add([Marks("pilot", "omar", "alpha", "00001", 0, (region,), ((13, 18),))])
        _comment(store, workspace)
    return workspace


def _image(workspace: Workspace, model: str, number: int, at: int, sample: int) -> ImageRecord:
    place = (model, "stars", f"{at:05d}", sample)
    if (number, at, sample) == (2, 11, 1):
        return ImageRecord(*place, ImageState.REFUSED, reason=f"content policy of {workspace.root}/server")
    path = f"{model}/stars/{at:05d}/samples/{sample:04d}.png"
    pixels = Image.new("RGB", (400, 300), (20 * at, 90 * number, 100 * sample))
    stored = write_png(workspace.images_dir / path, pixels)
    return ImageRecord(
        *place, ImageState.DONE, seed=at, path=path, sha256=stored.sha256, width=400, height=300
    )


def _scores(model: str, number: int) -> list[Score]:
    found = []
    for at in range(12):
        place = (model, "stars", f"{at:05d}", 0)
        right = (at + number) % 4 > number
        details = {
            "reason": "" if right else "expected star>=1, found 0",
            "boxes": {"star": [[10.0, 20.0, 200.0, 220.0, 0.9]]} if right else {},
            "measured_with": {"nami_bench": "0.1.0"},
        }
        found.append(Score(*place, "geneval", "sharp", float(right), details=details, value_range=(0, 1)))
        found.append(Score(*place, "pickscore", "v1", 20.0 + at / 10 - number))
        found.append(
            Score(
                *place,
                "dsg",
                "judge-1",
                float(right),
                details={"answers": _answers(right)},
                value_range=(0, 1),
            )
        )
    return found


def _answers(right: bool) -> list[dict[str, object]]:
    answer = {"probability": 0.9, "expected": "yes", "category": "entity - whole"}
    top = {
        **answer,
        "id": 1,
        "question": "Is there a star?",
        "parents": [],
        "text": "yes" if right else "no",
        "score": float(right),
        "zeroed_by": None,
    }
    under = {
        **answer,
        "id": 2,
        "question": "Is it yellow?",
        "parents": [1],
        "text": "yes",
        "score": 1.0,
        "zeroed_by": None if right else 1,
    }
    return [top, under]


def _ratings() -> list[Rating]:
    everything = product(enumerate(RATERS), enumerate(MODELS), range(12), range(2), CRITERIA)
    return [
        Rating("pilot", who, model, f"{at:05d}", sample, one.name, _value(shift, number, at, sample))
        for (shift, who), (number, model), at, sample, one in everything
        if (number, at, sample) != (2, 11, 1)
    ]


def _value(shift: int, number: int, at: int, sample: int) -> float:
    """A model is 12 points behind the one before it; raters and prompts differ in how much they see of it."""
    return 80.0 - 12 * number - at - 3 * shift + 2 * sample + (7 * at + 5 * shift + 3 * number) % 6


def _comparisons() -> list[Comparison]:
    outcomes = (Outcome.LEFT, Outcome.LEFT, Outcome.TIE, Outcome.RIGHT)
    return [
        Comparison("duel", who, f"{at:05d}", 0, "relevance", left, right, outcomes[(at + shift) % 4])
        for shift, who in enumerate(RATERS[:2])
        for at in range(12)
        for left, right in (("alpha", "beta"), ("beta", "gamma"))
    ]


def _comment(store: Store, workspace: Workspace) -> None:
    """Of somebody who rates one image in the app."""
    store.accounts.add(Annotator("lena"))
    session = AnnotationSession(store, workspace.images_dir, "pilot", "lena")
    token = session.state().items[0].token
    session.submit(token, Answers("first", {"relevance": 40.0, "beauty": 30.0}, {}, True, COMMENT, 7000))
