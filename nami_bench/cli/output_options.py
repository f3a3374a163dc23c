"""-v, -q and --log-file for every command: they may stand before its name or after it."""

from pathlib import Path
from typing import Any

import click

from nami_bench.cli import verbosity
from nami_bench.cli.common import complain
from nami_bench.cli.folder_command import FolderOrCommand

_META = "nami_bench.output"


def take_output_options(command: click.Command, *, hidden: bool = True) -> click.Command:
    """Let `command`, and all below it, take them; `hidden`: without a word in its --help."""
    if not any(parameter.callback is _changed for parameter in command.params):
        command.params += _options(hidden)
    if isinstance(command, FolderOrCommand):
        take_output_options(command.on_folder, hidden=hidden)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            take_output_options(below, hidden=hidden)
    return command


def _changed(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if not value or context.resilient_parsing:
        return
    if _META not in context.meta:
        context.meta[_META] = verbosity.begin(complain)
        context.find_root().call_on_close(verbosity.end)
    assert parameter.name is not None
    context.meta[_META].change(**{parameter.name: value})


def _options(hidden: bool) -> list[click.Parameter]:
    def option(*names: str, **settings: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_changed, hidden=hidden, **settings)

    return [
        option("-v", "--verbose", count=True, help="Say more; -vv: still more."),
        option("-q", "--quiet", is_flag=True, help="Say results and errors only."),
        option(
            "--log-file",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Append to FILE what is done, with times, and the details of unexpected errors.",
        ),
    ]
