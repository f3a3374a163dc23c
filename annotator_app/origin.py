"""For whom a request was meant, and whose page sent it: the gate's two first questions.

A browser runs other sites' pages beside ours, and some of them would like to use its log-in, or to pass for
us: by a request of their own (cross-site), or by a name of theirs that they let point at this machine (DNS
rebinding). Browsers tell both apart in headers that no page can forge.
"""

import ipaddress
import logging
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers

ANY = "*"
"""In `annotate.host_names`: whatever name a request has."""

_WILDCARDS = ("0.0.0.0", "::", "")
_MOST_TOLD = 20
_log = logging.getLogger(__name__)


class Hosts:
    """The names under which this server is addressed.

    Any numerical address is good: who rebinds a name has a name. So are localhost, what the server listens
    on, the machine's own names, and `allowed`.
    """

    def __init__(self, listening: str, allowed: Iterable[str] = ()) -> None:
        names = {"localhost", listening, *allowed, *_machine_names(listening)}
        self._names = {_bare(name) for name in names if name}
        self._is_open = ANY in self._names
        self._told: set[str] = set()

    def know(self, host: str) -> bool:
        """Whether the `Host` of a request, with or without a port, is one of ours."""
        name = _bare(_without_port(host))
        if self._is_open or name in self._names or _is_address(name):
            return True
        if len(self._told) < _MOST_TOLD and name not in self._told:
            self._told.add(name)
            _log.warning("a request was refused: %s", unknown_host(host))
        return False


def unknown_host(host: str) -> str:
    """Why a request to a name that is not ours is refused, and what its owner can do."""
    name = "".join(c for c in _without_port(host)[:100] if c.isprintable())
    return (
        f"this server does not go by the name {name!r}; if it should, whoever runs it starts it with "
        f"`nami-bench annotate --host-name NAME`, or sets annotate.host_names in nami.toml"
    )


def is_from_our_page(headers: Headers) -> bool:
    """Whether no other site's page sent a request.

    Browsers say so in Sec-Fetch-Site, and over plain HTTP in Origin, which scripts cannot forge.
    A program that sends neither has no user whose cookie it could abuse. (A form of ours sends its Origin
    over plain HTTP only where its page's referrer policy is "same-origin": with "no-referrer" it is "null".)
    """
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def is_opened(headers: Headers) -> bool:
    """Whether a request fetches a page into a window of its own: somebody followed a link.

    The page that the link stood on learns nothing of the answer.
    """
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _machine_names(listening: str) -> set[str]:
    own = socket.gethostname()
    names = {own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}
    # Asks a name server: only where other machines could know the full name.
    return names | {socket.getfqdn()} if listening in _WILDCARDS else names


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return host.partition(":")[0] if host.count(":") <= 1 else host


def _bare(name: str) -> str:
    return name.strip("[]").removesuffix(".").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
