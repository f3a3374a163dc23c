"""A real Ray cluster of two workers that are killed: the same files, records and results as a local run.

One program, tests/data/ray_run/scenarios.py, does it all on one cluster: starting one takes seconds, and each
worker that is killed some more.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from nami_bench.engines import LOCAL

RAY_RUN = Path(__file__).parents[2] / "data" / "ray_run"

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="NO RAY: pip install ray"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an installed package whose generator and detector kill their own process."""
    folder = tmp_path_factory.mktemp("plugin")
    information = folder / "deadly-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[nami_bench.generators]\ndeadly = deadly:DeadlyShapes\n"
        "[nami_bench.detectors]\ndeadly = deadly:DeadlyDetector\n"
    )
    shutil.copy(RAY_RUN / "deadly.py", folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def scenarios(plugin: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("scenarios", RAY_RUN / "scenarios.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scenarios"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cluster_run(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished scenarios.py."""
    folder = tmp_path_factory.mktemp("cluster")
    command, environment = program(plugin, folder)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def whole_run(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a scenarios.py that did all, its driver killed in the middle of the last scenario."""
    folder = tmp_path_factory.mktemp("whole")
    command, environment = program(plugin, folder)
    with (folder / "log").open("w") as log:
        driver = subprocess.Popen(
            [*command, "all"], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        assert driver.stdout is not None
        lines = [driver.stdout.readline() for _ in range(5)]  # "running" and four images
        left = psutil.Process(driver.pid).children(recursive=True) if driver.poll() is None else []
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    assert lines == ["running\n", "1\n", "1\n", "1\n", "1\n"], (lines, (folder / "log").read_text())
    _, alive = psutil.wait_procs(left, timeout=180)
    (folder / "left.json").write_text(json.dumps([str(process) for process in alive]))
    for process in alive:
        process.kill()
    return folder


def program(plugin: Path, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command line of scenarios.py, and its environment."""
    environment = {**os.environ, "PYTHONPATH": str(plugin), "OMP_NUM_THREADS": "1"}
    environment.pop("RAY_ADDRESS", None)
    return [sys.executable, str(RAY_RUN / "scenarios.py"), str(folder)], environment


def found(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def files(root: Path) -> dict[str, str]:
    paths = [p for p in (root / "images").rglob("*") if p.is_file() and p.name != ".lock"]
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "seconds": None, "created_at": None} for row in rows]


def test_images_equal_a_local_runs_though_a_worker_was_killed(
    cluster_run: Path, scenarios: ModuleType, tmp_path: Path
) -> None:
    flag = cluster_run / "generate-flag"
    assert flag.exists(), "no worker was killed"
    local = plain(scenarios.generate(tmp_path, scenarios.prompt_set(20), LOCAL, flag))
    ray = found(cluster_run, "generate")
    assert local["counts"] == ray["counts"] == {"made": 40}
    assert timeless(local["images"]) == timeless(ray["images"])
    assert len(local["images"]) == 40
    assert files(tmp_path) == files(cluster_run / "killed")


def test_scores_equal_a_local_runs_though_a_worker_was_killed(
    whole_run: Path, scenarios: ModuleType, tmp_path: Path
) -> None:
    flag = whole_run / "evaluate-flag"
    assert flag.exists(), "no worker was killed"
    scenarios.generate(tmp_path, scenarios.prompt_set(20), LOCAL, whole_run / "generate-flag")
    local = plain(scenarios.evaluate(tmp_path, scenarios.prompt_set(20), LOCAL, flag))
    ray = found(whole_run, "evaluate")
    assert local["counts"] == ray["counts"] and len(local["scores"]) == 40
    assert timeless(local["scores"]) == timeless(ray["scores"])
    assert {score["value"] for score in local["scores"]} == {0.0, 1.0}


def test_genevals_results_file_is_byte_for_byte_a_local_runs(
    whole_run: Path, scenarios: ModuleType, tmp_path: Path
) -> None:
    flag = whole_run / "geneval-flag"
    assert flag.exists(), "no worker was killed"
    output = tmp_path / "results.jsonl"
    local = scenarios.geneval(whole_run / "killed", scenarios.prompt_set(20), LOCAL, flag, output)
    assert local == found(whole_run, "geneval") == {"results": 40, "failures": 0}
    for written in tmp_path.iterdir():  # the masks beside the results too
        assert written.read_bytes() == (whole_run / written.name).read_bytes()
    assert len(list(tmp_path.iterdir())) > 1


def test_a_prompt_that_kills_every_worker_fails_alone(whole_run: Path) -> None:
    poison = found(whole_run, "poison")
    assert poison["counts"] == {"made": 18, "failed": 2}
    failed = [image for image in poison["images"] if image["state"] == "failed"]
    assert [(image["prompt_id"], image["sample"]) for image in failed] == [("00005", 0), ("00005", 1)]
    assert all("the worker process died each time this was tried" in i["reason"] for i in failed)
    assert all(image["path"] is None for image in failed)


def test_a_killed_driver_leaves_nothing_running_and_its_run_is_taken_up(
    whole_run: Path, scenarios: ModuleType, tmp_path: Path
) -> None:
    assert found(whole_run, "left") == []
    flag, prompts = whole_run / "generate-flag", scenarios.prompt_set(20)
    stopped = whole_run / "driver"
    before = files(stopped)
    assert 4 <= sum(name.endswith(".png") for name in before) < 40
    for root in (stopped, tmp_path):
        resumed = scenarios.generate(root, prompts, LOCAL, flag, 0.2)
        assert sum(resumed["counts"].values()) == 40
    assert files(stopped) == files(tmp_path)
    assert {item for item in before.items() if item[0].endswith(".png")} <= files(stopped).items()


def test_the_cluster_says_what_it_has_room_for(cluster_run: Path) -> None:
    engine, too_many, too_large = found(cluster_run, "workers")
    assert (engine["workers"], engine["cpus"]) == (2, 0.5)
    assert "not for 100000" in too_many and "--ray-workers" in too_many
    assert "room for 0 workers" in too_large
