"""`nami-bench strengths`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import parse_pairs, workspace_root
from nami_bench.cli.foreign import as_read, foreign_options
from nami_bench.cli.options import csv_option, json_option, raters_option, without_option

if TYPE_CHECKING:
    from nami_bench.evaluation.human.bradley_terry import Ties
    from nami_bench.evaluation.human.strength_errors import Errors
    from nami_bench.export.foreign import Reading


@click.command(
    epilog="Examples: nami-bench strengths --study duel --side --csv duel.csv; without a workspace: "
    "nami-bench strengths --comparisons votes.parquet --side --covariate resolution --by country"
)
@click.option("--study", metavar="NAME", help="Default: the newest study of pairs or orders.")
@click.option(
    "--comparisons",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take them from a CSV or Parquet file or dataset folder (see `nami-bench ratings` and "
    "`nami-bench votes`); needs no workspace.",
)
@foreign_options
@click.option(
    "--beside", metavar="STUDY", help="A study of ratings of the same models: how far the two agree."
)
@without_option
@raters_option
@click.option("--side", is_flag=True, help="Estimate how much the left place helps, and take it out.")
@click.option(
    "--covariate",
    "covariates",
    multiple=True,
    metavar="NAME",
    help="Take out what more of it in an image does: resolution, aspect, brightness, or any NAME of columns "
    "left_NAME and right_NAME; shows the board without and with it; repeatable.",
)
@click.option(
    "--by",
    metavar="COLUMN",
    help="Strengths of each part of the votes, too: country, language, expertise, prompt_length, "
    "created_at[:week], or any column.",
)
@click.option(
    "--ties",
    type=click.Choice(["davidson", "half"]),
    default="davidson",
    show_default=True,
    help="By Davidson's model, or as half a win for both, as arenas count them.",
)
@click.option(
    "--errors",
    type=click.Choice(["clustered", "two-way", "sandwich", "bootstrap", "model"]),
    default="clustered",
    show_default=True,
    help="Intervals from the sandwich with prompts as clusters (of orders also annotators), with prompts and "
    "voters, or with every comparison for itself; from prompts resampled; or from the model's own "
    "information.",
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
    raters: tuple[str, ...],
    side: bool,
    covariates: tuple[str, ...],
    by: str | None,
    ties: "Ties",
    errors: "Errors",
    prior: float,
    level: float,
    csv_file: Path | None,
    as_json: bool,
    reading: "Reading | None",
) -> None:
    """Models by comparisons of their images, by criterion: Bradley-Terry strengths with ties of pairs,
    Plackett-Luce strengths with ties of orders, and strengths from best and worst.

    Strengths stand on Elo's scale: 1000 is the mean, 400 points are odds of ten to one. A model that only
    won, or only lost, has no finite strength but a bound. Groups of models that no comparisons join stand
    apart, each on a scale of its own.
    """
    from nami_bench.analysis.strengths import strengths as analysed
    from nami_bench.cli.agreement import show

    found = analysed(
        as_read(file, reading, "--comparisons"),
        study=study,
        workspace=workspace_root() if file is None or beside is not None else None,
        beside=beside,
        without=without,
        raters=parse_pairs(raters, "--raters"),
        side=side,
        ties=ties,
        errors=errors,
        prior=prior,
        level=level,
        covariates=covariates,
        by=by,
    )
    show(found, csv_file, as_json)
