"""Take the picture of DPG-Bench's page of answers that the documentation shows: `make screenshots`.

Grids of the shapes world with errors planted in some of their images, judged by the analytic judge and looked
at in Chromium.
"""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from docs.screenshots import chromium, take
from nami_bench.domain import Prompt
from nami_bench.evaluation.questions.from_clauses import items_of
from nami_bench.evaluation.questions.graph import Item
from nami_bench.evaluation.questions.grids import Grid
from nami_bench.evaluation.questions.official_csv import COLUMNS
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.prompts.assembly import build_prompt_set

GRID = Grid(columns=2, rows=2, used=4, side=256)
TASKS = {"two_object", "counting", "position", "color_attr"}


def main() -> None:
    prompts = [prompt for prompt in build_prompt_set("shapes-demo").prompts if _is_shown(prompt)]
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name) / "my-model"
        draw(prompts, folder)
        items, _ = items_of(prompts)
        questions = write_table(items, Path(name) / "questions.csv")
        _nami_bench("dpg", folder, "--questions", questions, "--judge", "shapes")
        _nami_bench("dpg", "browse", folder / "results.jsonl")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto((folder / "results-browser" / "index.html").as_uri())
        page.wait_for_selector("img")
        page.wait_for_load_state("networkidle")
        take(page, "dpg-browser")


def _is_shown(prompt: Prompt) -> bool:
    return prompt.stratum == "short" and prompt.task in TASKS


def draw(prompts: Sequence[Prompt], folder: Path) -> None:
    """A grid of four images for each prompt; a third of them have an error."""
    folder.mkdir()
    generator = ShapesGenerator(ShapesGenerator.Options(size=GRID.side, error_rate=0.35))
    for prompt in prompts:
        requests = [GenerationRequest(prompt, cell, seed=cell) for cell in range(GRID.used)]
        sheet = Image.new("RGB", GRID.size)
        for cell, result in enumerate(generator.generate(requests)):
            assert result.image is not None
            row, column = divmod(cell, GRID.columns)
            sheet.paste(result.image, (column * GRID.side, row * GRID.side))
        sheet.save(folder / f"{prompt.id}.png")


def write_table(items: Sequence[Item], path: Path) -> Path:
    """The questions in the form of DPG-Bench's file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(row for item in items for row in _rows(item))
    return path


def _rows(item: Item) -> Iterator[tuple[object, ...]]:
    for question in item.questions:
        parents = ", ".join(map(str, question.parents)) or "0"
        yield item.id, item.prompt, question.id, parents, f"{question.category} ()", question.text


def _nami_bench(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "nami_bench", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
