"""`nami-bench prompts import`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import Bench, echo, open_bench, parse_pairs, print_json, say
from nami_bench.cli.consent import dry_run_option
from nami_bench.cli.options import json_option

if TYPE_CHECKING:
    from nami_bench.domain import PromptSet
    from nami_bench.prompts.importing import Understood

_SHOWN = 3


@click.command(
    "import",
    epilog="Examples: nami-bench prompts import drawbench.csv --column stratum=Category; "
    "nami-bench prompts import anime.json photo.json --name hpsv2",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the set. Default: the first file's.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=NAME",
    help="The column, or key, of the text, id, stratum or original; repeatable. "
    "Default: found by their names.",
)
@click.option("--clean", is_flag=True, help="Take out characters that nobody sees.")
@dry_run_option
@json_option
def import_(
    files: tuple[Path, ...],
    name: str | None,
    columns: tuple[str, ...],
    clean: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Record the prompts of FILEs as one set, and say how they were understood.

    JSON, JSON Lines, Parquet, CSV, TSV, text files, and folders with a text file for each prompt. Several
    files become one set, each a stratum of it.
    """
    from nami_bench.prompts.columns import Columns
    from nami_bench.prompts.importing import read_prompt_files

    chosen = Columns.named(parse_pairs(columns, "--column"))
    found = read_prompt_files(files, name, chosen, clean=clean)
    if not as_json:
        _tell(found)
    if dry_run:
        recorded = found.prompt_set.name
        say("nothing was recorded (--dry-run)")
    else:
        with open_bench() as bench:
            recorded = _record(bench, found.prompt_set, named=name is not None)
    if as_json:
        print_json(
            {
                "name": recorded,
                "sha256": found.prompt_set.sha256,
                "prompts": len(found.prompt_set),
                "understood": list(found.lines),
            }
        )


def _tell(found: "Understood") -> None:
    for line in found.lines:
        echo(line)
    for prompt in found.prompt_set.prompts[:_SHOWN]:
        known_as = f" ({prompt.source_id})" if prompt.source_id is not None else ""
        echo(f"  {prompt.id}{known_as}: {prompt.text}")
    if len(found.prompt_set) > _SHOWN:
        echo("  ...")


def _record(bench: Bench, prompt_set: "PromptSet", *, named: bool) -> str:
    """The name under which it is recorded: where nobody chose one, that of the same prompts if they are
    known."""
    from nami_bench import pipeline

    known = pipeline.known_prompt_set(bench.store, prompt_set)
    if known is not None and known != prompt_set.name and not named:
        say(f"these prompts are recorded already, as {known} (canonical SHA-256 {prompt_set.sha256})")
        return known
    pipeline.save_prompt_set(bench.workspace, bench.store, prompt_set)
    say(f"recorded {prompt_set.name}: {len(prompt_set)} prompts, canonical SHA-256 {prompt_set.sha256}")
    return prompt_set.name
