"""`nami-bench dpg plot` and `nami-bench dpg browse`."""

from pathlib import Path

import click

from nami_bench.cli.common import progress, say
from nami_bench.cli.options import FILE
from nami_bench.cli.pictures import (
    named_results,
    page_folder,
    page_option,
    picture_format,
    plot_arguments,
    say_page,
)

policy_option = click.option(
    "--policy",
    type=click.Choice(["corrected", "official"]),
    default="corrected",
    show_default=True,
    help="official: as DPG-Bench's own script reads the question file and computes the headline, with its "
    "defects: comparable with published scores.",
)


@click.command(
    epilog="Example: nami-bench dpg plot a/results.jsonl b/results.jsonl --label A --label B -o dpg.svg"
)
@plot_arguments
@policy_option
def plot(results: tuple[Path, ...], output: Path, labels: tuple[str, ...], policy: str) -> None:
    """A picture of one or more results files: bars overall and for each L1 category with intervals, models
    side by side.

    What the figures rest on stands below, as `dpg summary` notes it. Results of different judges or
    question files are refused.
    """
    named, file_format = named_results(results, labels), picture_format(output)
    from nami_bench.evaluation.questions.dpg_plot import plot_dpg
    from nami_bench.evaluation.questions.dpg_summary import summarize
    from nami_bench.evaluation.questions.official_csv import Policy
    from nami_bench.evaluation.questions.results import read_results
    from nami_bench.images import write_bytes

    summaries = {name: summarize(read_results(path), Policy(policy)) for name, path in named.items()}
    write_bytes(output, plot_dpg(summaries, file_format))
    say(f"wrote {output}")


@click.command(
    epilog="Example: nami-bench dpg browse outputs/my-model/results.jsonl, then open "
    "outputs/my-model/results-browser/index.html"
)
@click.argument("results", type=FILE)
@page_option
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files with the images lie now. Default: beside RESULTS.",
)
def browse(results: Path, output: Path | None, images: Path | None) -> None:
    """A page to look at the answers: images with their tree of questions, filters by category and verdict.

    The folder holds everything the page needs, and may be moved or packed. Scores are those of the corrected
    policy.
    """
    from nami_bench.evaluation.questions.browser import write_browser
    from nami_bench.evaluation.questions.results import read_results

    folder = page_folder(results, output)
    rows = read_results(results)
    with progress("drawing", len(rows)) as advance:
        missing = write_browser(rows, results, folder, images, advance)
    say_page(folder, missing, len(rows), "were not found or are not those that were judged")
