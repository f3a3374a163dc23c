"""Every command of README.md and docs/ is run here, or says in its page why not.

A fence without a language, or of `sh`, `bash` or `console`, holds commands; anything else is labelled. The blocks of
a page are one story: they run in order, as they stand, in one folder, offline. A fence with `title="FILE"` is
that file of the folder. A comment on the line above says that a block is another matter:

    <!-- run: needs gpu -->             for speed, or memory
    <!-- run: needs network -->         also for weights and data that must be fetched first
    <!-- run: needs quiet machine -->   how a measurement was made
    <!-- run: long -->                  run by `make test-slow`
    <!-- run: serves -->                run; when its page answers it gets Ctrl-C

What is not run must still be a command of the program, with its options.
"""

import csv
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, groupby
from pathlib import Path

import click
import pytest

from nami_bench.cli.app import cli
from nami_bench.config import nami_1k_study_file

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?:<!-- run: (?P<marks>[^\n]*) -->\n)?```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
MARKS = {"needs gpu", "needs network", "needs quiet machine", "long", "serves"}
SECONDS = 600
"""For one block, on the slowest machine."""


@dataclass(frozen=True)
class Block:
    """A fence: where it begins, what it is labelled, what stands above and in it."""

    line: int
    info: str
    marks: frozenset[str]
    text: str

    @property
    def holds_commands(self) -> bool:
        return self.info.partition(" ")[0] in ("", "sh", "bash", "console")

    @property
    def needs(self) -> bool:
        return any(mark.startswith("needs") for mark in self.marks)

    @property
    def file(self) -> str | None:
        found = re.search(r'title="([^"]+)"', self.info)
        return found and found[1]

    @property
    def script(self) -> str:
        """The commands; of a console, what follows its prompts."""
        if self.info != "console":
            return self.text
        return "".join(line[2:] + "\n" for line in self.text.splitlines() if line.startswith("$ "))

    @property
    def shown(self) -> list[str]:
        """Lines that a console shows as printed."""
        lines = self.text.splitlines() if self.info == "console" else ()
        return [line for line in lines if not line.startswith("$ ")]


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    text = page.read_text(encoding="utf-8")
    return tuple(
        Block(
            text.count("\n", 0, match.start("info")) + 1,
            match["info"].strip(),
            frozenset(filter(None, (match["marks"] or "").split(", "))),
            match["text"],
        )
        for match in FENCE.finditer(text)
    )


def commands(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.holds_commands]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


# ---- what must be there before a page's story begins, and what must be there after it ----


Setup = Callable[[Path, Mapping[str, str]], None]


def run(folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(["nami-bench", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def ratings_and_comparisons(folder: Path, environment: Mapping[str, str]) -> None:
    """Files of a study of ratings, and a study of pairs with some answers."""
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


def own_prompts(folder: Path, environment: Mapping[str, str]) -> None:
    (folder / "mine.txt").write_text("a red fox\na blue door in a white wall\n")
    (folder / "products.txt").write_text("".join(f"a photograph of product {n} on a table\n" for n in range(10)))


def small_training(folder: Path, environment: Mapping[str, str]) -> None:
    (folder / "small.toml").write_text(
        next(block.text for block in blocks(ROOT / "docs" / "training.md") if "# small.toml" in block.text)
    )


def has_images(*models: str) -> Callable[[Path], None]:
    """That these models, and no others, have images in the workspace."""

    def check(folder: Path) -> None:
        found = {path.relative_to(folder / "images").parts[0] for path in folder.glob("images/*/*/*/*/*.png")}
        assert found == set(models)

    return check


DEMO = {"README.md", "docs/leaderboards.md", "docs/metrics.md", "docs/studies.md", "docs/plugins.md"}
SETUPS: dict[str, Setup] = {
    "README.md": small_training,
    "docs/leaderboards.md": ratings_and_comparisons,
    "docs/prompts.md": own_prompts,
}
CHECKS = {"docs/generators.md": has_images("shapes-fair", "copied", "painter")}


# ---- running ----

RUN = [page for page in PAGES if any(not (b.needs or "long" in b.marks) for b in commands(page))]
LONG = [page for page in PAGES if any("long" in b.marks for b in commands(page))]


@pytest.fixture
def story(request: pytest.FixtureRequest, tmp_path: Path, offline_environment: Mapping[str, str]) -> "Story":
    """The folder of a page's story, with what the page takes for granted."""
    page: Path = request.param
    if named(page) in DEMO:
        shutil.copytree(request.getfixturevalue("demo_workspace"), tmp_path / "nami-workspace")
    for block in blocks(page):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
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
                visit(process, log)
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


def visit(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a page is announced, and look at it."""
    deadline = time.monotonic() + SECONDS
    while not (found := re.search(r"http://[\w.]+:\d+", log.read_text())):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    with urllib.request.urlopen(found[0], timeout=60) as answer:
        assert answer.status == 200 and b"<title>" in answer.read()


@pytest.mark.parametrize("story", RUN, ids=named, indirect=True)
def test_the_commands_of_a_page_run(story: Story) -> None:
    story.run(long=False)


@pytest.mark.slow
@pytest.mark.parametrize("story", LONG, ids=named, indirect=True)
def test_the_long_commands_of_a_page_run(story: Story) -> None:
    story.run(long=True)


# ---- what is not run ----


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_mark_is_known_and_stands_above_commands(page: Path) -> None:
    marked = [block for block in blocks(page) if block.marks]
    assert all(block.holds_commands and block.marks <= MARKS for block in marked)
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- run:") == len(marked)
    assert len(re.findall("^ *```", text, re.MULTILINE)) == 2 * len(blocks(page)), "a fence is not seen"


