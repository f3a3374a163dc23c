"""`nami-bench dpg`; its pictures are in `dpg_pictures`."""

from pathlib import Path

import click

from nami_bench.cli import dpg_pictures
from nami_bench.cli.common import parse_pairs, progress
from nami_bench.cli.folder_command import (
    FolderOrCommand,
    print_run,
    print_summary,
    refuse_incomplete,
)
from nami_bench.cli.options import FILE, json_option


@click.group(cls=FolderOrCommand)
def dpg() -> None:
    """DPG-Bench on any folder of image grids."""


@click.command(
    epilog="Example: nami-bench dpg outputs/my-model --questions dpg_bench.csv --judge mplug "
    "--judge-option model=FOLDER. The figures of a results file: nami-bench dpg summary results.jsonl; "
    "pictures of it: dpg plot and browse (for a folder of the name 'summary' write ./summary)."
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--questions",
    required=True,
    type=FILE,
    help="The question file: DPG-Bench's, dpg_bench.csv, or one that `questions check` knows.",
)
@click.option("--judge", required=True, help="What answers the questions: see `nami-bench plugins`.")
@click.option("--judge-option", "judge_options", multiple=True, metavar="KEY=VALUE", help="Repeatable.")
@click.option(
    "--read",
    type=click.Choice(["exact", "word", "probability"]),
    help="What makes an answer right: the very word, the word in whatever case, or its probability. Default: "
    "as the judge is meant to be read.",
)
@dpg_pictures.policy_option
@click.option("--grid", default="2x2", show_default=True, help="Columns and rows of images in a file.")
@click.option(
    "--pic-num", type=click.IntRange(min=1), help="How many of a file's images count. Default: all of them."
)
@click.option(
    "--resolution",
    type=click.IntRange(min=1),
    help="Width and height of one image, pixels. Default: what fits most of the files.",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="Results, one JSON line for each image; taken up again after an interruption. "
    "Default: DIR/results.jsonl.",
)
@click.option(
    "--allow-incomplete", is_flag=True, help="Judge what is there although images are missing or damaged."
)
@json_option
def _score(
    directory: Path,
    questions: Path,
    judge: str,
    judge_options: tuple[str, ...],
    read: str | None,
    policy: str,
    grid: str,
    pic_num: int | None,
    resolution: int | None,
    output: Path | None,
    allow_incomplete: bool,
    as_json: bool,
) -> None:
    """Run DPG-Bench on DIR, one file for each prompt (ITEM.png), a grid of its images.

    The folder is compared with the question file first: missing, unknown, doubled, damaged files and those of
    another size are listed and refused. Needs no workspace.
    """
    from nami_bench import registry
    from nami_bench.errors import IncompleteError, InputError
    from nami_bench.evaluation.questions.dpg_folder import check_grids, judge_grids
    from nami_bench.evaluation.questions.dpg_summary import summarize
    from nami_bench.evaluation.questions.grids import Grid, grid_files, look_at, most_common_side, parse_grid
    from nami_bench.evaluation.questions.judge import Reading
    from nami_bench.evaluation.questions.official_csv import Policy, read_dpg
    from nami_bench.evaluation.questions.question_file import read_by

    columns, rows = parse_grid(grid)
    used = pic_num or columns * rows
    if used > columns * rows:
        raise InputError(f"--pic-num {used}: a grid of {grid} holds {columns * rows} images")
    asked = read_by(questions, lambda path: read_dpg(path, Policy(policy)))
    files = grid_files(directory)
    if not files:
        raise InputError(f"{directory} holds no files")
    answering = registry.create("judges", judge, parse_pairs(judge_options, "--judge-option"))
    _ = answering.identity  # finds the weights, or says that there are none
    with progress("checking", len(files)) as advance:
        looks = look_at(files, advance)
    cells = Grid(columns, rows, used, resolution or most_common_side(looks.values(), columns, rows))
    completeness = check_grids(files, looks, asked, cells)
    refuse_incomplete(
        directory, completeness, allow_incomplete, "mend it, or pass --allow-incomplete", as_json
    )
    results = output or directory / "results.jsonl"
    known = sum(file.item in asked.by_id and looks[file.path].problem is None for file in files)
    with progress("judging", known * used) as advance:
        reading = Reading(read) if read else answering.reading
        run = judge_grids(files, looks, asked, cells, answering, reading, results, advance)
    summary = summarize(run.results, Policy(policy), asked) if run.results else None
    failures = [f"not judged: {one.file}, image {one.cell}: {one.reason}" for one in run.failures]
    notes = [f"{len(failures)} images were not judged"] if failures else []
    print_run(results, run, summary, completeness, failures, notes, as_json)
    if run.failures and not (allow_incomplete and run.results):
        raise IncompleteError(
            f"{len(run.failures)} of {known * used} images were not judged; the others are in {results}"
        )
    if summary is None:
        raise InputError(f"{directory} holds no image of a prompt in {questions}")


dpg.on_folder = _score


@dpg.command(epilog="Example: nami-bench dpg summary results.jsonl --questions dpg_bench.csv --json")
@click.argument("results", type=FILE)
@click.option("--questions", type=FILE, help="The question file: prompts without results are noted.")
@dpg_pictures.policy_option
@click.option(
    "--categories",
    type=click.Choice(["raw", "zeroed"]),
    default="raw",
    show_default=True,
    help="Whether an answer whose parent is wrong counts in its category as it was given, as in the official "
    "script, or as 0.",
)
@json_option
def summary(results: Path, questions: Path | None, policy: str, categories: str, as_json: bool) -> None:
    """DPG-Bench's figures for a results file; the scores of both policies are shown."""
    from nami_bench.evaluation.questions.dpg_summary import summarize
    from nami_bench.evaluation.questions.official_csv import Policy, read_dpg
    from nami_bench.evaluation.questions.question_file import read_by
    from nami_bench.evaluation.questions.results import read_results

    asked = read_by(questions, lambda path: read_dpg(path, Policy(policy))) if questions else None
    figures = summarize(
        read_results(results), Policy(policy), asked, zeroed_categories=categories == "zeroed"
    )
    print_summary(figures, as_json)


dpg.add_command(dpg_pictures.plot)
dpg.add_command(dpg_pictures.browse)
