"""Memory, disks and caches."""

import os
import shutil
from pathlib import Path

import pytest

from nami_bench.doctor import machine

GIB = 2**30


def test_memory_counts_what_a_container_may_use() -> None:
    assert machine.memory(8 * GIB, None).status == "ok"
    assert machine.memory(1 * GIB, None).status == "warn"
    held = machine.memory(8 * GIB, 1 * GIB)
    assert held.status == "warn" and "this container may use 1.0" in held.found
    assert machine.memory(None, None).found == "unknown on this system"


def test_memory_is_read_where_linux_tells_it(tmp_path: Path) -> None:
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 16 kB\nMemAvailable:   2048 kB\nodd line\n")
    assert machine.available_memory(info) == 2048 * 1024
    assert machine.available_memory(tmp_path / "none") is None


@pytest.mark.parametrize(("text", "limit"), [("max\n", None), ("1073741824\n", GIB), (f"{2**63}\n", None)])
def test_a_containers_limit(tmp_path: Path, text: str, limit: int | None) -> None:
    (tmp_path / "memory.max").write_text(text)
    assert machine.memory_limit((str(tmp_path / "none"), str(tmp_path / "memory.max"))) == limit


def test_places_on_one_disk_are_named_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"workspace": tmp_path / "not" / "made", "cache": tmp_path}
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=100 * 10**9))
    assert machine.disks(places).found == "workspace, cache: 100.0 GB free"
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=10**9))
    assert machine.disks(places).status == "warn"


def test_a_cache_that_is_there_not_yet_there_a_file_or_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    assert machine.cache(folder).found == f"{folder}, not made yet"
    (folder / "some").mkdir(parents=True)
    (folder / "some" / "features").write_bytes(bytes(20_000_000))
    assert machine.cache(folder).found == f"{folder}, writable, 1 files, 0.02 GB"
    (tmp_path / "file").touch()
    assert machine.cache(tmp_path / "file").status == "fail"
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    assert machine.cache(folder).status == "fail"


def test_models_of_the_hub_are_listed_and_broken_downloads_counted(tmp_path: Path) -> None:
    assert machine.hub_cache(tmp_path / "none").found.endswith("no model yet")
    for name in ("models--some--model", "models--other--one"):
        (tmp_path / name / "blobs").mkdir(parents=True)
    found = machine.hub_cache(tmp_path)
    assert (found.status, found.found) == ("ok", f"{tmp_path}: other/one, some/model")
    (tmp_path / "models--some--model" / "blobs" / "0123.incomplete").write_bytes(bytes(10_000_000))
    found = machine.hub_cache(tmp_path)
    assert found.status == "warn" and "1 unfinished downloads (0.01 GB)" in found.found


def test_the_file_system_of_a_place_is_that_of_the_longest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    spaced = str(tmp_path).replace(" ", "\\040")
    mounts.write_text(f"a / ext4 rw 0 0\nb {spaced} nfs4 rw 0 0\nc /elsewhere xfs rw 0 0\n")
    assert machine.file_system(tmp_path / "not" / "made", mounts) == "nfs4"
    assert machine.file_system(Path("/usr"), mounts) == "ext4"
    assert machine.file_system(tmp_path, tmp_path / "none") is None
