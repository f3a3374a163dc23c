"""A Ray cluster of two machines, one of which is cut off or killed: the same as a run on one."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copy, copytree

import pytest

from nami_bench.domain import ImageRecord
from nami_bench.store import Store
from tests.support.two_nodes import HEAD, TwoNodes, missing, two_nodes

PLUGIN = Path(__file__).parents[2] / "data" / "two_nodes" / "observed.py"
STAR = '{"tag": "single_object", "include": [{"class": "star", "count": 1}], "prompt": "a star"}\n'
IMAGES = 32
ON_RAY = ("--engine", "ray", "--ray-address", f"{HEAD}:6379")

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="NO RAY: pip install ray"),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With the plugin that writes down which machine did what."""
    folder = tmp_path_factory.mktemp("plugin")
    information = folder / "observed-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: observed\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[nami_bench.generators]\nobserved = observed:ObservedShapes\n"
        "[nami_bench.detectors]\nobserved = observed:ObservedDetector\n"
    )
    copy(PLUGIN, folder)
    return {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A workspace whose images the second machine does not see."""
    root = workspace(tmp_path_factory.mktemp("apart"), environment, "0.1")
    (root / "images").mkdir(exist_ok=True)
    return root


@pytest.fixture(scope="module")
def nodes(environment: dict[str, str], apart: Path) -> Iterator[TwoNodes]:
    with two_nodes(environment, apart / "images") as found:
        found.wait_for(2)
        yield found


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A workspace in which one process did everything."""
    root = workspace(tmp_path_factory.mktemp("local"), environment, "0")
    alone(root, environment, *GENERATE)
    alone(root, environment, *geneval(root, "0"))
    return root


def watched(root: Path, seconds: str) -> tuple[str, ...]:
    """The plugin's options; without seconds there is one machine."""
    return (f"log={root / 'log'}", f"seconds={seconds}", f"machines={1 if seconds == '0' else 2}")


def workspace(root: Path, environment: dict[str, str], seconds: str) -> Path:
    alone(root, environment, "--workspace", str(root), "init")
    (root / "stars.jsonl").write_text(IMAGES // 2 * STAR)
    options = ("size=64", "error_rate=0.5", *watched(root, seconds))
    pairs = [word for option in options for word in ("-O", option)]
    alone(root, environment, "models", "add", "m", "--adapter", "observed", *pairs)
    return root


GENERATE = ("generate", "--model", "m", "--prompts", "stars.jsonl", "--samples", "2")


def geneval(root: Path, seconds: str) -> tuple[str, ...]:
    pairs = [word for option in watched(root, seconds) for word in ("--detector-option", option)]
    options = ("--detector", "observed", *pairs)
    return (
        "geneval", "images/m/stars", "--prompts", "stars.jsonl", *options, "--samples", "2", "--workers", "0",
        "-o", "results.jsonl",
    )  # fmt: skip


def alone(root: Path, environment: dict[str, str], *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nami_bench", *command],
        cwd=root, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def finished(driver: "subprocess.Popen[str]") -> None:
    _, said = driver.communicate(timeout=500)
    assert driver.returncode == 0, said


def machines(root: Path) -> Counter[str]:
    """By a machine's network, how often it did something in the workspace."""
    log = root / "log"
    return Counter(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else Counter()


def hashes(root: Path) -> dict[str, str]:
    paths = [path for path in (root / "images").rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def records(root: Path) -> list[ImageRecord]:
    """What the database says of the images, but for what differs between any two runs."""
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        return [replace(record, seconds=None, created_at=None) for record in store.images.find()]


def assert_as_local(root: Path, local: Path) -> None:
    assert hashes(root) == hashes(local)
    assert records(root) == records(local)
    assert len(records(root)) == IMAGES


def assert_results_as_local(root: Path, local: Path) -> None:
    for path in local.glob("results.jsonl*"):
        assert (root / path.name).read_bytes() == path.read_bytes()


def test_two_machines_with_a_shared_folder(
    local: Path, nodes: TwoNodes, environment: dict[str, str], tmp_path: Path
) -> None:
    root = workspace(tmp_path, environment, "0.1")
    finished(nodes.driver(*GENERATE, *ON_RAY, cwd=root))
    assert set(machines(root)) == {nodes.network(nodes.head), nodes.network(nodes.node)}
    assert_as_local(root, local)
    finished(nodes.driver(*geneval(root, "0.1"), *ON_RAY, cwd=root))
    assert_results_as_local(root, local)


def test_bytes_come_back_from_a_machine_without_the_folder(nodes: TwoNodes, apart: Path, local: Path) -> None:
    finished(nodes.driver(*GENERATE, *ON_RAY, cwd=apart))
    assert machines(apart)[nodes.network(nodes.node)] > 0
    assert_as_local(apart, local)
    (apart / "log").unlink()
    # Slow enough for one machine not to do it all before the other has a worker.
    options = ("--detector-option", f"log={apart / 'log'}", "--detector-option", "seconds=5")
    driver = nodes.driver("evaluate", "geneval", "--detector", "observed", *options, *ON_RAY, cwd=apart)
    _, said = driver.communicate(timeout=500)
    assert driver.returncode == 1
    assert f"a worker does not see {apart / 'images' / 'm' / 'stars'}: " in said


@pytest.mark.parametrize("harm", ["cut", "kill"])
@pytest.mark.parametrize("command", ["generate", "geneval"])
def test_a_machine_that_goes_in_the_middle_costs_nothing(
    nodes: TwoNodes, local: Path, environment: dict[str, str], tmp_path: Path, harm: str, command: str
) -> None:
    root = workspace(tmp_path, environment, "0.5")
    if command == "geneval":
        copytree(local / "images", root / "images", dirs_exist_ok=True)
    arguments = GENERATE if command == "generate" else geneval(root, "0.5")
    driver = nodes.driver(*arguments, *ON_RAY, cwd=root)
    away = nodes.network(nodes.node)
    try:
        while machines(root)[away] < 3:
            assert driver.poll() is None, driver.communicate()
            time.sleep(0.05)
        getattr(nodes, harm)()
        finished(driver)
    finally:
        driver.kill()
        nodes.restore()
    assert 3 <= machines(root)[away] < machines(root).total()
    if command == "generate":
        assert_as_local(root, local)
    else:
        assert_results_as_local(root, local)
