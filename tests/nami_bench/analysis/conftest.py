"""The files of a small study, in a folder that the test is in."""

from pathlib import Path

import pytest

from tests.support.small_study import small_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
