"""`nami-bench images`; what it does with several images in a file is in `images_grids`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, parse_pairs, print_json, print_table, progress, say, tally
from nami_bench.cli.consent import dry_run_option, yes_option
from nami_bench.cli.copies import copies
from nami_bench.cli.generate import raise_if_failed
from nami_bench.cli.images_grids import export, grid_option, parse_shape
from nami_bench.cli.options import FILE, json_option
from nami_bench.cli.removal import finish_earlier, show_removal

if TYPE_CHECKING:
    from nami_bench.store import Removal


@click.group()
def images() -> None:
    """Import images made elsewhere, export, verify and remove recorded ones."""


images.add_command(export)
images.add_command(copies)


@images.command(
    "import",
    epilog="Examples: nami-bench images import outputs/sd3 --model sd3 --prompts geneval.jsonl; "
    "nami-bench images import anime --model sd3 --prompts hpsv2 --layout '{stratum}/{index:05d}.jpg'",
)
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The name they get; recorded if it is new.")
@click.option(
    "--prompts", metavar="SET", help="A prompt set's name or file. Default: the folder's own prompts."
)
@click.option("--name", help="Name of a set that is new. Default: the folder's, or that of SET's file.")
@click.option(
    "--layout", metavar="PATTERN", help="How files are named, as '{id}_{sample}.png'. Default: tried out."
)
@click.option(
    "--table",
    type=FILE,
    help="A table with a row for each file: its name, and its prompt or id. "
    "Default: an imagefolder's metadata.jsonl, if there is one.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=NAME",
    help="The table's column of the image, prompt, id, model, sample or stratum; repeatable. "
    "Default: found by their names.",
)
@click.option("--source-model", help="The model's name in the layout or table. Default: that of --model.")
@click.option(
    "--samples", type=click.IntRange(min=1), help="Images per prompt. Default: as many as there are."
)
@click.option("--complete", is_flag=True, help="Images that are not there are failures.")
@grid_option
@dry_run_option
@json_option
def import_(
    source: Path,
    model: str,
    prompts: str | None,
    name: str | None,
    layout: str | None,
    table: Path | None,
    columns: tuple[str, ...],
    source_model: str | None,
    samples: int | None,
    complete: bool,
    grid: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy the images of FOLDER, or of tar files, into the workspace, and say how they were understood.

    FOLDER is laid out as GenEval's, another benchmark's, an imagefolder or by --layout. PNG files are copied
    byte for byte, other formats are converted. Damaged images are recorded as failed; run it again when they
    are mended. What is not there is passed over, unless --complete.
    """
    from nami_bench import pipeline
    from nami_bench.pipeline.image_grids import cut_from_grids
    from nami_bench.pipeline.image_tables import TableColumns

    chosen = TableColumns.named(parse_pairs(columns, "--column"))
    how = pipeline.ImportHow(layout, table, chosen, source_model, name)
    with open_bench() as bench:
        found = pipeline.understand_images(bench.store, source, model, prompts, how)
        if grid is not None:
            found = cut_from_grids(found, parse_shape(grid))
        for line in found.lines():
            say(line)
        if dry_run:
            say("nothing was imported (--dry-run)")
            counts, report = {}, None
        else:
            asked = len(found.prompt_set) * (samples or found.placement.samples)
            with progress(model, asked if complete else found.placement.count) as advance:
                report = pipeline.import_images(
                    bench.store,
                    bench.workspace.images_dir,
                    found,
                    model,
                    samples=samples,
                    complete=complete,
                    advance=advance,
                )
            counts = dict(report.counts)
            say(f"{model} on {found.prompt_set.name}: {tally(counts)}")
    if as_json:
        understood = list(found.lines())
        print_json({"model": model, "prompts": found.prompt_set.name, "understood": understood, **counts})
    if report is not None:
        raise_if_failed({model: report})


@images.command(
    "remove",
    epilog="Examples: nami-bench images remove --model sd3 --dry-run; "
    "nami-bench images remove --model sd3 --prompts nami-1k --sample 3 --yes",
)
@click.option("--model", "models", multiple=True, help="Only this model's; repeatable.")
@click.option("--prompts", metavar="SET", help="Only those of this prompt set.")
@click.option("--prompt", "prompt_ids", multiple=True, metavar="ID", help="Only of this prompt; repeatable.")
@click.option(
    "--sample", "samples", multiple=True, type=click.IntRange(min=0), help="Only this sample; repeatable."
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["done", "failed", "refused"]),
    help="Only images in this state; repeatable.",
)
@click.option("--with-ratings", is_flag=True, help="Also images that somebody judged, with the judgements.")
@dry_run_option
@yes_option
@json_option
def remove(
    models: tuple[str, ...],
    prompts: str | None,
    prompt_ids: tuple[str, ...],
    samples: tuple[int, ...],
    states: tuple[str, ...],
    with_ratings: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete recorded images: files, scores, and the items of studies that show them.

    `nami-bench generate` makes them anew, as if they had never been there. Only images that all of the
    options mean are removed, and none that somebody judged unless one says so.
    """
    from nami_bench import pipeline
    from nami_bench.domain import ImageState
    from nami_bench.errors import InputError
    from nami_bench.store import ImageChoice

    if prompts is None and not any((models, prompt_ids, samples, states)):
        raise InputError("say which images: --model, --prompts, --prompt, --sample or --state")
    choice = ImageChoice(
        models or None,
        prompts,
        prompt_ids or None,
        samples or None,
        [ImageState(state) for state in states] or None,
    )
    with open_bench() as bench:
        finished = finish_earlier(bench, dry_run=dry_run)

        def act(dry: bool) -> "Removal":
            folder = bench.workspace.images_dir
            found = pipeline.remove_images(
                bench.store, folder, choice, with_ratings=with_ratings, dry_run=dry
            )
            if not found.images and not finished:
                raise InputError("no recorded image is meant: see `nami-bench models show NAME`")
            return found

        show_removal(act, dry_run=dry_run, yes=yes, as_json=as_json)


@images.command("verify", epilog="Example: nami-bench images verify --model sd3")
@click.option("--model", "models", multiple=True, help="Only this model; repeatable.")
@json_option
def verify(models: tuple[str, ...], as_json: bool) -> None:
    """Compare every recorded file with its hash; exit code 1 if any is missing or changed."""
    from nami_bench import pipeline
    from nami_bench.domain import ImageState
    from nami_bench.errors import WorkError

    with open_bench() as bench:
        chosen = models or None
        total = len(bench.store.images.find(models=chosen, state=ImageState.DONE))
        with progress("verify", total) as advance:
            found = list(
                pipeline.verify_images(bench.store, bench.workspace.images_dir, chosen, advance=advance)
            )
    problems = [
        (p.record.model, p.record.prompt_set, p.record.prompt_id, p.record.sample, p.problem) for p in found
    ]
    columns = ("model", "prompts", "prompt_id", "sample", "problem")
    if as_json:
        print_json({"verified": total, "problems": [dict(zip(columns, p, strict=True)) for p in problems]})
    elif problems:
        print_table(columns, problems)
    else:
        say(f"{total} images are as recorded")
    if problems:
        raise WorkError(f"{len(problems)} of {total} images are not as recorded")
