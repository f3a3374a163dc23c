"""`nami-bench report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import open_bench, progress, say
from nami_bench.cli.options import (
    MEASUREMENT_LEVELS,
    amounts,
    precision_of,
    precision_options,
    price_options,
    without_option,
)

if TYPE_CHECKING:
    from nami_bench.evaluation.human.agreement import Level


@click.command(epilog="Example: nami-bench report --study pilot -o pilot-report")
@click.option("--study", metavar="NAME", help="Default: the newest study that has ratings.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write; default: reports/STUDY in the workspace.",
)
@click.option("--images/--no-images", default=True, help="With or without the image grids.")
@click.option(
    "--pseudonyms/--names",
    default=True,
    help="Annotators as annotator-01 ... (the default), or by name.",
)
@without_option
@click.option(
    "--agreement-level",
    type=MEASUREMENT_LEVELS,
    default="interval",
    show_default=True,
    help="Of measurement, for alpha; see `nami-bench agreement`.",
)
@price_options
@precision_options
def report(
    study: str | None,
    output: Path | None,
    images: bool,
    pseudonyms: bool,
    without: tuple[str, ...],
    agreement_level: "Level",
    prices: tuple[str, ...],
    hourly: tuple[str, ...],
    price_note: str,
    **precision: Any,
) -> None:
    """Write a study's report: one folder of HTML that opens from disk, with nothing loaded from elsewhere.

    Scores with intervals and tie groups, plots (SVG and PNG), metrics beside people, the audit of GenEval,
    image grids with a blind mode, and the hashes and versions of everything. A report is written over an
    earlier one.
    """
    from nami_bench.errors import InputError
    from nami_bench.evaluation.leaderboard.speed import Prices
    from nami_bench.report.contents import collect
    from nami_bench.report.write import write_report

    chosen = precision_of(**precision)
    if chosen is None:
        raise InputError("a report is about intervals: leave out --intervals none")
    with open_bench() as bench:
        contents = collect(
            bench.store,
            chosen,
            study=study,
            with_names=not pseudonyms,
            without=without,
            agreement_level=agreement_level,
            prices=Prices(amounts(prices, "--price"), amounts(hourly, "--price-per-hour"), price_note),
        )
        name = contents.study.name if contents.study else "automatic"
        folder = output or bench.workspace.reports_dir / name
        models = {row.model for row in contents.board.measured}
        cards = [card for card in bench.store.catalog.models() if card.name in models]
        images_dir = bench.workspace.images_dir if images else None
        with progress("thumbnails", len(contents.gallery.records) if images else 0) as advance:
            remarks = write_report(folder, contents, cards, images_dir, advance)
    for remark in remarks:
        say(remark)
    say(f"wrote {folder / 'index.html'}")
