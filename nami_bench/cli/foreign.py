"""Options for files of judgements that others made, and what was understood of them."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nami_bench.cli.common import say
from nami_bench.cli.options import FILE, together

if TYPE_CHECKING:
    from nami_bench.evaluation.leaderboard.scales import Scales
    from nami_bench.export.foreign import ForeignFile, Judged, Reading

F = TypeVar("F", bound=Callable[..., Any])

_NAMES = (
    "profile",
    "map",
    "values",
    "wide",
    "rename",
    "criterion",
    "items",
    "delimiter",
    "encoding",
    "repeats",
)

_options = together(
    click.option(
        "--profile", metavar="NAME", help="The file is in this form: see `nami-bench ratings profiles`."
    ),
    click.option(
        "--map",
        multiple=True,
        metavar="FIELD=COLUMN",
        help="Which column is what, as annotator=WorkerId,value=Answer.score; repeatable.",
    ),
    click.option(
        "--values",
        multiple=True,
        metavar="WORD=VALUE",
        help="What answers mean, as yes=2,partly=1,no=0 or left_image=left; nothing: no answer; repeatable.",
    ),
    click.option(
        "--wide",
        metavar="FIELD=COLUMN,COLUMN",
        help="Each of these columns holds values: their names are criterion, annotator, model or item.",
    ),
    click.option(
        "--rename",
        multiple=True,
        metavar="NAME=MODEL",
        help="Models by other names, as sd1dot5=sd-1.5 or 'imagenhub_*_generation=*'; nothing: it does not "
        "count; repeatable.",
    ),
    click.option(
        "--criterion",
        multiple=True,
        metavar="NAME",
        help="What the values are of, where the file does not say it; of several questions, those that "
        "count; repeatable.",
    ),
    click.option(
        "--items",
        metavar="FILE",
        type=FILE,
        help="A table that explains names of images, tasks or questions: item, and model, prompt_id ...",
    ),
    click.option("--delimiter", metavar="SIGN", help="Between cells: auto, tab, or the sign. Default: auto."),
    click.option("--encoding", metavar="NAME", help="Of a text that is not UTF-8, as cp1252 or gb18030."),
    click.option(
        "--repeats",
        type=click.Choice(("refuse", "first", "last", "each")),
        help="Of different answers of a person to one thing: which counts. Default: refuse the file.",
    ),
)


def foreign_options(command: F) -> F:
    """The options by which a file in another form is read, as one argument `reading`; None: our own form."""

    @wraps(command)
    def with_reading(*arguments: Any, **options: Any) -> Any:
        said = {name: options.pop(name) for name in _NAMES}
        return command(*arguments, reading=_reading(said), **options)

    return _options(with_reading)  # type: ignore[return-value]  # click's own kind of function


def _reading(said: dict[str, Any]) -> "Reading | None":
    if not any(said.values()):
        return None
    from nami_bench.export.foreign import reading_of

    renamed, criteria = said.pop("rename"), said.pop("criterion")
    return reading_of(**said, models=renamed, criteria=criteria)


def as_read(file: Path | None, reading: "Reading | None", option: str) -> "Path | ForeignFile | None":
    """The file, with how it is read; raises InputError where it is said of no file how to read it."""
    from nami_bench.errors import InputError
    from nami_bench.export.foreign import ForeignFile

    if reading is None:
        return file
    if file is None:
        raise InputError(f"--profile, --map, --criterion and the like belong to {option} FILE")
    return ForeignFile(file, reading)


def say_understood(judged: "Judged", scales: "Scales") -> None:
    """On stderr, what was understood of a file, before anything is done with it."""
    from nami_bench.export.foreign.preview import preview

    for line in preview(judged, scales):
        say(line)
