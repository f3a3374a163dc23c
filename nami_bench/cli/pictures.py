"""Arguments of the commands that draw results files, whichever benchmark they are of."""

from pathlib import Path

import click

from nami_bench.cli.common import say
from nami_bench.cli.options import FILE, together

plot_arguments = together(
    click.argument("results", nargs=-1, required=True, type=FILE),
    click.option("-o", "--output", required=True, type=FILE, help="The picture: .png, .svg or .pdf."),
    click.option(
        "--label",
        "labels",
        multiple=True,
        help="A model's name, once for each results file. Default: the file's name, or its folder's.",
    ),
)
"""For `named_results` and `picture_format`."""

page_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the page and its images. Default: results-browser beside results.jsonl.",
)
"""For `page_folder`."""


def named_results(results: tuple[Path, ...], labels: tuple[str, ...]) -> dict[str, Path]:
    """Results files by the names of their models; raises InputError where two have one name."""
    from nami_bench.errors import InputError

    names = labels or tuple(_name(path) for path in results)
    if len(names) != len(results):
        raise InputError(f"{len(results)} results files need {len(results)} --label, got {len(names)}")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"two results files are called {doubled!r}: tell them apart with --label")
    return dict(zip(names, results, strict=True))


def picture_format(output: Path) -> str:
    """How to draw a picture of this name; raises InputError where that is not known."""
    from nami_bench.errors import InputError

    try:
        from nami_bench.evaluation.bars import FORMATS
    except ModuleNotFoundError as error:
        raise InputError(f"pictures need the package {error.name!r}: pip install {error.name}") from error
    file_format = output.suffix.lower().lstrip(".")
    if file_format not in FORMATS:
        raise InputError(f"the picture {output} must end in .{', .'.join(FORMATS)}")
    return file_format


def page_folder(results: Path, output: Path | None) -> Path:
    """The folder of a results file's page."""
    return output or results.with_name(f"{results.stem}-browser")


def say_page(folder: Path, missing: int, total: int, what: str) -> None:
    """Tell where a page is, and how many of its images are missing: `what` became of them."""
    if missing:
        say(f"{missing} of {total} images {what}: name their folder with --images")
    say(f"wrote {folder / 'index.html'}")


def _name(path: Path) -> str:
    """What to call the model of a results file that nobody named."""
    return path.resolve().parent.name if path.stem == "results" else path.stem
