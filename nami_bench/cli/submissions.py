"""`nami-bench prompts submissions`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, print_json, print_table, say, who, write_or_print
from nami_bench.cli.options import FILE, json_option

if TYPE_CHECKING:
    from nami_bench.domain import PromptSubmission


@click.group()
def submissions() -> None:
    """Prompts that people propose in the annotation app (its page /propose)."""


@submissions.command("list", epilog="Example: nami-bench prompts submissions list --state pending --json")
@click.option("--state", type=click.Choice(["pending", "accepted", "refused"]), help="Only those.")
@json_option
def list_(state: str | None, as_json: bool) -> None:
    """Submissions in the order in which they came, with who proposed them and who decided."""
    from dataclasses import asdict

    from nami_bench.domain import SubmissionState

    with open_bench() as bench:
        found = bench.store.proposals.all(None if state is None else SubmissionState(state))
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        columns = ("id", "state", "author", "licence", "prompt", "decided by", "reason")
        print_table(columns, [_row(one) for one in found], whole=("id",))


@submissions.command(
    "accept", epilog="Example: nami-bench prompts submissions accept 0f3a9c21d4 --text 'a red bicycle'"
)
@click.argument("submission_id", metavar="ID")
@click.option("--text", help="Accept it with this text; what was proposed stays beside it.")
def accept(submission_id: str, text: str | None) -> None:
    """Accept a submission; it is checked once more, against accepted ones too."""
    from nami_bench import pipeline
    from nami_bench.pipeline.known_prompts import KnownPrompts

    with open_bench() as bench:
        accepted = pipeline.accept_submission(
            bench.store,
            KnownPrompts(bench.store),
            submission_id,
            who(),
            bench.workspace.submissions.max_words,
            text=text,
        )
    say(f"accepted{' with changes' if accepted.is_edited else ''}: {accepted.final_text}")


@submissions.command(
    "refuse",
    epilog="Example: nami-bench prompts submissions refuse 0f3a9c21d4 --reason 'names a private person'",
)
@click.argument("submission_id", metavar="ID")
@click.option("--reason", required=True, help="The author is shown it.")
def refuse(submission_id: str, reason: str) -> None:
    """Refuse a submission."""
    from nami_bench import pipeline

    with open_bench() as bench:
        refused = pipeline.refuse_submission(bench.store, submission_id, who(), reason)
    say(f"refused: {refused.text}")


@submissions.command("export", epilog="Example: nami-bench prompts submissions export -o submissions.jsonl")
@click.option("-o", "--output", type=FILE, help="File to write; default: stdout.")
def export(output: Path | None) -> None:
    """Write the accepted ones for `prompts build --source submissions=FILE`: never with anybody's name."""
    from nami_bench import pipeline
    from nami_bench.errors import InputError

    if output is not None and output.suffix != ".jsonl":
        raise InputError(f"-o {output}: the file of submissions ends in .jsonl")
    with open_bench() as bench:
        data, count = pipeline.export_submissions(bench.store)
    write_or_print(output, data)
    say(f"{count} accepted submission{'' if count == 1 else 's'}")


def _row(submission: "PromptSubmission") -> tuple[str | None, ...]:
    return (
        submission.id,
        f"{submission.state.value}, edited" if submission.is_edited else submission.state.value,
        submission.author,
        submission.licence,
        submission.final_text,
        submission.decided_by,
        submission.reason,
    )