def simple_commands(script: str) -> Iterator[list[str]]:
    """The words of each command of a script without quoting tricks."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for punctuation, words in groupby(lexer, lambda word: set(word) <= set("|&;<>()")):
            found = list(words)
            if not punctuation and found:
                yield found


def check_nami_bench(arguments: list[str]) -> None:
    """The program's own parser takes it: command, options, their values, what is required."""
    context = cli.make_context("nami-bench", arguments)
    command: click.Command = cli
    while isinstance(command, click.Group):
        left = [*context._protected_args, *context.args]
        if not left:  # `geneval DIR`: the group made its other command's context
            break
        name, found, rest = command.resolve_command(context, left)
        assert found is not None
        context = found.make_context(name, rest, context)
        command = context.command


def check_make(arguments: list[str]) -> None:
    subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True)


def check_pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in re.findall(r"\[(.*?)\]", " ".join(arguments)):
        assert set(extra.split(",")) <= set(extras)


def check_python(arguments: list[str]) -> None:
    if arguments[:2] == ["-m", "nami_bench"]:
        check_nami_bench(arguments[2:])
    elif arguments[0] != "-m":
        usage = subprocess.run(
            [sys.executable, ROOT / arguments[0], "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert all(word.partition("=")[0] in usage for word in arguments[1:] if word.startswith("-"))


def check_accelerate(arguments: list[str]) -> None:
    if "-m" in arguments:
        check_python(arguments[arguments.index("-m") :])


CHECKED: dict[str, Callable[[list[str]], None]] = {
    "nami-bench": check_nami_bench,
    "make": check_make,
    "pip": check_pip,
    "python": check_python,
    "python3": check_python,
    "accelerate": check_accelerate,
}
UNCHECKED = {".", "export", "git", "cd"}


@pytest.mark.parametrize("page", [p for p in PAGES if any(b.needs for b in commands(p))], ids=named)
def test_commands_that_need_a_gpu_or_a_network_exist(page: Path) -> None:
    for block in commands(page):
        if not block.needs:
            continue
        for words in simple_commands(block.script):
            name, *arguments = words
            try:
                if name not in UNCHECKED:
                    CHECKED[name](arguments)
            except (click.ClickException, AssertionError, subprocess.CalledProcessError, KeyError) as error:
                pytest.fail(f"{named(page)}, line {block.line}: {shlex.join(words)}: {error!r}")
