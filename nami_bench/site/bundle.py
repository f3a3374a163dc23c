"""The site's script: its modules as one classic script, since browsers load no modules from disk."""

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from nami_bench.errors import WorkError

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function |const |class )", re.MULTILINE)
_ENTRY = "site.js"


@cache
def bundled_script() -> bytes:
    """All modules that `site.js` needs, each once and after those that it needs, in one function.

    Top-level names are unlike each other in all of them: a browser refuses the script otherwise, and tests
    run it.
    """
    folder = files("nami_bench.site") / "static"
    text = "\n".join(_in_order(_ENTRY, lambda name: (folder / name).read_text(encoding="utf-8")))
    return f'(() => {{\n"use strict";\n{text}}})();\n'.encode()


def _in_order(entry: str, read: Callable[[str], str]) -> list[str]:
    done: list[str] = []
    texts: list[str] = []

    def take(name: str) -> None:
        if name in done:
            return
        done.append(name)
        source = read(name)
        for needed in _IMPORT.findall(source):
            take(needed)
        text = _EXPORT.sub("", _IMPORT.sub("", source))
        if re.search(r"^(?:import|export)\b", text, re.MULTILINE):
            raise WorkError(f"{name} imports or exports in a way that the site's bundle does not know")
        texts.append(text)

    take(entry)
    return texts
