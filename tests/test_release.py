"""What is released works without the checkout: a wheel in an environment of its own."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and a source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of a new environment that has the wheel and what it needs, and no torch."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    (wheel,) = built.glob("*.whl")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True, timeout=1800)
    return folder / "bin"


@pytest.fixture(scope="module")
def demo(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's workspace."""
    folder = tmp_path_factory.mktemp("somewhere")
    run(installed, folder, "demo", "--no-serve")
    return folder


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NAMI_"))}


def run(programs: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(programs / "nami-bench"), *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_source_distribution_holds_what_the_wheel_holds(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if name.startswith("nami_bench/")}
    with tarfile.open(source) as archive:
        in_source = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    copy = {"nami_bench/data/constraints.txt"}
    assert copy <= in_wheel
    assert in_wheel - copy <= in_source
    assert {"constraints.txt", "pyproject.toml", "README.md", "LICENSE"} <= in_source


def test_a_wheel_can_be_built_of_the_source_distribution(built: Path, tmp_path: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=folder, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    (first,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as again, zipfile.ZipFile(first) as before:
        assert set(again.namelist()) == set(before.namelist())


def test_the_doctor_knows_the_tested_versions_and_does_without_torch(installed: Path, tmp_path: Path) -> None:
    said = run(installed, tmp_path, "doctor")
    assert re.search(r"ok    tested versions: of \d+ packages \d+ are the tested ones, 0 near them", said)
    assert "ok    torch: not installed" in said and "ok    core imports: " in said
    assert re.search(r"ok    nami-bench: .* at .*site-packages", said)


@pytest.mark.parametrize("extras", ["s3", "gs", "dev,docs,gs,models,postgres,ray,s3"])
def test_extras_can_be_installed_with_the_constraints(built: Path, extras: str) -> None:
    """Needs a package index: versions are looked up, nothing is installed."""
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--quiet", "install", "--dry-run"]
    command = [*pip, "--ignore-installed", "-c", str(ROOT / "constraints.txt"), f"{wheel}[{extras}]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stderr


def test_nothing_heavy_comes_along(installed: Path) -> None:
    code = (
        "import importlib.util as u; print([n for n in ('torch', 'evaluation', 'prompts') if u.find_spec(n)])"
    )
    said = subprocess.run(
        [str(installed / "python"), "-c", code],
        env=environment(), cwd=installed, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said == "[]\n"


def test_the_demo_finds_its_ranking(installed: Path, demo: Path) -> None:
    board = json.loads(run(installed, demo, "leaderboard", "--json"))
    assert [row["model"] for row in board["rows"]] == ["shapes-good", "shapes-fair", "shapes-poor"]


def test_geneval_of_a_folder(installed: Path, demo: Path) -> None:
    images, prompts = (
        "nami-workspace/images/shapes-good/shapes-demo",
        "nami-workspace/prompts/shapes-demo.jsonl",
    )
    options = ("--detector", "shapes", "--prompts", prompts, "--samples", "2", "-o", "good.jsonl")
    assert "Overall score" in run(installed, demo, "geneval", images, *options)
    run(installed, demo, "geneval", "browse", "good.jsonl")


def test_the_leaderboard_of_a_table(installed: Path, tmp_path: Path) -> None:
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("study", "annotator", "model", "prompt_id", "sample", "criterion", "value"))
        for number in range(48):
            model, annotator = ("a", "b")[number % 2], ("ann", "ben")[number // 2 % 2]
            for criterion in CRITERIA:
                value = 40 + 20 * (model == "a") + number % 7
                lines.writerow(("s", annotator, model, f"{number // 4:05d}", 0, criterion, value))
    assert (
        run(installed, tmp_path, "leaderboard", "--ratings", "ratings.csv", "--format", "csv").count("\n")
        == 3
    )


def test_the_annotation_app(installed: Path, demo: Path) -> None:
    run(installed, demo, "annotators", "add", "lena")
    log = demo / "annotate.log"
    with log.open("w") as stderr:
        server = subprocess.Popen(
            [str(installed / "nami-bench"), "annotate", "--study", "demo-simulated", "--port", "0"],
            cwd=demo, env=environment(), stderr=stderr,
        )  # fmt: skip
    try:
        while not (found := re.search(r"at (http://\S+)", log.read_text())):
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        for page in ("/login", "/app/rate.js", "/healthz"):
            with urllib.request.urlopen(found[1] + page, timeout=60) as answer:
                assert answer.status == 200
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
