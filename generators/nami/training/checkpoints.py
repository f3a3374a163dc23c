"""Checkpoints of a run: whole or not there, the newest ones kept."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from nami_bench.errors import StorageError

_NAME = re.compile(r"step-(\d{8})")


def checkpoint_steps(folder: Path) -> list[int]:
    """The steps of all whole checkpoints in `folder`, ascending."""
    names = [_NAME.fullmatch(path.name) for path in folder.glob("step-*")] if folder.is_dir() else []
    return sorted(int(match[1]) for match in names if match)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of `step` is or will be."""
    return folder / f"step-{step:08d}"


def write_checkpoint(
    folder: Path,
    step: int,
    keep: int,
    save: Callable[[Path], object],
    is_main: bool,
    wait: Callable[[], object] = lambda: None,
) -> Path:
    """Let every process `save` into a folder that gets its name only when it is whole; drop old ones.

    `wait` is the barrier of a run of several processes.
    """
    path = checkpoint_path(folder, step)
    partial = folder / f".{path.name}.partial"
    try:
        if is_main:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        wait()
        save(partial)
        wait()
        if is_main:
            shutil.rmtree(path, ignore_errors=True)
            partial.rename(path)
            for old in checkpoint_steps(folder)[:-keep]:
                shutil.rmtree(checkpoint_path(folder, old))
        wait()
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error}; earlier checkpoints are whole, run again to go on from them"
        ) from error
    return path
