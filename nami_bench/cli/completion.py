"""Tab completes plugins and the names of what a workspace holds: models, prompt sets, studies, annotators.

It must be quick and must not disturb: the database is read as it lies on the disk, by the standard library
(to import the store takes longer than a person waits for Tab), nothing is written, and what goes wrong ends
in no suggestions.
"""

import os
import re
import shlex
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote, urlsplit

import click
from click.shell_completion import CompletionItem, shell_complete

from nami_bench import registry
from nami_bench.cli.app import COMPLETION as VARIABLE
from nami_bench.cli.folder_command import FolderOrCommand

Names = Callable[[click.Context], Iterable[str]]


def answer(program: click.Command, asked: str) -> NoReturn:
    """Answer what the shell asks for in the environment, and exit."""
    try:
        code = shell_complete(program, {}, "nami-bench", VARIABLE, asked)
    except Exception:  # a half-written command line: nothing to suggest, and nobody to tell
        code = 1
    sys.exit(code)


def with_suggestions(name: str, command: click.Command) -> click.Command:
    """Let the parameters of the command `name`, and of all below it, know names."""
    _suggest((name,), command)
    return command


def suggestions_for(path: tuple[str, ...], parameter: click.Parameter) -> Names | None:
    """What completes a parameter of the command at `path`; None: what its type knows."""
    if parameter.metavar == "SET":
        return _prompt_sets
    if isinstance(parameter, click.Argument):
        name = str(parameter.name)
        return _ARGUMENTS.get((*path, name)) or _ARGUMENTS.get((path[0], "*", name))
    return next((_OPTIONS[option] for option in parameter.opts if option in _OPTIONS), None)


def _suggest(path: tuple[str, ...], command: click.Command) -> None:
    for parameter in command.params:
        if names := suggestions_for(path, parameter):
            parameter.type = _Named(names, or_file=parameter.metavar == "SET")
    if isinstance(command, FolderOrCommand):
        _suggest(path, command.on_folder)
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            _suggest((*path, name), below)


class _Named(click.ParamType[Any]):
    """The type of a parameter whose values are names."""

    name = "text"

    def __init__(self, names: Names, or_file: bool) -> None:
        self.names, self.or_file = names, or_file

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Those that begin with `incomplete`; files, where they may be meant and no name begins so."""
        found = sorted({name for name in self.names(ctx) if name.startswith(incomplete)})
        if not found and self.or_file:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(_word(name)) for name in found]


def _word(name: str) -> str:
    """bash puts a suggestion on its line as it is; the other shells quote."""
    needs_quotes = os.environ.get(VARIABLE, "").startswith("bash") and re.search(r"[^\w@%+=:,./-]", name)
    return shlex.quote(name) if needs_quotes else name


def _plugins(*groups: str) -> Names:
    return lambda context: {name for group in groups for name in registry.plugins(group)}


def _recorded(table: str) -> Names:
    def names(context: click.Context) -> list[str]:
        database = _database(context.find_root().params.get("workspace"))
        if database is None or not database.is_file():
            return []
        # Without a journal nobody writes: then nothing need be locked, and no file made beside it.
        how = "mode=ro" if Path(f"{database}-wal").exists() else "mode=ro&immutable=1"
        with closing(sqlite3.connect(f"file:{quote(str(database))}?{how}", uri=True, timeout=0.2)) as opened:
            return [name for (name,) in opened.execute(f"SELECT name FROM {table}")]

    return names


def _database(workspace: Path | None) -> Path | None:
    """The workspace's SQLite file; None where it has none."""
    from nami_bench.config import (
        AnnotateConfig,
        DatabaseConfig,
        SubmissionsConfig,
        Workspace,
        find_workspace,
        load_toml,
    )

    root = find_workspace(workspace)
    if not (root / "nami.toml").is_file():
        return None
    section = DatabaseConfig(**load_toml(root / "nami.toml").get("database", {}))
    url = urlsplit(Workspace(root, section, AnnotateConfig(), SubmissionsConfig()).database_url)
    return Path(unquote(url.path[1:])) if url.scheme == "sqlite" else None


_models, _prompt_sets = _recorded("model"), _recorded("prompt_set")
_studies, _annotators = _recorded("study"), _recorded("annotator")

_OPTIONS: dict[str, Names] = {
    "--model": _models,
    "--study": _studies,
    "--annotator": _annotators,
    "--without": _annotators,
    "--adapter": _plugins("generators"),
    "--detector": _plugins("detectors"),
    "--judge": _plugins("judges"),
    "--writer": _plugins("prompt_writers"),
    "--metric": _plugins("metrics"),
}

_ARGUMENTS: dict[tuple[str, ...], Names] = {
    ("evaluate", "metrics"): _plugins("metrics"),
    ("plugins", "show", "name"): _plugins(*registry.GROUPS),
    ("models", "rename", "old"): _models,
    ("models", "remove", "name"): _models,
    ("models", "show", "name"): _models,
    ("study", "*", "name"): _studies,
    ("study", "*", "models"): _models,
    ("study", "*", "annotator"): _annotators,
    ("annotators", "*", "name"): _annotators,
}
"""By command and name of the argument; *: of any command of the group."""
