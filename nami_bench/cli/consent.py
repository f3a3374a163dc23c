"""Looking first, and being asked: what commands share that take something away."""

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from nami_bench.cli.common import echo, say

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def dry_run_option(command: F) -> F:
    """`--dry-run`: say what would happen, to the number, and change nothing."""
    return click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")(command)


def yes_option(command: F) -> F:
    """`--yes`: without being asked."""
    return click.option("--yes", is_flag=True, help="Do it without asking.")(command)


def with_consent(
    act: Callable[[bool], T], tell: Callable[[T], Iterable[str]], *, dry_run: bool, yes: bool
) -> T | None:
    """Say what `act(dry_run)` does in the lines of `tell`, and do it where nobody objects; what it did.

    What is said comes from a run that is rolled back. None where nothing was done. Raises InputError where
    nobody said yes and there is no terminal to ask at.
    """
    from nami_bench.errors import InputError

    if dry_run or not yes:
        for line in tell(act(True)):
            echo(line)
    if dry_run:
        say("nothing was changed (--dry-run)")
        return None
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("this cannot be undone and nothing was changed: add --yes to do it")
        if not click.confirm("This cannot be undone. Go on?", err=True):
            say("nothing was changed")
            return None
        return act(False)
    done = act(False)
    for line in tell(done):
        echo(line)
    return done


def counted(number: int, thing: str) -> str:
    """See `nami_bench.domain.english.counted`, which `--help` need not load."""
    from nami_bench.domain.english import counted as in_words

    return in_words(number, thing)
