"""Checks of this machine: memory, disks, caches."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from nami_bench.doctor.finding import Finding, fail, ok, warn

_GB = 10**9
LITTLE_DISK = 5 * _GB
LITTLE_MEMORY = 2 * 2**30
_MOST_FILES = 200_000
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory(available: int | None, limit: int | None) -> Finding:
    """Bytes of memory that programs can have now; `limit`: what this container may use, where it may not
    use all."""
    if available is None:
        return ok("unknown on this system")
    usable = min(available, limit) if limit else available
    limited = f", this container may use {limit / 2**30:.1f}" if limit else ""
    text = f"{available / 2**30:.1f} GiB available{limited}; {os.cpu_count() or 1} processors"
    if usable < LITTLE_MEMORY:
        return warn(text, "end other programs, or give --workers and batch sizes small values")
    return ok(text)


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What Linux says that programs can have without swapping; None elsewhere."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def memory_limit(files: tuple[str, ...] = _CGROUP_LIMITS) -> int | None:
    """What a container is held to; None where nothing holds it."""
    for name in files:
        try:
            limit = int(Path(name).read_text())
        except (OSError, ValueError):  # "max"
            continue
        if limit < 2**50:
            return limit
    return None


def disks(places: Mapping[str, Path]) -> Finding:
    """Free space where things are written; places on one disk are named together."""
    by_disk: dict[int, list[str]] = {}
    free: dict[int, int] = {}
    for name, place in places.items():
        there = nearest_folder(place)
        disk = there.stat().st_dev
        by_disk.setdefault(disk, []).append(name)
        free[disk] = shutil.disk_usage(there).free
    text = "; ".join(f"{', '.join(names)}: {free[disk] / _GB:.1f} GB free" for disk, names in by_disk.items())
    if min(free.values()) < LITTLE_DISK:
        return warn(text, "make room: weights take 1 to 30 GB each, images 1 to 2 MB")
    return ok(text)


def cache(folder: Path) -> Finding:
    """The folder of downloads and computed features."""
    there = nearest_folder(folder)
    if folder.exists() and not folder.is_dir():
        return fail(f"{folder} is a file", "name a folder with NAMI_CACHE, or remove the file")
    if not os.access(there, os.W_OK | os.X_OK):
        return fail(
            f"{folder} cannot be written", "give this account the right to, or name another in NAMI_CACHE"
        )
    if not folder.exists():
        return ok(f"{folder}, not made yet")
    count, size = _content(folder)
    return ok(f"{folder}, writable, {count} files, {size / _GB:.2f} GB")


def hub_cache(folder: Path) -> Finding:
    """Which models of the Hugging Face hub lie on this machine, and downloads that were broken off."""
    models = sorted(path for path in folder.glob("models--*") if path.is_dir())
    unfinished = list(folder.glob("models--*/blobs/*.incomplete"))
    names = ", ".join(path.name.removeprefix("models--").replace("--", "/") for path in models)
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        return warn(f"{folder} cannot be written: nothing new can be fetched; it has {names or 'no model'}",
                    "give this account the right to, or set HF_HOME")  # fmt: skip
    text = f"{folder}: {names or 'no model yet'}"
    if unfinished:
        size = sum(path.stat().st_size for path in unfinished) / _GB
        remedy = "the same command again resumes them; delete the .incomplete files where nobody fetches"
        return warn(f"{text}; {len(unfinished)} unfinished downloads ({size:.2f} GB)", remedy)
    return ok(text)


def nearest_folder(place: Path) -> Path:
    """`place`, or the nearest folder above it that exists."""
    place = place.absolute()
    return next(folder for folder in (place, *place.parents) if folder.is_dir())


def file_system(place: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The kind of file system that holds `place`, such as "ext4" or "nfs4"; None where it is not known."""
    there = nearest_folder(place).resolve()
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return None
    holding = [(Path(point.replace("\\040", " ")), kind) for _, point, kind, *_ in lines]
    fitting = [(len(point.parts), kind) for point, kind in holding if there.is_relative_to(point)]
    return max(fitting)[1] if fitting else None


def _content(folder: Path) -> tuple[int, int]:
    count = size = 0
    for path in _files(folder):
        try:
            size += path.stat().st_size
        except OSError:
            continue  # gone since
        count += 1
        if count == _MOST_FILES:
            break
    return count, size


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root) / name for name in names)
