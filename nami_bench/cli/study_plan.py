"""`nami-bench study plan`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, say, workspace_root
from nami_bench.cli.options import FILE, json_option, ratings_options

if TYPE_CHECKING:
    from nami_bench.evaluation.leaderboard.plan import Plan, PlanOptions

N = TypeVar("N", int, float)


@click.command(
    "plan",
    epilog="Examples: nami-bench study plan --study pilot --difference 2 --plot plan.png; "
    "without a pilot: nami-bench study plan --deviation 20, or from others' votes: "
    "nami-bench study plan --from votes.parquet --difference 20,50",
)
@ratings_options(
    "The pilot. Default: the newest study that has ratings.",
    "The pilot's ratings as a CSV or Parquet file or dataset folder; needs no workspace.",
)
@click.option(
    "--from",
    "other",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="No pilot: a set that others published, as `nami-bench votes import` writes it; ratings plan a "
    "study of ratings, votes one of pairs, with differences in Elo points.",
)
@click.option(
    "--votes", type=click.IntRange(1), help="Of pairs: votes on one prompt's two images. Default: 1."
)
@click.option(
    "--deviation",
    type=float,
    metavar="POINTS",
    help="No pilot: assume that ratings deviate by so many points from their model's score.",
)
@click.option(
    "--prompt-share",
    type=float,
    metavar="SHARE",
    help="Of the variance, to assume for prompts. Default: 0.3.",
)
@click.option(
    "--annotator-share",
    type=float,
    metavar="SHARE",
    help="Of the variance, to assume for annotators who favour a model. Default: 0.05.",
)
@click.option(
    "--severity-share",
    type=float,
    metavar="SHARE",
    help="Of the variance, to assume for annotators' severity on top of it; for spread panels. Default: 0.5.",
)
@click.option("--column", help="A criterion, or the total. Default: the total; of pairs, the most frequent.")
@click.option(
    "--difference",
    "differences",
    help="To be found, in points. Default: 1,2,3,5,10; of pairs, in Elo points, 10,20,35,50,100.",
)
@click.option("--prompts", default="50,100,200,500,1000,2000", show_default=True, help="Numbers to look at.")
@click.option("--annotators", help="Numbers to look at. Default: 3,5,8,12,20; of pairs 10,30,100,300,1000.")
@click.option("--overlap", type=click.IntRange(1), help="Annotators of each image. Default: all.")
@click.option(
    "--panel",
    type=click.Choice(["crossed", "spread"]),
    help="With --overlap: the same annotators for all models' images of a prompt, or others for each. "
    "Default: the pilot's, else crossed.",
)
@click.option("--models", type=click.IntRange(2), help="Rated in the study. Default: the pilot's, else 2.")
@click.option("--power", default=0.8, show_default=True, help="Chance of finding the difference.")
@click.option("--level", default=0.95, show_default=True, help="1 less the tests' level.")
@click.option("--pairs", type=click.IntRange(1), default=1, show_default=True, help="Tested at once.")
@click.option(
    "--plot",
    metavar="FILE",
    type=FILE,
    help="Draw it, as .svg or .png.",
)
@json_option
def study_plan(
    study: str | None,
    ratings: Path | None,
    criteria: Path | None,
    scale: tuple[str, ...],
    other: Path | None,
    votes: int | None,
    deviation: float | None,
    prompt_share: float | None,
    annotator_share: float | None,
    severity_share: float | None,
    column: str | None,
    differences: str | None,
    prompts: str,
    annotators: str | None,
    overlap: int | None,
    panel: str | None,
    models: int | None,
    power: float,
    level: float,
    pairs: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """How many prompts and annotators tell two models apart, from a pilot, from ratings or votes that others
    published, or from an assumption.

    And what the pilot's own size can tell apart.
    """
    from nami_bench.errors import InputError
    from nami_bench.evaluation.human.ratings_array import TOTAL
    from nami_bench.evaluation.leaderboard.plan import PlanOptions
    from nami_bench.export.plan import plan_notes, plan_tables

    if plot is not None and plot.suffix.lower() not in (".svg", ".png"):
        raise InputError(f"--plot {plot}: the name must end in .svg or .png")
    if other is not None:
        if deviation is not None or study is not None or ratings is not None:
            raise InputError("--from is a set of others: leave out --study, --ratings and --deviation")
        if _holds_votes(other):
            of_ratings = {
                "--overlap": overlap, "--panel": panel, "--models": models, "--plot": plot,
                "--prompt-share": prompt_share, "--severity-share": severity_share, "--criteria": criteria,
            }  # fmt: skip
            if named := [option for option, value in of_ratings.items() if value is not None]:
                raise InputError(f"{named[0]} is of ratings: {other} holds votes on pairs")
            _plan_pairs(
                other, votes or 1, annotator_share, column, differences, prompts, annotators, power, level,
                pairs, as_json=as_json,
            )  # fmt: skip
            return
        ratings = other
    if votes is not None:
        raise InputError("--votes is of pairs: with --from a set of votes")
    options = PlanOptions(
        differences=_numbers(differences or "1,2,3,5,10", "--difference", float),
        prompts=_numbers(prompts, "--prompts", int),
        annotators=_numbers(annotators or "3,5,8,12,20", "--annotators", int),
        overlap=overlap,
        wanted=power,
        level=level,
        pairs=pairs,
        panel=panel,
        models=models,
    )
    shares = {"prompt": prompt_share, "annotator": annotator_share, "severity": severity_share}
    found = _plan(study, ratings, criteria, scale, deviation, shares, column or TOTAL, options)
    if plot is not None:
        _draw(found, plot)
    if as_json:
        print_json(found.to_json())
        return
    for table in plan_tables(found):
        print_table(table.columns, table.rows, table.title, table.numeric, table.whole)
    for note in plan_notes(found):
        echo(f"- {note}")


def _holds_votes(file: Path) -> bool:
    from nami_bench.export.ratings_source import holds_comparisons, judgements_file

    return holds_comparisons(judgements_file(file))


def _plan_pairs(
    file: Path,
    votes: int,
    share: float | None,
    criterion: str | None,
    differences: str | None,
    prompts: str,
    annotators: str | None,
    power: float,
    level: float,
    pairs: int,
    *,
    as_json: bool,
) -> None:
    """A plan of a study of pairs, from a set of votes."""
    from nami_bench.evaluation.human.components import AssumedShares
    from nami_bench.evaluation.human.vote_design import VoteLayout
    from nami_bench.evaluation.leaderboard.vote_plan import VotePlanOptions, plan_from_votes
    from nami_bench.export.ratings_source import load_comparisons_table
    from nami_bench.export.vote_plan import vote_plan_notes, vote_plan_tables

    options = VotePlanOptions(
        _numbers(differences or "10,20,35,50,100", "--difference", float),
        _numbers(prompts, "--prompts", int),
        _numbers(annotators or "10,30,100,300,1000", "--annotators", int),
        VoteLayout(votes, level, pairs, power),
    )
    shares = None if share is None else AssumedShares(prompt=0.0, annotator=share)
    table = load_comparisons_table(file, only_counted=True)
    found = plan_from_votes(table, file.name, options, criterion, shares)
    if as_json:
        print_json(found.to_json())
        return
    for shown in vote_plan_tables(found):
        print_table(shown.columns, shown.rows, shown.title, shown.numeric, shown.whole)
    for note in vote_plan_notes(found):
        echo(f"- {note}")


def _plan(
    study: str | None,
    ratings: Path | None,
    criteria: Path | None,
    scale: tuple[str, ...],
    deviation: float | None,
    shares: Mapping[str, float | None],
    column: str,
    options: "PlanOptions",
) -> "Plan":
    from nami_bench.analysis.sources import ratings_of
    from nami_bench.errors import InputError
    from nami_bench.evaluation.human.components import AssumedShares
    from nami_bench.evaluation.human.ratings_array import RatingsArray
    from nami_bench.evaluation.leaderboard.plan import plan_from_assumption, plan_from_pilot

    named = {name: share for name, share in shares.items() if share is not None}
    if deviation is not None:
        if study is not None or ratings is not None:
            raise InputError("--deviation is for plans without a pilot: leave out --study and --ratings")
        return plan_from_assumption(deviation, options, column, AssumedShares(**named))
    workspace = workspace_root() if ratings is None else None
    table, chosen = ratings_of(ratings, study, criteria, scale, workspace)
    names = sorted(map(str, table["study"].unique()))
    if len(names) > 1:
        raise InputError(f"the ratings are of {len(names)} studies ({', '.join(names)}): choose with --study")
    return plan_from_pilot(
        RatingsArray.from_table(table, chosen),
        f"study {names[0]}",
        options,
        column,
        panel=_panel_of(names[0]) if ratings is None else None,
        shares=AssumedShares(**named) if named else None,
    )


def _panel_of(study: str) -> str:
    with open_bench() as bench:
        return bench.store.studies.get(study).panel


def _numbers(text: str, option: str, kind: type[N]) -> tuple[N, ...]:
    from nami_bench.errors import InputError

    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{option} {text!r} is not a list of numbers such as 2,5,10") from error


def _draw(found: "Plan", path: Path) -> None:
    from nami_bench.images import write_bytes
    from nami_bench.report.study_plots import plan_plot

    drawn = plan_plot(found)
    write_bytes(path, drawn.svg if path.suffix.lower() == ".svg" else drawn.png)
    say(f"wrote {path}")
