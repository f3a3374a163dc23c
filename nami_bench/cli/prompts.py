"""`nami-bench prompts`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import (
    echo,
    open_bench,
    parse_pairs,
    print_json,
    print_table,
    say,
    workspace_root,
    write_or_print,
)
from nami_bench.cli.consent import counted
from nami_bench.cli.options import FILE, json_option, limit_options
from nami_bench.cli.prompt_import import import_
from nami_bench.cli.submissions import submissions
from nami_bench.cli.write_long import write_long

if TYPE_CHECKING:
    from nami_bench.domain import PromptSet
    from nami_bench.prompts.protocol import PromptSource

_output_option = click.option("-o", "--output", type=FILE, help="File to write; default: stdout.")


@click.group()
def prompts() -> None:
    """Make, list and export prompt sets. SET is a recorded set's name or a prompt file."""


prompts.add_command(import_)
prompts.add_command(write_long)
prompts.add_command(submissions)


@prompts.command("geneval", epilog="Example: nami-bench prompts geneval -o geneval.jsonl")
@_output_option
@click.option("--seed", default=43, show_default=True, help="Seed of the draws.")
@click.option(
    "--per-task", default=100, show_default=True, help="Draws for each task, before repeats are dropped."
)
@click.option(
    "--classes",
    type=click.Choice(["coco", "shapes"]),
    default="coco",
    show_default=True,
    help="Objects to speak of.",
)
def geneval(output: Path | None, seed: int, per_task: int, classes: str) -> None:
    """GenEval's prompts as its own JSON lines; by default the official 553, byte for byte."""
    from nami_bench.prompts.geneval import Grammar, geneval_metadata, metadata_lines
    from nami_bench.prompts.sources import SHAPES_GRAMMAR

    grammar = SHAPES_GRAMMAR if classes == "shapes" else Grammar()
    write_or_print(output, metadata_lines(geneval_metadata(grammar, seed=seed, per_task=per_task)))


@prompts.command(
    "build",
    epilog="Example: nami-bench prompts build nami-1k -o nami-1k.jsonl",
)
@click.argument("recipe", default="nami-1k")
@click.option("--seed", type=int, help="Overrides the recipe's.")
@click.option(
    "--source", "sources", multiple=True, metavar="NAME=PATH", help="A local file for a source; repeatable."
)
@click.option("--name", help="Name of the set; default: the recipe's.")
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="Also write FILE and its manifest.",
)
def build(
    recipe: str, seed: int | None, sources: tuple[str, ...], name: str | None, output: Path | None
) -> None:
    """Assemble a prompt set by RECIPE (nami-1k, nami-1k-public, shapes-demo or a .toml file) and record it.

    Without a workspace the set is only written to FILE.jsonl, with FILE.manifest.json beside it.
    Public sources that are not on this machine are downloaded: see `nami-bench prompts sources`.
    """
    from nami_bench import pipeline
    from nami_bench.errors import InputError
    from nami_bench.prompts.assembly import build_prompt_set

    if output is None and not _has_workspace():
        raise InputError(
            f"no workspace at {workspace_root()}: "
            "run `nami-bench init`, or write the set to a file only, with -o FILE.jsonl"
        )
    if output is not None and output.suffix != ".jsonl":
        raise InputError(f"-o {output}: a prompt set's file ends in .jsonl")
    paths = {key: Path(path) for key, path in parse_pairs(sources, "--source").items()}
    prompt_set = build_prompt_set(recipe, paths, name=name, seed=seed)
    if _has_workspace():
        with open_bench() as bench:
            pipeline.save_prompt_set(bench.workspace, bench.store, prompt_set)
        say(f"recorded {prompt_set.name} in {workspace_root()}")
    if output is not None:
        pipeline.write_prompt_set(output, prompt_set)
        say(f"wrote {output}")
    strata = ", ".join(f"{s['count']} {stratum}" for stratum, s in prompt_set.manifest["strata"].items())
    say(f"{prompt_set.name}: {len(prompt_set)} prompts ({strata}), canonical SHA-256 {prompt_set.sha256}")


