"""`nami-bench compare`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, parse_pairs, print_table, progress, write_or_print
from nami_bench.cli.options import FILE, json_option, without_option

if TYPE_CHECKING:
    from nami_bench.evaluation.variant.results import VariantComparison

_FORMATS = ("table", "csv", "json", "html")
_ENDINGS = {".csv": "csv", ".json": "json", ".html": "html"}


@click.command(
    epilog="Examples: nami-bench compare flux flux-cached --margin geneval=0.02; "
    "nami-bench compare flux flux-cached --margin geneval=0.02 --margin total=2 -o flux-cached.html"
)
@click.argument("base")
@click.argument("variant")
@click.option("--prompts", metavar="SET", help="Default: the only set of which both have images.")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="NAME=LOSS",
    help="By how much a metric or criterion may be worse, in its own units (people's scores: 0-100; shares "
    "of verdicts: 0-1); repeatable.",
)
@click.option(
    "--study", "studies", multiple=True, metavar="NAME", help="Default: all that show both; repeatable."
)
@without_option
@click.option("--level", type=float, default=0.95, show_default=True, help="Of intervals and margins.")
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="First images of a model that do not count in its speed, where its generator did not record which "
    "were made warm.",
)
@click.option(
    "--changes",
    "listed",
    type=click.IntRange(min=0),
    default=12,
    show_default=True,
    metavar="N",
    help="List the N pairs of pictures that changed most; 0: do not read pictures.",
)
@click.option(
    "--format", "format_", type=click.Choice(_FORMATS), help="Default: by the ending of -o, else table."
)
@click.option("-o", "--output", metavar="FILE", type=FILE, help="File to write; default: stdout.")
@json_option
def compare(
    base: str,
    variant: str,
    prompts: str | None,
    margins: tuple[str, ...],
    studies: tuple[str, ...],
    without: tuple[str, ...],
    level: float,
    warmup: int,
    listed: int,
    format_: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """What VARIANT saves beside BASE, and what that costs, on images of the same prompts and seeds.

    Time and memory, paired tests of every recorded metric and of people's judgements with prompts as the
    sample, whether it is not worse by more than a margin, and the pictures that changed most.
    """
    from nami_bench.pipeline.variant import Asked, compare_variant, paired_images

    chosen = _chosen(format_, output, as_json)
    asked = Asked(_losses(margins), prompts, studies, without, level, warmup, listed)
    with open_bench() as bench:
        pairs = paired_images(bench.store, base, variant, prompts)
        with progress("reading pictures", len(pairs.base) if listed else 0) as advance:
            found = compare_variant(bench.store, bench.workspace.images_dir, pairs, asked, advance)
        images_dir = bench.workspace.images_dir
    if chosen == "table" and output is None:
        _print(found)
    else:
        write_or_print(output, _formatted(found, chosen, images_dir))


def _chosen(format_: str | None, output: Path | None, as_json: bool) -> str:
    from nami_bench.errors import InputError

    if as_json and format_ not in (None, "json"):
        raise InputError(f"--json and --format {format_} contradict each other: give one of them")
    chosen = "json" if as_json else format_ or _ENDINGS.get(output.suffix.lower() if output else "", "table")
    if output is not None and chosen == "table":
        raise InputError(
            f"cannot write {output.name!r}: let its name end in .csv, .json or .html, or say --format"
        )
    return chosen


def _losses(pairs: tuple[str, ...]) -> dict[str, float]:
    from nami_bench.errors import InputError

    try:
        return {name: float(value) for name, value in parse_pairs(pairs, "--margin").items()}
    except ValueError as error:
        raise InputError(f"--margin takes NAME=LOSS with a number, such as geneval=0.02: {error}") from error


def _formatted(found: "VariantComparison", form: str, images_dir: Path) -> bytes:
    if form == "html":
        from nami_bench.export.variant_page import variant_html

        return variant_html(found, images_dir)
    if form == "csv":
        from nami_bench.export.variant_text import variant_csv

        return variant_csv(found)
    import json

    return (json.dumps(found.to_json(), indent=2, ensure_ascii=False, default=str) + "\n").encode()


def _print(found: "VariantComparison") -> None:
    from nami_bench.export.variant_text import changes_table, variant_notes, variant_tables

    echo(f"{found.variant} beside {found.base}: {found.sentence}\n")
    for table in (*variant_tables(found), *([changes_table(found)] if found.changes.pairs else [])):
        print_table(table.columns, table.rows, table.title, table.numeric, table.whole)
    for note in variant_notes(found):
        echo(f"- {note}")
