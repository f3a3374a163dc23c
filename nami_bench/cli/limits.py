"""--limit and --first: a part of a set, balanced or the first."""

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


def limit_options(things: str, kinds: str) -> Callable[[Command], Command]:
    """Both options, of a command on `things` that are balanced over `kinds`."""
    limit = click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=1),
        help=f"Only N {things}, balanced over {kinds}, drawn by --seed: those of a smaller N are among those "
        "of a larger one.",
    )
    first = click.option(
        "--first",
        metavar="N",
        type=click.IntRange(min=1),
        help=f"Only the first N {things}, whatever they are.",
    )
    return lambda command: limit(first(command))
