"""Options that several commands share: each is worded once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nami_bench.evaluation.leaderboard.rows import Precision
    from nami_bench.evaluation.leaderboard.scales import Scales

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, dir_okay=False)
MEASUREMENT_LEVELS = click.Choice(("nominal", "ordinal", "interval", "ratio"))
"""Of Krippendorff's alpha: `nami_bench.evaluation.human.agreement.Level`, without an import of it for
--help."""


def together(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which `--help` shows them."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
"""One JSON document on stdout, and nothing else there."""

without_option = click.option(
    "--without", multiple=True, metavar="ANNOTATOR", help="Leave out this annotator; repeatable."
)
"""For every command whose numbers rest on people's judgements; see `leaderboard.left_out`."""

raters_option = click.option(
    "--raters",
    multiple=True,
    metavar="QUESTION=ANSWER",
    help="Only raters who said so of themselves when they came into the study, as expertise=yes or "
    "age=18-30; repeatable. Fewer than five people are not shown.",
)
"""For slices by who rated; see `pipeline.raters`."""

price_options = together(
    click.option(
        "--price",
        "prices",
        multiple=True,
        metavar="[MODEL=]AMOUNT",
        help="Of 1,000 images; without MODEL of all others. Repeatable.",
    ),
    click.option(
        "--price-per-hour",
        "hourly",
        multiple=True,
        metavar="[MODEL=]AMOUNT",
        help="Of the machine: divided by the images that the model makes in an hour. Repeatable.",
    ),
    click.option("--price-note", default="", metavar="TEXT", help="Their currency and date."),
)
"""What images cost; see `amounts`."""


def amounts(given: tuple[str, ...], option: str) -> dict[str, float]:
    """Amounts by model, "" for all others; raises InputError for what is no amount."""
    from nami_bench.errors import InputError

    found: dict[str, float] = {}
    for text in given:
        model, _, amount = text.rpartition("=")
        try:
            found[model] = float(amount)
        except ValueError:
            raise InputError(f"{option} {text!r} is not of the form MODEL=AMOUNT or AMOUNT") from None
    return found


detector_options = together(
    click.option("--detector", help="GenEval's detector: see `nami-bench plugins`."),
    click.option(
        "--detector-option",
        "detector_options",
        multiple=True,
        metavar="KEY=VALUE",
        help="For it; repeatable.",
    ),
)
"""GenEval's detector, and the options that are its own."""

metric_options = together(
    detector_options,
    click.option("--judge", help="What answers the questions of dpg, dsg ...: see `nami-bench plugins`."),
    click.option(
        "--judge-option", "judge_options", multiple=True, metavar="KEY=VALUE", help="For it; repeatable."
    ),
    click.option(
        "-O",
        "--option",
        "options",
        multiple=True,
        metavar="[METRIC.]KEY=VALUE",
        help="For every METRIC, or for the one named; repeatable.",
    ),
)
"""What metrics are made with; see `nami_bench.cli.evaluate.chosen_options`."""

scale_option = click.option(
    "--scale",
    multiple=True,
    metavar="LOW-HIGH",
    help="The scale of the values, as 1-5 or 0..100; NAME=1-5: of one criterion; repeatable.",
)
"""For everything that reads values from a file; see `scale_of`."""


def csv_option(writes: str) -> Callable[[F], F]:
    """`--csv FILE`, as `csv_file`."""
    return click.option("--csv", "csv_file", metavar="FILE", type=FILE, help=writes)


def ratings_options(
    study: str = "Default: the newest study that has ratings.",
    ratings: str = "Take the ratings from a CSV or Parquet file or dataset folder "
    "(see `nami-bench ratings`); needs no workspace.",
) -> Callable[[F], F]:
    """Where ratings come from: `--study` of the workspace, or `--ratings` with `--criteria` and `--scale`."""
    return together(
        click.option("--study", metavar="NAME", help=study),
        click.option("--ratings", metavar="FILE", type=click.Path(path_type=Path), help=ratings),
        click.option(
            "--criteria",
            metavar="FILE.toml",
            type=FILE,
            help="The criteria of --ratings: a study file. Default: the file's own, else NAMI-1K's.",
        ),
        scale_option,
    )


def scale_of(scale: tuple[str, ...]) -> "Scales":
    """What `--scale` says; raises InputError for what is no scale."""
    from nami_bench.evaluation.leaderboard.scales import parse_scales

    return parse_scales(scale)


def limit_options(things: str, kinds: str) -> Callable[[F], F]:
    """`--limit` and `--first`, of a command on `things` that are balanced over `kinds`."""
    return together(
        click.option(
            "--limit",
            metavar="N",
            type=click.IntRange(min=1),
            help=f"Only N {things}, balanced over {kinds}, drawn by --seed: those of a smaller N are among "
            "those of a larger one.",
        ),
        click.option(
            "--first",
            metavar="N",
            type=click.IntRange(min=1),
            help=f"Only the first N {things}, whatever they are.",
        ),
    )


precision_options = together(
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
"""The options of everything that has intervals; see `precision_of`."""


def precision_of(intervals: str, **options: Any) -> "Precision | None":
    """What `precision_options` ask for; None: no intervals."""
    from nami_bench.evaluation.leaderboard.rows import Precision

    return None if intervals == "none" else Precision(method=intervals, **options)
