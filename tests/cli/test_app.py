"""The program as a whole: help, exit codes, one sentence for an error."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nami_bench.cli.app import COMMANDS, cli
from nami_bench.cli.folder_command import FolderOrCommand
from tests.support.program import nami_bench


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += _commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", _commands(cli), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    has_subcommands = "Commands:" in result.output
    assert has_subcommands or f"nami-bench {' '.join(path)}" in result.output.split("Options:")[1]


def _lowest(group: click.Command) -> Iterator[click.Command]:
    yield group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            yield from _lowest(group.get_command(context, name) or group)
    if isinstance(group, FolderOrCommand):
        yield group.on_folder


def test_a_short_option_is_short_for_one_long_option_everywhere() -> None:
    long: dict[str, set[str]] = {}
    for command in _lowest(cli):
        for option in (one for one in command.params if isinstance(one, click.Option)):
            for short in (name for name in option.opts if not name.startswith("--")):
                long.setdefault(short, set()).update(name for name in option.opts if name.startswith("--"))
    assert {"-o", "-O", "-v", "-q"} <= long.keys()
    assert {short: names for short, names in long.items() if len(names) != 1} == {}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("models", "add", "m", "--adapter", "shapes", "-o", "size=64"), "-O"),
        (("evaluate", "fid", "-o", "reference=x"), "-O"),
        (("leaderboard", "-O", "board.csv"), "-o"),
    ],
)
def test_who_takes_one_for_the_other_is_told(tmp_path: Path, words: tuple[str, ...], meant: str) -> None:
    done = nami_bench(*words, cwd=tmp_path)
    assert done.returncode == 2 and f"Did you mean {meant}?" in done.stderr


def test_the_list_of_commands_is_complete() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert all(f"  {name} " in result.output for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["generat"], 2, "unknown command 'generat': did you mean 'generate'"),
        (["models", "list"], 2, "no workspace at"),
        (["generate", "--model", "x"], 2, "Missing option '--prompts'"),
        (["--version"], 0, ""),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = nami_bench(*arguments, cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (code, True)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
