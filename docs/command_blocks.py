"""Blocks of commands in README.md and docs/: what is one, and what it needs to be run.

A fence without a language, or of `sh`, `bash` or `console`, holds commands; any other is labelled. The blocks
of a page are one story: the tests run them in order, as they stand, in one folder, offline. A fence with
`title="FILE"` is that file of the folder. A comment on the line above says that a block is another matter:

    <!-- run: needs gpu -->             for speed, or memory
    <!-- run: needs network -->         also for weights and data that must be fetched first
    <!-- run: needs server -->          changes the machine
    <!-- run: needs yours -->           names a file that readers have and the tests do not
    <!-- run: needs quiet machine -->   how a measurement was made
    <!-- run: long -->                  run by `make test-slow`
    <!-- run: serves -->                run; when its page answers it gets Ctrl-C

A fence of `python` without a title is run, too: the blocks of a page in order, in one interpreter, as in a
notebook (`tests/docs/test_python_blocks.py`), and may have the same comments but for `serves`.

What is not run must still be a command of the program, with its options. `make test` plays the stories of a
few pages and checks the others in this way; `make test-slow` plays them all.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MARKS = {
    "needs gpu": "needs a GPU",
    "needs network": "needs a network, or files from one",
    "needs server": "needs a machine to be set up: Docker, or root",
    "needs yours": "needs a file of yours",
    "needs quiet machine": "needs an otherwise idle machine",
    "long": "takes minutes",
    "serves": "serves until Ctrl-C",
}
"""Each mark, and how the site says it."""
FENCE = re.compile(
    r"^(?:<!-- run: (?P<marks>[^\n]*) -->\n)?```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fence: the line where it begins, its label, the marks above it, its text."""

    line: int
    info: str
    marks: frozenset[str]
    text: str

    @property
    def holds_commands(self) -> bool:
        """Whether a shell is to run it."""
        return self.info.partition(" ")[0] in ("", "sh", "bash", "console")

    @property
    def holds_python(self) -> bool:
        """Whether an interpreter is to run it."""
        return self.info == "python"

    @property
    def needs(self) -> bool:
        """Whether it needs something that the tests do not have."""
        return any(mark.startswith("needs") for mark in self.marks)

    @property
    def file(self) -> str | None:
        """The file that it is."""
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
    """Every fence of a page."""
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
    """The page's blocks of commands."""
    return [block for block in blocks(page) if block.holds_commands]


def named(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(ROOT).as_posix()
