import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nami_bench import file_hashes
from nami_bench.file_hashes import file_sha256


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The files that were read; every file counts as large."""
    found: list[Path] = []
    original: Callable[[Path], str] = file_hashes._read

    def read(path: Path) -> str:
        found.append(path)
        return original(path)

    monkeypatch.setattr(file_hashes, "SMALL", 0)
    monkeypatch.setattr(file_hashes, "_read", read)
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    return found


def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a minute had gone by since everything was written."""
    now = time.time_ns
    monkeypatch.setattr(file_hashes.time, "time_ns", lambda: now() + 60 * 10**9)


def test_an_untouched_file_is_read_once(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"old")
    settled(monkeypatch)
    expected = hashlib.sha256(b"old").hexdigest()
    assert [file_sha256(weights), file_sha256(weights), file_sha256(weights)] == [expected] * 3
    assert reads == [weights]


def test_a_file_overwritten_in_place_is_read_again_whatever_its_size_and_date(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"old")
    status = weights.stat()
    settled(monkeypatch)
    file_sha256(weights)
    while weights.stat().st_ctime_ns == status.st_ctime_ns:  # until the file system's clock has ticked
        with weights.open("r+b") as file:
            file.write(b"new")
        os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert weights.stat().st_size == status.st_size
    assert file_sha256(weights) == hashlib.sha256(b"new").hexdigest()


def test_a_file_written_just_now_is_not_remembered(reads: list[Path], tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    for content in (b"one", b"two", b"six"):
        weights.write_bytes(content)
        assert file_sha256(weights) == hashlib.sha256(content).hexdigest()
    assert len(reads) == 3


@pytest.mark.parametrize("damage", ["", "{", "[]", json.dumps({"state": [1]}), json.dumps({"sha256": "0"})])
def test_a_damaged_memory_is_no_memory(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"old")
    settled(monkeypatch)
    expected = file_sha256(weights)
    (remembered,) = (tmp_path / "cache" / "hashes").iterdir()
    remembered.write_text(damage)
    assert file_sha256(weights) == expected
    assert len(reads) == 2


def test_without_a_cache_folder_files_are_read_each_time(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"old")
    settled(monkeypatch)
    (tmp_path / "cache").write_text("no folder")
    assert file_sha256(weights) == file_sha256(weights) == hashlib.sha256(b"old").hexdigest()
