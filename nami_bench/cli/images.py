"""`nami-bench images`."""

from pathlib import Path

import click

from nami_bench.cli.common import json_option, open_bench, print_json, print_table, progress, say, tally
from nami_bench.cli.generate import raise_if_failed


@click.group()
def images() -> None:
    """Import images made elsewhere, and verify recorded ones."""


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
    from generators.folder import FolderGenerator
    from nami_bench import pipeline

    source = FolderGenerator(FolderGenerator.Options(path=folder))
    with open_bench() as bench:
        if prompts is None:
            prompt_set = pipeline.folder_prompt_set(folder, folder.resolve().name)
            bench.store.add_prompt_set(prompt_set)
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
        total = len(bench.store.images(models=chosen, state=ImageState.DONE))
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
