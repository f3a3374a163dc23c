"""`nami-bench strengths`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, write_or_print
from nami_bench.cli.options import csv_option, json_option, without_option

if TYPE_CHECKING:
    from nami_bench.domain import Comparison
    from nami_bench.evaluation.human.bradley_terry import Ties
    from nami_bench.evaluation.human.ratings_array import RatingsArray
    from nami_bench.evaluation.human.strength_errors import Errors


@click.command(
    epilog="Example: nami-bench strengths --study duel --side --csv duel.csv. "
    "Without a workspace: nami-bench strengths --comparisons comparisons.csv"
)
@click.option("--study", metavar="NAME", help="Default: the newest study of pairs.")
@click.option(
    "--comparisons",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take them from a CSV or Parquet file or dataset folder (see `nami-bench ratings`); "
    "needs no workspace.",
)
@click.option(
    "--beside", metavar="STUDY", help="A study of ratings of the same models: how far the two agree."
)
@without_option
@click.option("--side", is_flag=True, help="Estimate how much the left place helps, and take it out.")
@click.option(
    "--ties",
    type=click.Choice(["davidson", "half"]),
    default="davidson",
    show_default=True,
    help="By Davidson's model, or as half a win for both, as arenas count them.",
)
@click.option(
    "--errors",
    type=click.Choice(["clustered", "sandwich", "bootstrap", "model"]),
    default="clustered",
    show_default=True,
    help="Intervals from the sandwich with prompts as clusters, or with every comparison for itself; from "
    "prompts resampled; or from the model's own information.",
)
@click.option(
    "--prior",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="So many virtual ties between every two models of a group: all get a strength then.",
)
@click.option(
    "--level", type=click.FloatRange(0, 1, True, True), default=0.95, show_default=True, help="Of intervals."
)
@csv_option("Write one line for each model and criterion.")
@json_option
def strengths(
    study: str | None,
    file: Path | None,
    beside: str | None,
    without: tuple[str, ...],
    side: bool,
    ties: "Ties",
    errors: "Errors",
    prior: float,
    level: float,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Models by pairwise comparisons: Bradley-Terry strengths with ties, by criterion.

    Strengths stand on Elo's scale: 1000 is the mean, 400 points are odds of ten to one. A model that only
    won, or only lost, has no finite strength but a bound. Groups of models that no comparisons join stand
    apart, each on a scale of its own.
    """
    from nami_bench.evaluation.leaderboard.strengths import strength_table
    from nami_bench.export.strengths import strength_tables, strengths_csv

    comparisons, said = _comparisons(study, file, without)
    found = strength_table(
        comparisons,
        side=side,
        ties=ties,
        errors=errors,
        prior=prior,
        level=level,
        ratings=None if beside is None else _ratings(beside, without),
        left_out=said,
    )
    if csv_file is not None:
        write_or_print(csv_file, strengths_csv(found))
    if as_json:
        print_json(found.to_json())
        return
    echo(f"Strengths: study {found.study}\n")
    for shown in strength_tables(found):
        print_table(shown.columns, shown.rows, shown.title, shown.numeric, shown.whole)
    echo(
        f"- {found.annotators} annotators made {found.comparisons} comparisons and could not judge "
        f"{found.withheld}; 'both bad' are among the ties."
    )
    for note in (*found.left_out, *found.notes):
        echo(f"- {note}")


def _comparisons(
    study: str | None, file: Path | None, without: tuple[str, ...]
) -> "tuple[list[Comparison], tuple[str, ...]]":
    """The comparisons that count, and what must be said of the others."""
    from nami_bench.errors import InputError
    from nami_bench.evaluation.leaderboard.left_out import LeftOut
    from nami_bench.pipeline.screening import left_out

    if file is not None:
        from nami_bench.export.ratings_source import load_comparisons

        if study is not None:
            raise InputError("--study and --comparisons contradict each other: give one of them")
        found = load_comparisons(file)
        studies = sorted({one.study for one in found})
        if len(studies) > 1:
            raise InputError(
                f"{file} holds {len(studies)} studies ({', '.join(studies)}): give one at a time"
            )
        return LeftOut(without).comparisons(found)
    with open_bench() as bench:
        pairs = [one.name for one in bench.store.studies.all() if one.mode == "pairwise"]
        if study is None and not pairs:
            raise InputError("this workspace has no study of pairs: create one, or give --comparisons FILE")
        name = study or pairs[-1]
        if bench.store.studies.get(name).mode != "pairwise":
            raise InputError(f"study {name!r} is one of ratings: see `nami-bench leaderboard --study {name}`")
        return left_out(bench.store, name, without).comparisons(bench.store.comparisons.all(name))


def _ratings(study: str, without: tuple[str, ...]) -> "RatingsArray":
    from nami_bench.cli.agreement import ratings_of
    from nami_bench.evaluation.human.ratings_array import RatingsArray

    table, criteria = ratings_of(study, None, None)
    # Who only compared pairs rated nothing here.
    return RatingsArray.from_table(table[~table["annotator"].isin(without)], criteria)
