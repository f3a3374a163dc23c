"""`nami-bench study merge`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, parse_pairs, print_json, say
from nami_bench.cli.consent import counted, dry_run_option
from nami_bench.cli.options import json_option

if TYPE_CHECKING:
    from nami_bench.store import Merged


@click.command(
    "merge",
    epilog="Examples: nami-bench study merge pilot ../second-server --dry-run; "
    "nami-bench study merge pilot ../second-server --same lena --rename omar=omar-2",
)
@click.argument("name")
@click.argument("workspace", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--rename", "renames", multiple=True, metavar="OLD=NEW", help="Another name here, for one; repeatable."
)
@click.option(
    "--prefix", default="", metavar="TEXT", help="Before the names of all whose name is taken here."
)
@click.option(
    "--same", multiple=True, metavar="NAME", help="This name is the same person there and here; repeatable."
)
@click.option(
    "--replace",
    is_flag=True,
    help="Where the same person judged the same thing differently, the other workspace's is a correction.",
)
@dry_run_option
@json_option
def merge(
    name: str,
    workspace: Path,
    renames: tuple[str, ...],
    prefix: str,
    same: tuple[str, ...],
    replace: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over what was done on study NAME in another WORKSPACE: all of it, or nothing.

    That are judgements with their corrections, answers to planted items, comments and flags, and who is
    excluded or paused; log-ins stay behind. It changes nothing there, and a second time nothing here, but for
    what was done there since. A name that somebody has here is refused unless one says who it is.
    """
    from nami_bench.config import open_workspace
    from nami_bench.errors import InputError
    from nami_bench.pipeline.merged_study import merge_study
    from nami_bench.store import Naming, Store

    naming = Naming(parse_pairs(renames, "--rename"), same, prefix)
    with open_bench() as bench:
        url = open_workspace(workspace).database_url
        if url == bench.workspace.database_url:
            raise InputError(
                f"{workspace} has the same database as this workspace: there is nothing to merge (where "
                "NAMI_DATABASE_URL is set it is that of both: unset it and name each in its nami.toml)"
            )
        with Store.open(url) as other:
            done = merge_study(bench.store, other, name, naming, replace=replace, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **asdict(done)})
        return
    for line in _lines(name, done):
        echo(line)
    if dry_run:
        say("nothing was changed (--dry-run)")


def _lines(study: str, done: "Merged") -> Iterator[str]:
    if not done.is_news:
        yield f"study {study}: all of it is here already"
        return
    yield (
        f"study {study}: {counted(done.items, 'item')} by {counted(len(done.names), 'annotator')}, "
        f"{counted(done.added, 'judgement')}"
        + (f", {done.replaced} more replace others" if done.replaced else "")
        + f", {counted(done.answers, 'answer')} as sent"
    )
    for there, here in done.names.items():
        if there != here:
            yield f"{there} is called {here} here"
    for name in done.excluded:
        yield f"{name} is excluded from every count, as there"
