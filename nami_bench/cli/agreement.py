"""`nami-bench agreement`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nami_bench.cli.common import echo, parse_pairs, print_json, print_table, workspace_root, write_or_print
from nami_bench.cli.foreign import as_read, foreign_options
from nami_bench.cli.options import (
    MEASUREMENT_LEVELS,
    csv_option,
    json_option,
    raters_option,
    ratings_options,
    without_option,
)

if TYPE_CHECKING:
    from nami_bench.analysis.shown import Shown
    from nami_bench.evaluation.human.agreement import Level
    from nami_bench.export.foreign import Reading


@click.command(
    epilog="Example: nami-bench agreement --study pilot. "
    "Without a workspace: nami-bench agreement --ratings ratings.csv --level ordinal --by model"
)
@ratings_options()
@foreign_options
@without_option
@raters_option
@click.option(
    "--level",
    type=MEASUREMENT_LEVELS,
    default="interval",
    show_default=True,
    help="Of measurement, for alpha: what may be compared of two values.",
)
@click.option("--by", type=click.Choice(("model",)), help="Also by model, on its images alone.")
@click.option("--replicates", type=click.IntRange(50), default=1000, show_default=True, help="For intervals.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the replicates.")
@csv_option("Write every number, one a line.")
@json_option
def agreement(
    study: str | None,
    ratings: Path | None,
    criteria: Path | None,
    scale: tuple[str, ...],
    without: tuple[str, ...],
    raters: tuple[str, ...],
    level: "Level",
    by: Literal["model"] | None,
    replicates: int,
    seed: int,
    csv_file: Path | None,
    as_json: bool,
    reading: "Reading | None",
) -> None:
    """How far annotators agree: Krippendorff's alpha, Fleiss' kappa, intraclass correlations, by criterion.

    And each annotator beside the others (correlation, severity, spread), and what hangs on each of them. Of
    answers to questions: alpha, always nominal, by category.
    """
    from nami_bench.analysis.agreement import agreement as analysed

    found = analysed(
        as_read(ratings, reading, "--ratings"),
        study=study,
        workspace=workspace_root() if ratings is None else None,
        criteria=criteria,
        scale=scale,
        without=without,
        raters=parse_pairs(raters, "--raters"),
        level=level,
        by=by,
        replicates=replicates,
        seed=seed,
    )
    show(found, csv_file, as_json)


def show(found: "Shown", csv_file: Path | None, as_json: bool) -> None:
    """Print a result's tables and notes, or JSON, and write the CSV where one is asked for."""
    if csv_file is not None:
        write_or_print(csv_file, found.to_csv().encode())
    if as_json:
        print_json(found.to_json())
        return
    echo(f"{found.heading}\n")
    for table in found.tables:
        print_table(table.columns, table.rows, table.title, table.numeric, table.whole)
    for note in found.notes:
        echo(f"- {note}")
