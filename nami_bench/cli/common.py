"""What the commands share: the workspace they work on, and how they print."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nami_bench.config import Workspace
    from nami_bench.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """`--json`: one JSON document on stdout and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


@dataclass(frozen=True)
class Bench:
    """An opened workspace and its store."""

    workspace: "Workspace"
    store: "Store"


@contextmanager
def open_bench() -> Iterator[Bench]:
    """Open the workspace that --workspace, or the current folder, names; close its store at the end."""
    from nami_bench.config import find_workspace, open_workspace
    from nami_bench.store import Store

    workspace = open_workspace(find_workspace(click.get_current_context().find_root().obj))
    with Store.open(workspace.database_url) as store:
        yield Bench(workspace, store)


def workspace_root() -> Path:
    """The workspace folder the command works on, whether it exists or not."""
    from nami_bench.config import find_workspace

    return find_workspace(click.get_current_context().find_root().obj)


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


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A table on stdout; numbers to the right, None as an en dash."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [tuple(row) for row in rows]
    table = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        numeric = any(isinstance(row[position], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # Text, not markup: a prompt may hold [brackets].
        table.add_row(*(Text("–" if cell is None else str(cell)) for cell in row))
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(table)


def say(message: str) -> None:
    """A line for people, on stderr: stdout belongs to results."""
    click.echo(message, err=True)


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield `advance(count)`: a bar on a terminal, a plain line every ten per cent elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(title, total=total)
            yield partial(bar.advance, task)
    else:
        yield _PlainProgress(title, total)


class _PlainProgress:
    def __init__(self, title: str, total: int | None) -> None:
        self.title, self.total, self.done, self.printed = title, total, 0, 0

    def __call__(self, count: int) -> None:
        self.done += count
        tenths = 10 * self.done // self.total if self.total else 0
        if tenths > self.printed:
            self.printed = tenths
            say(f"{self.title}: {self.done}/{self.total}")


def write_or_print(output: Path | None, data: bytes) -> None:
    """Write `data` to a file atomically, or to stdout where no file was named."""
    if output is None:
        click.echo(data, nl=False)
        return
    from nami_bench.images import write_bytes

    write_bytes(output, data)
    say(f"wrote {output}")


def tally(counts: Mapping[str, int]) -> str:
    """'3 done, 1 failed' from {'done': 3, 'failed': 1, 'refused': 0}."""
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing to do"
