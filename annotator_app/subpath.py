"""Below a path of a larger site: https://lab.example.org/nami/ instead of a host of its own.

All addresses that the app writes are relative, so a proxy that takes the prefix off needs nothing of this.
One that hands the path on as it came is met here, as is a `Mount` of Starlette's: both say `root_path`.
"""

from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """ASGI middleware: marks what begins with `prefix` ("/nami") as below it; the rest passes as it is."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._prefix}/"):
            scope = {**scope, "root_path": scope.get("root_path", "") + self._prefix}
        await self._app(scope, receive, send)


def path_below(scope: Scope) -> str:
    """A request's path as the app inside knows it: without what it is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else path


def cookie_path(scope: Scope) -> str:
    """Where a cookie of ours belongs: below the prefix, as far as it is known."""
    return quote(scope.get("root_path", "")) or "/"


def with_slash(scope: Scope) -> str:
    """The relative address of the same place with a slash at its end."""
    return _relative(scope, f"{quote(scope['path'].rpartition('/')[2])}/")


def without_slash(scope: Scope) -> str:
    """The relative address of the same place without the slash at its end."""
    return _relative(scope, f"../{quote(scope['path'].rstrip('/').rpartition('/')[2])}")


def _relative(scope: Scope, address: str) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{address}?{query}" if query else address
