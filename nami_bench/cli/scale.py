"""The option of everything that reads values from a file: on which scale they are."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nami_bench.leaderboard.scales import Scales

F = TypeVar("F", bound=Callable[..., Any])


def scale_option(command: F) -> F:
    """`--scale`: `scale_of` makes `Scales` of its value."""
    return click.option(
        "--scale",
        multiple=True,
        metavar="LOW-HIGH",
        help="The scale of the values, as 1-5 or 0..100; NAME=1-5: of one criterion; repeatable.",
    )(command)


def scale_of(scale: tuple[str, ...]) -> "Scales":
    """What `--scale` says; raises InputError for what is no scale."""
    from nami_bench.leaderboard.scales import parse_scales

    return parse_scales(scale)
