"""`nami-bench annotators`."""

import sys

import click

from nami_bench.cli.common import json_option, open_bench, print_json, print_table, say


@click.group()
def annotators() -> None:
    """Those who score: accounts and log-in tokens."""


@annotators.command("add", epilog="Example: nami-bench annotators add lena")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--role",
    type=click.Choice(["annotator", "administrator"]),
    default="annotator",
    show_default=True,
    help="An administrator also sees progress and scores, and adds and pauses annotators.",
)
def add(names: tuple[str, ...], role: str) -> None:
    """Add annotators and print each one's token, once: it is stored only as a hash."""
    from nami_bench.domain import Annotator, Role

    with open_bench() as bench:
        for name in names:
            token = bench.store.add_annotator(Annotator(name, Role(role)))
            click.echo(f"{name}\t{token}")
    say("the second column is the log-in token: hand it over now, it cannot be shown again")


@annotators.command("reset", epilog="Example: nami-bench annotators reset lena")
@click.argument("name")
def reset(name: str) -> None:
    """Give an annotator a new token; the old one ends, and a password, and every log-in."""
    with open_bench() as bench:
        click.echo(f"{name}\t{bench.store.reset_token(name)}")


@annotators.command("password", epilog="Example: nami-bench annotators password lena")
@click.argument("name")
def password(name: str) -> None:
    """Let an annotator log in with a password as well as with the token.

    Asks for it twice, or reads one line where standard input is no terminal.
    """
    from nami_bench.errors import InputError

    if sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    elif not (given := sys.stdin.readline().rstrip("\n")):
        raise InputError("no password on standard input")
    with open_bench() as bench:
        bench.store.set_password(name, given)
    say(f"{name} can log in with the password; `nami-bench annotators reset {name}` takes it away again")


@annotators.command("list", epilog="Example: nami-bench annotators list --json")
@json_option
def list_(as_json: bool) -> None:
    """All annotators, and whether they may log in."""
    with open_bench() as bench:
        found = bench.store.annotators()
    if as_json:
        print_json(
            [
                {"name": a.name, "role": a.role.value, "active": a.active, "excluded": a.excluded}
                for a in found
            ]
        )
    else:
        rows = [
            (
                a.name,
                a.role.value,
                "active" if a.active else "disabled",
                "excluded" if a.excluded else "counted",
            )
            for a in found
        ]
        print_table(("annotator", "role", "log-in", "judgements"), rows)


@annotators.command("disable", epilog="Example: nami-bench annotators disable lena")
@click.argument("name")
def disable(name: str) -> None:
    """Forbid an annotator to log in; their ratings stay."""
    with open_bench() as bench:
        bench.store.set_annotator_active(name, False)
    say(f"{name} is logged out and cannot log in any more; `nami-bench annotators enable {name}` undoes it")


@annotators.command("enable", epilog="Example: nami-bench annotators enable lena")
@click.argument("name")
def enable(name: str) -> None:
    """Let a disabled annotator log in again."""
    with open_bench() as bench:
        bench.store.set_annotator_active(name, True)
    say(f"{name} can log in")
