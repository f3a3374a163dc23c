"""A small study of ratings on a scale from 1 to 5 and one of pairs, in files and in a workspace."""

import random
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import (
    Comparison,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Outcome,
    Prompt,
    PromptSet,
    Rating,
    Study,
)
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.export.comparisons_file import comparisons_csv
from nami_bench.export.ratings_file import ratings_csv
from nami_bench.store import Store

CRITERIA = (Criterion("relevance", 0.5, 1, 5), Criterion("aesthetics", 0.5, 1, 5))
LEVELS = {"NAMI-2B": 4, "other": 3, "third": 2}
PROMPTS = PromptSet(
    "set", tuple(Prompt(f"{i:05d}", f"a fox {i}", ("short", "long")[i % 2]) for i in range(6))
)


def drawn_ratings() -> list[Rating]:
    """Of three annotators, all of them on every image."""
    draw = random.Random(0)
    return [
        Rating("pilot", who, model, prompt.id, 0, one.name, float(draw.choice((level - 1, level, level + 1))))
        for who, (model, level), prompt, one in product(
            ("mei", "omar", "tom"), LEVELS.items(), PROMPTS.prompts, CRITERIA
        )
    ]


def drawn_comparisons() -> list[Comparison]:
    """Of one annotator, each two models on every prompt, with ties and a withheld verdict."""
    draw = random.Random(0)
    outcomes = (Outcome.LEFT, Outcome.LEFT, Outcome.TIE, Outcome.RIGHT, Outcome.BOTH_BAD)
    found = [
        Comparison("duel", "mei", prompt.id, 0, one.name, left, right, draw.choice(outcomes))
        for prompt, one, (left, right) in product(PROMPTS.prompts, CRITERIA, combinations(LEVELS, 2))
    ]
    return [*found, Comparison("duel", "tom", "00000", 0, "relevance", "other", "third", None, "other")]


def small_files(folder: Path, ratings: Sequence[Rating] | None = None) -> None:
    """ratings.csv, comparisons.csv, the criteria as criteria.toml, and the prompts as prompts.jsonl."""
    (folder / "ratings.csv").write_bytes(ratings_csv(ratings_table(ratings or drawn_ratings())))
    (folder / "comparisons.csv").write_bytes(comparisons_csv(drawn_comparisons()))
    criteria = "".join(
        f'[[criterion]]\nname = "{c.name}"\nweight = {c.weight}\nminimum = 1\nmaximum = 5\n' for c in CRITERIA
    )
    (folder / "criteria.toml").write_text(f'[study]\nname = "pilot"\n{criteria}')
    (folder / "prompts.jsonl").write_bytes(PROMPTS.to_jsonl())


def small_workspace(folder: Path) -> Workspace:
    """A workspace in `folder` with both studies, `pilot` the ratings and `duel` the pairs."""
    workspace = init_workspace(folder)
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(PROMPTS)
        for model in LEVELS:
            store.catalog.add_model(ModelCard(model, "folder"))
            for prompt in PROMPTS.prompts:
                path = f"{model}/set/{prompt.id}/samples/0000.png"
                store.images.put(
                    ImageRecord(
                        model, "set", prompt.id, 0, ImageState.DONE, path=path, sha256=path, width=8, height=8
                    )
                )
        store.studies.add(Study("pilot", "set", tuple(LEVELS), CRITERIA, samples=1))
        store.studies.add(Study("duel", "set", tuple(LEVELS), CRITERIA, mode="pairwise", samples=1))
        store.ratings.add(drawn_ratings())
        store.comparisons.add(drawn_comparisons())
    return workspace
