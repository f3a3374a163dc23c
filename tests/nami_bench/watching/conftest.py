"""Folders of sample images of the shapes world, as a training would leave them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nami_bench import images
from nami_bench.domain import prompt_id
from nami_bench.domain.prompt import Prompt
from nami_bench.geneval_folder import GenEvalFolder
from tests.support.drawn import drawn, shapes_prompts

Draw = Callable[..., Path]


def numbered(count: int) -> list[Prompt]:
    """So many prompts of the shapes world as a set's."""
    return [replace(prompt, id=prompt_id(n)) for n, prompt in enumerate(shapes_prompts(count))]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, with a space and a letter that is not ASCII in its name."""
    folder = tmp_path / "my rün"
    folder.mkdir()
    return folder


@pytest.fixture
def draw(run: Path) -> Draw:
    """`draw("checkpoint-100", 0.5)`: a folder of one image for each of 12 prompts, so many of them wrong."""

    def make(name: str, error_rate: float, count: int = 12, seed: int = 7) -> Path:
        folder = GenEvalFolder(run / name)
        prompts = numbered(count)
        for prompt, image in zip(prompts, drawn(prompts, error_rate, seed=seed), strict=True):
            folder.write_metadata(int(prompt.id), prompt.metadata())
            images.write_png(folder.sample_path(int(prompt.id), 0), image)
        return run / name

    return make
