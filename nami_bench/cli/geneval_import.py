"""`nami-bench geneval import`."""

from pathlib import Path

import click

from nami_bench.cli.common import open_bench, print_json, say
from nami_bench.cli.options import FILE, json_option


@click.command(
    "import",
    epilog="Example: nami-bench geneval import outputs/my-model/results.jsonl --model my-model "
    "--prompts geneval.jsonl (for a folder of the name 'import' write ./import)",
)
@click.argument("results", type=FILE)
@click.option("--model", required=True, metavar="NAME", help="Whose images they are verdicts on.")
@click.option("--prompts", required=True, metavar="SET", help="The prompt set's name or file.")
@click.option(
    "--instrument",
    metavar="TEXT",
    help="What measured, where the file does not say it: scores of different instruments are never mixed. "
    "Default: as recorded, unknown.",
)
@click.option(
    "--allow-incomplete",
    is_flag=True,
    help="Record what is there although images have no verdict, or verdicts no image.",
)
@json_option
def import_(
    results: Path, model: str, prompts: str, instrument: str | None, allow_incomplete: bool, as_json: bool
) -> None:
    """Record the verdicts of an existing results file, ours or the reference implementation's, as scores.

    They count in leaderboards, reports and audits like scores of `nami-bench evaluate geneval`, in a column
    of their own instrument. The images must be in the workspace: see `nami-bench images import`.
    """
    from dataclasses import asdict

    from nami_bench import pipeline
    from nami_bench.pipeline.geneval_results import import_geneval_results

    with open_bench() as bench:
        prompt_set = pipeline.resolve_prompt_set(bench.store, prompts)
        done = import_geneval_results(
            bench.store,
            results,
            model,
            prompt_set,
            instrument=instrument,
            allow_incomplete=allow_incomplete,
        )
    say(
        f"geneval of {model} on {prompt_set.name} by {done.instrument}: {done.recorded} recorded"
        + (f", {done.known} were recorded already" if done.known else "")
        + (f"; {done.missing} verdicts have no image here" if done.missing else "")
        + (f"; {done.unjudged} images have no verdict" if done.unjudged else "")
    )
    if as_json:
        print_json(asdict(done))
