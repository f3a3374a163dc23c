"""Which software computes here: the product's version and commit, and libraries that numbers depend on."""

import json
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from nami_bench import __version__

_PACKAGES = (
    "numpy", "pandas", "scipy", "pyarrow", "matplotlib", "pillow", "sqlalchemy",
    "torch", "torchvision", "diffusers", "transformers", "open_clip_torch", "torch-fidelity", "onnxruntime",
    "opencv-python-headless",
)  # fmt: skip
_OF_PIXELS = ("numpy", "pillow")


def software() -> dict[str, str]:
    """Versions of NAMI-Bench, with its commit where it is known, of Python, and of what is installed of
    the packages that numbers may depend on."""
    own = {"nami-bench": __version__} | ({"commit": known} if (known := commit()) else {})
    return own | {"python": platform.python_version()} | _versions(_PACKAGES)


def used_here(libraries: Iterable[str] = ()) -> dict[str, Any]:
    """For the provenance of an image or a score: NAMI-Bench's version ("nami_bench") and, where it is known,
    its "commit", and as "libraries" the versions of what every picture goes through and of `libraries`, names
    on the package index."""
    own = {"nami_bench": __version__} | ({"commit": known} if (known := commit()) else {})
    return own | {"libraries": _versions((*_OF_PIXELS, *libraries))}


def tested_versions() -> dict[str, str]:
    """Versions, by name on the package index, that were tested together: those of `constraints_file`."""
    try:
        lines = constraints_file().read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pins = (line.partition("==") for line in lines if not line.startswith("#"))
    return {name.strip(): version.strip() for name, equals, version in pins if equals}


def constraints_file() -> Path:
    """The project's constraints.txt: in a checkout it lies above the package, what is built holds a copy."""
    above = Path(__file__).parents[1]
    copy = Path(__file__).parent / "data" / "constraints.txt"
    return above / "constraints.txt" if (above / "pyproject.toml").is_file() else copy


def version_and_commit() -> str:
    """'0.1.0', or '0.1.0 (commit 0123456789ab)'."""
    known = commit()
    if known is None:
        return __version__
    digits, changed, _ = known.partition("-")
    return f"{__version__} (commit {digits[:12]}{', changed since' if changed else ''})"


@cache
def commit() -> str | None:
    """The commit that this code is of, 40 digits; "-dirty" behind it where files differ from it.

    Known where the code runs from a git checkout, or was installed from one by its address. None elsewhere.
    """
    root = Path(__file__).parents[1]
    return _checked_out(root) if (root / ".git").exists() else _installed_from()


def _checked_out(root: Path) -> str | None:
    words = ("git", "--no-optional-locks", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty",
             "--exclude=*")  # fmt: skip
    try:
        found = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, or not our folder to ask about
        return None
    return found.stdout.strip() or None


def _installed_from() -> str | None:
    """What pip wrote down of an installation from a repository: PEP 610."""
    try:
        written = json.loads(distribution("nami-bench").read_text("direct_url.json") or "{}")
        return str(written["vcs_info"]["commit_id"])
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return None


def _versions(names: Iterable[str]) -> dict[str, str]:
    return {name: found for name in names if (found := _version(name))}


@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
