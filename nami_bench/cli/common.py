"""What the commands share: the workspace they work on, and how they print."""

import getpass
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from nami_bench.cli.terminal import visible, visible_json
from nami_bench.cli.verbosity import is_quiet, is_verbose, note_said

if TYPE_CHECKING:
    from nami_bench.config import Workspace
    from nami_bench.services.download import Report
    from nami_bench.store import Store

SECONDS_BETWEEN_LINES = 10.0


def folder_location(text: str) -> Path:
    """The type of an argument that is a folder, or a place in an object store (s3://bucket/folder)."""
    from nami_bench.locations import location

    return location(text)


@dataclass(frozen=True)
class Bench:
    """An opened workspace and its store."""

    workspace: "Workspace"
    store: "Store"


@contextmanager
def open_bench(patience_s: float | None = None) -> Iterator[Bench]:
    """Open the workspace that --workspace, or the current folder, names; close its store at the end.

    `patience_s`: so long a write waits for a locked database; None: the store's default.
    """
    from nami_bench.config import find_workspace, open_workspace
    from nami_bench.store import Store
    from nami_bench.store.database import PATIENCE_S

    workspace = open_workspace(find_workspace(click.get_current_context().find_root().obj))
    with Store.open(workspace.database_url, patience_s=patience_s or PATIENCE_S) as store:
        yield Bench(workspace, store)


def workspace_root() -> Path:
    """The workspace folder the command works on, whether it exists or not."""
    from nami_bench.config import find_workspace

    return find_workspace(click.get_current_context().find_root().obj)


def who() -> str:
    """Who decides something on the command line, as the database keeps it."""
    return f"{getpass.getuser()} (command line)"


def parse_pairs(pairs: Sequence[str], option: str) -> dict[str, str]:
    """KEY=VALUE arguments as a dictionary."""
    from nami_bench.errors import InputError

    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InputError(f"{option} {pair!r} is not of the form KEY=VALUE")
        parsed[key] = value
    return parsed


def options_by_name(names: Sequence[str], pairs: Sequence[str], kind: str) -> dict[str, dict[str, Any]]:
    """By name, the options that [NAME.]KEY=VALUE arguments give to all or to one of some of a `kind`."""
    from nami_bench.errors import InputError

    parsed = parse_pairs(pairs, "--option")
    shared = {key: value for key, value in parsed.items() if "." not in key}
    chosen: dict[str, dict[str, Any]] = {name: dict(shared) for name in names}
    for key in parsed.keys() - shared.keys():
        name, _, option = key.rpartition(".")  # a name may hold dots, a key does not
        if name not in chosen:
            raise InputError(f"--option {key}: the {kind} {name!r} was not asked for")
        chosen[name][option] = parsed[key]
    return chosen


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(visible_json(json.dumps(value, indent=2, ensure_ascii=False, default=str)))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str | None = None,
    numeric: Collection[str] = (),
    whole: Collection[str] = (),
) -> None:
    """A table on stdout, None as an en dash.

    Numbers, and the columns named in `numeric`, stand to the right; those in `whole` are never folded.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [tuple(row) for row in rows]
    heading = None if title is None else Text(visible(title), style="bold")
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        right = column in numeric or any(isinstance(row[position], int | float) for row in rows)
        justify: Literal["left", "right"] = "right" if right else "left"
        table.add_column(Text(visible(column)), justify=justify, overflow="fold", no_wrap=column in whole)
    for row in rows:
        # Text, not markup: a prompt may hold [brackets].
        table.add_row(*(Text("–" if cell is None else visible(str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(table)


def say(message: str) -> None:
    """A line for people, on stderr: stdout belongs to results. With -q it goes to the log file only."""
    note_said(message)
    if not is_quiet():
        complain(message)


def announce(message: str) -> None:
    """A line on stderr that a command is run for, such as an address: -q does not silence it."""
    note_said(message)
    complain(message)


def complain(message: str) -> None:
    """A line on stderr that -q does not silence."""
    click.echo(visible(message, lines=True), err=True)


def say_unless_logged(message: str) -> None:
    """`say` what the log says, too: not where -v shows that."""
    if not is_verbose():
        say(message)


def echo(text: str) -> None:
    """Results for people, on stdout."""
    click.echo(visible(text, lines=True))


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield `advance(count)`: a bar on a terminal, a plain line now and then elsewhere; nothing with -q."""
    if sys.stderr.isatty() and not is_quiet():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        description = TextColumn("{task.description}", markup=False)
        columns = (description, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(visible(title), total=total)
            yield partial(bar.advance, task)
    else:
        yield _PlainProgress(title, total)


@contextmanager
def byte_progress(title: str) -> Iterator["Report"]:
    """Yield `report(done, total)`, in bytes: a bar on a terminal, a plain line now and then elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        description = TextColumn("{task.description}", markup=False)
        columns = (description, BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(visible(title), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        yield _PlainBytes(title)


class _PlainBytes:
    def __init__(self, title: str) -> None:
        self.title = title
        self.printed_at = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        if time.monotonic() - self.printed_at >= SECONDS_BETWEEN_LINES:
            self.printed_at = time.monotonic()
            of = "?" if total is None else f"{total / 1e6:.0f}"
            say(f"{self.title}: {done / 1e6:.0f} of {of} MB")


class _PlainProgress:
    def __init__(self, title: str, total: int | None) -> None:
        self.title, self.total, self.done = title, total, 0
        self.printed_at = time.monotonic()

    def __call__(self, count: int) -> None:
        self.done += count
        if time.monotonic() - self.printed_at >= SECONDS_BETWEEN_LINES:
            self.printed_at = time.monotonic()
            say(f"{self.title}: {self.done}/{self.total or '?'}")


def write_or_print(output: Path | None, data: bytes) -> None:
    """Write `data` to a file atomically, or to stdout where no file was named."""
    if output is None:
        # Another program gets the very bytes; a person sees what they would do to the terminal.
        shown = visible(data.decode(errors="replace"), lines=True) if sys.stdout.isatty() else data
        click.echo(shown, nl=False)
        return
    from nami_bench.images import write_bytes

    write_bytes(output, data)
    say(f"wrote {output}")


def tally(counts: Mapping[str, int]) -> str:
    """See `nami_bench.domain.english.tally`, which `--help` need not load."""
    from nami_bench.domain.english import tally as in_words

    return in_words(counts)
