"""`nami-bench study duplicate`, `open` and `close`, and what every change of a study says."""

from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, say

if TYPE_CHECKING:
    from nami_bench.cli.common import Bench
    from nami_bench.domain import Study


@click.command(
    "duplicate", epilog="Example: nami-bench study duplicate pilot main --prompts nami-1k --model shapes-good"
)
@click.argument("name")
@click.argument("new")
@click.option("--prompts", metavar="SET", help="Another prompt set.")
@click.option("--model", "models", multiple=True, help="Other models to be judged; repeatable.")
def duplicate(name: str, new: str, prompts: str | None, models: tuple[str, ...]) -> None:
    """Make a study NEW with the protocol of NAME, and without its hours, people and ratings."""
    from nami_bench.pipeline.study_setup import add_study
    from nami_bench.pipeline.study_setup import duplicate as duplicated

    with open_bench() as bench:
        copy, lacks = duplicated(bench.store.studies.get(name), new, prompt_set=prompts, models=models)
        notes = add_study(bench.store, copy)
        size = bench.store.items.count(new)
    for note in (*lacks, *notes):
        say(note)
    say_made(copy, size)


@click.command("open", epilog="Example: nami-bench study open pilot")
@click.argument("name")
def open_(name: str) -> None:
    """Let people work on a study from now on: before its hour, or again after it was closed."""
    from nami_bench.pipeline.study_setup import opened

    with open_bench() as bench:
        found = opened(bench.store.studies.get(name), bench.store.clock())
        changes = changed(bench, found)
    until = f" until {found.closes.isoformat()}" if found.closes else ""
    say(f"study {name} is open{until}" + ("" if changes else ", as it was"))


@click.command("close", epilog="Example: nami-bench study close pilot")
@click.argument("name")
def close(name: str) -> None:
    """Give nobody anything more in a study from now on; `study open` undoes it."""
    from nami_bench.pipeline.study_setup import closed

    with open_bench() as bench:
        changes = changed(bench, closed(bench.store.studies.get(name), bench.store.clock()))
    say(f"study {name} is closed" + ("" if changes else ", as it was"))


def changed(bench: "Bench", study: "Study") -> list[str]:
    """Change a study that exists; what changed, in words."""
    from nami_bench.pipeline.study_setup import change_study

    changes, notes = change_study(bench.store, study)
    for note in notes:
        say(note)
    return changes


def say_made(made: "Study", size: int) -> None:
    """What a new study of so many items comes to, and what is next."""
    from nami_bench.pipeline.study_setup import in_numbers

    say(
        f"study {made.name}: {in_numbers(made, size)}; "
        f"next: `nami-bench annotators add NAME`, `nami-bench annotate --study {made.name}`"
    )
