"""Checks of the workspace: its file, its database."""

from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.config import Workspace
from nami_bench.doctor.finding import Finding, fail, ok, warn
from nami_bench.errors import InputError

if TYPE_CHECKING:
    from nami_bench.store.health import Health

# As Linux calls them, or begins to: nfs4, smb3.
NETWORK_FILE_SYSTEMS = (
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.sshfs",
    "gluster",
    "lustre",
    "nfs",
    "smb",
)


def workspace(root: Path, opened: Workspace | InputError | None) -> Finding:
    """The folder `root` and its nami.toml; `opened` is what came of reading it, None: there is none."""
    if opened is None:
        return ok(f"none at {root}; `nami-bench init` makes one")
    if isinstance(opened, InputError):
        return fail(str(opened), "mend nami.toml: docs/formats.md has its keys")
    return ok(str(root.absolute()))


def database(health: "Health | InputError | None", file_system: str | None) -> Finding:
    """The database as it was found, None: there is no workspace; `file_system` is the kind that holds it."""
    if health is None:
        return ok("not looked at without a workspace that can be read")
    if isinstance(health, InputError):
        return fail(str(health), "mend NAMI_DATABASE_URL or database.url in nami.toml")
    if not health.exists:
        return ok(f"{health.name}, not made yet")
    if health.trouble:
        return fail(f"{health.name} does not open: {health.trouble}", "put a sound copy in its place")
    if health.damage:
        return fail(
            f"{health.name} is damaged: {health.damage}",
            "stop what uses it, keep a copy, restore a backup or `sqlite3 FILE .recover`",
        )
    return _sound(health, file_system)


def _sound(health: "Health", file_system: str | None) -> Finding:
    size = "" if health.size is None else f", {health.size / 1e6:.1f} MB"
    text = f"{health.name}, schema {health.revision or 'none'}{size}"
    if health.is_newer:
        return fail(f"{text}, made by a newer NAMI-Bench", "pip install --upgrade nami-bench")
    if not health.is_writable:
        return fail(
            f"{text}, cannot be written", "give this account the right to write the file and its folder"
        )
    if health.is_locked:
        return warn(f"{text}, locked: another program is writing", "wait for it; if it hangs, end it")
    if health.size is not None and file_system and file_system.startswith(NETWORK_FILE_SYSTEMS):
        return warn(
            f"{text}, on a network file system ({file_system})",
            "use one machine at a time, a local disk, or PostgreSQL: SQLite's locks are not safe there",
        )
    if health.is_older:
        return ok(f"{text}; the next command migrates it")
    if health.size is not None and not health.is_wholly_checked:
        return ok(f"{text}, in part looked through, no damage found")
    return ok(text + (", no damage" if health.size is not None else ", answers"))
