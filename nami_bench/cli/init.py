"""`nami-bench init`."""

from pathlib import Path

import click

from nami_bench.cli.common import say, workspace_root


@click.command(epilog="Example: nami-bench init my-benchmark")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
def init(directory: Path | None) -> None:
    """Make a workspace: nami.toml, the database, and folders for prompts, images and reports."""
    from nami_bench.config import init_workspace
    from nami_bench.store import Store

    workspace = init_workspace(directory or workspace_root())
    Store.open(workspace.database_url).close()
    say(f"made a workspace in {workspace.root}: edit {workspace.root / 'nami.toml'} to change its defaults")
