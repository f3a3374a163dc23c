"""Libraries that raise, kill, hang or print: each is told of, and the others are tried all the same."""

import sys
from pathlib import Path

import pytest

from nami_bench.doctor.imports import imported

MODULES = {
    "fine_one": "",
    "raising": "raise OSError('undefined symbol: _ZN3c10')",
    "missing_part": "import not_there_at_all",
    "killing": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "leaving": "import os, sys\nsys.stderr.write('OMP: Error 15\\n')\nsys.stderr.flush()\nos._exit(3)",
    "leaving_quietly": "import os\nos._exit(0)",
    "exiting": "import sys\nsys.exit('no licence')",
    "printing": "print('nami-bench-imported is what I print')\nprint('{}')",
    "hanging": "import time\ntime.sleep(600)",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("fine_one", ""),
        ("raising", "OSError: undefined symbol: _ZN3c10"),
        ("missing_part", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("killing", "the import ended the whole process (signal SIGSEGV)"),
        ("leaving", "the import ended the whole process (exit code 3): OMP: Error 15"),
        ("leaving_quietly", "the import ended the whole process (exit code 0)"),
        ("exiting", "SystemExit: no licence"),
        ("printing", ""),
    ],
)
def test_what_went_wrong_is_said_and_the_next_is_tried(name: str, error: str) -> None:
    found = imported([name, "fine_one"])
    assert (found[name].error, found["fine_one"].error) == (error, "")
    assert not MODULES.keys() & sys.modules.keys(), "nothing is imported here"


@pytest.mark.slow
@pytest.mark.usefixtures("modules")
def test_one_that_hangs_is_given_up() -> None:
    found = imported(["fine_one", "hanging", "raising"], patience_s=3)
    assert found["hanging"].error == "the import had not ended after 3 s"
    assert found["fine_one"].error == "" and "OSError" in found["raising"].error


@pytest.mark.slow
def test_the_real_ones_load_and_torch_tells_of_its_devices() -> None:
    found = imported(["torch", "torchvision"])
    assert [one.error for one in found.values()] == ["", ""]
    assert isinstance(found["torch"].about["devices"], list)
