"""A small run, done once: tests that change its workspace work on a copy."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nami_bench.run_file import RunResult
from tests.support.small_run import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Nothing but the small run file."""
    made = Ground(tmp_path)
    made.write()
    return made


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    made = Ground(tmp_path_factory.mktemp("original"))
    made.write()
    return made.folder, made.run()


@pytest.fixture
def done(original: tuple[Path, RunResult], tmp_path: Path) -> Ground:
    """The small run, done."""
    shutil.copytree(original[0], tmp_path / "done")
    return Ground(tmp_path / "done")


@pytest.fixture(scope="session")
def result(original: tuple[Path, RunResult]) -> RunResult:
    """What the small run returned."""
    return original[1]


@pytest.fixture
def contents() -> Callable[[Path], dict[Path, bytes]]:
    """Every file of a folder by its path, but a database's journals."""

    def found(folder: Path) -> dict[Path, bytes]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {path: path.read_bytes() for path in files if not path.name.endswith(("-wal", "-shm"))}

    return found
