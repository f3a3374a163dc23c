"""`nami-bench annotators`."""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, say, who, write_or_print
from nami_bench.cli.consent import counted, dry_run_option, with_consent, yes_option
from nami_bench.cli.options import FILE, json_option

if TYPE_CHECKING:
    from pathlib import Path

    from nami_bench.store import Erasure

ROLES = ("annotator", "administrator", "adjudicator")  # as domain.GIVEN_ROLES, which is slow to load
_TEXTS = (".csv", ".html", ".json", ".jsonl", ".md", ".svg", ".tex", ".txt")


@click.group()
def annotators() -> None:
    """Those who score: accounts and log-in tokens."""


@annotators.command(
    "add", epilog="Examples: nami-bench annotators add lena; nami-bench annotators add 'Jörg Müller'"
)
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="annotator",
    show_default=True,
    help="An administrator also sees progress and scores, and adds and pauses annotators; an adjudicator "
    "does not rate, but decides where annotators disagree.",
)
def add(names: tuple[str, ...], role: str) -> None:
    """Add annotators, all or none, and print each one's token, once: it is stored only as a hash.

    A name is whatever people are called: an e-mail address, two words in quotes, any script. Upper and lower
    case make no difference.
    """
    from nami_bench.domain import Annotator, Role

    people = [Annotator(name, Role(role)) for name in names]
    with open_bench() as bench:
        tokens = bench.store.accounts.add_all(people, by=who())
    for person, token in zip(people, tokens, strict=True):
        echo(f"{person.name}\t{token}")
    say("the second column is the log-in token: hand it over now, it cannot be shown again")


@annotators.command(
    "import",
    epilog="Examples: nami-bench annotators import people.csv -o tokens.csv; "
    "nami-bench annotators import people.csv --dry-run",
)
@click.argument("file", type=FILE)
@click.option("-o", "--output", type=FILE, metavar="FILE.csv", help="File to write; default: stdout.")
@dry_run_option
def import_(file: "Path", output: "Path | None", dry_run: bool) -> None:
    """Add the people of FILE.csv, all or none, and write each new one's token, once, as CSV.

    Its columns are name and, where you like, role (annotator, administrator or adjudicator) and study; who is
    to work on several studies has a line for each. Commas, semicolons and tabs are read. Who has an account
    keeps it and its token, and is assigned.
    """
    from nami_bench.errors import InputError
    from nami_bench.export.people_file import read_people, tokens_csv
    from nami_bench.pipeline.people import add_people

    people = read_people(file)
    if output is not None and output.exists() and not dry_run:
        raise InputError(f"{output} exists already: tokens are shown once, so nothing is overwritten")
    with open_bench() as bench:
        added = add_people(bench.store, people, who(), dry_run=dry_run)
    new = sum(token is not None for _, token in added)
    told = f"{counted(new, 'new account')}, {len(added) - new} there already"
    if dry_run:
        say(f"{told}; nothing was changed (--dry-run)")
        return
    write_or_print(output, tokens_csv(added))
    say(f"{told}; the last column is the log-in token: hand it over now, it cannot be shown again")


@annotators.command("role", epilog="Example: nami-bench annotators role lena administrator")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def role(name: str, role: str) -> None:
    """Make somebody an annotator, an administrator or an adjudicator; what they judged stays."""
    from nami_bench.domain import Role

    with open_bench() as bench:
        bench.store.accounts.set_role(name, Role(role), by=who())
    say(f"{name} is an {role} now")


@annotators.command("reset", epilog="Example: nami-bench annotators reset lena")
@click.argument("name")
def reset(name: str) -> None:
    """Give an annotator a new token; the old one ends, and a password, and every log-in."""
    with open_bench() as bench:
        echo(f"{bench.store.accounts.get(name).name}\t{bench.store.logins.reset_token(name, by=who())}")


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
        bench.store.logins.set_password(name, given)
    undo = f"nami-bench annotators reset {quote(name)}"
    say(f"{name} can log in with the password; `{undo}` takes it away again")


@annotators.command("list", epilog="Example: nami-bench annotators list --json")
@json_option
def list_(as_json: bool) -> None:
    """All annotators, and whether they may log in."""
    with open_bench() as bench:
        found = bench.store.accounts.all()
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
        bench.store.accounts.set_active(name, False, by=who())
    undo = f"nami-bench annotators enable {quote(name)}"
    say(f"{name} is logged out and cannot log in any more; `{undo}` undoes it")


@annotators.command("enable", epilog="Example: nami-bench annotators enable lena")
@click.argument("name")
def enable(name: str) -> None:
    """Let a disabled annotator log in again."""
    with open_bench() as bench:
        bench.store.accounts.set_active(name, True, by=who())
    say(f"{name} can log in")


@annotators.command(
    "erase",
    epilog="Examples: nami-bench annotators erase lena --dry-run; "
    "nami-bench annotators erase lena --keep-ratings --yes",
)
@click.argument("name")
@click.option(
    "--keep-ratings",
    is_flag=True,
    help="Keep ratings, verdicts and flags under a random pseudonym. Default: they go, too.",
)
@dry_run_option
@yes_option
@json_option
def erase(name: str, keep_ratings: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase a person: account, log-ins, comments, what they proposed, and what they judged.

    The name leaves the database and its file; accepted prompts stay, without an author. Items count again as
    open for others. Reports and exports that were written before, backups and logs are yours to see to: those
    in the workspace's reports folder that hold the name are listed.
    """
    from nami_bench.domain import matching_name

    with open_bench() as bench:
        if not dry_run and bench.store.erasures.owes_wiping():
            bench.store.erasures.wipe_traces()
            say("an earlier erasure is finished: its traces are out of the database now")
            if matching_name("annotator", name, [one.name for one in bench.store.accounts.all()]) is None:
                return  # that was what it had left to do
        name = bench.store.accounts.get(name).name

        def act(dry: bool) -> "Erasure":
            return bench.store.erasures.erase(name, keep_ratings=keep_ratings, dry_run=dry, by=who())

        done = _erased(act, dry_run=dry_run, yes=yes, as_json=as_json)
        for path in _files_naming(name, bench.workspace.reports_dir):
            say(f"{path} holds the name: delete it or write it anew")
        if done:
            bench.store.erasures.wipe_traces()
            say("erased, in the database and in its file")


def _erased(act: "Callable[[bool], Erasure]", *, dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Whether it was done."""
    from nami_bench.pipeline.people import erasure_lines

    if dry_run and as_json:
        print_json({"dry_run": True, **asdict(act(True))})
        return False
    done = with_consent(act, (lambda found: ()) if as_json else erasure_lines, dry_run=dry_run, yes=yes)
    if done is not None and as_json:
        print_json({"dry_run": False, **asdict(done)})
    return done is not None


def _files_naming(name: str, folder: "Path") -> "Iterator[Path]":
    """Texts below a folder in which the name stands as a word."""
    from nami_bench.domain import name_in_text

    word = name_in_text(name)
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.suffix in _TEXTS and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if any(word.search(form) for form in _readings(text)):
                yield path


def _readings(text: str) -> "Iterator[str]":
    """The text as it is, and with what HTML, JSON and Markdown write in other characters."""
    from html import unescape

    def character(escape: "re.Match[str]") -> str:
        return chr(int(escape[1], 16))

    for form in (
        text,
        unescape(text),
        re.sub(r"\\u([0-9a-fA-F]{4})", character, text),
        text.replace("\\", ""),
    ):
        yield unicodedata.normalize("NFC", form)
