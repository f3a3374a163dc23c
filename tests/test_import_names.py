"""Our packages are found where another project has folders called as ours are."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("annotator_app", "evaluation", "generators", "prompts")
SCRIPT = """\
import evaluation  # this project's own
assert evaluation.OURS is False
from nami_bench.evaluation.shares import share_interval
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.registry import load
print(load("generators", "shapes") is ShapesGenerator)
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Somebody's repository, with packages called as our folders are, and a script."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("OURS = False\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PYTHON = sys.executable
PROGRAMS = {
    "console script": (str(Path(PYTHON).with_name("nami-bench")),),
    "python -m": (PYTHON, "-m", "nami_bench"),
    "accelerate launch -m": (
        PYTHON, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", "--num_processes", "1",
        "--num_machines", "1", "--dynamo_backend", "no", "--mixed_precision", "no", "-m", "nami_bench",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name.startswith("accelerate") else [])
        for name in PROGRAMS
    ],
)
def test_the_program_finds_its_own_packages(foreign: Path, program: str) -> None:
    command = PROGRAMS[program]
    run(foreign, *command, "init")
    run(foreign, *command, "models", "add", "good", "--adapter", "shapes")
    assert "nami-short" in run(foreign, *command, "prompts", "sources")


def test_a_script_beside_them_imports_ours_by_our_name(foreign: Path) -> None:
    assert run(foreign, PYTHON, "script.py") == "True\n"


def test_a_checkout_without_links_works(tmp_path: Path) -> None:
    (tmp_path / "nami_bench").mkdir()
    for path in (ROOT / "nami_bench").iterdir():
        if path.name not in (*FOLDERS, "__pycache__"):
            (tmp_path / "nami_bench" / path.name).symlink_to(path)
    for folder in FOLDERS:
        (tmp_path / folder).symlink_to(ROOT / folder)
        (tmp_path / "nami_bench" / folder).write_text(f"../{folder}")  # what git writes in a link's place
    script = "import nami_bench.evaluation.shares, nami_bench as n; print(n.evaluation.__file__, n.__file__)"
    found = run(tmp_path, PYTHON, "-c", script).split()
    assert found == [
        str(tmp_path / "evaluation" / "__init__.py"),
        str(tmp_path / "nami_bench" / "__init__.py"),
    ]


@pytest.mark.slow
def test_a_wheel_holds_one_package(tmp_path: Path) -> None:
    run(ROOT, PYTHON, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"nami_bench"}
    for folder in FOLDERS:
        tracked = {
            path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
        assert {f"nami_bench/{path.relative_to(ROOT).as_posix()}" for path in tracked} <= names
    shutil.rmtree(tmp_path)
