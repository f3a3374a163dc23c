"""A neural metric on a machine without a network, on weights that were carried there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.hub import Hub, hub_environment, hub_server

MODEL = ("-O", "model=lab/tiny", "-O", "processor=lab/tiny")


@pytest.mark.slow
def test_a_metric_runs_on_a_machine_without_a_network_on_what_was_carried_there(
    monkeypatch: pytest.MonkeyPatch, no_proxy: None, tmp_path: Path, pickscore_folder: Path, bench: object
) -> None:
    def run(environment: Mapping[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "nami_bench", "--workspace", tmp_path / "bench", *arguments]
        mixed = {**os.environ, "NAMI_CACHE": str(tmp_path / "nami"), **environment}
        return subprocess.run([*map(str, words)], env=mixed, capture_output=True, text=True)

    evaluate = ("evaluate", "pickscore", *MODEL, "-O", "device=cpu", "--json")
    offline = {"HF_HUB_CACHE": str(tmp_path / "b"), "HF_HUB_OFFLINE": "1"}
    with hub_server(monkeypatch, tmp_path / "unused") as hub:
        hub.add("lab/tiny", pickscore_folder)
        fetch_and_bundle(run, hub, tmp_path)
    refused = run(offline, *evaluate)
    assert refused.returncode == 2 and "HF_HUB_OFFLINE is set" in refused.stderr
    assert run(offline, "weights", "unbundle", tmp_path / "w.tar").returncode == 0
    done = run(offline, *evaluate)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pickscore: camera on made"]["scored"] == 6


def fetch_and_bundle(
    run: Callable[..., "subprocess.CompletedProcess[str]"], hub: Hub, tmp_path: Path
) -> None:
    """On the machine that has a network."""
    online = hub_environment(hub, tmp_path / "a")
    fetched = run(online, "weights", "fetch", "pickscore", *MODEL)
    assert fetched.returncode == 0, fetched.stderr
    made = run(online, "weights", "bundle", "pickscore", *MODEL, "--output", tmp_path / "w.tar")
    assert made.returncode == 0, made.stderr
