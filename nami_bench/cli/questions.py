"""`nami-bench questions`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nami_bench.cli.common import echo, open_bench, parse_pairs, print_json, print_table, progress, say, tally
from nami_bench.cli.options import FILE, json_option, limit_options
from nami_bench.cli.prompts import prompt_set_named
from nami_bench.cli.recorded import models_on_one_set

if TYPE_CHECKING:
    from nami_bench.domain import Prompt
    from nami_bench.evaluation.questions.check import QuestionCheck
    from nami_bench.pipeline.question_writing import QuestionWriting, WrittenQuestions
    from nami_bench.prompts.writers.asking import Question
    from nami_bench.prompts.writers.protocol import PromptWriter

_SHOWN = 5
"""How many prompts of a kind are listed for people; --json has all."""
_WRITERS_OPTIONS = {
    "options": "--writer-option",
    "instruction_file": "--instruction",
    "tries": "--tries",
    "temperature": "--temperature",
}


@click.group()
def questions() -> None:
    """Write and check the questions that question benchmarks ask about images."""


@questions.command(
    epilog="Examples: nami-bench questions write --prompts nami-1k.jsonl --from clauses -o questions.jsonl; "
    "nami-bench questions write --prompts nami-1k.jsonl --writer openai --writer-option model=NAME "
    "--writer-option base_url=http://localhost:8000/v1 --writer-option key_env= -o questions.jsonl"
)
@click.option("--prompts", "reference", required=True, metavar="SET", help="A recorded set or a prompt file.")
@click.option(
    "--from",
    "origin",
    type=click.Choice(["clauses"]),
    help="Write them from the prompts' GenEval clauses, without any model; prompts without clauses get none.",
)
@click.option(
    "--writer", help="Have a model take the prompts apart: transformers, openai, or another of `plugins`."
)
@click.option("--writer-option", "options", multiple=True, metavar="KEY=VALUE", help="For it; repeatable.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=FILE,
    help="FILE.jsonl; of a writer beside it FILE.answers.jsonl, which a later run takes up again.",
)
@click.option(
    "--instruction",
    "instruction_file",
    type=FILE,
    help="What the writer is told above each prompt, instead of the built-in text.",
)
@click.option(
    "--tries",
    default=3,
    show_default=True,
    type=click.IntRange(1, 100),
    help="A writer's answers per prompt, at most.",
)
@click.option(
    "--temperature",
    default=0.0,
    show_default=True,
    help="Of first answers; 0 takes the likeliest tokens. Later ones are drawn at 0.7 or more.",
)
@click.option("--seed", default=0, show_default=True, help="Of --limit, and of every answer's own seed.")
@limit_options("prompts", "strata, GenEval tasks and sources")
@json_option
def write(
    reference: str,
    origin: str | None,
    writer: str | None,
    options: tuple[str, ...],
    output: Path,
    instruction_file: Path | None,
    tries: int,
    temperature: float,
    seed: int,
    limit: int | None,
    first: int | None,
    as_json: bool,
) -> None:
    """Take the prompts of a set apart into questions that depend on each other.

    A writer's answers that are no sound graph are asked for again with another seed, then dropped and
    counted. Stop it at any time and run it again: nothing is asked twice. `nami-bench questions check` looks
    at the file.
    """
    from nami_bench import pipeline, registry
    from nami_bench.errors import InputError

    if (origin is None) == (writer is None):
        raise InputError("say who writes the questions: --from clauses, or --writer NAME")
    if output.suffix != ".jsonl":
        raise InputError(f"-o {output}: a question file's name ends in .jsonl")
    if writer is None:
        _refuse_writers_options()
    prompt_set = prompt_set_named(reference)
    chosen = pipeline.select_prompts(prompt_set.prompts, limit=limit, first=first, seed=seed).prompts
    if writer is None:
        _from_clauses(chosen, output, as_json)
        return
    from nami_bench.pipeline.question_writing import decomposition_question

    question = decomposition_question(instruction_file, seed, temperature)
    asked = registry.create("prompt_writers", writer, parse_pairs(options, "--writer-option"))
    _by_writer(chosen, asked, question, tries, output, as_json)


def _refuse_writers_options() -> None:
    from nami_bench.errors import InputError

    context = click.get_current_context()
    for name, option in _WRITERS_OPTIONS.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(f"{option} belongs to --writer: clauses are taken apart by fixed rules")


def _from_clauses(prompts: "Sequence[Prompt]", output: Path, as_json: bool) -> None:
    from nami_bench.errors import InputError
    from nami_bench.evaluation.questions.from_clauses import items_of
    from nami_bench.evaluation.questions.question_file import to_jsonl
    from nami_bench.images import write_bytes

    items, without = items_of(prompts)
    if not items:
        raise InputError(f"no question can be made of clauses: {next(iter(without.values()))}")
    write_bytes(output, to_jsonl(items))
    count = sum(len(item.questions) for item in items)
    _say_without([f"no questions: {reason}" for reason in without.values()])
    say(f"{output}: {count} questions about {len(items)} of {len(prompts)} prompts")
    if as_json:
        counts = {"file": str(output), "written": len(items), "questions": count}
        print_json({**counts, "without_questions": [{"id": i, "reason": why} for i, why in without.items()]})


def _by_writer(
    prompts: "Sequence[Prompt]",
    writer: "PromptWriter",
    question: "Question",
    tries: int,
    output: Path,
    as_json: bool,
) -> None:
    from nami_bench.errors import InputError, WorkError
    from nami_bench.pipeline.question_writing import QuestionWriting
    from nami_bench.prompts.writers.journal import Journal

    answers = output.with_suffix(".answers.jsonl")
    if output.exists() and not answers.exists():
        raise InputError(f"{output} exists and {answers.name} does not: it is no earlier run's, name another")
    with Journal(answers, question.to_json(writer)) as journal:
        run = QuestionWriting(prompts, writer, question, journal, tries)
        try:
            with progress("writing", run.texts) as advance:
                run.ask(advance)
        except (WorkError, KeyboardInterrupt):
            _finish(output, run, as_json)
            raise
        written = _finish(output, run, as_json)
    if written.failed:
        raise WorkError(
            f"{len(written.failed)} of {len(prompts)} prompts failed, the first: {written.failed[0].reason}; "
            f"what was written is in {output}, run again to try these once more"
        )
    if not written.items:
        raise WorkError(f"no answer passed: {answers} holds them; the first: {written.without[0].reason}")


def _finish(output: Path, run: "QuestionWriting", as_json: bool) -> "WrittenQuestions":
    """Write what there is, and say it."""
    from nami_bench.evaluation.questions.question_file import to_jsonl
    from nami_bench.images import write_bytes

    written = run.written()
    write_bytes(output, to_jsonl(written.items))
    counts = written.to_json()
    _say_without([f"no questions about {one.id}: {one.reason}" for one in written.without])
    said = {"written": counts["written"], "dropped": counts["dropped"], "failed": counts["failed"]}
    say(f"{output}: {tally({**said, 'still to ask': written.remaining})}; {counts['questions']} questions")
    say(f"answers in this run: {run.asked}")
    if as_json:
        print_json({"file": str(output), "asked": run.asked, **counts})
    return written


def _say_without(lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        say(line)
    if len(lines) > _SHOWN:
        say(f"and {len(lines) - _SHOWN} more (--json lists all)")


@questions.command(
    epilog="Example: nami-bench questions check questions.jsonl --prompts nami-1k.jsonl --json"
)
@click.argument("file", type=FILE)
@click.option(
    "--prompts",
    "reference",
    metavar="SET",
    help="Also say which prompts of a set the file does not ask about.",
)
@json_option
def check(file: Path, reference: str | None, as_json: bool) -> None:
    """Look over a file of questions: ours, DPG-Bench's or DSG's table, or GenEval 2's lines.

    Counts by category, what may be meant so, and every defect with its line; ends with 2 where there is one.
    """
    from nami_bench.errors import InputError
    from nami_bench.evaluation.questions.check import check_questions
    from nami_bench.evaluation.questions.question_file import inspect_questions

    found = inspect_questions(file)
    checked = check_questions(found, None if reference is None else prompt_set_named(reference).prompts)
    if as_json:
        print_json({"file": str(file), **checked.to_json()})
    else:
        _print_check(file, checked)
    if count := len(found.defects):
        raise InputError(f"{file} is not sound: {count} defect{'s' * (count > 1)}")


def _print_check(file: Path, checked: "QuestionCheck") -> None:
    asked = checked.file.questions
    echo(
        f"{file}, in the form of {checked.file.form.value}: {asked.questions} questions about "
        f"{len(asked.items)} prompts, SHA-256 {asked.sha256}"
    )
    rows: list[tuple[Any, ...]] = [(c.category or None, c.questions, c.prompts) for c in checked.categories]
    print_table(("category", "questions", "prompts"), rows)
    for note in checked.notes:
        echo(f"note: {note}")
    for defect in checked.file.defects:
        echo(f"defect: {defect}")
    for kind, ids in _unasked(checked).items():
        more = f" and {len(ids) - _SHOWN} more (--json lists all)" if len(ids) > _SHOWN else ""
        echo(f"{kind}: {len(ids)}" + (f": {', '.join(ids[:_SHOWN])}{more}" if ids else ""))


def _unasked(checked: "QuestionCheck") -> dict[str, list[str]]:
    """Ids of prompts, by what the file lacks of them; empty where there was nothing to compare with."""
    if checked.unasked is None:
        return {}
    return {
        "prompts without questions": [one.id for one in checked.unasked if one.asked_about is None],
        "prompts whose text has changed": [one.id for one in checked.unasked if one.asked_about is not None],
    }


@questions.command(
    epilog="Example: nami-bench questions browse --metric dsg --model my-model -o pages/my-model"
)
@click.option("--metric", required=True, help="The metric whose answers are shown, such as dpg or dsg.")
@click.option("--model", "models", multiple=True, help="Only this model; repeatable. Default: all.")
@click.option("--prompts", "prompt_set", metavar="SET", help="The prompt set. Default: the only one.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the page and its images.",
)
def browse(metric: str, models: tuple[str, ...], prompt_set: str | None, output: Path) -> None:
    """A page to look at the answers that `nami-bench evaluate` recorded: images with their tree of questions.

    The folder holds everything the page needs, and may be moved or packed.
    """
    from nami_bench.pipeline.question_page import write_question_page

    with open_bench() as bench:
        names, name, images = models_on_one_set(bench, models, prompt_set)
        with progress("drawing", images) as advance:
            shown, missing = write_question_page(
                bench.store, bench.workspace.images_dir, metric, names, name, output, advance
            )
    if missing:
        say(f"{missing} of {shown} images were not found or are not those that were judged")
    say(f"wrote {output / 'index.html'}")
