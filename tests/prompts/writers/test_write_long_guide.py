"""docs/prompts.md names every built-in writer, every option it takes, and the instruction's version."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from nami_bench import registry
from nami_bench.prompts.writers.instruction import LONG_PROMPT

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "prompts.md").read_text(encoding="utf-8")
SECTION = GUIDE.partition("## Long prompts by a model")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", ["cogvlm2", "openai", "transformers"])
def test_the_guide_has_every_option(name: str) -> None:
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| .*\|$", SECTION, re.MULTILINE)
    of_writer = {
        option.strip("` ")
        for options, writers in rows
        if writers == "all" or f"`{name}`" in writers
        for option in options.split(",")
    }
    options = registry.load("prompt_writers", name).Options
    assert of_writer == {field.name for field in fields(options)}
    assert f"| `{name}` | " in SECTION


def test_the_guide_names_the_instruction() -> None:
    assert f"version `{LONG_PROMPT.version}`" in SECTION
