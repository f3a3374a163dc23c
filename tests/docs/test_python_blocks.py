"""The Python of README.md and docs/ runs; see `docs/command_blocks.py` for what a page may ask for."""

import random
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from command_blocks import PAGES, blocks, named

from nami_bench.config import init_workspace
from nami_bench.domain import Criterion, ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Rating, Study
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.store import Store

CRITERIA = (Criterion("relevance", 0.5, 1, 5), Criterion("aesthetics", 0.5, 1, 5))
LEVELS = {"NAMI-2B": 4, "other": 3, "third": 2}


def drawn_ratings() -> list[Rating]:
    draw = random.Random(0)
    return [
        Rating("pilot", who, model, f"{prompt:05d}", 0, one.name, draw.choice((level - 1, level, level + 1)))
        for who, (model, level), prompt, one in product(
            ("mei", "omar", "tom"), LEVELS.items(), range(6), CRITERIA
        )
    ]


def judgements(folder: Path) -> dict[str, Any]:
    """A file of ratings on 1-5 with its criteria, one of comparisons, and a workspace with the ratings."""
    table = ratings_table(drawn_ratings())
    table[["study", "annotator", "model", "prompt_id", "sample", "criterion", "value"]].to_csv(
        folder / "ratings.csv", index=False
    )
    criteria = "".join(
        f'[[criterion]]\nname = "{c.name}"\nweight = 1\nminimum = 1\nmaximum = 5\n' for c in CRITERIA
    )
    (folder / "criteria.toml").write_text(f'[study]\nname = "pilot"\n{criteria}')
    draw = random.Random(0)
    lines = ["study,annotator,prompt_id,sample,criterion,left,right,outcome"] + [
        f"duel,mei,{prompt:05d},0,relevance,{left},{right},{draw.choice(('left', 'left', 'tie', 'right'))}"
        for prompt in range(20)
        for left, right in combinations(LEVELS, 2)
    ]
    (folder / "comparisons.csv").write_text("\n".join(lines) + "\n")
    workspace = init_workspace(folder / "nami-workspace")
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(
            PromptSet("set", tuple(Prompt(f"{i:05d}", f"a fox {i}") for i in range(6)))
        )
        for model in LEVELS:
            store.catalog.add_model(ModelCard(model, "folder"))
            for prompt in range(6):
                path = f"{model}/set/{prompt:05d}/samples/0000.png"
                store.images.put(
                    ImageRecord(
                        model,
                        "set",
                        f"{prompt:05d}",
                        0,
                        ImageState.DONE,
                        path=path,
                        sha256=path,
                        width=8,
                        height=8,
                    )
                )
        store.studies.add(Study("pilot", "set", tuple(LEVELS), CRITERIA, samples=1))
        store.ratings.add(drawn_ratings())
    return {}


def table_and_criteria(folder: Path) -> dict[str, Any]:
    return {"table": ratings_table(drawn_ratings()), "criteria": CRITERIA}


SETUPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "docs/python.md": judgements,
    "docs/statistics.md": table_and_criteria,
}
"""What a page takes for granted: files in its folder, and names."""
CASES = [
    pytest.param(page, long, id=f"{named(page)}{' long' * long}", marks=[pytest.mark.slow] if long else [])
    for page in PAGES
    for long in (False, True)
    if any(one.holds_python and not one.needs and long == ("long" in one.marks) for one in blocks(page))
]


@pytest.mark.parametrize(("page", "long"), CASES)
def test_the_python_of_a_page_runs(
    page: Path, long: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = SETUPS.get(named(page), lambda folder: {})(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        if block.holds_python and not block.needs and (long or "long" not in block.marks):
            # So that a traceback names the page and its line.
            exec(compile("\n" * block.line + block.text, named(page), "exec"), names)
