"""`nami-bench geneval plot` and `nami-bench geneval browse`."""

from pathlib import Path
from typing import Any

import click

from nami_bench.cli.common import progress, say
from nami_bench.cli.options import FILE

prompts_option = click.option(
    "--prompts",
    type=FILE,
    help="The prompt file that the images were made from. Default: GenEval's 553 prompts.",
)


@click.command(
    epilog="Example: nami-bench geneval plot a/results.jsonl b/results.jsonl --label A --label B -o g.svg"
)
@click.argument("results", nargs=-1, required=True, type=FILE)
@click.option(
    "-o",
    "--output",
    required=True,
    type=FILE,
    help="The picture: .png, .svg or .pdf.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    help="A model's name, once for each results file. Default: the file's name, or its folder's.",
)
@prompts_option
def plot(results: tuple[Path, ...], output: Path, labels: tuple[str, ...], prompts: Path | None) -> None:
    """A picture of one or more results files: bars for each task with intervals, models side by side.

    What the figures do not rest on stands below, as `geneval summary` notes it. Runs of rewritten prompts or
    of a part of the prompts are hatched; a run without all tasks has no overall score beside runs that have.
    """
    from nami_bench.errors import InputError
    from nami_bench.images import write_bytes

    names = labels or tuple(_name(path) for path in results)
    if len(names) != len(results):
        raise InputError(f"{len(results)} results files need {len(results)} --label, got {len(names)}")
    if len(set(names)) < len(names):
        raise InputError(f"two results files are called {_doubled(names)!r}: tell them apart with --label")
    try:
        from nami_bench.evaluation.geneval.plot import FORMATS, plot_scores
    except ModuleNotFoundError as error:
        raise InputError(f"pictures need the package {error.name!r}: pip install {error.name}") from error
    from nami_bench.evaluation.geneval.results import read_results
    from nami_bench.evaluation.geneval.summary import summarize

    file_format = output.suffix.lower().lstrip(".")
    if file_format not in FORMATS:
        raise InputError(f"the picture {output} must end in .{', .'.join(FORMATS)}")
    expected = expected_metadata(prompts)
    summaries = {
        name: summarize(read_results(path), expected) for name, path in zip(names, results, strict=True)
    }
    write_bytes(output, plot_scores(summaries, file_format))
    say(f"wrote {output}")


@click.command(
    epilog="Example: nami-bench geneval browse outputs/my-model/results.jsonl, then open "
    "outputs/my-model/results-browser/index.html"
)
@click.argument("results", type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the page and its images. Default: results-browser beside results.jsonl.",
)
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

    folder = output or results.with_name(f"{results.stem}-browser")
    from nami_bench.prompts.rewrites import original_text

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
    if missing:
        say(f"{missing} of {len(rows)} images were not found or are damaged: name their folder with --images")
    say(f"wrote {folder / 'index.html'}")


def expected_metadata(prompts: Path | None) -> list[dict[str, Any]]:
    """The metadata of the prompts in a file, GenEval's own where none is named."""
    if prompts is None:
        from nami_bench.prompts.geneval import geneval_metadata

        return geneval_metadata()
    from nami_bench.prompts.files import load_prompt_set

    return [prompt.metadata() for prompt in load_prompt_set(prompts).prompts]


def _name(path: Path) -> str:
    """What to call the model of a results file that nobody named."""
    return path.resolve().parent.name if path.stem == "results" else path.stem


def _doubled(names: tuple[str, ...]) -> str:
    return next(name for name in names if names.count(name) > 1)
