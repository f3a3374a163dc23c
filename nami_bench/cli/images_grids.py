"""`nami-bench images export`, and the option of `images import` for files that hold several images."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, progress, say

if TYPE_CHECKING:
    from nami_bench.pipeline.image_grids import GridShape

grid_option = click.option(
    "--grid",
    metavar="COLUMNSxROWS",
    help="Each file holds so many samples of its prompt, row by row: DPG-Bench's are 2x2.",
)


def parse_shape(text: str) -> "GridShape":
    """What --grid says; raises InputError."""
    from nami_bench.pipeline.image_grids import parse_shape as parsed

    return parsed(text)


@click.command(
    epilog="Example: nami-bench images export grids --model sd3 --prompts dpg --grid 2x2, then nami-bench "
    "dpg grids --questions dpg_bench.csv --judge mplug"
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", required=True, metavar="NAME", help="Whose images.")
@click.option("--prompts", required=True, metavar="SET", help="The prompt set's name or file.")
@click.option(
    "--grid",
    required=True,
    metavar="COLUMNSxROWS",
    help="Join so many samples of a prompt in one file, row by row: DPG-Bench's are 2x2, or 1x1.",
)
@click.option(
    "--allow-incomplete",
    is_flag=True,
    help="Leave samples that are not there black, and prompts without any out.",
)
def export(folder: Path, model: str, prompts: str, grid: str, allow_incomplete: bool) -> None:
    """Write a model's images to FOLDER, the samples of a prompt joined in one PNG file named after it.

    The name is the one under which the prompt was published, as DPG-Bench's script and `nami-bench dpg` look
    for it, else the prompt's id.
    """
    from nami_bench import pipeline
    from nami_bench.pipeline.image_grids import export_grids

    shape = parse_shape(grid)
    with open_bench() as bench:
        prompt_set = pipeline.resolve_prompt_set(bench.store, prompts)
        with progress("joining", len(prompt_set)) as advance:
            written = export_grids(
                bench.store,
                bench.workspace.images_dir,
                folder,
                model,
                prompt_set,
                shape,
                allow_incomplete=allow_incomplete,
                advance=advance,
            )
    say(f"wrote {written} files of {shape} images to {folder}")
