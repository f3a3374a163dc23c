"""`nami-bench text`."""

from pathlib import Path

import click

from nami_bench.cli.common import open_bench, print_json, print_table, progress, say
from nami_bench.cli.options import json_option
from nami_bench.cli.recorded import models_on_one_set

_METRIC = click.option(
    "--metric", required=True, help="A metric that reads text, such as text-longtext or text-oneig."
)
_MODELS = click.option("--model", "models", multiple=True, help="Only this model; repeatable. Default: all.")
_PROMPTS = click.option(
    "--prompts", "prompt_set", metavar="SET", help="The prompt set. Default: the only one."
)


@click.group()
def text() -> None:
    """What metrics of text read in images, after `nami-bench evaluate text-...` recorded it."""


@text.command(epilog="Example: nami-bench text scores --metric text-oneig --model my-model")
@_METRIC
@_MODELS
@_PROMPTS
@json_option
def scores(metric: str, models: tuple[str, ...], prompt_set: str | None, as_json: bool) -> None:
    """The benchmark's own figures, which are not all means of the images' values.

    LongText-Bench's accuracy counts the words of all images together, and so does OneIG-Bench's WAC; OneIG's
    text score is made of three such figures, and TIIF-Bench's GNED is better the less it is.
    """
    from dataclasses import asdict

    from nami_bench.pipeline.text_results import text_figures

    with open_bench() as bench:
        names, name, _ = models_on_one_set(bench, models, prompt_set)
        rows = text_figures(bench.store, metric, names, name)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    figures = list(dict.fromkeys(figure for row in rows for figure in row.figures))
    print_table(
        ("model", "of", "images", "without a value", *figures),
        [
            (row.model, row.group, row.images, row.without, *(f"{row.figures[f]:.4f}" for f in figures))
            for row in rows
        ],
        f"{metric} on {name}",
        numeric=figures,
    )
    for instrument in sorted({row.instrument for row in rows}):
        say(f"read by {instrument}")


@text.command(epilog="Example: nami-bench text browse --metric text-longtext --model my-model -o page")
@_METRIC
@_MODELS
@_PROMPTS
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the page and its images.",
)
def browse(metric: str, models: tuple[str, ...], prompt_set: str | None, output: Path) -> None:
    """A page to look at what was read: images with the boxes of lines, what was to be read, what is missing.

    The folder holds everything the page needs, and may be moved or packed.
    """
    from nami_bench.pipeline.text_results import write_text_page

    with open_bench() as bench:
        names, name, images = models_on_one_set(bench, models, prompt_set)
        with progress("drawing", images) as advance:
            shown, missing = write_text_page(
                bench.store, bench.workspace.images_dir, metric, names, name, output, advance
            )
    if missing:
        say(f"{missing} of {shown} images were not found or are not those that were read")
    say(f"wrote {output / 'index.html'}")
