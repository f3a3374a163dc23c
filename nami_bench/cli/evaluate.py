"""`nami-bench evaluate`."""

import click

from nami_bench.cli.common import json_option, open_bench, parse_pairs, print_json, progress, say, tally


@click.command(epilog="Example: nami-bench evaluate geneval --detector shapes --model shapes-good")
@click.argument("metrics", nargs=-1, required=True)
@click.option("--model", "models", multiple=True, help="Only this model; repeatable. Default: all.")
@click.option("--prompts", metavar="SET", help="Only this prompt set. Default: every set with images.")
@click.option("--detector", help="GenEval's detector: see `nami-bench plugins`.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="For the metric; repeatable."
)
@json_option
def evaluate(
    metrics: tuple[str, ...],
    models: tuple[str, ...],
    prompts: str | None,
    detector: str | None,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run automatic metrics over recorded images. Images already scored are passed over."""
    from nami_bench import pipeline
    from nami_bench.domain import ImageState
    from nami_bench.errors import InputError, WorkError

    chosen = parse_pairs(options, "--option") | ({"detector": detector} if detector else {})
    counts = {}
    with open_bench() as bench:
        records = bench.store.images(models=models or None, prompt_set=prompts, state=ImageState.DONE)
        if not records:
            raise InputError("there are no images to score: make some with `nami-bench generate`")
        work = sorted({(r.prompt_set, r.model) for r in records})
        for metric in metrics:
            for prompt_set, model in work:
                total = sum((r.prompt_set, r.model) == (prompt_set, model) for r in records)
                title = f"{metric}: {model} on {prompt_set}"
                with progress(title, total) as advance:
                    counts[title] = pipeline.evaluate(
                        bench.store, bench.workspace.images_dir, metric, chosen, [model], prompt_set, advance
                    )
                say(f"{title}: {tally(counts[title])}")
    if as_json:
        print_json({title: dict(count) for title, count in counts.items()})
    failed = sum(count["failed"] for count in counts.values())
    if failed:
        raise WorkError(f"{failed} images could not be scored: their reasons are recorded with them")
