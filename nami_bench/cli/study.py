"""`nami-bench study`."""

from pathlib import Path

import click

from nami_bench.cli.common import json_option, open_bench, print_json, print_table, say
from nami_bench.cli.study_plan import study_plan


@click.group()
def study() -> None:
    """Annotation studies: criteria, weights, anchors, overlap."""


@study.command(
    "create", epilog="Example: nami-bench study create --name pilot --prompts shapes-demo --model shapes-good"
)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", help="Overrides the file's.")
@click.option("--prompts", metavar="SET", help="A prompt set's name; overrides the file's.")
@click.option(
    "--model", "models", multiple=True, help="Models to be judged; repeatable; override the file's."
)
def create(file: Path | None, name: str | None, prompts: str | None, models: tuple[str, ...]) -> None:
    """Create a study from FILE.toml. Without a file: NAMI-1K's protocol over all models with images."""
    from nami_bench.config import load_study, nami_1k_study_file
    from nami_bench.domain import ImageState

    with open_bench() as bench:
        if file is None and not models:
            records = bench.store.images(prompt_set=prompts, state=ImageState.DONE)
            models = tuple(dict.fromkeys(record.model for record in records))
        loaded = load_study(file or nami_1k_study_file(), name=name, prompt_set=prompts, models=models)
        bench.store.add_study(loaded)
        size = bench.store.study_size(loaded.name)
    say(
        f"study {loaded.name}: {size} images, {size * loaded.overlap} ratings to come; "
        f"next: `nami-bench annotators add NAME`, `nami-bench annotate --study {loaded.name}`"
    )


@study.command("list", epilog="Example: nami-bench study list --json")
@json_option
def list_(as_json: bool) -> None:
    """All studies of the workspace."""
    from dataclasses import asdict

    with open_bench() as bench:
        studies = bench.store.studies()
    if as_json:
        print_json([asdict(s) for s in studies])
    else:
        rows = [(s.name, s.mode, s.prompt_set, ", ".join(s.models), s.overlap) for s in studies]
        print_table(("study", "mode", "prompts", "models", "overlap"), rows)


@study.command("status", epilog="Example: nami-bench study status pilot")
@click.argument("name")
@json_option
def status(name: str, as_json: bool) -> None:
    """How far a study is: ratings done and wanted, by annotator."""
    with open_bench() as bench:
        found = bench.store.study(name)
        size, completed = bench.store.study_size(name), bench.store.completed(name)
    summary = {
        "study": name,
        "images": size,
        "overlap": found.overlap,
        "wanted": size * found.overlap,
        "done": sum(completed.values()),
        "by_annotator": completed,
    }
    if as_json:
        print_json(summary)
        return
    say(f"{name}: {summary['done']} of {summary['wanted']} image ratings ({size} images x {found.overlap})")
    print_table(("annotator", "images rated"), completed.items())


study.add_command(study_plan)
