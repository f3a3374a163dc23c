"""docs/geneval.md names every built-in detector and every option it takes."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from nami_bench import registry

ROOT = Path(__file__).resolve().parents[4]
GUIDE = (ROOT / "docs" / "geneval.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DETECTORS = PROJECT["entry-points"]["nami_bench.detectors"]


def table_keys(text):
    """What stands in backquotes in the first cell of every table row."""
    cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_every_detector_is_in_the_table():
    overview = GUIDE.split("## Detectors")[1].split("###")[0]
    assert table_keys(overview) == set(DETECTORS)


@pytest.mark.parametrize("name", sorted(set(DETECTORS) - {"shapes"}))
def test_every_option_is_documented(name):
    pytest.importorskip("torch")
    section = GUIDE.split(f"### {name}\n")[1].split("\n##")[0]
    colors = table_keys(GUIDE.split("## Colors")[1])
    options = {field.name for field in fields(registry.load("detectors", name).Options)}
    assert table_keys(section) | colors == options
