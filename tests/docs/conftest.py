"""The built site, and what pages' stories are run with: the program, kept loaded; the demo's workspace."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
RESIDENT = Path(__file__).with_name("resident.py")
NOWHERE = "http://127.0.0.1:9"  # a proxy that is not there: whoever asks for another machine fails


@pytest.fixture(scope="session")
def offline_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment of a shell in which `nami-bench` and `pip` work, and no network does."""
    folder = tmp_path_factory.mktemp("bin")
    socket = folder / "socket"
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(folder), str(Path(sys.executable).parent), os.environ["PATH"])),
        "NAMI_CACHE": str(tmp_path_factory.mktemp("cache")),
        "NAMI_METRICS_PORT": "0",  # the usual one may be somebody's
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's own way to say: without
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "http_proxy": NOWHERE,
        "https_proxy": NOWHERE,
        "no_proxy": "127.0.0.1,localhost",
    }
    environment.pop("NAMI_DATABASE_URL", None)
    command = [sys.executable, str(RESIDENT), str(socket)]
    shim = subprocess.run([*command, "shim"], capture_output=True, text=True, check=True).stdout
    for name, text in (
        ("nami-bench", shim),
        ("pip", f'#!/bin/sh\nexec "{sys.executable}" -m pip "$@"\n'),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        _wait_for(socket, server)
        yield environment
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_for(socket: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(6000):
        if socket.exists():
            return
        assert server.poll() is None, "the resident program did not start"
        time.sleep(0.1)
    raise AssertionError("the resident program did not start within ten minutes")


@pytest.fixture(scope="session")
def demo_workspace(
    offline_environment: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Path:
    """The workspace that `nami-bench demo --no-serve` makes, once for all of pytest's processes: copy it.

    What the command said is in `demo.log` beside it.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if hasattr(request.config, "workerinput") else base
    workspace = base / "demo" / "nami-workspace"
    with FileLock(base / "demo.lock"):
        if not (base / "demo.done").exists():
            shutil.rmtree(workspace.parent, ignore_errors=True)
            workspace.parent.mkdir()
            with (workspace.parent / "demo.log").open("wb") as log:
                subprocess.run(
                    ["nami-bench", "demo", "--no-serve"],
                    cwd=workspace.parent,
                    env=offline_environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=True,
                )
            (base / "demo.done").touch()
    return workspace


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; mkdocs' own checks of links and navigation are errors."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder
