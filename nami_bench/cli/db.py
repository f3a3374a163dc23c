"""`nami-bench db`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import say, workspace_root
from nami_bench.cli.options import FILE

if TYPE_CHECKING:
    from nami_bench.config import Workspace


@click.group()
def db() -> None:
    """Back up and restore the workspace's database. Images are files: copy their folder as it is."""


@db.command("backup", epilog="Example: nami-bench db backup --keep 48")
@click.argument("file", required=False, type=FILE)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Afterwards delete all but the newest N of the back-ups that this command made in the workspace.",
)
def backup(file: Path | None, keep: int | None) -> None:
    """Write the database as it is now to FILE; default: backups/nami-DATE-TIME.db in the workspace.

    People may work on it meanwhile: nobody waits, and all that was acknowledged before is in it. The file
    holds personal data. Of PostgreSQL it is what pg_dump writes, which must be installed.
    """
    from nami_bench.errors import InputError
    from nami_bench.store.backup import back_up
    from nami_bench.store.backup_files import delete_old, new_name

    if keep and file:
        raise InputError("--keep is for back-ups in the workspace's own folder: leave FILE out")
    workspace = _workspace()
    target = file or new_name(workspace.backups_dir, workspace.database_url)
    size = back_up(workspace.database_url, target)
    say(f"wrote {target} ({size / 1e6:.1f} MB)")
    if keep:
        gone = delete_old(workspace.backups_dir, keep)
        say(f"{len(gone)} older back-up{'' if len(gone) == 1 else 's'} deleted, {keep} at most are kept")


@db.command("restore", epilog="Example: nami-bench db restore nami-workspace/backups/nami-20260131-180000.db")
@click.argument("file", type=FILE)
@click.option("--yes", is_flag=True, help="Do it without asking.")
def restore(file: Path, yes: bool) -> None:
    """Let the database be as it was when FILE was written.

    What it is now is kept in the workspace's folder backups. Nobody may use the database meanwhile: stop the
    annotation app first. People who were erased since are erased again, and so withdraw those who withdrew.
    """
    import sys

    from nami_bench.errors import InputError
    from nami_bench.store.backup import restore as put_back

    workspace = _workspace()
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("this replaces the database and nothing was changed: add --yes to do it")
        click.confirm(f"Replace the database by {file}?", err=True, abort=True)
    done = put_back(workspace.database_url, file, workspace.backups_dir)
    say(f"restored {file}")
    if done.kept is not None:
        say(f"what was there before: {done.kept}")
    if done.erased is None:
        say("who was erased since that back-up is not known: erase them again (annotators erase)")
    elif done.erased:
        say(f"{done.erased} people who were erased since that back-up are erased again")
    if done.withdrawn is None:
        say("who withdrew from a study since that back-up is not known: ask, and let them withdraw again")
    elif done.withdrawn:
        say(f"{done.withdrawn} participants who withdrew since that back-up are withdrawn again")


def _workspace() -> "Workspace":
    from nami_bench.config import open_workspace

    return open_workspace(workspace_root())
