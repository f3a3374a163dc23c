"""`--without`, for every command whose numbers rest on people's judgements."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def without_option(command: F) -> F:
    """Add the option; the command gets `without`, a tuple of names (see `leaderboard.left_out`)."""
    return click.option(
        "--without", multiple=True, metavar="ANNOTATOR", help="Leave out this annotator; repeatable."
    )(command)
