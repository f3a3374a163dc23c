"""docs/metrics.md names every built-in metric, every option it takes and its extra."""

import re
import tomllib
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from nami_bench import registry

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "metrics.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
METRICS = PROJECT["entry-points"]["nami_bench.metrics"]
SHARED = (
    "fid and kid",
    "precision, recall, density and coverage",
    "vendi and sample-distance",
    "dpg and dsg",
    "tifa, unigenbench and corebench",
)
SECTIONS = {name: title for title in SHARED for name in re.split(", | and ", title)}


def first_cells(text: str) -> set[str]:
    """What stands in backquotes in the first cell of every table row."""
    cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_every_metric_is_in_the_table_with_its_extra() -> None:
    overview = GUIDE.split("# Automatic metrics")[1].split("###")[0]
    assert first_cells(overview) == set(METRICS)
    extras = dict(re.findall(r"^\| `([^`]+)` \|.*\| `?([\w-]+)`? \|$", overview, flags=re.MULTILINE))
    own = PROJECT["optional-dependencies"]
    named = {name: EntryPoint(name, place, "").extras for name, place in METRICS.items()}
    assert extras == {
        name: name if name in own else "models" if name == "geneval" else next(iter(named[name]), "none")
        for name in METRICS
    }


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"geneval"}))
def test_every_option_is_documented(name: str) -> None:
    pytest.importorskip("torch")
    section = GUIDE.split(f"### {SECTIONS.get(name, name)}\n")[1].split("\n##")[0]
    options = {field.name for field in fields(registry.load("metrics", name).Options)}
    assert first_cells(section) == options
