"""Options in words: of built-in plugins, and of a foreign one."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner

from nami_bench import registry
from nami_bench.cli.app import cli
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.plugin_options import Option, described


class Ink(enum.StrEnum):
    BLACK = "black"
    BLUE = "blue"


class Pen:
    """Draws
    with ink.

    And more that nobody asked for.
    """

    @dataclass(frozen=True)
    class Options:
        width: float
        ink: Ink = Ink.BLACK
        paper: Path | None = None
        nib: Literal["fine", 2] = "fine"
        erasable: bool = False
        strokes: tuple[int, ...] | int = 1
        extra: Mapping[str, Any] = field(default_factory=dict)
        made: int = field(default=0, init=False)


class Plain:
    """Nothing."""


@pytest.fixture
def pens(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {name: EntryPoint(name, f"pens:{name}", "nami_bench.generators") for name in ("Pen", "Plain")}
    monkeypatch.setattr(registry, "plugins", lambda group: points if group == "generators" else {})
    monkeypatch.setattr(EntryPoint, "load", lambda self: {"Pen": Pen, "Plain": Plain}[self.attr])


@pytest.mark.usefixtures("pens")
def test_what_each_option_takes_and_its_default() -> None:
    (pen,) = described("Pen")
    assert (pen.kind, pen.summary, pen.about) == ("generator", "Draws with ink.", "")
    assert pen.options == (
        Option("width", "number", True, None),
        Option("ink", "black | blue", False, "black"),
        Option("paper", "path", False, None),
        Option("nib", "fine | 2", False, "fine"),
        Option("erasable", "true or false", False, "false"),
        Option("strokes", "JSON list or whole number", False, "1"),
        Option("extra", "JSON object", False, None),
    )


@pytest.mark.usefixtures("pens")
def test_one_without_options_says_so() -> None:
    shown = CliRunner().invoke(cli, ["plugins", "show", "Plain"])
    assert shown.output.splitlines() == ["generator Plain: Nothing.", "It takes no options."]


def test_a_name_in_several_groups_shows_all_of_them() -> None:
    assert [one.kind for one in described("shapes")] == ["generator", "detector", "judge"]
    shown = CliRunner().invoke(cli, ["plugins", "show", "shapes", "--json"])
    assert shown.exit_code == 0 and [one["kind"] for one in json.loads(shown.output)] == [
        "generator",
        "detector",
        "judge",
    ]


def test_every_key_shown_is_one_that_a_wrong_key_is_told() -> None:
    (command,) = described("command")
    with pytest.raises(InputError) as error:
        registry.create("generators", "command", {"command": "x", "zzz": 1})
    known = str(error.value).partition("known: ")[2].split(", ")
    assert known == sorted(option.name for option in command.options)
    assert command.about.startswith("What is run and how.")


def test_an_unknown_name_is_met_with_a_near_one() -> None:
    with pytest.raises(UnknownNameError, match="unknown plugin 'difusers': did you mean 'diffusers'"):
        described("difusers")


def test_the_list_is_as_before() -> None:
    listed = CliRunner().invoke(cli, ["plugins", "--json"])
    assert {"group", "name", "object", "package"} == json.loads(listed.output)[0].keys()
