"""What the project declares is what is installed, and what starts is light."""

import importlib
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

import nami_bench
from nami_bench import registry

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = ("annotator_app", "evaluation", "generators", "prompts")
HEAVY = {
    "torch", "gradio", "pandas", "diffusers", "transformers", "numpy", "sqlalchemy", "pydantic",
    "matplotlib", "pyarrow", "scipy", "ray", "upath", "sqlite3",
}  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_folders_beside_nami_bench_are_imported_below_its_name(folder: str) -> None:
    module = importlib.import_module(f"nami_bench.{folder}")
    assert module.__file__ is not None
    assert Path(module.__file__).resolve() == ROOT / folder / "__init__.py"


@pytest.mark.parametrize("group", registry.GROUPS)
def test_declared_plugins_are_installed_and_load(group: str) -> None:
    declared = PROJECT["project"]["entry-points"].get(f"nami_bench.{group}", {})
    installed = {p.name: p.value for p in entry_points(group=f"nami_bench.{group}")}
    assert declared.items() <= installed.items()
    for name in declared:
        registry.load(group, name)


def test_each_neural_metric_has_an_extra_and_models_holds_them_all() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    metrics = PROJECT["project"]["entry-points"]["nami_bench.metrics"]
    # What others compute with, a detector, a judge or a server, is theirs to need.
    others = (
        "geneval.metric", "evaluation.questions.", "vqa.openai", "evaluation.wise", "unified_reward",
        "copy_metrics",  # of thumbnails, unless a network is asked for
    )  # fmt: skip
    neural = {name: place for name, place in metrics.items() if not any(other in place for other in others)}
    own = {next(iter(EntryPoint(name, place, "").extras), name) for name, place in neural.items()}
    assert own <= extras.keys()
    assert all(set(extras[name]) <= set(extras["models"]) for name in own)


def test_the_version_is_one() -> None:
    assert nami_bench.__version__ == PROJECT["project"]["version"]


@pytest.mark.parametrize("name", nami_bench.__all__)
def test_public_names_resolve(name: str) -> None:
    assert getattr(nami_bench, name) is not None


def test_no_other_public_name_resolves() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        nami_bench.nothing  # noqa: B018


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["generate", "--help"], ["evaluate", "--help"], ["leaderboard", "--help"]],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from nami_bench.cli.app import cli\n"
        f"cli({arguments!r}, standalone_mode=False)\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_the_constraints_pin_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all("==" in pin and "/" not in pin and not pin.startswith("-") for pin in pins)
