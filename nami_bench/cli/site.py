"""`nami-bench site`."""

from pathlib import Path
from typing import Any

import click

from nami_bench.cli.common import progress, say, workspace_root
from nami_bench.cli.options import precision_of, precision_options, without_option


@click.command(
    epilog="Examples: nami-bench site -o pages; nami-bench site bench-a bench-b --title 'Two benchmarks' -o "
    "pages; nami-bench site dataset --study pilot -o pages"
)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write: new, empty, or an earlier build's, of which only what changed is written again.",
)
@click.option("--title", metavar="TEXT", help="What the site is called. Default: by its prompt sets.")
@click.option(
    "--study",
    "studies",
    multiple=True,
    metavar="NAME",
    help="Show this study; repeatable. Default: all that have judgements, the newest first.",
)
@click.option(
    "--pixels",
    type=click.IntRange(0),
    default=768,
    show_default=True,
    help="Longest side of large pictures; 0: thumbnails alone.",
)
@click.option("--comments", is_flag=True, help="Show what annotators wrote beside images.")
@without_option
@precision_options
def site(
    sources: tuple[Path, ...],
    output: Path,
    title: str | None,
    studies: tuple[str, ...],
    pixels: int,
    comments: bool,
    without: tuple[str, ...],
    **precision: Any,
) -> None:
    """Write a results site: a static folder that opens from disk and goes onto any static host.

    SOURCE is a workspace (default: that of --workspace) or a folder that `ratings export --format
    dataset` wrote; several become one site. Every number leads to the images behind it. Annotators have
    names of the site's own, and nothing is loaded from another host.
    """
    from nami_bench.errors import InputError
    from nami_bench.run_file.site import drafted_run_file
    from nami_bench.site.build import SiteOptions, build_site

    chosen = precision_of(**precision)
    if chosen is None:
        raise InputError("a site is about intervals: leave out --intervals none")
    options = SiteOptions(title, studies, without, comments, pixels, chosen, drafted_run_file)
    done = build_site(list(sources) or [workspace_root()], output, options, progress)
    for remark in done.remarks:
        say(remark)
    counts = f"{done.written} files written, {done.kept} kept, {done.removed} removed"
    say(f"wrote {output / 'index.html'}: {counts}")
