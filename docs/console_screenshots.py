"""Take the pictures of docs/console.md: `make screenshots`.

A study that six people worked on for three days, one of whom sees it otherwise than the rest, served by the
real program and looked at as its owner sees it.
"""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

from docs.screenshots import INSTRUCTIONS, MODELS, MORE_MODELS, chromium, served, spoiled, square, take, visit
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import Annotator, ModelCard, Prompt, PromptSet, Role, Study, WhyDecided, prompt_id
from nami_bench.domain.study import CheckItem, CheckKind, Checks
from nami_bench.store import Store
from nami_bench.study_file import load_criteria, nami_1k_study_file
from tests.support.studies import put_image

STUDY = "pilot"
PATIENCE_MS = 120_000
SCENES = {
    "coffee": ("a cup of coffee on a wooden table, seen from above", "the rim of a cup, foam on dark coffee"),
    "chelsea": ("a close portrait of a ginger cat that looks past the camera", "the ear of a ginger cat"),
    "astronaut": ("a smiling astronaut in an orange suit before a flag", "a model of a space shuttle"),
    "rocket": ("a rocket on its launch pad at dusk, floodlights", "the tip of a rocket before a blue sky"),
}
QUALITY = {"model-a": 80, "model-b": 42}


@dataclass(frozen=True, slots=True)
class Rater:
    """How somebody rates: points added, the spread of chance, how much of the models' difference they see."""

    name: str
    severity: float
    noise: float
    sees: float = 1.0


RATERS = (
    Rater("ines", 2, 6),
    Rater("jan", -3, 6),
    Rater("lena", 0, 7),
    Rater("mei", -9, 6),
    Rater("omar", 4, 7),
    Rater("tom", 0, 12, -0.5),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        workspace, store = workspace_at_work(Path(folder) / "bench")
        with served(workspace, STUDY) as address:
            for name, (path, ready, looks) in PICTURES.items():
                page = visit(browser, store, f"{address}/admin/{path}", "root", **{"height": 900, **looks})
                page.get_by_text(ready).locator("visible=true").first.wait_for(timeout=PATIENCE_MS)
                page.wait_for_timeout(1200)  # tables that Gradio measures, plots that it draws
                take(page, name)
                page.context.close()
            page = visit(browser, store, address, "lena", height=800)
            page.get_by_text("The study pauses on Friday").wait_for()
            take(page, "messages")
        store.close()


PHONE = {"width": 390, "height": 844, "color_scheme": "dark"}
PICTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "console-overview": ("", "Agreement so far", {}),
    "console-overview-phone": ("", "Agreement so far", PHONE),
    "console-people": ("people", "agrees less", {"height": 1250}),
    "console-people-tablet": ("people", "agrees less", {"width": 820, "height": 1100}),
    "console-items": ("items?item=4", "the sky has a seam", {"height": 1900}),
    "console-items-dark": ("items?item=4", "the sky has a seam", {"height": 1150, "color_scheme": "dark"}),
    "console-agreement": ("agreement", "Computed", {}),
    "console-leaderboard": ("leaderboard", "leaderboard.csv", {}),
    "console-study": ("study", "Close now", {}),
    "console-export": ("export", "ratings.csv", {"height": 640}),
    "console-log": ("log", "done by", {"height": 640}),
}
"""By name: the page, words that stand on it when it is there, and how it is looked at."""


