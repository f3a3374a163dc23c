"""The options of everything that has intervals."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nami_bench.leaderboard.rows import Precision

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--intervals",
        type=click.Choice(("crossed", "percentile", "bca", "none")),
        default="crossed",
        show_default=True,
        help="How: from the crossed random-effects model, or from a bootstrap.",
    ),
    click.option(
        "--over",
        type=click.Choice(("both", "prompts", "annotators")),
        default="both",
        show_default=True,
        help="What is a sample of many.",
    ),
    click.option("--level", type=float, default=0.95, show_default=True, help="Of intervals and tests."),
    click.option(
        "--replicates",
        type=click.IntRange(50),
        default=1000,
        show_default=True,
        help="Of the bootstrap.",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstrap."),
    click.option(
        "--correction",
        type=click.Choice(("holm", "benjamini-hochberg", "none")),
        default="holm",
        show_default=True,
        help="For testing all pairs of models.",
    ),
)


def precision_options(command: F) -> F:
    """`--intervals`, `--over`, `--level`, `--replicates`, `--seed`, `--correction`; see `precision_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def precision_of(intervals: str, **options: Any) -> "Precision | None":
    """What the options of `precision_options` ask for; None: no intervals."""
    from nami_bench.leaderboard.rows import Precision

    return None if intervals == "none" else Precision(method=intervals, **options)
