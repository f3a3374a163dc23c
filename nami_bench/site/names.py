"""Names that a site gives: of raters, whom it does not call by their log-ins, and of its files."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from nami_bench.domain import SIMULATED_PREFIX

_SHORTEST = 4
"""Characters of a rater's code: enough for a few hundred people, longer where two would be alike."""


def rater_names(people: Iterable[str], key: bytes) -> dict[str, str]:
    """What the site calls each annotator: `rater-k7q2`, by the name that they log in with.

    `key` is secret and the site's own: with it the same person has the same name on every page and in every
    later build, and without it nobody can find a name by trying log-ins. Simulated annotators keep their
    names: nobody may take them for people. Unknown voters, whose name is empty, stay unknown.
    """
    names = sorted(set(people))
    hidden = [name for name in names if name and not name.startswith(SIMULATED_PREFIX)]
    codes = {name: _code(name, key) for name in hidden}
    length = _SHORTEST
    while len({code[:length] for code in codes.values()}) < len(codes):
        length += 1
    return {name: f"rater-{codes[name][:length]}" if name in codes else name for name in names}


def _code(name: str, key: bytes) -> str:
    digest = hmac.new(key, name.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


def file_names(names: Iterable[str]) -> Mapping[str, str]:
    """A file name for each, of letters, digits, dots, hyphens and underscores; unlike each other also where
    a disk takes upper and lower case for the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name) or "-"
        chosen, number = safe, 2
        while chosen.casefold() in taken:
            chosen, number = f"{safe}-{number}", number + 1
        taken.add(chosen.casefold())
        found[name] = chosen
    return found
