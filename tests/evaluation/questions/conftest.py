"""GenEval 2's toy: a tiny Qwen3-VL, images, questions, and what the authors' code answered.

See tests/data/geneval2/README.md.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Sheet
from tests.support.asked_models import llava_folder as llava_folder
from tests.support.asked_models import qwen_folder as qwen_folder

TOY = Path(__file__).parents[2] / "data" / "geneval2"


def picture(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


@pytest.fixture(scope="session")
def toy_model() -> Path:
    return TOY / "model"


@pytest.fixture(scope="session")
def expected() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((TOY / "expected.json").read_text())
    return found


@pytest.fixture(scope="session")
def sheets() -> list[Sheet]:
    """Ten images and the questions about each."""
    images = json.loads((TOY / "images.json").read_text())
    found = []
    for line in (TOY / "prompts.jsonl").read_text().splitlines():
        row = json.loads(line)
        questions = (Question(n, text, answer) for n, (text, answer) in enumerate(row["vqa_list"]))
        found.append(Sheet(picture(TOY / images[row["prompt"]]), tuple(questions)))
    return found


@pytest.fixture(scope="session")
def whole_prompt_sheets(sheets: list[Sheet]) -> list[Sheet]:
    """The same images, asked whether they show their prompts."""
    prompts = [json.loads(line)["prompt"] for line in (TOY / "prompts.jsonl").read_text().splitlines()]
    return [Sheet(sheet.image, (Question(0, prompt),)) for sheet, prompt in zip(sheets, prompts, strict=True)]
