"""`nami-bench agreement`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, write_or_print
from nami_bench.cli.options import (
    MEASUREMENT_LEVELS,
    csv_option,
    json_option,
    ratings_options,
    refuse_file_options,
    scale_of,
    without_option,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from nami_bench.domain import Criterion
    from nami_bench.evaluation.human.agreement import Level
    from nami_bench.evaluation.leaderboard.checks import AnnotatorChecks
    from nami_bench.evaluation.leaderboard.left_out import LeftOut


@click.command(
    epilog="Example: nami-bench agreement --study pilot. "
    "Without a workspace: nami-bench agreement --ratings ratings.csv --level ordinal --by model"
)
@ratings_options()
@without_option
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
    level: "Level",
    by: str | None,
    replicates: int,
    seed: int,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """How far annotators agree: Krippendorff's alpha, Fleiss' kappa, intraclass correlations, by criterion.

    And each annotator beside the others (correlation, severity, spread), and what hangs on each of them. Of
    answers to questions: alpha, always nominal, by category.
    """
    from nami_bench.cli.question_agreement import answers_of, show_question_agreement
    from nami_bench.errors import InputError
    from nami_bench.evaluation.leaderboard.agreement import measure_agreement
    from nami_bench.export.agreement_text import agreement_csv, agreement_notes, agreement_tables

    answers = answers_of(study, ratings, without)
    if answers is not None:
        if criteria is not None or scale:
            raise InputError("--criteria and --scale belong to ratings: these are answers to questions")
        show_question_agreement(answers, by is not None, replicates, seed, csv_file, as_json)
        return
    table, chosen = ratings_of(study, ratings, criteria, scale)
    gone, checks = _left_out(str(table["study"].iloc[0]), chosen, without, in_store=ratings is None)
    table, said = gone.ratings(table)
    found = measure_agreement(
        table,
        chosen,
        level=level,
        by_model=by is not None,
        replicates=replicates,
        seed=seed,
        checks=gone.checks(checks),
        left_out=said,
    )
    if csv_file is not None:
        write_or_print(csv_file, agreement_csv(found))
    if as_json:
        print_json(found.to_json())
        return
    echo(f"Agreement: study {found.study}\n")
    for shown in agreement_tables(found):
        print_table(shown.columns, shown.rows, shown.title, shown.numeric, shown.whole)
    for note in agreement_notes(found):
        echo(f"- {note}")


def _left_out(
    study: str, criteria: "tuple[Criterion, ...]", without: tuple[str, ...], *, in_store: bool
) -> "tuple[LeftOut, tuple[AnnotatorChecks, ...]]":
    """Who does not count, and what the workspace knows of everybody's planted items."""
    from nami_bench.evaluation.leaderboard.left_out import LeftOut
    from nami_bench.pipeline.screening import annotator_checks, left_out

    if not in_store:
        return LeftOut(without), ()
    with open_bench() as bench:
        return left_out(bench.store, study, without), annotator_checks(bench.store, study, criteria)


def ratings_of(
    study: str | None, ratings: Path | None, criteria: Path | None, scale: tuple[str, ...] = ()
) -> "tuple[DataFrame, tuple[Criterion, ...]]":
    """A study's tidy table and criteria: from the file, else from the workspace."""
    from nami_bench.errors import InputError
    from nami_bench.export.ratings_source import load_ratings
    from nami_bench.pipeline.leaderboard_from_store import choose_study

    if ratings is not None:
        return load_ratings(ratings, criteria, scale_of(scale), study)
    refuse_file_options(criteria, scale)
    with open_bench() as bench:
        found = choose_study(bench.store, study)
        if found is None:
            raise InputError("there is no study yet: make one with `nami-bench study create`")
        table = bench.store.ratings.table(found.name)
        if not len(table):
            raise InputError(f"study {found.name!r} has no ratings yet")
        return table, found.criteria
