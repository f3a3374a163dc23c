"""`nami-bench leaderboard`."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import echo, open_bench, print_table, write_or_print
from nami_bench.cli.options import (
    FILE,
    json_option,
    precision_of,
    precision_options,
    ratings_options,
    refuse_file_options,
    scale_of,
    without_option,
)

if TYPE_CHECKING:
    from nami_bench.evaluation.leaderboard.rows import Leaderboard

_FORMATS = ("table", "csv", "json", "markdown", "latex", "html")
_ENDINGS = {"md": "markdown", "tex": "latex"}


@click.command(
    epilog="Example: nami-bench leaderboard --published -o leaderboard.html. "
    "Without a workspace: nami-bench leaderboard --ratings ratings.csv --format csv"
)
@ratings_options()
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
@click.option("--sort", metavar="COLUMN", help="Rank by this column, named as in the CSV. Default: total.")
@click.option("--published", is_flag=True, help="Add the rows that NAMI-1K's authors published, apart.")
@click.option(
    "--format", "format_", type=click.Choice(_FORMATS), help="Default: by the ending of -o, else table."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FILE,
    help="File to write; default: stdout.",
)
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
    sort: str | None,
    published: bool,
    format_: str | None,
    output: Path | None,
    as_json: bool,
    **precision: Any,
) -> None:
    """Models by human scores (0-100) and automatic scores.

    Human scores come with intervals, the places a model may have, and groups of models that were not told
    apart. A star marks models of which something is missing. Scores of different instruments (GenEval's
    detectors) are in different columns, and published rows are never ranked with measured ones.
    """
    chosen = _choose_format(format_, output, as_json)
    wanted = {
        "study": study,
        "stratum": stratum,
        "sort": sort,
        "by": by,
        "without": without,
        "samples": samples,
        "precision": precision_of(**precision),
    }
    if ratings is None:
        board = _of_workspace(criteria, scale, prompts, **wanted)
    else:
        board = _of_file(ratings, criteria, scale, prompts, **wanted)
    if published:
        from nami_bench.pipeline.published import with_published

        board = with_published(board)
    if chosen == "table" and output is None:
        print_leaderboard(board)
    else:
        write_or_print(output, _rendered(board, chosen))
        if chosen == "csv" and output is not None and board.models:
            from nami_bench.export.origin_text import provenance_csv

            write_or_print(output.with_suffix(".provenance.csv"), provenance_csv(board))


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

    if as_json and format_ not in (None, "json"):
        raise InputError(f"--json and --format {format_} contradict each other: give one of them")
    ending = output.suffix.lower().removeprefix(".") if output else ""
    ending = _ENDINGS.get(ending, ending)
    return "json" if as_json else format_ or (ending if ending in _FORMATS else "table")


def _of_workspace(
    criteria: Path | None, scale: tuple[str, ...], prompts: str | None, **wanted: Any
) -> "Leaderboard":
    from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store

    refuse_file_options(criteria, scale)
    with open_bench() as bench:
        return leaderboard_from_store(bench.store, prompt_set=prompts, **wanted)


def _of_file(
    ratings: Path, criteria: Path | None, scale: tuple[str, ...], prompts: str | None, **wanted: Any
) -> "Leaderboard":
    from nami_bench.export.ratings_source import load_ratings
    from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings
    from nami_bench.prompts.files import load_prompt_set

    table, chosen = load_ratings(ratings, criteria, scale_of(scale), wanted["study"])
    prompt_set = load_prompt_set(Path(prompts)) if prompts else None
    return leaderboard_from_ratings(table, chosen, prompt_set=prompt_set, **wanted)


def _rendered(board: "Leaderboard", format_: str) -> bytes:
    if format_ != "table":
        from nami_bench.export.formats import rendered

        return rendered(board, format_)
    with redirect_stdout(io.StringIO()) as text:
        print_leaderboard(board)
    return text.getvalue().encode()