def workspace_at_work(root: Path) -> tuple[Workspace, Store]:
    """A workspace with the study of the pictures, two thirds done."""
    workspace = init_workspace(root)
    store = Store.open(workspace.database_url)
    prompts = _prompts()
    store.catalog.add_prompt_set(PromptSet("scenes", prompts))
    for model in (*MODELS, MORE_MODELS[0]):
        store.catalog.add_model(ModelCard(model, "folder"))
        for number, prompt in enumerate(prompts):
            pixels = spoiled(_view(list(SCENES)[number // 2], number % 2), model)
            put_image(store, workspace.images_dir, model, "scenes", prompt.id, pixels)
    for rater in RATERS:
        store.accounts.add(Annotator(rater.name, Role.ANNOTATOR))
    store.accounts.add(Annotator("nora", Role.ANNOTATOR))
    store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    store.studies.add(_study())
    _at_work(store, workspace)
    _said_and_done(store)
    return workspace, store


def _prompts() -> tuple[Prompt, ...]:
    texts = [
        (text, "short" if detail else "long") for pair in SCENES.values() for detail, text in enumerate(pair)
    ]
    return tuple(Prompt(prompt_id(i), text, stratum) for i, (text, stratum) in enumerate(texts))


def _view(photo: str, detail: int) -> Image.Image:
    pixels = square(Image.fromarray(np.asarray(getattr(skimage.data, photo)())))
    return pixels.crop((128, 40, 384, 296)).resize((512, 512)) if detail else pixels


def _study() -> Study:
    gold = CheckItem(
        CheckKind.GOLD, prompt_id(0), (MORE_MODELS[0],), {"relevance": (40, 100), "coherence": (20, 90)}
    )
    return Study(
        name=STUDY,
        prompt_set="scenes",
        models=MODELS,
        criteria=load_criteria(nami_1k_study_file()),
        overlap=6,
        languages=("en", "zh"),
        instructions=INSTRUCTIONS,
        check_items=(gold,),
        checks=Checks(gold_every=5),
        contact="lab@uni.example",
    )


def _at_work(store: Store, workspace: Workspace) -> None:
    """Three days of work, by the store's clock."""
    rng = np.random.default_rng(11)
    real, now = store.clock, [datetime.now(UTC) - timedelta(days=3, minutes=40)]
    store.clock = lambda: now[0]
    sessions = {one.name: AnnotationSession(store, workspace.images_dir, STUDY, one.name) for one in RATERS}
    for turn in range(12):
        now[0] = real() - timedelta(days=3 - turn // 3, minutes=40 - turn)
        for rater in RATERS:
            _rate(store, sessions[rater.name], rater, turn, rng)
    store.clock = real


def _rate(
    store: Store, session: AnnotationSession, rater: Rater, turn: int, rng: np.random.Generator
) -> None:
    items = session.state().items
    if not items:
        return
    shown = store.annotation.assignment(items[0].token, rater.name).images[0]
    base = 61 + (QUALITY.get(shown.model, 61) - 61) * rater.sees + rater.severity
    values = {
        one.name: float(np.clip(round(base + rng.normal(0, rater.noise)), 0, 100))
        for one in load_criteria(nami_1k_study_file())
    }
    seam = shown.prompt_id in (prompt_id(6), prompt_id(7)) and rater.name == "mei"
    comment = "the sky has a seam" if seam else ""
    session.submit(
        items[0].token,
        Answers(f"{rater.name}-{turn}", values, {}, comment != "", comment, int(rng.integers(6000, 14000))),
    )


def _said_and_done(store: Store) -> None:
    """What owners do in those days: somebody is invited, written to, paused; an item is decided."""
    store.oversight.pause(STUDY, "omar", "Please call the lab.", by="root")
    flag = store.oversight.flags(STUDY)[0]
    store.messages.write(
        STUDY, "mei", "A seam is a flaw of coherence, not of relevance.", "root", flag.number
    )
    store.messages.answer(STUDY, "mei", "Then I lower coherence, thank you.", "first")
    store.messages.write(STUDY, "lena", "Six fingers are a flaw, also in a drawing.", "root")
    store.announcements.add(STUDY, "The study pauses on Friday from two to four.", "root")
    store.adjudications.decide(
        STUDY, 5, {"relevance": 85.0}, WhyDecided.RATER_ERROR, "Everything asked for is there.", by="root"
    )


if __name__ == "__main__":
    main()
