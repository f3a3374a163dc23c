"""The commands of README.md and docs/ run; see `docs/command_blocks.py` for what a page may ask for."""

import csv
import os
import random
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, product
from pathlib import Path

import pytest
from command_blocks import PAGES, ROOT, Block, blocks, commands, named

from nami_bench.config import init_workspace
from nami_bench.domain import Annotator, PromptSubmission
from nami_bench.store import Store
from nami_bench.study_file import nami_1k_study_file

SECONDS = 600
"""For one block, on the slowest machine."""
Setup = Callable[[Path, Mapping[str, str]], None]


def run(folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(["nami-bench", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def ratings_and_comparisons(folder: Path, environment: Mapping[str, str]) -> None:
    """Files of a study of ratings, and studies of pairs and of orders with some answers."""
    run(folder, environment, "ratings", "export", "--study", "demo-simulated", "-o", "ratings.csv")
    shutil.copy(folder / "ratings.csv", folder / "pilot.csv")
    shutil.copy(nami_1k_study_file(), folder / "study.toml")
    [pairs] = [block for block in blocks(ROOT / "docs" / "studies.md") if block.file == "pairs.toml"]
    (folder / "pairs.toml").write_text(pairs.text)
    run(folder, environment, "study", "create", "pairs.toml")
    draw = random.Random(0)
    with (folder / "comparisons.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("study", "annotator", "prompt_id", "sample", "criterion", "left", "right", "outcome"))
        for prompt in range(24):
            for left, right in combinations(("shapes-good", "shapes-fair", "shapes-poor"), 2):
                outcome = draw.choice(("left", "left", "tie", "right"))
                lines.writerow(("pairs", "lena", f"{prompt:05d}", 0, "relevance", left, right, outcome))
    run(folder, environment, "ratings", "import", "comparisons.csv")
    some_orders(folder, environment, draw)


def some_orders(folder: Path, environment: Mapping[str, str], draw: random.Random) -> None:
    """A study of orders, and a file of its answers."""
    [orders] = [block for block in blocks(ROOT / "docs" / "studies.md") if block.file == "orders.toml"]
    (folder / "orders.toml").write_text(orders.text)
    run(folder, environment, "study", "create", "orders.toml")
    with (folder / "orders.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("study", "annotator", "trial", "prompt_id", "criterion", "model", "rank"))
        for prompt, annotator in product(range(1, 24), ("lena", "omar")):
            ranks = [draw.choice((1, 1, 2)), draw.choice((1, 2, 3)), draw.choice((2, 3, 3))]
            for model, rank in zip(("shapes-good", "shapes-fair", "shapes-poor"), ranks, strict=True):
                trial = f"{annotator}-{prompt}"
                lines.writerow(("orders", annotator, trial, f"{prompt:05d}", "relevance", model, rank))
    run(folder, environment, "ratings", "import", "orders.csv")


def geneval_results(folder: Path, environment: Mapping[str, str]) -> None:
    """Results files of two models, and one of them once more."""
    for model, name in (("shapes-good", "a.jsonl"), ("shapes-poor", "b.jsonl")):
        images = f"nami-workspace/images/{model}/shapes-demo"
        prompts = "nami-workspace/prompts/shapes-demo.jsonl"
        run(
            folder, environment, "geneval", images, "--detector", "shapes", "--prompts", prompts,
            "--samples", "2", "-o", name,
        )  # fmt: skip
    shutil.copy(folder / "a.jsonl", folder / "results.jsonl")


def foreign_judgements(folder: Path, environment: Mapping[str, str]) -> None:
    """The samples of other people's forms."""
    shutil.copytree(ROOT / "tests" / "data" / "judgements", folder, dirs_exist_ok=True)


def foreign_folders(folder: Path, environment: Mapping[str, str]) -> None:
    """Small folders and prompt files in the forms of public benchmarks."""
    shutil.copytree(ROOT / "tests" / "data" / "prompt_sets", folder / "sets")
    shutil.copytree(ROOT / "tests" / "data" / "image_folders", folder / "layouts")


def own_prompts(folder: Path, environment: Mapping[str, str]) -> None:
    """Files of a reader's own, and small ones in the forms of public sets."""
    shutil.copytree(ROOT / "tests" / "data" / "prompt_sets", folder / "sets")
    (folder / "mine.txt").write_text("a red fox\na blue door in a white wall\n")
    (folder / "products.txt").write_text(
        "".join(f"a photograph of product {n} on a table\n" for n in range(10))
    )


def small_training(folder: Path, environment: Mapping[str, str]) -> None:
    """The first configuration of the page on training."""
    training = blocks(ROOT / "docs" / "training.md")
    (folder / "small.toml").write_text(next(b.text for b in training if b.info.startswith("toml")))


def small_ratings(folder: Path, environment: Mapping[str, str]) -> None:
    """Ratings of three people for two models and a few prompts of the study `first`."""
    draw = random.Random(0)
    with (folder / "ratings.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("study", "annotator", "model", "prompt_id", "sample", "criterion", "value"))
        for annotator, prompt in product(("mei", "nadia", "tom"), range(48)):
            for (model, level), criterion in product({"mine": 70, "baseline": 50}.items(), CRITERIA):
                value = round(draw.gauss(level, 8))
                lines.writerow(("first", annotator, model, f"{prompt:05d}", 0, criterion, value))


def proposed_prompts(folder: Path, environment: Mapping[str, str]) -> None:
    """Prompts that wait, three of them under the page's ids, and enough accepted ones for a set."""
    things = (
        "kettle",
        "ladder",
        "tram",
        "heron",
        "windmill",
        "piano",
        "lemon",
        "bicycle",
        "lantern",
        "anchor",
    )
    texts = {f"accepted{n}": f"a {thing} beside a blue suitcase" for n, thing in enumerate(things)}
    texts |= {
        name: f"an umbrella, number {n}" for n, name in enumerate(("0f3a9c21d4", "5be07712aa", "c81d3e90f6"))
    }
    workspace = init_workspace(folder / "nami-workspace")
    with Store.open(workspace.database_url) as store:
        store.accounts.add(Annotator("mei"))
        for name, text in texts.items():
            store.proposals.add(
                PromptSubmission(
                    name, text, "CC0-1.0", "0" * 64, datetime.now(UTC), "mei", {"category": "outdoor"}
                )
            )
            if name.startswith("accepted"):
                store.proposals.accept(name, "root")


def has_images(folder: str, counts: Mapping[str, int]) -> Callable[[Path], None]:
    """That these models have so many images in the workspace."""

    def check(story: Path) -> None:
        found = Counter(path.relative_to(story / folder).parts[0] for path in (story / folder).rglob("*.png"))
        assert counts.items() <= found.items()

    return check


def has_files(*files: str) -> Callable[[Path], None]:
    def check(story: Path) -> None:
        assert [file for file in files if not (story / file).is_file()] == []

    return check


CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")
DEMO = {"README.md"} | {
    f"docs/{page}.md"
    for page in (
        "geneval",
        "console",
        "crowd",
        "leaderboards",
        "metrics",
        "people",
        "plugins",
        "questions",
        "quickstart",
        "site",
        "studies",
        "study-design",
        "watch",
    )
}
"""Pages whose stories begin in the demo's workspace."""
SETUPS: dict[str, Setup] = {
    "README.md": small_training,
    "docs/formats.md": foreign_judgements,
    "docs/generators.md": foreign_folders,
    "docs/geneval.md": geneval_results,
    "docs/leaderboards.md": ratings_and_comparisons,
    "docs/prompts.md": own_prompts,
    "docs/researchers.md": small_ratings,
    "docs/submissions.md": proposed_prompts,
    "docs/votes.md": foreign_judgements,
}
CHECKS = {
    "docs/generators.md": has_images(
        "images",
        {
            "shapes-fair": 96,
            "copied": 48,
            "painter": 16,
            "mine": 61,
            "dalle3": 3,
            "alpha": 2,
            "gamma": 1,
            "told": 3,
        },
    ),
    "docs/plugins.md": has_images("nami-workspace/images", {"plain": 48}),
    "docs/questions.md": has_files(
        "good/results.jsonl", "dpg.svg", "poor/results-browser/index.html", "shapes.jsonl"
    ),
    "docs/site.md": has_files("pages-of-one/index.html"),
    "docs/researchers.md": has_files("leaderboard.html", "report/index.html", "dataset/data/ratings.parquet"),
}


QUICK: set[str] = set()
"""Pages whose stories every run of the tests plays: none now, each takes ten seconds or more."""


def has(page: Path, long: bool) -> bool:
    """Whether a page has blocks that run, long ones or others."""
    return any(not block.needs and ("long" in block.marks) == long for block in commands(page))


RUN = [
    pytest.param(page, id=named(page), marks=[] if named(page) in QUICK else [pytest.mark.slow])
    for page in PAGES
    if has(page, long=False)
]
LONG = [pytest.param(page, id=named(page)) for page in PAGES if has(page, long=True)]


@pytest.fixture
def story(request: pytest.FixtureRequest, tmp_path: Path, offline_environment: Mapping[str, str]) -> "Story":
    """The folder of a page's story, with what the page takes for granted."""
    page: Path = request.param
    if named(page) in DEMO:
        shutil.copytree(request.getfixturevalue("demo_workspace"), tmp_path / "nami-workspace")
    for block in blocks(page):
        if block.file is not None:
            file = tmp_path / block.file
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    SETUPS.get(named(page), lambda folder, environment: None)(tmp_path, offline_environment)
    packages = str(tmp_path / "site-packages")
    return Story(page, tmp_path, {**offline_environment, "PIP_TARGET": packages, "PYTHONPATH": packages})


@dataclass(frozen=True)
class Story:
    page: Path
    folder: Path
    environment: Mapping[str, str]

    def run(self, long: bool) -> None:
        """All blocks that need nothing special, with the long ones or without."""
        for block in commands(self.page):
            if not block.needs and (long or "long" not in block.marks):
                self.run_block(block)
        CHECKS.get(named(self.page), lambda folder: None)(self.folder)

    def run_block(self, block: Block) -> None:
        log = self.folder / ".log"
        if "serves" in block.marks:
            listen_anywhere(self.folder)
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-eu", "-o", "pipefail", "-c", block.script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            if "serves" in block.marks:
                visit(process, log, "/healthz" if "serve-metrics" in block.script else "")
                os.killpg(process.pid, signal.SIGINT)
            process.wait(SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        said = log.read_text()
        assert process.returncode == 0, f"{named(self.page)}, line {block.line}:\n{block.script}\n{said}"
        for line in block.shown:
            assert line in said, f"{named(self.page)}, line {block.line} shows {line!r}, but:\n{said}"


def listen_anywhere(folder: Path) -> None:
    """Have the workspace served on a free port: the usual one may be somebody's."""
    for settings in folder.rglob("nami.toml"):
        settings.write_text(settings.read_text().replace("# port = 7860", "port = 0"))


def visit(process: subprocess.Popen[bytes], log: Path, path: str) -> None:
    """Wait until an address is announced, and look at a page of it."""
    deadline = time.monotonic() + SECONDS
    while not (found := re.search(r"http://[\w.]+:\d+", log.read_text())):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    with urllib.request.urlopen(found[0] + path, timeout=60) as answer:
        assert answer.status == 200 and (path or b"<title>" in answer.read())


@pytest.mark.parametrize("story", RUN, indirect=True)
def test_the_commands_of_a_page_run(story: Story) -> None:
    story.run(long=False)


@pytest.mark.slow
@pytest.mark.parametrize("story", LONG, indirect=True)
def test_the_long_commands_of_a_page_run(story: Story) -> None:
    story.run(long=True)
