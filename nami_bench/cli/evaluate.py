"""`nami-bench evaluate`."""

from typing import Any

import click

from nami_bench.cli.common import json_option, open_bench, parse_pairs, print_json, progress, say, tally


@click.command(
    epilog="Examples: nami-bench evaluate geneval --detector shapes --model shapes-good; "
    "nami-bench evaluate clip-score; nami-bench evaluate fid kid -o reference=FOLDER_OF_REAL_IMAGES"
)
@click.argument("metrics", nargs=-1, required=True)
@click.option("--model", "models", multiple=True, help="Only this model; repeatable. Default: all.")
@click.option("--prompts", metavar="SET", help="Only this prompt set. Default: every set with images.")
@click.option("--detector", help="GenEval's detector: see `nami-bench plugins`.")
@click.option(
    "--detector-option", "detector_options", multiple=True, metavar="KEY=VALUE", help="For it; repeatable."
)
@click.option(
    "-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="For the metric; repeatable."
)
@json_option
def evaluate(
    metrics: tuple[str, ...],
    models: tuple[str, ...],
    prompts: str | None,
    detector: str | None,
    detector_options: tuple[str, ...],
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run automatic metrics over recorded images. Images already scored are passed over."""
    from nami_bench import pipeline
    from nami_bench.domain import ImageState
    from nami_bench.errors import InputError, WorkError

    chosen = parse_pairs(options, "--option")
    detecting: dict[str, Any] = {"detector": detector} if detector else {}
    if detector_options:
        detecting["detector_options"] = parse_pairs(detector_options, "--detector-option")
    if detecting and "geneval" not in metrics:
        raise InputError(
            "--detector and --detector-option belong to the metric geneval, which was not asked for"
        )
    counts = {}
    with open_bench() as bench:
        records = bench.store.images(models=models or None, prompt_set=prompts, state=ImageState.DONE)
        if not records:
            raise InputError("there are no images to score: make some with `nami-bench generate`")
        # All models of a prompt set in one go: weights are loaded once.
        for metric in metrics:
            for prompt_set in sorted({r.prompt_set for r in records}):
                of_set = [r.model for r in records if r.prompt_set == prompt_set]
                names = list(dict.fromkeys(of_set))
                title = f"{metric}: {', '.join(names)} on {prompt_set}"
                with progress(f"{metric} on {prompt_set}", len(of_set)) as advance:
                    counts[title] = pipeline.evaluate(
                        bench.store,
                        bench.workspace.images_dir,
                        metric,
                        chosen | detecting if metric == "geneval" else chosen,
                        names,
                        prompt_set,
                        advance,
                    )
                say(f"{title}: {tally(counts[title])}")
    if as_json:
        print_json({title: dict(count) for title, count in counts.items()})
    failed = sum(count["failed"] for count in counts.values())
    if failed:
        raise WorkError(f"{failed} images could not be scored: their reasons are recorded with them")
