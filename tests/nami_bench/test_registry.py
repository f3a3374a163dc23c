import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from nami_bench import registry
from nami_bench.errors import InputError, UnknownNameError

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())


class Pen:
    """A plugin with options."""

    @dataclass(frozen=True)
    class Options:
        width: float = 1.0
        color: str = "black"

    def __init__(self, options: Options) -> None:
        self.options = options


class Plain:
    """A plugin without options."""


def _declare(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    declared = [EntryPoint(name, value, "nami_bench.generators") for name, value in points]
    monkeypatch.setattr(registry, "_declared", lambda *_: declared)


@pytest.fixture
def pens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: {"Pen": Pen, "Plain": Plain}[self.attr])
    _declare(monkeypatch, ("pen", "some_package:Pen"), ("plain", "some_package:Plain"))


@pytest.mark.usefixtures("pens")
def test_options_are_coerced_and_checked() -> None:
    assert registry.create("generators", "pen", {"width": "2.5"}).options == Pen.Options(2.5, "black")
    with pytest.raises(InputError) as error:
        registry.create("generators", "pen", {"widht": "2"})
    assert str(error.value) == (
        "generator 'pen': widht: unknown key: did you mean 'width'? known: color, width"
    )
    with pytest.raises(InputError, match="generator 'pen': width: input should be a valid number"):
        registry.create("generators", "pen", {"width": "thick"})


@pytest.mark.usefixtures("pens")
def test_a_plugin_without_options_takes_none() -> None:
    assert isinstance(registry.create("generators", "plain"), Plain)
    with pytest.raises(InputError, match="takes no options, got x"):
        registry.create("generators", "plain", {"x": 1})


@pytest.mark.usefixtures("pens")
def test_an_unknown_plugin_lists_near_matches() -> None:
    with pytest.raises(UnknownNameError, match="unknown generator 'plane': did you mean 'plain'"):
        registry.load("generators", "plane")


def test_two_packages_may_not_declare_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(monkeypatch, ("pen", "some_package:Pen"), ("pen", "other_package:Pen"))
    with pytest.raises(InputError, match="two plugins are called 'pen'"):
        registry.plugins("generators")


def test_a_missing_package_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(monkeypatch, ("pen", "a_package_that_is_not_there:Pen"))
    with pytest.raises(InputError, match=r"pip install 'nami-bench\[models\]'"):
        registry.load("generators", "pen")


def test_a_package_without_the_module_is_named_and_not_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "somebodys_pens").mkdir()
    (tmp_path / "somebodys_pens" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    _declare(monkeypatch, ("pen", "somebodys_pens.fountain:Pen"))
    with pytest.raises(
        InputError, match=r"needs 'somebodys_pens.fountain', which the package at .*"
    ) as caught:
        registry.load("generators", "pen")
    assert str(tmp_path) in str(caught.value) and "pip install" not in str(caught.value)


def test_a_metric_names_its_own_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    (own,) = entry_points(group="nami_bench.metrics", name="pickscore")
    broken = EntryPoint(own.name, "a_package_that_is_not_there:Pen", own.group)
    broken.__dict__["dist"] = own.dist
    monkeypatch.setattr(registry, "_declared", lambda *_: [broken])
    with pytest.raises(InputError, match=r"pip install 'nami-bench\[pickscore\]'"):
        registry.load("metrics", "pickscore")


_WITH_A_NETWORK = {
    name
    for name, packages in PROJECT["project"]["optional-dependencies"].items()
    if any(package.startswith("torch") for package in packages)
}
"""Metrics are called as their extras."""


def test_what_runs_no_network_loads_without_torch() -> None:
    """In a core installation, such as the demo's: see `make demo`."""
    script = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'transformers', 'open_clip'): sys.modules[name] = None\n"
        "from nami_bench import registry\n"
        "for words in sys.argv[1:]: registry.load(*words.split('/'))\n"
    )
    names = [
        *(f"metrics/{name}" for name in registry.plugins("metrics") if name not in _WITH_A_NETWORK),
        *(f"judges/{name}" for name in ("shapes", "openai")),
        *(f"generators/{name}" for name in ("shapes", "folder", "command", "openai-images")),
        "detectors/shapes",
        "prompt_writers/openai",
    ]
    assert {"metrics/dsg", "metrics/dpg", "metrics/geneval", "metrics/vqa-score-openai"} <= set(names)
    subprocess.run([sys.executable, "-c", script, *names], check=True)
