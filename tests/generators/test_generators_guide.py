"""docs/generators.md's tables are the adapters' options; its examples are run by tests/docs."""

import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from nami_bench import registry

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "generators.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([a-z-]+)\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL))
ROW = re.compile(r"^\| (`\w+`(?:, `\w+`)*) \| (.*?) \| ", re.MULTILINE)


def test_every_adapter_has_its_section() -> None:
    ours = {
        n for n, p in registry.plugins("generators").items() if p.value.startswith("nami_bench.generators.")
    }
    assert set(SECTIONS) == ours


def default_in_words(option: Field[Any]) -> str:
    if option.default_factory is not MISSING:
        return f"`{option.default_factory()}`"
    if option.default is MISSING:
        return "required"
    return "none" if option.default in (None, "") else f"`{option.default}`"


@pytest.mark.parametrize("name", SECTIONS)
def test_the_table_of_options_is_the_adapters(name: str) -> None:
    if name in ("diffusers", "nami", "transformers"):
        pytest.importorskip("diffusers", reason="NO DIFFUSERS: pip install -e '.[models]'")
    documented = {
        option: default
        for names, default in ROW.findall(SECTIONS[name])
        for option in re.findall(r"\w+", names)
    }
    actual = {
        field.name: default_in_words(field) for field in fields(registry.load("generators", name).Options)
    }
    assert list(documented) == list(actual)
    for option, default in documented.items():
        # Long texts are the release's, and stand in the code.
        assert default == actual[option] or default == "the release's", option


def test_the_presets_are_the_adapters() -> None:
    pytest.importorskip("diffusers", reason="NO DIFFUSERS: pip install -e '.[models]'")
    from nami_bench.generators.presets import PRESETS

    line = next(line for line in SECTIONS["diffusers"].splitlines() if line.startswith("Presets: "))
    assert re.findall(r"`([^`]+)`", line.partition(". ")[0]) == list(PRESETS)