@prompts.command("list", epilog="Example: nami-bench prompts list --json")
@json_option
def list_(as_json: bool) -> None:
    """All prompt sets of the workspace.

    The hash of the file identifies the file that a set was read from; the canonical hash its prompts, in
    whatever file they stand.
    """
    from nami_bench.pipeline.prompt_origins import identity

    with open_bench() as bench:
        rows = [identity(prompt_set) for prompt_set in bench.store.catalog.prompt_sets()]
    if as_json:
        print_json(rows)
    else:
        columns = ("name", "prompts", "rewritten", "file", "SHA-256 of the file", "canonical SHA-256")
        print_table(columns, map(_listed, rows))


@prompts.command("show", epilog="Example: nami-bench prompts show shapes-demo --stratum long --limit 5")
@click.argument("reference", metavar="SET")
@click.option("--stratum", help="Only prompts of this stratum.")
@limit_options("prompts", "strata, GenEval tasks and sources")
@click.option("--seed", default=0, show_default=True, help="Of --limit, as `generate` draws them by its own.")
@json_option
def show(
    reference: str, stratum: str | None, limit: int | None, first: int | None, seed: int, as_json: bool
) -> None:
    """The prompts of a set."""
    from nami_bench import pipeline
    from nami_bench.errors import UnknownNameError
    from nami_bench.pipeline.prompt_origins import identity
    from nami_bench.prompts.rewrites import original_of

    prompt_set = prompt_set_named(reference)
    strata = {prompt.stratum for prompt in prompt_set.prompts}
    if stratum is not None and stratum not in strata:
        raise UnknownNameError(f"stratum of {prompt_set.name}", stratum, strata)
    of_stratum = [prompt for prompt in prompt_set.prompts if stratum in (None, prompt.stratum)]
    chosen = pipeline.select_prompts(of_stratum, limit=limit, first=first, seed=seed).prompts
    if as_json:
        print_json({**identity(prompt_set), "prompts": [prompt.to_json() for prompt in chosen]})
    else:
        echo(_identity_line(prompt_set))
        columns: tuple[str, ...] = ("id", "stratum", "source", "task", "words", "prompt")
        rows: list[tuple[Any, ...]] = [(p.id, p.stratum, p.source, p.task, p.words, p.text) for p in chosen]
        for name, cells in (
            ("group", [p.group for p in chosen]),
            ("source's id", [p.source_id for p in chosen]),
        ):
            if any(cell is not None for cell in cells):
                columns = (columns[0], name, *columns[1:])
                rows = [(row[0], cell, *row[1:]) for row, cell in zip(rows, cells, strict=True)]
        originals = [original_of(prompt) for prompt in chosen]
        if any(originals):
            columns = (*columns, "rewritten from")
            rows = [(*row, original) for row, original in zip(rows, originals, strict=True)]
        print_table(columns, rows)


@prompts.command("stats", epilog="Example: nami-bench prompts stats nami-1k --json")
@click.argument("reference", metavar="SET")
@json_option
def stats(reference: str, as_json: bool) -> None:
    """Counts by stratum, source and tag, and lengths in words, beside GenEval's and DPG-Bench's."""
    from nami_bench.cli.prompt_stats import print_stats
    from nami_bench.pipeline.prompt_origins import identity
    from nami_bench.prompts.summary import summarize, yardsticks

    prompt_set = prompt_set_named(reference)
    summary, beside = summarize(prompt_set), yardsticks()
    if as_json:
        print_json({**identity(prompt_set), **summary, "beside": beside})
    else:
        echo(_identity_line(prompt_set))
        print_stats(prompt_set.name, summary, beside)


