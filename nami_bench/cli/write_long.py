"""`nami-bench prompts write-long`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import parse_pairs, print_json, progress, say, tally
from nami_bench.cli.options import FILE, json_option, limit_options

if TYPE_CHECKING:
    from nami_bench.domain import PromptSet
    from nami_bench.prompts.writers.run import LongPromptRun

_SHOWN = 5
"""How many failures are listed for people; the manifest has all."""


@click.command(
    "write-long",
    epilog="Examples: nami-bench prompts write-long --images photos --writer transformers "
    "--writer-option model=FOLDER -o long.jsonl; "
    "nami-bench prompts write-long --images photos --writer openai --writer-option model=NAME "
    "--writer-option base_url=http://localhost:8000/v1 --writer-option key_env= -o long.jsonl; "
    "nami-bench prompts write-long --images photos --writer cogvlm2 -o long.jsonl",
)
@click.option(
    "--images",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of PNG, JPEG and WebP files, also in folders below it.",
)
@click.option(
    "--writer",
    required=True,
    help="cogvlm2 (runs the Python code that comes with the model), transformers, openai, or another of "
    "`nami-bench plugins`.",
)
@click.option("--writer-option", "options", multiple=True, metavar="KEY=VALUE", help="For it; repeatable.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=FILE,
    help="FILE.jsonl; beside it FILE.manifest.json and FILE.answers.jsonl, which a later run takes up again.",
)
@click.option(
    "--instruction",
    "instruction_file",
    type=FILE,
    help="What the model is told, instead of the built-in text.",
)
@click.option("--min-words", default=60, show_default=True, help="Shorter answers are asked for again.")
@click.option("--max-words", default=120, show_default=True, help="Whole sentences beyond are cut off.")
@click.option(
    "--tries", default=3, show_default=True, type=click.IntRange(1, 100), help="Answers per image, at most."
)
@click.option(
    "--temperature",
    default=0.0,
    show_default=True,
    help="Of first answers; 0 takes the likeliest tokens. Later ones are drawn at 0.7 or more.",
)
@click.option("--seed", default=0, show_default=True, help="Every answer's own seed follows from it.")
@limit_options("images", "the folders that they lie in")
@json_option
def write_long(
    folder: Path,
    writer: str,
    options: tuple[str, ...],
    output: Path,
    instruction_file: Path | None,
    min_words: int,
    max_words: int,
    tries: int,
    temperature: float,
    seed: int,
    limit: int | None,
    first: int | None,
    as_json: bool,
) -> None:
    """Have a vision-language model write a long prompt about each image of a folder.

    Refusals, loops, openings such as "The image shows" and answers of the wrong length are asked for again
    with another seed, then dropped and counted. Stop it at any time and run it again: no image is asked
    about twice. `nami-bench prompts build` takes the file with --source NAME=FILE.
    """
    from nami_bench import registry
    from nami_bench.domain import checked_name
    from nami_bench.errors import InputError, WorkError
    from nami_bench.prompts.writers.asking import Question
    from nami_bench.prompts.writers.folder import read_folder
    from nami_bench.prompts.writers.instruction import load_instruction
    from nami_bench.prompts.writers.journal import Journal
    from nami_bench.prompts.writers.review import Limits
    from nami_bench.prompts.writers.run import LongPromptRun

    if output.suffix != ".jsonl":
        raise InputError(f"-o {output}: a prompt set's file ends in .jsonl")
    name = checked_name("prompt set", output.stem)
    answers = output.with_suffix(".answers.jsonl")
    if output.exists() and not answers.exists():
        raise InputError(f"{output} exists and {answers.name} does not: it is no earlier run's, name another")
    limits = Limits(min_words, max_words)
    question = Question(load_instruction(instruction_file), seed, temperature)
    chosen = registry.create("prompt_writers", writer, parse_pairs(options, "--writer-option"))
    with progress("reading images", None) as advance:
        found = read_folder(folder, limit, advance, first=first, seed=seed)
    with Journal(answers, question.to_json(chosen)) as journal:
        run = LongPromptRun(name, found.images, chosen, question, journal, limits, tries)
        try:
            with progress("writing", len(found.images)) as advance:
                run.ask(advance)
        except (WorkError, KeyboardInterrupt):
            _finish(output, run, found.passed_over, as_json)
            raise
        prompt_set = _finish(output, run, found.passed_over, as_json)
    _raise_if_short(output, prompt_set)


def _finish(output: Path, run: "LongPromptRun", passed_over: int, as_json: bool) -> "PromptSet":
    """Write what there is, and say it."""
    from nami_bench import pipeline

    prompt_set = run.prompt_set()
    pipeline.write_prompt_set(output, prompt_set)
    _report(output, prompt_set, run.asked, passed_over, as_json)
    return prompt_set


def _report(output: Path, prompt_set: "PromptSet", asked: int, passed_over: int, as_json: bool) -> None:
    manifest = prompt_set.manifest
    counts: Mapping[str, Any] = manifest["counts"]
    for failure in manifest["failed"][:_SHOWN]:
        say(f"no prompt for {failure['image']}: {failure['reason']}")
    if passed_over:
        say(f"passed over {passed_over} files that are not PNG, JPEG or WebP")
    dropped = {f"dropped ({reason})": count for reason, count in counts["dropped"].items()}
    whole = {"written": counts["written"], **dropped}
    say(f"{output}: {tally({**whole, 'failed': counts['failed'], 'still to ask': counts['remaining']})}")
    say(f"answers in this run: {asked}; SHA-256 of the prompts: {prompt_set.sha256}")
    if as_json:
        identity = {"file": str(output), "sha256": prompt_set.sha256}
        print_json(
            {**identity, "asked": asked, "passed_over": passed_over, **counts, "failures": manifest["failed"]}
        )


def _raise_if_short(output: Path, prompt_set: "PromptSet") -> None:
    """Name what failed, as WorkError; what was written is kept."""
    from nami_bench.errors import WorkError

    failed = prompt_set.manifest["failed"]
    if failed:
        images = prompt_set.manifest["counts"]["images"]
        raise WorkError(
            f"{len(failed)} of {images} images failed, the first: {failed[0]['reason']}; what was written is "
            f"in {output}, run again to try these once more"
        )
    if not len(prompt_set):
        manifest = output.with_suffix(".manifest.json")
        raise WorkError(f"no answer passed: {manifest} says why, {output.stem}.answers.jsonl holds them")
