"""`nami-bench doctor` as people run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nami_bench.doctor import checks
from tests.support.program import nami_bench


@pytest.fixture
def few_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch and its like take longer to import than all else together."""
    monkeypatch.setattr(checks, "LIBRARIES", {"numpy": "numpy", "torch-of-nobody": "torch_of_nobody"})
    for name in ("NAMI_DATABASE_URL", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def few_checks(few_libraries: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """To look through all installed packages takes half a second."""
    monkeypatch.setattr(checks, "_of_installation", list)


@pytest.mark.usefixtures("few_libraries")
def test_one_line_for_each_check_without_a_workspace_and_without_torch(tmp_path: Path) -> None:
    done = nami_bench("doctor", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == "", done.stdout
    assert all(line.split()[0] in ("ok", "warn") for line in lines)
    names = [line[6:].partition(":")[0] for line in lines]
    assert names[:2] == ["python", "nami-bench"] and names[-1] == "devices"
    assert len(set(names)) == len(names) >= 15
    assert "devices: unknown without torch" in lines[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("few_checks")
def test_the_same_as_json_and_a_failure_is_exit_code_1(tmp_path: Path) -> None:
    nami_bench("init", "nami-workspace", cwd=tmp_path)
    (tmp_path / "nami-workspace" / "nami.db").write_text("no database")
    done = nami_bench("doctor", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    found = {one["check"]: one for one in document["checks"]}
    assert (done.returncode, document["status"], found["database"]["status"]) == (1, "fail", "fail")
    assert found["database"].keys() == {"check", "status", "found", "remedy"}
    assert found["workspace"]["found"] == str(tmp_path / "nami-workspace")


@pytest.mark.usefixtures("few_checks")
def test_no_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "geheimnisvoll"
    monkeypatch.setenv("NAMI_DATABASE_URL", f"postgresql://me:{secret}@127.0.0.1:1/nami")
    monkeypatch.setenv("HF_TOKEN", secret)
    for form in ((), ("--json",)):
        done = nami_bench("doctor", *form, cwd=tmp_path)
        assert done.returncode == 1 and secret not in done.stdout + done.stderr


@pytest.mark.usefixtures("few_checks")
def test_a_broken_nami_toml_and_a_check_that_breaks_are_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nami.toml").write_text("[workspace\n")
    monkeypatch.setattr(checks.machine, "memory_limit", lambda: 1 / 0)
    done = nami_bench("doctor", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "fail  memory: this check itself broke: ZeroDivisionError" in done.stdout
    assert "fail  workspace: nami.toml is not valid TOML" in done.stdout
    assert "devices" in done.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("torch", "words"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n", "signal SIGILL"),
        ("raise ImportError('libcudart.so.13: cannot open shared object file')\n", "libcudart.so.13"),
    ],
)
def test_a_torch_that_kills_or_raises_is_told_of(tmp_path: Path, torch: str, words: str) -> None:
    (tmp_path / "torch.py").write_text(torch)
    done = subprocess.run(
        [sys.executable, "-m", "nami_bench", "doctor", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    found = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert found["torch"]["status"] == "fail" and words in found["torch"]["found"]
    assert "torch is taken from" in found["import names"]["found"]
    assert found["onnxruntime"]["status"] == found["core imports"]["status"] == "ok"


@pytest.mark.slow
def test_here_nothing_fails(tmp_path: Path) -> None:
    done = nami_bench("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
