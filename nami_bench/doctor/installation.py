"""Checks of what is run: Python, this package, and names that hide one another."""

import json
import os
import tomllib
from collections.abc import Collection, Iterable, Sequence
from importlib.machinery import PathFinder
from importlib.metadata import Distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nami_bench.doctor.finding import Finding, fail, ok, warn

NAME = "nami_bench"
_STRAY = {"tests", "test", "docs", "examples", "scripts"}
"""What packages install beside their own names by oversight, and everybody has a folder of."""

_AGAIN = "python -m pip install --force-reinstall nami-bench (in a checkout: pip install -e .)"


def python(version: tuple[int, int, int], tested: Collection[str], where: str, is_64_bit: bool) -> Finding:
    """The interpreter; `tested` names versions such as "3.12"."""
    text = f"{'.'.join(map(str, version))} at {where}"
    if not is_64_bit:
        return fail(f"{text}, 32 bits", "install a Python of 64 bits: the libraries have no other wheels")
    if tested and f"{version[0]}.{version[1]}" not in tested:
        return warn(f"{text}; tested are {', '.join(sorted(tested))}", "use one of those if something fails")
    return ok(text)


def tested_pythons(classifiers: Iterable[str]) -> set[str]:
    """ "3.12" of "Programming Language :: Python :: 3.12"."""
    last = [line.rpartition(" :: ")[2] for line in classifiers if ":: Python :: 3." in line]
    return set(last)


def one_installation(
    version: str, folder: Path, path: Sequence[str], distributions: Sequence[Distribution]
) -> Finding:
    """Whether the package in `folder`, which runs, is the one that is installed, and the only one.

    `path`: where modules are looked for, in order. `distributions`: all installations called nami-bench.
    """
    text = f"{version} at {folder}"
    places = {Path(str(one.locate_file(""))).resolve() for one in distributions}
    if not places:
        return warn(
            f"{text}, which is not installed: plugins are not found", "pip install -e . in its folder"
        )
    if len(places) > 1:
        found = f"{text}; installed {len(places)} times: {', '.join(sorted(map(str, places)))}"
        return warn(found, "pip uninstall nami-bench until none is left, then install it once")
    if others := foreign_copies(folder, path):
        found = f"{text}; another {NAME} at {', '.join(map(str, others))}"
        return warn(found, "rename or remove it: which one is imported depends on where the program starts")
    return _editable(text, version, folder, distributions[0])


def foreign_copies(folder: Path, path: Sequence[str]) -> list[Path]:
    """What else is called nami_bench on `path`: packages and modules that are not `folder`."""
    beside = [Path(entry or ".") / name for entry in path for name in (NAME, f"{NAME}.py")]
    there = [place for place in beside if place.is_file() or (place / "__init__.py").is_file()]
    return sorted({place.resolve() for place in there if place.resolve() != folder.resolve()})


def _editable(text: str, version: str, folder: Path, distribution: Distribution) -> Finding:
    if distribution.version != version:
        return warn(f"{text}, installed as {distribution.version}: what was installed is stale", _AGAIN)
    source = editable_source(distribution)
    if source is None:
        return ok(text)
    if not (source / NAME).is_dir():
        return fail(f"{text}; the installation is of {source}, which is gone", _AGAIN)
    if (source / NAME).resolve() != folder.resolve():
        return warn(
            f"{text}, but installed is {source}: the two may differ", "pip install -e . where you work"
        )
    if lacking := undeclared_plugins(source / "pyproject.toml", distribution):
        found = f"{text}; since it was installed, plugins were added: {', '.join(lacking)}"
        return warn(found, f"pip install -e {source}")
    return ok(f"{text} (editable)")


def editable_source(distribution: Distribution) -> Path | None:
    """The folder that an editable installation leads to; None for an ordinary one."""
    try:
        written = json.loads(distribution.read_text("direct_url.json") or "{}")
        if not written["dir_info"]["editable"]:
            return None
        place = unquote(urlsplit(written["url"]).path)
        return Path(place[1:] if os.name == "nt" else place)  # /C:/folder
    except (ValueError, KeyError, TypeError):
        return None


def undeclared_plugins(project: Path, distribution: Distribution) -> list[str]:
    """Entry points that the project's file has and the installation's metadata lacks."""
    try:
        groups = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]
    except (OSError, ValueError, KeyError):
        return []
    known = {(point.group, point.name, point.value) for point in distribution.entry_points}
    wanted = {(group, name, value) for group, points in groups.items() for name, value in points.items()}
    return sorted(f"{name} ({group})" for group, name, _ in wanted - known)


def shadowed(packages: Iterable[str], path: Sequence[str]) -> Finding:
    """Whether something before them on `path` hides installed packages: a folder called like a library."""
    homes = _homes(packages)
    hidden = {
        module: place
        for module, home in homes.items()
        if (place := _first(module, path)) is not None and not place.is_relative_to(home)
    }
    if hidden:
        found = ", ".join(f"{module} is taken from {place}" for module, place in sorted(hidden.items()))
        return fail(
            f"installed packages are hidden: {found}", "rename it, start elsewhere, or mend PYTHONPATH"
        )
    return ok(f"each of {len(homes)} import names leads to its package")


def _homes(packages: Iterable[str]) -> dict[str, Path]:
    """Where the modules of packages lie: their environment's site-packages. Editable ones are left out."""
    homes: dict[str, Path] = {}
    for name in packages:
        distribution = Distribution.from_name(name)
        if editable_source(distribution) is None:
            home = Path(str(distribution.locate_file(""))).resolve()
            homes |= dict.fromkeys(_modules(distribution) - _STRAY, home)
    return homes


def _modules(distribution: Distribution) -> set[str]:
    """What a package brings to be imported: as it declares, or by the files that it installed."""
    declared = (distribution.read_text("top_level.txt") or "").split()
    names = declared or [
        path.parts[0].partition(".")[0]
        for path in distribution.files or ()
        if path.suffix in (".py", ".so", ".pyd") and len(path.parts) < 3
    ]
    return {name for name in names if name.isidentifier() and not name.startswith("_")}


def _first(module: str, path: Sequence[str]) -> Path | None:
    """The file or folder that `import module` would take, without importing it."""
    spec = PathFinder.find_spec(module, [entry or str(Path.cwd()) for entry in path])
    if spec is None:
        return None
    place = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    return None if place is None else Path(place).resolve()
