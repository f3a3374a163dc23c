"""`nami-bench ratings`."""

from pathlib import Path

import click

from nami_bench.cli.common import open_bench, say, write_or_print


@click.group()
def ratings() -> None:
    """Human ratings as CSV, one line for each value.

    Columns: study, annotator, model, prompt_id, sample, criterion, value, and optionally reason, duration_ms,
    created_at. Where an annotator could not judge, value is empty and reason says why. Comparisons have
    left, right (models as they stood) and outcome (left, tie, right, both_bad) in place of model and value.
    """


@ratings.command("import", epilog="Example: nami-bench ratings import ratings.csv")
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path, dir_okay=False))
def import_(file: Path) -> None:
    """Record ratings that were made elsewhere: all of the file, or nothing.

    The study, its images and its criteria must exist; new annotators are added, without a log-in. Ratings
    that are recorded already are passed over.
    """
    from evaluation.human.table import table_ratings
    from nami_bench.leaderboard.comparisons_file import is_comparisons_file, read_comparisons
    from nami_bench.leaderboard.ratings_file import read_ratings

    with open_bench() as bench:
        if is_comparisons_file(file):
            found = read_comparisons(file)
            added = bench.store.add_comparisons(found)
            _say_recorded("comparisons", added, len(found) - added)
            return
        table = read_ratings(file, lambda study: bench.store.study(study).criteria)
        added = bench.store.add_ratings(table_ratings(table))
    _say_recorded("ratings", added, len(table) - added)


def _say_recorded(what: str, added: int, known: int) -> None:
    say(f"recorded {added} {what}" + (f"; {known} were recorded already" if known else ""))


@ratings.command("export", epilog="Example: nami-bench ratings export --study pilot -o ratings.csv")
@click.option("--study", metavar="NAME", help="Default: the newest study that has ratings.")
@click.option(
    "-o",
    "--output",
    metavar="FILE.csv",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; default: stdout.",
)
def export(study: str | None, output: Path | None) -> None:
    """Write a study's ratings or comparisons: the last of each, where an annotator corrected one."""
    from evaluation.human.table import ratings_table
    from nami_bench.errors import InputError
    from nami_bench.leaderboard.comparisons_file import comparisons_csv
    from nami_bench.leaderboard.from_store import choose_study
    from nami_bench.leaderboard.ratings_file import ratings_csv

    with open_bench() as bench:
        if study is not None and bench.store.study(study).mode == "pairwise":
            compared = bench.store.comparisons(study)
            write_or_print(output, comparisons_csv(compared))
            say(f"study {study}: {len(compared)} comparisons")
            return
        chosen, found = choose_study(bench.store, study)
    if chosen is None:
        raise InputError("there is no study yet: make one with `nami-bench study create`")
    write_or_print(output, ratings_csv(ratings_table(found)))
    say(f"study {chosen.name}: {len(found)} ratings")
