"""From pressing Enter to seeing the next image, in Chromium against `nami-bench annotate` on this machine.

    python -m benchmarks.annotation_screen --items 40 -o docs/results/annotation-screen/result.json

The screen loads images ahead and does not wait for the server. It is compared, in the same page and run, with
what a screen without that would do: ask the server for the next item, then load its image. Exit code 1 where
the median is not below 150 ms.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from nami_bench import __version__
from nami_bench.config import init_workspace
from nami_bench.domain import (
    Annotator,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
    prompt_id,
)
from nami_bench.images import write_png
from nami_bench.store import Store
from nami_bench.study_file import load_criteria, nami_1k_study_file

PROMISE_MS = 150.0
SIDE = 1024
UNHURRIED_MS = 700  # between two items: nobody rates four criteria faster

_SHOWN_AFTER_MS = """() => {
  const last = (name) => performance.getEntriesByName(name).at(-1).startTime;
  return last("shown") - last("submitted");
}"""
_WITHOUT_MS = """async () => {
  const start = performance.now();
  const state = await (await fetch("session")).json();
  const image = new Image();
  image.src = state.items[0].images[0];
  await image.decode();
  return performance.now() - start;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "bench"
        token = make_workspace(root, arguments.items + 5)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            times = measure(root, browser, token, arguments.items)
            version = browser.version
            browser.close()
    result = {
        "command": f"python -m benchmarks.annotation_screen --items {arguments.items}",
        "items": arguments.items,
        "image": f"{SIDE}x{SIDE} noise and shapes",
        "ahead_ms": summary(times["ahead"]),
        "without_ms": summary(times["without"]),
        "ratio_of_medians": round(statistics.median(times["without"]) / statistics.median(times["ahead"]), 1),
        "machine": f"{os.cpu_count()} {platform.machine()} cores, Python {platform.python_version()}",
        "versions": {"nami-bench": __version__, "chromium": version},
    }
    text = json.dumps(result, indent=2) + "\n"
    sys.stdout.write(text)
    if arguments.output is not None:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text)
    sys.exit(statistics.median(times["ahead"]) >= PROMISE_MS)


def summary(times: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum, in milliseconds."""
    return {
        "median": round(statistics.median(times), 1),
        "p95": round(float(np.percentile(times, 95)), 1),
        "max": round(max(times), 1),
    }


def measure(root: Path, browser: Browser, token: str, items: int) -> dict[str, list[float]]:
    """Rate `items` items by keyboard; the times of both ways for each."""
    command = [sys.executable, "-m", "nami_bench", "--workspace", str(root), "annotate", "--port", "0"]
    times: dict[str, list[float]] = {"ahead": [], "without": []}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = next(found[1] for line in server.stderr if (found := re.search(r"at (http://\S+)", line)))
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        log_in(page, address, token)
        for done in range(1, items + 1):
            page.wait_for_timeout(UNHURRIED_MS)
            page.keyboard.type("75806050")
            page.keyboard.press("Enter")
            page.wait_for_selector(f"[data-part=count]:text-matches('^{done} of')")
            page.wait_for_timeout(300)
            times["ahead"].append(page.evaluate(_SHOWN_AFTER_MS))
            times["without"].append(page.evaluate(_WITHOUT_MS))
        server.terminate()
    return times


def log_in(page: Any, address: str, token: str) -> None:
    page.goto(address)
    page.fill("input[name=name]", "ada")
    page.fill("input[name=token]", token)
    page.keyboard.press("Enter")
    page.wait_for_selector(".frame img")


def make_workspace(root: Path, prompts: int, mode: str = "rating") -> str:
    """A study on so many prompts, of one model or of one pair; the token of its annotator."""
    models = ("m",) if mode == "rating" else ("m", "n")
    workspace = init_workspace(root)
    rng = np.random.default_rng(0)
    with Store.open(workspace.database_url) as store:
        shown = tuple(Prompt(prompt_id(i), f"prompt {i}", "short") for i in range(prompts))
        store.catalog.add_prompt_set(PromptSet("p", shown))
        for model in models:
            store.catalog.add_model(ModelCard(model, "folder"))
            for prompt in shown:
                store.images.put(_image(workspace.images_dir, model, prompt.id, rng))
        criteria = load_criteria(nami_1k_study_file())
        if mode != "rating":
            criteria = criteria[:1]
        study = Study("s", "p", models, criteria, mode, overlap=1, break_every=0, languages=("en", "zh"))
        store.studies.add(study)
        return store.accounts.add(Annotator("ada")) or ""


def _image(images_dir: Path, model: str, prompt: str, rng: np.random.Generator) -> ImageRecord:
    path = f"{model}/p/{prompt}/samples/0000.png"
    coarse = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    noise = rng.integers(0, 8, smooth.shape, dtype=np.uint8)
    stored = write_png(images_dir / path, Image.fromarray(smooth // 2 + noise), {})
    return ImageRecord(
        model=model,
        prompt_set="p",
        prompt_id=prompt,
        sample=0,
        state=ImageState.DONE,
        path=path,
        sha256=stored.sha256,
        width=stored.width,
        height=stored.height,
    )


if __name__ == "__main__":
    main()
