"""`nami-bench marks`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, progress, say, write_or_print
from nami_bench.cli.consent import dry_run_option
from nami_bench.cli.options import json_option, without_option

if TYPE_CHECKING:
    from nami_bench.domain import Study
    from nami_bench.store import Store

_study_option = click.option("--study", metavar="NAME", help="Default: the newest study that asks for marks.")


@click.group()
def marks() -> None:
    """Regions of images and words of prompts that annotators marked: what a study with [marks] asks for."""


def _chosen(store: "Store", name: str | None) -> "Study":
    from nami_bench.errors import InputError

    if name is not None:
        return store.studies.get(name)
    found = next((study for study in store.studies.all()[::-1] if study.marks.asked), None)
    if found is None:
        raise InputError("no study asks for marks: see [marks] in docs/studies.md")
    return found


@marks.command("export", epilog="Example: nami-bench marks export --study pilot -o marks.jsonl")
@_study_option
@click.option(
    "--pseudonyms/--names", default=False, help="Annotators as annotator-01 ..., or by name (the default)."
)
@without_option
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Default: stdout.")
def export(study: str | None, pseudonyms: bool, without: tuple[str, ...], output: Path | None) -> None:
    """Write the marks in force as JSON lines: one for each region, and one for each look with its words.

    Places are shares of the image's own width and height; words are places in the prompt, in code points.
    """
    from nami_bench.export.marks_file import marks_jsonl
    from nami_bench.pipeline.dataset_folder import study_content
    from nami_bench.pipeline.marks import study_marks

    with open_bench() as bench:
        chosen = _chosen(bench.store, study)
        study_marks(bench.store, chosen, without)  # refuses what has no marks
        content = study_content(bench.store, chosen, without)
        content = content.pseudonymous() if pseudonyms else content
        data = marks_jsonl(content.marks, {p.id: p.text for p in content.prompt_set.prompts})
    write_or_print(output, data)
    say(f"study {chosen.name}: {len(content.marks)} looks at images, by {len(content.annotators)} annotators")


@marks.command("import", epilog="Example: nami-bench marks import marks.jsonl --study pilot")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_study_option
@click.option(
    "--replace", is_flag=True, help="Where other marks stand, the file's are recorded as a correction."
)
@dry_run_option
def import_(file: Path, study: str | None, replace: bool, dry_run: bool) -> None:
    """Record marks that were made elsewhere, as `marks export` writes them: all of the file, or nothing.

    They belong to answers: what their annotators judged must be there, so import the ratings first.
    """
    from nami_bench.pipeline.marks import import_marks

    with open_bench() as bench:
        done, known = import_marks(
            bench.store, _chosen(bench.store, study), file, replace=replace, dry_run=dry_run
        )
    say(
        f"recorded {done.added} looks at images"
        + (f"; {done.replaced} replace others" if done.replaced else "")
        + (f"; {known} were recorded already" if known else "")
    )
    if dry_run:
        say("nothing was changed (--dry-run)")


@marks.command("agreement", epilog="Example: nami-bench marks agreement --study pilot")
@_study_option
@without_option
@click.option("--replicates", type=click.IntRange(0), default=1000, show_default=True, help="For intervals.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the replicates.")
@json_option
def agreement(study: str | None, without: tuple[str, ...], replicates: int, seed: int, as_json: bool) -> None:
    """How far annotators mark the same: where in an image, whether at all, and which words."""
    from nami_bench.export.marks_text import mark_notes, mark_tables
    from nami_bench.pipeline.marks import study_marks

    with open_bench() as bench:
        chosen = _chosen(bench.store, study)
        found = study_marks(bench.store, chosen, without).agreement(replicates=replicates, seed=seed)
    if as_json:
        print_json({"study": chosen.name, **found.to_json()})
        return
    echo(f"Agreement on marks: study {chosen.name}\n")
    for table in mark_tables(found):
        print_table(table.columns, table.rows, table.title, table.numeric, table.whole)
    for note in mark_notes(found):
        echo(f"- {note}")


@marks.command("maps", epilog="Example: nami-bench marks maps --study pilot -o pilot-maps --radius 0.05")
@_study_option
@without_option
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="New or empty folder.",
)
@click.option(
    "--radius",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.05,
    show_default=True,
    help="Of a point's disk, as a share of the image's height.",
)
@click.option(
    "--height", type=click.IntRange(8, 4096), default=512, show_default=True, help="Of the maps, in pixels."
)
def maps(study: str | None, without: tuple[str, ...], output: Path, radius: float, height: int) -> None:
    """Write a heat map of each image and kind, as RichHF-18K has them, and the labels of words by majority.

    A map is a gray PNG, the mean over annotators: 255 where all of them marked. index.jsonl says which is
    whose, with the share of annotators who marked each word.
    """
    from nami_bench.pipeline.marks import study_marks, write_mark_maps

    with open_bench() as bench:
        found = study_marks(bench.store, _chosen(bench.store, study), without)
        with progress("maps", len(found.by_image())) as advance:
            images = write_mark_maps(output, found, height=height, radius=radius, advance=advance)
    say(f"wrote the maps of {images} images into {output}")
