"""The annotation server in a Space: what the hub's machine starts.

The workspace is /data, which is a storage bucket where the owner has mounted one. Nothing says that a bucket
keeps SQLite's locks and order of writes: the database lies on the machine's own disk, and copies of it there.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from nami_bench.annotator_app.hub_login import HUB as PROVIDER
from nami_bench.annotator_app.hub_login import HubLogin
from nami_bench.annotator_app.server import serve
from nami_bench.annotator_app.sessions import has_administrator
from nami_bench.config import Workspace, init_workspace, open_workspace
from nami_bench.deployment.copies import Copies
from nami_bench.domain import Annotator, Role
from nami_bench.errors import NamiBenchError
from nami_bench.store import Store

PORT = 7860
"""Where the hub's proxy asks."""

PROXIES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.1")
"""The hub does not say which address its proxy has; nobody else reaches the port."""

HUB = ("https://huggingface.co", "https://*.hf.space")
"""Whose pages show the Space in a frame."""

OWNER = "owner"


def main() -> None:
    """Serve until the Space stops; exits 1 or 2 with one sentence where it cannot."""
    data = Path(os.environ.get("NAMI_DATA", "/data"))
    try:
        with tempfile.TemporaryDirectory(prefix="nami-") as folder:
            run(data, Path(folder) / "nami.db", int(os.environ.get("NAMI_PORT", PORT)))
    except NamiBenchError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the Space's log
        sys.exit(error.exit_code)


def run(data: Path, database: Path, port: int) -> None:
    """Serve the workspace `data`, whose database is `database` while it runs."""
    if not os.access(data, os.W_OK):
        data = database.parent / "data"
        _say("no storage is mounted at /data: everything is gone when this Space stops (see README.md)")
    workspace = _workspace(data)
    copies = Copies(database, workspace.backups_dir)
    found = copies.restore()
    _say(f"going on from {found.name}" if found else "a new database")
    os.environ["NAMI_DATABASE_URL"] = f"sqlite:///{database}"
    with Store.open(workspace.database_url) as store:
        _add_owner(store)
        copies.begin()
        try:
            serve(workspace, store, None, port=port, hub=_hub())
        finally:
            copies.end()


def _workspace(data: Path) -> Workspace:
    workspace = open_workspace(data) if (data / "nami.toml").exists() else init_workspace(data)
    host = os.environ.get("SPACE_HOST", "")
    settings = replace(
        workspace.annotate,
        host="0.0.0.0",
        workers=1,
        host_names=(*workspace.annotate.host_names, *filter(None, [host])),
        trusted_proxies=(*workspace.annotate.trusted_proxies, *PROXIES),
        framed_by=HUB,
    )
    return replace(workspace, annotate=settings)


def _hub() -> HubLogin | None:
    """How people log in with their account on the hub, where the Space's README asks for that.

    NAMI_ADMIN names the administrators among them, NAMI_USERS all others who may come in (default: everybody
    whom the hub lets through), by their names there and with spaces in between.
    """
    identifier = os.environ.get("OAUTH_CLIENT_ID")
    if not identifier:
        return None
    return HubLogin(
        client_id=identifier,
        client_secret=os.environ.get("OAUTH_CLIENT_SECRET", ""),
        redirect_uri=f"https://{os.environ['SPACE_HOST']}/login/callback",
        provider=os.environ.get("OPENID_PROVIDER_URL", PROVIDER).rstrip("/"),
        users=tuple(os.environ.get("NAMI_USERS", "").split()),
        administrators=tuple(os.environ.get("NAMI_ADMIN", "").split()),
    )


def _add_owner(store: Store) -> None:
    if has_administrator(store) or os.environ.get("NAMI_ADMIN"):
        return
    token = store.accounts.add(Annotator(OWNER, Role.ADMINISTRATOR))
    _say(f"log in as {OWNER} with the token {token} (shown this once)")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the Space's log
