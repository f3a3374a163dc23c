"""`nami-bench geneval plot` and `nami-bench geneval browse`."""

from pathlib import Path
from typing import Any

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

prompts_option = click.option(
    "--prompts",
    type=FILE,
    help="The prompt file that the images were made from. Default: GenEval's 553 prompts.",
)


@click.command(
    epilog="Example: nami-bench geneval plot a/results.jsonl b/results.jsonl --label A --label B -o g.svg"
)
@plot_arguments
@prompts_option
def plot(results: tuple[Path, ...], output: Path, labels: tuple[str, ...], prompts: Path | None) -> None:
    """A picture of one or more results files: bars for each task with intervals, models side by side.

    What the figures do not rest on stands below, as `geneval summary` notes it. Runs of rewritten prompts or
    of a part of the prompts are hatched; a run without all tasks has no overall score beside runs that have.
    """
    named, file_format = named_results(results, labels), picture_format(output)
    from nami_bench.evaluation.geneval.plot import plot_scores
    from nami_bench.evaluation.geneval.results import read_results
    from nami_bench.evaluation.geneval.summary import summarize
    from nami_bench.images import write_bytes

    expected = expected_metadata(prompts)
    summaries = {name: summarize(read_results(path), expected) for name, path in named.items()}
    write_bytes(output, plot_scores(summaries, file_format))
    say(f"wrote {output}")


@click.command(
    epilog="Example: nami-bench geneval browse outputs/my-model/results.jsonl, then open "
    "outputs/my-model/results-browser/index.html"
)
@click.argument("results", type=FILE)
@page_option
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the images lie now, in GenEval's layout. Default: where they were scored, or beside RESULTS.",
)
def browse(results: Path, output: Path | None, images: Path | None) -> None:
    """A page to look at the verdicts: images with boxes and masks, filters by task and reason.

    The folder holds everything the page needs, and may be moved or packed. Works for the reference
    implementation's results too; they have no masks.
    """
    from nami_bench.evaluation.geneval.browser import write_browser
    from nami_bench.evaluation.geneval.results import read_results
    from nami_bench.prompts.rewrites import original_text

    folder = page_folder(results, output)
    rows = read_results(results)
    with progress("drawing", len(rows)) as advance:
        missing = write_browser(
            rows,
            results,
            folder,
            images,
            advance,
            original=lambda line: original_text(str(line.get("prompt")), line, str(results)),
        )
    say_page(folder, missing, len(rows), "were not found or are damaged")


def expected_metadata(prompts: Path | None) -> list[dict[str, Any]]:
    """The metadata of the prompts in a file, GenEval's own where none is named."""
    if prompts is None:
        from nami_bench.prompts.geneval import geneval_metadata

        return geneval_metadata()
    from nami_bench.prompts.files import load_prompt_set

    return [prompt.metadata() for prompt in load_prompt_set(prompts).prompts]
