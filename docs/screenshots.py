"""Take the pictures of the annotation app that the documentation shows: `make screenshots`.

A study of real photographs (scikit-image's, CC0 or public domain) in a workspace of its own, served by the
real program, looked at in Chromium. The pictures go to docs/images/.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, ImageFilter
from playwright.sync_api import sync_playwright

from nami_bench.annotator_app.access import COOKIE
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import (
    Annotator,
    Marking,
    MarkKind,
    ModelCard,
    Prompt,
    PromptSet,
    PromptSubmission,
    Role,
    Study,
    prompt_id,
)
from nami_bench.domain.study import CheckItem, CheckKind
from nami_bench.store import Store
from nami_bench.study_file import load_criteria, nami_1k_study_file
from tests.support.studies import put_image

IMAGES = Path(__file__).parent / "images"
COLORS = 160  # a palette keeps each picture below 300 KB
MODELS = ("model-a", "model-b")
MORE_MODELS = ("model-c", "model-d")
"""Only in the study of orders."""
PHOTOS = {
    "coffee": "a cup of coffee on a wooden table, seen from above, a spoon on the saucer",
    "chelsea": "a close portrait of a ginger cat that looks past the camera",
    "astronaut": "a smiling astronaut in an orange suit before a flag and a model of a space shuttle",
    "rocket": "a rocket on its launch pad at dusk, floodlights, long exposure",
}
PROPOSALS = {
    "a beautiful bird": {},
    "two red kites over a windmill": {"category": "outdoor", "challenge": "viewpoint"},
    "a baker stacks nine round loaves on a blue handcart": {"category": "food", "challenge": "count"},
    "un facteur à bicyclette sur un pont couvert de neige, une lettre bleue à la main": {
        "category": "people",
        "challenge": "hands",
        "language": "fr",
    },
}
INSTRUCTIONS = {
    "en": "Judge the image *as it is*, against the prompt above it.",
    "zh": "对照上方的提示词，按图像*本身*评分。",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        workspace, store = workspace_of_photos(Path(folder) / "bench")
        for study in (_rating(store), _pairs(store), _orders(store), _marks(store)):
            store.studies.add(study)
        with served(workspace, "nami-1k") as address:
            _rating_pictures(browser, store, address)
        _work_through(store, workspace)
        with served(workspace, "nami-1k") as address:
            _proposing_pictures(browser, store, address)
        with served(workspace, "nami-1k-pairs") as address:
            page = visit(browser, store, address, "lena")
            page.locator(".frame img").nth(1).wait_for()
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("t")
            take(page, "pairwise")
        with served(workspace, "nami-1k-orders") as address:
            _order_picture(browser, store, address)
        with served(workspace, "nami-1k-marks") as address:
            _marks_picture(browser, store, address)
        store.close()


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; ends the program where there is none."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        sys.exit("screenshots need Chromium: install Debian's `chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def _order_picture(browser: Any, store: Store, address: str) -> None:
    page = visit(browser, store, address, "lena")
    page.locator(".frame img").nth(3).wait_for()
    for key in ("3", "1", "Shift+Digit2", "4", "2", "4"):
        page.keyboard.press(key)
    take(page, "ranking")


def _marks_picture(browser: Any, store: Store, address: str) -> None:
    page = visit(browser, store, address, "lena")
    image = page.locator(".frame img")
    image.wait_for()
    box = image.bounding_box()
    for kind, x, y in ((0, 0.33, 0.33), (0, 0.62, 0.7), (1, 0.5, 0.2)):
        page.locator(".kind").nth(kind).click()
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.locator(".word").nth(4).click()
    page.locator(".word").nth(5).click()
    page.keyboard.type("45")
    take(page, "marks")


def _rating_pictures(browser: Any, store: Store, address: str) -> None:
    page = visit(browser, store, address, "lena")
    _type(page, "90", "20", "35", "55", "Enter")
    page.wait_for_selector("table.feedback")
    take(page, "feedback")
    _type(page, "Enter")
    page.wait_for_selector("[data-part=phase]", state="hidden")
    page.wait_for_selector(".frame img")
    _type(page, "85", "72", "ArrowDown", "x", "3", "6")
    take(page, "annotate")
    _type(page, "?")
    take(page, "keys")
    page.context.close()

    page = visit(browser, store, address, "mei", locale="zh-CN", color_scheme="dark", width=768, height=1024)
    _type(page, "15", "20", "30", "40", "Enter")
    page.wait_for_selector("table.feedback")
    _type(page, "Enter")
    page.wait_for_selector("[data-part=phase]", state="hidden")
    page.wait_for_selector(".frame img")
    _type(page, "88", "76", "64")
    take(page, "annotate-zh-tablet")
    page.context.close()


def _proposing_pictures(browser: Any, store: Store, address: str) -> None:
    for number, (text, tags) in enumerate(PROPOSALS.items()):
        store.proposals.add(
            PromptSubmission(f"picture{number}", text, "CC0-1.0", "", store.clock(), "mei", tags)
        )
    store.proposals.refuse("picture0", "root", "Which bird? Annotators could not tell.")
    store.proposals.accept("picture1", "root", "two red kites above a windmill, seen from below")
    page = visit(browser, store, address + "/admin/prompts", "root", height=1240)
    page.get_by_text(list(PROPOSALS)[-1]).locator("visible=true").first.click()
    page.get_by_role("button", name="Refuse").wait_for()
    take(page, "submissions")
    page = visit(browser, store, address + "/propose", "mei", height=1010)
    page.locator("#text").fill("a baker stacks nine round loaves on a blue handcart at dawn")
    page.get_by_label("Category").select_option("food")
    page.get_by_label("count", exact=True).check()
    page.wait_for_selector(".finding.near")
    take(page, "propose")


def _type(page: Any, *keys: str) -> None:
    for key in keys:
        for press in key if key.isdigit() else [key]:
            page.keyboard.press(press)


def visit(
    browser: Any, store: Store, address: str, name: str, width: int = 1280, height: int = 720, **looks: Any
) -> Any:
    context = browser.new_context(viewport={"width": width, "height": height}, **{"locale": "en-US", **looks})
    origin = re.sub(r"(//[^/]+).*", r"\1", address)
    context.add_cookies([{"name": COOKIE, "value": store.logins.open_session(name), "url": origin}])
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(".frame img, dialog[open], #study input, .proposal")
    if page.locator("dialog[open]").count():
        page.keyboard.press("Escape")
        page.wait_for_selector(".frame img")  # what has no image yet cannot be submitted
    return page


def take(page: Any, name: str) -> None:
    """The picture `name` of a page as it is."""
    page.wait_for_timeout(300)
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def workspace_of_photos(root: Path) -> tuple[Workspace, Store]:
    """A workspace with images by two models for each photograph, and three accounts."""
    workspace = init_workspace(root)
    store = Store.open(workspace.database_url)
    prompts = tuple(Prompt(prompt_id(i), text, "photo") for i, text in enumerate(PHOTOS.values()))
    store.catalog.add_prompt_set(PromptSet("photos", prompts))
    for model in (*MODELS, *MORE_MODELS):
        store.catalog.add_model(ModelCard(model, "folder"))
        for prompt, photo in zip(prompts, PHOTOS, strict=True):
            pixels = spoiled(square(Image.fromarray(np.asarray(getattr(skimage.data, photo)()))), model)
            put_image(store, workspace.images_dir, model, "photos", prompt.id, pixels)
    for name, role in (("lena", Role.ANNOTATOR), ("mei", Role.ANNOTATOR), ("root", Role.ADMINISTRATOR)):
        store.accounts.add(Annotator(name, role))
    return workspace, store


def spoiled(pixels: Image.Image, model: str) -> Image.Image:
    if model == MODELS[1]:
        return pixels.filter(ImageFilter.GaussianBlur(3)).quantize(12).convert("RGB")
    if model == MORE_MODELS[0]:
        return pixels.filter(ImageFilter.ModeFilter(9))
    return pixels.convert("L").convert("RGB") if model == MORE_MODELS[1] else pixels


def square(photo: Image.Image) -> Image.Image:
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return photo.convert("RGB").crop((left, top, left + side, top + side)).resize((512, 512))


def _rating(store: Store) -> Study:
    example = CheckItem(
        CheckKind.TRAINING,
        prompt_id(3),
        (MODELS[1],),
        {"relevance": (70, 100), "coherence": (0, 40), "aesthetics": (10, 50)},
        feedback={
            "en": "Everything that was asked for is there, but no edge of the rocket is drawn sharply."
        },
    )
    return Study(
        name="nami-1k",
        prompt_set="photos",
        models=MODELS,
        criteria=load_criteria(nami_1k_study_file()),
        overlap=2,
        languages=("en", "zh"),
        instructions=INSTRUCTIONS,
        check_items=(example,),
    )


def _pairs(store: Store) -> Study:
    return replace(_rating(store), name="nami-1k-pairs", mode="pairwise", check_items=())


def _orders(store: Store) -> Study:
    asked = _rating(store).criteria[:2]
    models = (*MODELS, *MORE_MODELS)
    orders = replace(_pairs(store), name="nami-1k-orders", mode="ranking", models=models)
    return replace(orders, criteria=asked)


def _marks(store: Store) -> Study:
    marking = Marking((MarkKind("artifact"), MarkKind("misalignment")), words=True)
    return replace(_rating(store), name="nami-1k-marks", check_items=(), instructions={}, marks=marking)


def _work_through(store: Store, workspace: Workspace) -> None:
    """Let both annotators rate most of the study, so that there is something to administer."""
    rng = np.random.default_rng(7)
    names = [criterion.name for criterion in load_criteria(nami_1k_study_file())]
    for name, severity in (("lena", 0), ("mei", 9)):
        session = AnnotationSession(store, workspace.images_dir, "nami-1k", name)
        for turn in range(6):
            items = session.state().items
            if not items:
                break
            model = store.annotation.assignment(items[0].token, name).images[0].model
            base = {"model-a": 82, "model-b": 38}[model] - severity
            values = {c: float(np.clip(round(base + rng.normal(0, 7)), 0, 100)) for c in names}
            comment = "the spoon has two handles" if turn == 2 and name == "mei" else ""
            duration = int(rng.integers(6000, 14000))
            session.submit(
                items[0].token, Answers(f"{name}-{turn}", values, {}, comment != "", comment, duration)
            )


@contextmanager
def served(workspace: Workspace, study: str) -> Iterator[str]:
    """The address where the real program serves a study."""
    command = [sys.executable, "-m", "nami_bench", "--workspace", str(workspace.root), "annotate"]
    with subprocess.Popen(
        [*command, "--study", study, "--port", "0"], stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if found := re.search(r"at (http://\S+)", line):
                    yield found[1]
                    break
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