@prompts.command(
    "export", epilog="Example: nami-bench prompts export nami-1k --format geneval -o metadata.jsonl"
)
@click.argument("reference", metavar="SET")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "txt", "geneval", "folder", "geneval-folders", "t2i-compbench"]),
    default="jsonl",
    show_default=True,
    help="Ours, one prompt a line, the metadata lines that GenEval's generation scripts read; or a folder: "
    "with a text file for each prompt, under its published name, as DPG-Bench has it (folder), in GenEval's "
    "layout, or with a file for each category, as T2I-CompBench has it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File or folder to write; default for files: stdout.",
)
def export(reference: str, form: str, output: Path | None) -> None:
    """Write a set for use elsewhere; line N is prompt N in every format of lines."""
    from nami_bench.errors import InputError
    from nami_bench.prompts.exports import FOLDERS, FORMATS

    prompt_set = prompt_set_named(reference)
    if form in FOLDERS:
        if output is None:
            raise InputError("name the folder to write with -o")
        files = FOLDERS[form](output, prompt_set)
        say(f"wrote {len(prompt_set)} prompts to {counted(files, 'file')} in {output}")
        return
    bare = sum(prompt.geneval is None for prompt in prompt_set.prompts)
    write_or_print(output, FORMATS[form](prompt_set))
    if form == "geneval" and bare:
        say(f"{bare} of {len(prompt_set)} prompts have no GenEval clauses: their lines hold the prompt alone")


@prompts.command("sources", epilog="Example: nami-bench prompts sources --json")
@json_option
def sources(as_json: bool) -> None:
    """Every source: licence, number of prompts, hash, where it comes from, whether it is on this machine."""
    from nami_bench.prompts.sources import all_sources

    rows = [_source_row(source) for source in all_sources()]
    if as_json:
        print_json(rows)
    else:
        columns = ("name", "origin", "licence", "prompts", "available", "sha256", "address")
        print_table(columns, [tuple(row[column] for column in columns) for row in rows])


def _has_workspace() -> bool:
    # A workspace asked for by name must be there; opening it says so where it is not.
    explicit = click.get_current_context().find_root().obj is not None
    return explicit or (workspace_root() / "nami.toml").is_file()


def prompt_set_named(reference: str) -> "PromptSet":
    """A recorded set by name, else a file, which is read but not recorded."""
    from nami_bench.errors import InputError
    from nami_bench.prompts.files import holds_prompts, load_prompt_set

    path = Path(reference)
    if _has_workspace():
        with open_bench() as bench:
            if bench.store.catalog.has_prompt_set(reference) or not holds_prompts(path):
                return bench.store.catalog.prompt_set(reference)
    elif not holds_prompts(path):
        raise InputError(
            f"{reference} is not a file, and no workspace at {workspace_root()} could have recorded it: "
            "give the path of a prompt file, or pass --workspace DIR"
        )
    return load_prompt_set(path)


def _listed(row: Mapping[str, Any]) -> tuple[Any, ...]:
    file = row["file"] or {"name": None, "sha256": None}
    return row["name"], row["prompts"], row["rewritten"], file["name"], file["sha256"], row["sha256"]


def _identity_line(prompt_set: "PromptSet") -> str:
    from nami_bench.export.sections import origin_note
    from nami_bench.pipeline.prompt_origins import prompt_origin

    return origin_note(prompt_set.name, prompt_set.sha256, prompt_origin(prompt_set))


def _source_row(source: "PromptSource") -> dict[str, Any]:
    from nami_bench.prompts.protocol import Availability

    content = source.load() if source.availability is Availability.HERE else None
    return {
        "name": source.name,
        "origin": source.origin,
        "licence": source.licence,
        "prompts": None if content is None else len(content.candidates),
        "available": source.availability.value,
        "sha256": source.sha256 or (None if content is None else content.sha256),
        "texts_sha256": source.texts_sha256 or (None if content is None else content.texts_sha256),
        "address": source.address,
    }
