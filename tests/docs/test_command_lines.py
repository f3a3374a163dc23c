"""Every command of README.md and docs/ is the program's, whether the tests run it or not."""

import ast
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import click
import pytest
from command_blocks import MARKS, PAGES, ROOT, blocks, commands, named

from nami_bench.cli.app import cli


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_mark_is_known_and_stands_above_commands(page: Path) -> None:
    marked = [block for block in blocks(page) if block.marks]
    assert all(
        (block.holds_commands or block.holds_python) and block.marks <= MARKS.keys() for block in marked
    )
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- run:") == len(marked)
    assert len(re.findall("^ *```", text, re.MULTILINE)) == 2 * len(blocks(page)), "a fence is not seen"


def simple_commands(script: str) -> Iterator[list[str]]:
    """The words of each command of a script without quoting tricks; files written into it are left out."""
    script = re.sub(r" > \S+ <<'(\w+)'\n.*?\n\1\n", "\n", script, flags=re.DOTALL)
    script = re.sub(r" > \S+", "", script)
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
    with context:
        while isinstance(command, click.Group):
            left = [*context._protected_args, *context.args]
            if command.invoke_without_command and not left:
                return
            name, found, rest = command.resolve_command(context, left)
            assert found is not None
            context = found.make_context(name, rest, context)
            command = context.command  # of `geneval DIR` it is not the group's


def check_make(arguments: list[str]) -> None:
    subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True)


def check_pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in re.findall(r"\[(.*?)\]", " ".join(arguments)):
        assert set(extra.split(",")) <= set(extras)


def check_python(arguments: list[str]) -> None:
    if arguments[:2] == ["-m", "nami_bench"]:
        check_nami_bench(arguments[2:])
        return
    if arguments[0] == "-m":
        if not arguments[1].startswith("benchmarks."):
            return
        script, arguments = ROOT / arguments[1].replace(".", "/"), arguments[2:]
        script = script / "__main__.py" if script.is_dir() else script.with_suffix(".py")
    else:
        script, arguments = ROOT / arguments[0], arguments[1:]
    given = {word.partition("=")[0] for word in arguments if re.match("--?[a-z]", word)}
    assert given <= options_of(script)


@cache
def options_of(script: Path) -> set[str]:
    """What a script says to its argument parser, without running it: many load torch."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = [call for call in calls if getattr(call.func, "attr", "") == "add_argument"]
    return {word.value for call in added for word in call.args if isinstance(word, ast.Constant)}


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
UNCHECKED = {".", "cat", "cd", "cp", "docker", "export", "git", "mkdir", "openssl", "printf", "ray", "sudo"}


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=named)
def test_commands_exist_with_their_options(page: Path) -> None:
    for block in commands(page):
        for words in simple_commands(block.script):
            name, *arguments = words
            try:
                if "/" in name:
                    assert (ROOT / name).is_file()
                elif name not in UNCHECKED:
                    CHECKED[name](arguments)
            except (click.ClickException, AssertionError, subprocess.CalledProcessError, KeyError) as error:
                pytest.fail(f"{named(page)}, line {block.line}: {shlex.join(words)}: {error!r}")
