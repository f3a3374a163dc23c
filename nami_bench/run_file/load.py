"""A run file, read: from TOML or from values, with overrides."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nami_bench.config import load_toml
from nami_bench.errors import UnknownNameError
from nami_bench.registry import GROUPS, plugins
from nami_bench.run_file.overrides import overridden
from nami_bench.run_file.schema import RunFile
from nami_bench.serialize import validated
from nami_bench.study_file import naming_errors

UNNAMED = "bench"
"""What a run is called that is in no file and has no name."""


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A run, and where it is from: `folder` is where relative paths lead from, `path` and `sha256` are the
    file's (None: no file), `overrides` what was set from outside, as texts."""

    run: RunFile
    folder: Path
    path: Path | None = None
    sha256: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)

    def place(self, path: Path) -> Path:
        """A path that the file names."""
        return self.folder / path.expanduser()

    @property
    def where(self) -> str:
        """How error messages call it."""
        return str(self.path or f"run {self.run.name!r}")


def load_run(source: str | Path | Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> LoadedRun:
    """Read a TOML file, or take values of the same form, whose paths lead from the current folder.

    `overrides`: see `overridden`. Raises InputError, which names the file and the key, for what is not as it
    should be, and UnknownNameError for parts that lead to nothing, and for plugins that are not installed.
    """
    overrides = overrides or {}
    texts = {key: str(value) for key, value in overrides.items()}
    if isinstance(source, Mapping):
        run = _run({"name": UNNAMED, **source}, overrides, "run")
        return LoadedRun(run, Path(), overrides=texts)
    path = Path(source)
    raw = load_toml(path)
    with naming_errors(path):
        run = _run({"name": path.stem, **raw}, overrides, "")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return LoadedRun(run, path.parent, path, sha256, texts)


def _run(raw: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> RunFile:
    run = validated(RunFile, overridden(RunFile, raw, overrides), where)
    _check_plugins("metrics", (metric.name for metric in run.metric))
    _check_plugins("generators", (model.adapter for model in run.model))
    _check_plugins("detectors", (metric.detector for metric in run.metric))
    _check_plugins("judges", (metric.judge for metric in run.metric))
    return run


def _check_plugins(group: str, names: Iterable[str | None]) -> None:
    known = plugins(group)
    for name in names:
        if name is not None and name not in known:
            raise UnknownNameError(GROUPS[group], name, known)
