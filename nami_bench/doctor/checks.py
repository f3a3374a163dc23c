"""All checks, in the order in which they are shown."""

import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, distributions, metadata
from pathlib import Path
from typing import TYPE_CHECKING

import nami_bench
from nami_bench.config import Workspace, cache_dir, open_workspace
from nami_bench.doctor import environment, installation, libraries, machine
from nami_bench.doctor import workspace as workspace_checks
from nami_bench.doctor.finding import Check, Finding
from nami_bench.doctor.imports import LIBRARIES, Imported, imported
from nami_bench.errors import InputError
from nami_bench.locations import is_remote
from nami_bench.software import constraints_file, tested_versions

if TYPE_CHECKING:
    from nami_bench.store.health import Health

_CORE = ("numpy", "pandas", "pyarrow", "scipy", "matplotlib", "gradio")


def checks(root: Path, beside: Executor) -> list[Check]:
    """Every check; `root` is the workspace's folder, which need not exist.

    Imports of heavy libraries begin at once, in `beside`; the checks that tell of them come last.
    """
    here = {package: libraries.installed_version(package) for package in LIBRARIES}
    modules = [LIBRARIES[package] for package, version in here.items() if version]
    trial = beside.submit(imported, modules)
    return [*_of_installation(), *_of_machine(root), *_of_workspace(root), *_of_imports(here, trial.result)]


def _of_installation() -> list[Check]:
    return [
        Check("python", _python),
        Check("nami-bench", _one_installation),
        Check("core packages", lambda: libraries.core_packages(_declared().core, _versions())),
        Check("extras", lambda: libraries.extras(_declared(), _versions())),
        Check(
            "tested versions",
            lambda: libraries.tested_versions(tested_versions(), _versions(), str(constraints_file())),
        ),
        Check("import names", lambda: installation.shadowed(_versions(), _path())),
    ]


def _of_machine(root: Path) -> list[Check]:
    return [
        Check("memory", lambda: machine.memory(machine.available_memory(), machine.memory_limit())),
        Check("disk", lambda: machine.disks(_places(root))),
        Check("cache", lambda: machine.cache(cache_dir())),
        Check("hub cache", lambda: machine.hub_cache(_hub_cache())),
        Check("weights", _weights),
        Check("variables", lambda: environment.variables(os.environ)),
    ]


def _of_workspace(root: Path) -> list[Check]:
    return [
        Check("workspace", lambda: workspace_checks.workspace(root, _opened(root))),
        Check("database", lambda: _database(root)),
    ]


def _of_imports(here: dict[str, str | None], results: Callable[[], dict[str, Imported]]) -> list[Check]:
    def library(package: str) -> Finding:
        return libraries.library(package, here[package], results().get(LIBRARIES[package]))

    def core() -> Finding:
        return libraries.core_imports({name: one for name, one in results().items() if name in _CORE})

    return [
        Check("core imports", core),
        *(
            Check(package, partial(library, package))
            for package, module in LIBRARIES.items()
            if module not in _CORE
        ),
        Check("devices", lambda: libraries.devices(results().get("torch"), libraries.has_nvidia_driver())),
    ]


def _python() -> Finding:
    try:
        classifiers = metadata("nami-bench").get_all("Classifier") or []
    except PackageNotFoundError:
        classifiers = []
    return installation.python(
        sys.version_info[:3],
        installation.tested_pythons(classifiers),
        sys.executable,
        sys.maxsize > 2**32,
    )


def _one_installation() -> Finding:
    folder = Path(str(nami_bench.__file__)).parent
    found = {str(one.locate_file("")): one for one in distributions(name="nami-bench")}
    return installation.one_installation(nami_bench.__version__, folder, _path(), list(found.values()))


@cache
def _declared() -> libraries.Declared:
    return libraries.declared()


@cache
def _versions() -> dict[str, str]:
    known = _declared()
    return libraries.installed([*known.core, *(one for needs in known.extras.values() for one in needs)])


def _path() -> list[str]:
    """Where modules are looked for, but for Python's own."""
    own = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    return [entry for entry in sys.path if entry not in own and not entry.endswith(".zip")]


def _places(root: Path) -> dict[str, Path]:
    places = {"workspace": root, "cache": cache_dir(), "hub cache": _hub_cache()}
    opened = _opened(root)
    if isinstance(opened, Workspace) and not is_remote(opened.images_dir):
        places["images"] = opened.images_dir
    return places | {"temporary files": Path(tempfile.gettempdir())}


def _weights() -> Finding:
    from nami_bench.doctor.weights import weights
    from nami_bench.neural.needed_weights import all_needed

    return weights(all_needed())


def _hub_cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _opened(root: Path) -> Workspace | InputError | None:
    if not (root / "nami.toml").is_file():
        return None
    try:
        return open_workspace(root)
    except InputError as error:
        return error


def _database(root: Path) -> Finding:
    health = _health(root)
    is_file = health is not None and not isinstance(health, InputError) and health.size is not None
    place = Path(health.name) if is_file else root  # type: ignore[union-attr]
    return workspace_checks.database(health, machine.file_system(place))


def _health(root: Path) -> "Health | InputError | None":
    from nami_bench.store.health import look_at  # so that the doctor works where SQLAlchemy does not

    opened = _opened(root)
    url = opened.database_url if isinstance(opened, Workspace) else os.environ.get("NAMI_DATABASE_URL")
    try:
        return None if url is None else look_at(url)
    except InputError as error:
        return error
