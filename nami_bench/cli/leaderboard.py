"""`nami-bench leaderboard`."""

import codecs
import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import echo, parse_pairs, print_table, workspace_root, write_or_print
from nami_bench.cli.foreign import as_read, foreign_options
from nami_bench.cli.options import (
    FILE,
    amounts,
    json_option,
    precision_options,
    price_options,
    raters_option,
    ratings_options,
    without_option,
)

if TYPE_CHECKING:
    from nami_bench.evaluation.leaderboard.rows import Leaderboard
    from nami_bench.export.foreign import Reading

_FORMATS = ("table", "csv", "csv-long", "csv-wide", "json", "markdown", "model-card", "latex", "html")


@click.command(
    epilog="Example: nami-bench leaderboard --published -o leaderboard.html. "
    "Without a workspace: nami-bench leaderboard --ratings ratings.csv --format csv"
)
@ratings_options()
@foreign_options
@click.option("--prompts", metavar="SET", help="Only this prompt set. With --ratings: its file.")
@click.option("--stratum", metavar="S", help="Only the prompts of this stratum: short, community, long ...")
@click.option(
    "--by",
    multiple=True,
    metavar="KIND",
    help="Totals by stratum, task (GenEval's) or a prompt tag, too; repeatable. Default: stratum, task.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only samples 0 to N-1 of each prompt count, in human and automatic scores.",
)
@without_option
@raters_option
@click.option("--sort", metavar="COLUMN", help="Rank by this column, named as in a CSV form. Default: total.")
@click.option("--published", is_flag=True, help="Add the rows that NAMI-1K's authors published, apart.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMATS),
    help="Default: by the ending of -o, else table. csv is short, csv-long has a line for each number, "
    "csv-wide a column; model-card writes a file for each model into the folder -o.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FILE,
    help="File to write; default: stdout.",
)
@price_options
@precision_options
@json_option
def leaderboard(
    study: str | None,
    ratings: Path | None,
    criteria: Path | None,
    scale: tuple[str, ...],
    prompts: str | None,
    stratum: str | None,
    by: tuple[str, ...],
    samples: int | None,
    without: tuple[str, ...],
    raters: tuple[str, ...],
    sort: str | None,
    published: bool,
    format_: str | None,
    output: Path | None,
    prices: tuple[str, ...],
    hourly: tuple[str, ...],
    price_note: str,
    as_json: bool,
    reading: "Reading | None",
    **precision: Any,
) -> None:
    """Models by human scores (0-100) and automatic scores.

    Human scores come with intervals, the places a model may have, and groups of models that were not told
    apart. A star marks models of which something is missing. Scores of different instruments (GenEval's
    detectors) are in different columns, and published rows are never ranked with measured ones.
    """
    from nami_bench.analysis.leaderboard import leaderboard as analysed

    chosen = _choose_format(format_, output, as_json)
    found = analysed(
        as_read(ratings, reading, "--ratings"),
        study=study,
        workspace=workspace_root() if ratings is None else None,
        criteria=criteria,
        scale=scale,
        prompts=prompts,
        stratum=stratum,
        by=by,
        samples=samples,
        without=without,
        raters=parse_pairs(raters, "--raters"),
        sort=sort,
        published=published,
        price=amounts(prices, "--price"),
        price_per_hour=amounts(hourly, "--price-per-hour"),
        price_note=price_note,
        **precision,
    )
    if output is not None:
        for file, data in _files(found.board, output, chosen).items():
            write_or_print(file, data)
    elif chosen == "table":
        print_leaderboard(found.board)
    else:
        from nami_bench.export.leaderboard_formats import leaderboard_as

        # The mark is for Excel, which opens files; a program at the other end of a pipe may stumble over it.
        write_or_print(None, leaderboard_as(found.board, chosen).removeprefix(codecs.BOM_UTF8))


def print_leaderboard(board: "Leaderboard") -> None:
    """The leaderboard as tables on stdout, with what must be said about it."""
    from nami_bench.export.sections import gap_notes, notes, simulation_notice, title
    from nami_bench.export.text import INCOMPLETE, model_tables, text_tables

    echo(f"Leaderboard: {title(board)}\n")
    notice = simulation_notice(board)
    if notice:
        echo(f"SIMULATED: {notice}\n")
    for table in [*text_tables(board), *model_tables(board)]:
        print_table(table.columns, table.rows, table.title, table.numeric, table.whole)
    for gap in gap_notes(board):
        echo(f"{INCOMPLETE} {gap}")
    for note in notes(board):
        echo(f"- {note}")


def _choose_format(format_: str | None, output: Path | None, as_json: bool) -> str:
    from nami_bench.errors import InputError
    from nami_bench.export.leaderboard_formats import ENDINGS

    if as_json and format_ not in (None, "json"):
        raise InputError(f"--json and --format {format_} contradict each other: give one of them")
    ending = output.suffix.lower() if output else ""
    return "json" if as_json else format_ or ENDINGS.get(ending, "table")


def _files(board: "Leaderboard", output: Path, format_: str) -> Mapping[Path, bytes]:
    from nami_bench.export.leaderboard_formats import leaderboard_files

    if format_ != "table":
        return leaderboard_files(board, output, format_)
    with redirect_stdout(io.StringIO()) as text:
        print_leaderboard(board)
    return {output: text.getvalue().encode()}
