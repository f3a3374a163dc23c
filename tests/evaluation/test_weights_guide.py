"""docs/weights.md has the weights of every metric, detector and judge, as they are declared."""

import re
from pathlib import Path

import pytest

from nami_bench.cli.weights import _size
from nami_bench.evaluation import weights
from nami_bench.neural.needed_weights import Needed, all_needed
from nami_bench.neural.weights import WebFile

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
SECTION = GUIDE.partition("## Which\n")[2].partition("\n## ")[0]
CELLS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECTION.splitlines()
    if line.startswith(("| metric", "| detector", "| judge"))
]
ROWS = [
    ((kind, name), (loads, licence, size))
    for kind, names, loads, licence, size in CELLS
    for name in re.findall(r"`([^`]+)`", names)
]


def test_every_plugin_is_in_the_table_once() -> None:
    assert sorted(key for key, _ in ROWS) == sorted((one.kind, one.name) for one in all_needed())


@pytest.mark.parametrize("one", list(all_needed()), ids=lambda one: f"{one.kind} {one.name}")
def test_what_each_loads_its_licence_and_size(one: Needed) -> None:
    loads, licence, size = dict(ROWS)[one.kind, one.name]
    named = [part.name if isinstance(part, WebFile) else part.source.split()[0] for part in one.weights]
    assert re.findall(r"`([^`]+)`", loads) == named
    assert one.weights or one.note in (loads, "name it with -O model=NAME")
    assert all(part.licence in licence for part in one.weights)
    assert [_size(part.size) for part in one.weights if part.size] == list(filter(None, size.split(", ")))


def test_what_is_said_of_hashes() -> None:
    section = GUIDE.partition("## What is known of their hashes\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(.*?)` \| (.*?) \|", section, re.MULTILINE))
    files = [value for value in vars(weights).values() if isinstance(value, WebFile)]
    assert len(rows) == len(files) == 8
    assert [file for file in files if file.pin.verified] == [weights.HPS3_TEXTS]
    for file in files:
        (said,) = (said for name, said in rows.items() if name[:8] == file.name[:8])
        assert said == ("all 64 digits" if file.pin.is_whole else f"begins with `{file.pin.digits}`")
