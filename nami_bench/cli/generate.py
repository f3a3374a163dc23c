"""`nami-bench generate`."""

from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, print_json, progress, say, tally
from nami_bench.cli.engine import EngineChoice, engine_options
from nami_bench.cli.options import json_option, limit_options

if TYPE_CHECKING:
    from nami_bench.pipeline import GenerationReport


@click.command(
    epilog="Examples: nami-bench generate --model shapes-good --prompts shapes-demo --samples 2 --seed 7; "
    "nami-bench generate --model my-model --prompts geneval.jsonl --limit 80; "
    "nami-bench generate --model my-model --prompts nami-1k --engine ray --ray-gpus 1"
)
@click.option("--model", "models", multiple=True, required=True, help="A recorded model; repeatable.")
@click.option("--prompts", required=True, metavar="SET", help="A prompt set's name, or a prompt file.")
@click.option(
    "--samples", default=4, show_default=True, type=click.IntRange(min=1), help="Images per prompt."
)
@click.option("--seed", default=0, show_default=True, help="Every image's own seed follows from it.")
@limit_options("prompts", "strata, GenEval tasks and sources")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="Requests under way at once, for models behind a server. Default: the model's own option.",
)
@engine_options
@json_option
def generate(
    models: tuple[str, ...],
    prompts: str,
    samples: int,
    seed: int,
    limit: int | None,
    first: int | None,
    concurrency: int | None,
    engine: EngineChoice,
    as_json: bool,
) -> None:
    """Make images. Stop it at any time and run it again: nothing is made twice, failures are tried again."""
    from nami_bench import pipeline

    reports: dict[str, GenerationReport] = {}
    with open_bench() as bench:
        prompt_set = pipeline.resolve_prompt_set(bench.store, prompts)
        for model in models:
            # All are checked before the first image is made.
            pipeline.with_concurrency(bench.store.catalog.model(model), concurrency)
            pipeline.check_settings(bench.store, model)
        chosen = pipeline.select_prompts(prompt_set.prompts, limit=limit, first=first, seed=seed)
        if chosen.words:
            say(f"{len(chosen.prompts)} of {len(prompt_set)} prompts, {chosen.words}")
        total = samples * len(chosen.prompts)
        with engine.started() as running:
            for model in models:
                with progress(model, total) as advance:
                    reports[model] = pipeline.generate(
                        bench.store,
                        bench.workspace.images_dir,
                        model,
                        prompt_set,
                        samples=samples,
                        seed=seed,
                        limit=limit,
                        first=first,
                        concurrency=concurrency,
                        advance=advance,
                        engine=running,
                    )
                say(f"{model}: {tally(reports[model].counts)}")
    if as_json:
        print_json({model: dict(report.counts) for model, report in reports.items()})
    raise_if_failed(reports)


def raise_if_failed(reports: "dict[str, GenerationReport]") -> None:
    """Name what failed, as WorkError; what was made is kept."""
    from nami_bench.errors import WorkError

    failed = [(model, report) for model, report in reports.items() if report.failed]
    if failed:
        model, report = failed[0]
        total = sum(r.failed for _, r in failed)
        raise WorkError(f"{total} images failed, the first of {model}: {report.problems[0]}")
