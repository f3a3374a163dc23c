"""What the pictures of a study tell about their models beside what they show."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import (
    Annotator,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
    prompt_id,
)
from nami_bench.images import inspect_image
from nami_bench.store import Store

PROMPTS = 10
SIDES = {"renderer": 256, "network": 64}


def picture(model: str, number: int) -> Image.Image:
    """A few flat shapes, or what a small network draws: noise that hardly compresses."""
    side, rng = SIDES[model], np.random.default_rng(number)
    if model == "network":
        return Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8))
    image = Image.new("RGB", (side, side), "white")
    for _ in range(1 + number % 3):
        x, y = rng.integers(0, side // 2, 2).tolist()
        ImageDraw.Draw(image).ellipse((x, y, x + 60, y + 60), fill=(x, y, 90))
    return image


@dataclass(frozen=True)
class Demo:
    """A workspace like the demo's: models of two sizes, whose images compress very differently."""

    workspace: Workspace
    store: Store
    study: Study

    def shown(self, **changes: object) -> dict[str, list[bytes]]:
        """By model, all images that an annotator of a study with these changes gets."""
        self.store.studies.add(replace(self.study, name="other", **changes))  # type: ignore[arg-type]
        own = AnnotationSession(self.store, self.workspace.images_dir, "other", "ada")
        found: dict[str, list[bytes]] = {model: [] for model in SIDES}
        view = own.state()
        while view.items:
            item = view.items[0]
            model = self.store.annotation.assignment(item.token, "ada").image.model
            found[model].append(own.image_png(item.images[0]))
            view = own.submit(item.token, Answers(item.token, {"quality": 50.0}))
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    workspace = init_workspace(tmp_path / "demo")
    with Store.open(workspace.database_url) as store:
        prompts = tuple(Prompt(prompt_id(i), f"prompt {i}") for i in range(PROMPTS))
        store.catalog.add_prompt_set(PromptSet("set", prompts))
        for model in SIDES:
            store.catalog.add_model(ModelCard(model, "folder"))
            for number, prompt in enumerate(prompts):
                # Formats, metadata and tables of their own, as models' files have.
                file = Path(model) / (f"{prompt.id}.jpg" if model == "network" else f"{prompt.id}.png")
                path = workspace.images_dir / file
                path.parent.mkdir(parents=True, exist_ok=True)
                more = {"quality": 90} if model == "network" else {"dpi": (300, 300)}
                picture(model, number).save(path, **more)  # type: ignore[arg-type]
                stored = inspect_image(path)
                store.images.put(
                    ImageRecord(model, "set", prompt.id, 0, ImageState.DONE, path=file.as_posix(),
                                sha256=stored.sha256, width=stored.width, height=stored.height)
                )  # fmt: skip
        store.accounts.add(Annotator("ada"))
        study = Study("demo", "set", tuple(SIDES), (Criterion("quality", 1),), overlap=1)
        yield Demo(workspace, store, study)


def facts(png: bytes) -> tuple[int, bytes, tuple[bytes, ...]]:
    """What is known without drawing: the length, the header, the kinds of chunks."""
    kinds, at = [], 8
    while at < len(png):
        kinds.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4])
    return len(png), png[16:29], tuple(dict.fromkeys(kinds))


def test_on_a_canvas_neither_size_nor_length_tells_the_model(demo: Demo) -> None:
    """So no classifier of them does better than chance."""
    shown = demo.shown(canvas=64)
    assert {model: len(found) for model, found in shown.items()} == dict.fromkeys(SIDES, PROMPTS)
    assert len({facts(png) for found in shown.values() for png in found}) == 1


def test_where_sizes_may_differ_lengths_still_tell_nothing(demo: Demo) -> None:
    shown = demo.shown(sizes_may_differ=True)
    assert len({len(png) for found in shown.values() for png in found}) == 1
    assert {facts(png)[1][:4] for png in shown["network"]} == {(64).to_bytes(4)}


def test_an_image_longer_than_all_before_makes_later_ones_as_long(demo: Demo) -> None:
    pictures = Pictures()
    files = {one.model: one for one in demo.store.images.find()}

    def length(model: str, study: str = "demo") -> int:
        image = files[model]
        assert image.path is not None and image.sha256 is not None
        return len(pictures.png(study, demo.workspace.images_dir / image.path, image.sha256))

    before, longest = length("renderer"), length("network")
    assert before < longest == length("renderer")
    assert length("renderer", "another study") == before


def test_a_missing_file_does_not_keep_the_others_from_being_shown(demo: Demo) -> None:
    image = demo.store.images.find()[0]
    assert image.path is not None and image.sha256 is not None
    folder = demo.workspace.images_dir
    missing = (folder / "gone.png", "0" * 64)
    png = Pictures().png("demo", folder / image.path, image.sha256, some=lambda: [missing])
    assert png.startswith(b"\x89PNG")
