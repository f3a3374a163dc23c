"""`nami-bench images`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, print_json, print_table, progress, say, tally
from nami_bench.cli.consent import dry_run_option, yes_option
from nami_bench.cli.generate import raise_if_failed
from nami_bench.cli.options import json_option
from nami_bench.cli.removal import finish_earlier, show_removal

if TYPE_CHECKING:
    from nami_bench.store import Removal


@click.group()
def images() -> None:
    """Import images made elsewhere, verify recorded ones, remove them."""


@images.command(
    "import", epilog="Example: nami-bench images import outputs/sd3 --model sd3 --prompts geneval.jsonl"
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", required=True, help="The name they get; recorded if it is new.")
@click.option(
    "--prompts", metavar="SET", help="A prompt set's name or file. Default: the folder's own metadata."
)
@click.option(
    "--samples", type=click.IntRange(min=1), help="Images per prompt. Default: as many as there are."
)
@json_option
def import_(folder: Path, model: str, prompts: str | None, samples: int | None, as_json: bool) -> None:
    """Copy the images of FOLDER (GenEval's layout, or flat names such as 00012_3.png) into the workspace.

    PNG files are copied byte for byte, other formats are converted. Missing or damaged images are recorded
    as failed; run it again when they are there.
    """
    from nami_bench import pipeline
    from nami_bench.generators.folder import FolderGenerator

    source = FolderGenerator(FolderGenerator.Options(path=folder))
    with open_bench() as bench:
        if prompts is None:
            prompt_set = pipeline.folder_prompt_set(folder, folder.resolve().name)
            bench.store.catalog.add_prompt_set(prompt_set)
        else:
            prompt_set = pipeline.resolve_prompt_set(bench.store, prompts)
        samples = samples or source.samples_per_prompt()
        with progress(model, samples * len(prompt_set)) as advance:
            report = pipeline.import_images(
                bench.store,
                bench.workspace.images_dir,
                folder,
                model,
                prompt_set,
                samples=samples,
                advance=advance,
            )
    say(f"{model} on {prompt_set.name}: {tally(report.counts)}")
    if as_json:
        print_json({"model": model, "prompts": prompt_set.name, **report.counts})
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
