"""The program as a whole: help, exit codes, one sentence for an error."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nami_bench.cli.app import COMMANDS, cli
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
