"""`nami-bench geneval`; its pictures are in `geneval_pictures`, its `import` in `geneval_import`."""

from pathlib import Path

import click

from nami_bench.cli import geneval_import, geneval_pictures
from nami_bench.cli.common import folder_location, parse_pairs, progress
from nami_bench.cli.engine import EngineChoice, engine_options
from nami_bench.cli.folder_command import (
    FolderOrCommand,
    print_run,
    print_summary,
    refuse_incomplete,
)
from nami_bench.cli.options import FILE, json_option


@click.group(cls=FolderOrCommand)
def geneval() -> None:
    """GenEval on any folder in its layout."""


@click.command(
    epilog="Example: nami-bench geneval outputs/my-model --detector mask2former, which fetches GenEval's own "
    "detector where it is not here (docs/geneval.md has the others). The figures of a results file: "
    "nami-bench geneval summary results.jsonl; pictures of it: geneval plot and browse (for a folder of the "
    "name 'summary' write ./summary)."
)
@click.argument("directory", metavar="DIR", type=folder_location)
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="Results, one JSON line for each image; taken up again after an interruption. "
    "Default: DIR/results.jsonl; needed where DIR is in an object store.",
)
@click.option("--detector", help="Which detector looks at the images: see `nami-bench plugins`. Required.")
@click.option("--detector-option", "detector_options", multiple=True, metavar="KEY=VALUE", help="Repeatable.")
@geneval_pictures.prompts_option
@click.option(
    "--batch-size",
    type=int,
    help="Images in one pass of the detector, halved where memory runs out. "
    "Default: what the detector likes.",
)
@click.option(
    "--workers",
    type=int,
    help="Processes that decode images. Default: all cores but one, at most 8; with --engine ray, 0 for each "
    "worker.",
)
@click.option("--samples", default=4, show_default=True, help="Images that each prompt should have.")
@click.option(
    "--allow-incomplete", is_flag=True, help="Score what is there although images are missing or damaged."
)
@click.option("--follow-links", is_flag=True, help="Also score images that links fetch from outside DIR.")
@engine_options
@json_option
def _score(
    directory: Path,
    output: Path | None,
    detector: str | None,
    detector_options: tuple[str, ...],
    prompts: Path | None,
    batch_size: int | None,
    workers: int | None,
    samples: int,
    allow_incomplete: bool,
    follow_links: bool,
    engine: EngineChoice,
    as_json: bool,
) -> None:
    """Run GenEval on DIR, a folder in GenEval's layout (00000/metadata.jsonl, 00000/samples/0000.png, ...).

    The folder is compared with its prompt file first: missing, duplicate, damaged or mislabelled images are
    listed and refused. Needs no workspace.
    """
    from nami_bench.errors import IncompleteError, InputError
    from nami_bench.evaluation.geneval.completeness import check_folder
    from nami_bench.evaluation.geneval.folder_run import score_folder
    from nami_bench.evaluation.geneval.metric import GenEvalMetric
    from nami_bench.evaluation.geneval.summary import summarize
    from nami_bench.geneval_folder import GenEvalFolder
    from nami_bench.locations import is_remote

    if output is None and is_remote(directory):
        raise InputError(f"name a file on this machine for the results of {directory} with -o")

    options = parse_pairs(detector_options, "--detector-option")
    metric = GenEvalMetric(
        GenEvalMetric.Options(
            detector=detector, detector_options=options, batch_size=batch_size, workers=workers
        )
    )
    expected = geneval_pictures.expected_metadata(prompts)
    total = sum(1 for _ in GenEvalFolder(directory).samples())
    with progress("checking", total) as advance:
        completeness = check_folder(directory, expected, samples, advance, follow_links=follow_links)
    advice = "mend it, name its own prompts with --prompts FILE and --samples, or pass --allow-incomplete"
    refuse_incomplete(directory, completeness, allow_incomplete, advice, as_json)
    results = output or directory / "results.jsonl"
    with engine.started() as running, progress("scoring", total) as advance:
        run = score_folder(directory, metric, results, advance, follow_links=follow_links, engine=running)
    summary = summarize(run.results, expected) if run.results else None
    failures = [f"no verdict: {failure.reason}" for failure in run.failures]
    notes = [f"{len(run.failures)} images have no verdict"] if run.failures else []
    if run.passed_over:
        notes.append(f"{run.passed_over} images were passed over: their prompts have no GenEval clauses")
    print_run(results, run, summary, completeness, failures, notes, as_json)
    if run.failures and not (allow_incomplete and run.results):
        raise IncompleteError(
            f"{len(run.failures)} of {total} images have no verdict; the others are in {results}"
        )


geneval.on_folder = _score


@geneval.command(epilog="Example: nami-bench geneval summary results.jsonl --json")
@click.argument("results", type=FILE)
@geneval_pictures.prompts_option
@json_option
def summary(results: Path, prompts: Path | None, as_json: bool) -> None:
    """GenEval's figures for a results file, ours or the reference implementation's."""
    from nami_bench.evaluation.geneval.results import read_results
    from nami_bench.evaluation.geneval.summary import summarize

    figures = summarize(read_results(results), geneval_pictures.expected_metadata(prompts))
    print_summary(figures, as_json)


geneval.add_command(geneval_import.import_)
geneval.add_command(geneval_pictures.plot)
geneval.add_command(geneval_pictures.browse)
