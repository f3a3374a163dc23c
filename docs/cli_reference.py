"""The reference of the command line, as Markdown, from the program's own commands."""

import inspect
import re
from collections.abc import Iterator

import click

from nami_bench.cli.app import cli


def commands(group: click.Group, parent: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """Every command below a group with its context, groups before their commands."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            # `geneval DIR` is a command of its own beside `geneval summary`.
            context = command.make_context(name, ["."], parent, resilient_parsing=True)
        yield context, context.command
        if isinstance(command, click.Group):
            yield from commands(command, context)


def cli_reference() -> str:
    """The whole page."""
    root = click.Context(cli, info_name="nami-bench")
    parts = [
        "# Command line\n",
        "Written from the program itself; `--help` after any command says the same. Exit codes: 0 done, "
        "1 the work failed (what was done is kept), 2 wrong use or bad input.\n",
        _section(root, cli, level=2),
        *(_section(context, command, level=2) for context, command in commands(cli, root)),
    ]
    return "\n".join(parts)


def _section(context: click.Context, command: click.Command, level: int) -> str:
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    lines = [f"{'#' * level} {context.command_path}\n", f"```text\n{usage}\n```\n", prose(command.help)]
    params = command.get_params(context)
    shown = [p for p in params if isinstance(p, click.Option) and not p.hidden]
    options = [p for p in shown if not {"--help", "--version"} & {*p.opts}]
    if options:
        lines += ["| option | default | |\n|---|---|---|", *(_row(option, context) for option in options), ""]
    if command.epilog:
        lines.append(prose(command.epilog))
    return "\n".join(lines)


def _row(option: click.Option, context: click.Context) -> str:
    names = "/".join(filter(None, (", ".join(option.opts), ", ".join(option.secondary_opts))))
    value = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    extra = option.get_help_extra(context)
    default = f"`{extra['default']}`" if "default" in extra else "required" if option.required else ""
    return f"| {_code(names + value)} | {default} | {prose(option.help).strip()} |"


def prose(text: str | None) -> str:
    """Help as Markdown: what stands in backquotes stays as it is."""
    parts = re.split(r"(`[^`]*`)", inspect.cleandoc(text or ""))
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts) + "\n"


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_<>\[\]|])", r"\\\1", text)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")
