"""The page on run files names every key that a file may have, and none that it may not."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from nami_bench.run_file import RunFile

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "run-files.md").read_text(encoding="utf-8")
TABLE = re.split(r"^## ", PAGE.partition("## What a file says\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def tables() -> dict[str, type]:
    """The tables of a run file, and what each becomes."""
    found = {}
    for name, hint in get_type_hints(RunFile).items():
        kind: Any = get_args(hint)[0] if get_origin(hint) is tuple else hint
        if is_dataclass(kind):
            found[name] = kind
    return found


def test_every_key_has_its_place_in_the_table() -> None:
    for table, kind in tables().items():
        rows = "\n".join(row for row in TABLE.splitlines() if row.startswith(f"| `{table}."))
        assert f"`[[{table}]]`" in TABLE or f"`[{table}]`" in TABLE
        missing = [
            f.name for f in fields(kind) if f"`{table}.{f.name}`" not in rows and f"`{f.name}`" not in rows
        ]
        assert [name for name in missing if f"`{name} = " not in rows] == [], table


def test_every_key_in_the_table_is_one() -> None:
    known = tables()
    named = re.findall(r"`(\w+)\.(\w+)`", "\n".join(re.findall(r"^\| (`.*?`) \|", TABLE, re.MULTILINE)))
    assert len(named) > 40
    unknown = [f"{table}.{key}" for table, key in named if key not in get_type_hints(known[table])]
    assert unknown == []
