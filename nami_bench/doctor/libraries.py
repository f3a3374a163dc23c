"""Checks of packages: versions against what the project asks for and was tested with, imports, devices."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nami_bench.doctor.finding import Finding, fail, ok, warn
from nami_bench.doctor.imports import LIBRARIES, Imported

_FOR_DEVELOPERS = ("dev", "docs")
_LITTLE_FREE = 0.1
"""Of a GPU's memory."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the installed project asks for: of everybody, and by extra."""

    core: tuple[Requirement, ...]
    extras: Mapping[str, tuple[Requirement, ...]]


def declared() -> Declared:
    """Read from the metadata of the installation; raises PackageNotFoundError where there is none."""
    metadata = distribution("nami-bench")
    requirements = [Requirement(line) for line in metadata.requires or ()]
    extras = [
        name for name in metadata.metadata.get_all("Provides-Extra") or () if name not in _FOR_DEVELOPERS
    ]
    return Declared(
        tuple(one for one in requirements if _applies(one, "")),
        {
            extra: tuple(one for one in requirements if _applies(one, extra) and not _applies(one, ""))
            for extra in extras
        },
    )


def installed(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Versions of those packages that are here, by name on the package index."""
    return {one.name: version for one in requirements if (version := installed_version(one.name))}


def installed_version(name: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def core_packages(core: Sequence[Requirement], versions: Mapping[str, str]) -> Finding:
    """Whether all that the program itself needs is there, in versions that fit."""
    missing = [one.name for one in core if one.name not in versions]
    wrong = _unfit(core, versions)
    if missing or wrong:
        found = "; ".join(filter(None, (f"missing: {', '.join(missing)}" if missing else "", *wrong)))
        return fail(found, _pip([one for one in core if one.name in missing or not _fits(one, versions)]))
    return ok(f"all {len(core)} are installed, in versions that fit")


def extras(of: Declared, versions: Mapping[str, str]) -> Finding:
    """Which extras are complete; versions that do not fit are a failure."""
    missing = {
        extra: [one.name for one in needs if one.name not in versions] for extra, needs in of.extras.items()
    }
    whole = [extra for extra, lacks in missing.items() if not lacks]
    absent = [extra for extra, lacks in missing.items() if lacks and len(lacks) == len(of.extras[extra])]
    partly = [
        f"{extra} (without {', '.join(lacks)})"
        for extra, lacks in missing.items()
        if lacks and extra not in absent
    ]
    names = (("complete", whole), ("in part", partly), ("not installed", absent))
    found = "; ".join(f"{how}: {', '.join(some)}" for how, some in names if some)
    needs = [one for some in of.extras.values() for one in some]
    if wrong := list(dict.fromkeys(_unfit(needs, versions))):
        return fail(f"{'; '.join(wrong)}; {found}", _pip([one for one in needs if not _fits(one, versions)]))
    return ok(found)


def tested_versions(tested: Mapping[str, str], versions: Mapping[str, str], constraints: str) -> Finding:
    """How far what is installed is from what was tested together; `constraints` is that file's place."""
    known = {canonicalize_name(name): version for name, version in tested.items()}
    if not known:
        return ok("the list of tested versions is not in this installation")
    pairs = [
        (name, version, known[canonicalize_name(name)])
        for name, version in versions.items()
        if canonicalize_name(name) in known
    ]
    far = [f"{name} {here} (tested: {there})" for name, here, there in pairs if _far(here, there)]
    others = sum(_public(here) != there for _, here, there in pairs)
    if far:
        remedy = f"should something fail: pip install -c {constraints} with the same extras"
        return warn("other than those tested together: " + ", ".join(far), remedy)
    return ok(f"of {len(pairs)} packages {len(pairs) - others} are the tested ones, {others} near them")


def core_imports(results: Mapping[str, Imported]) -> Finding:
    """Whether the libraries of the core load."""
    broken = {module: one.error for module, one in results.items() if one.error}
    if broken:
        found = "; ".join(f"{module}: {error}" for module, error in broken.items())
        return fail(found, f"pip install --force-reinstall {' '.join(map(package_of, broken))}")
    return ok(f"{', '.join(results)} load")


def library(package: str, version: str | None, result: Imported | None) -> Finding:
    """One of the libraries that extras bring: whether it loads."""
    if version is None:
        return ok("not installed: what needs it says so")
    if result is None:
        return warn(f"{version}; it was not tried", "run `nami-bench doctor` again")
    if not result.error:
        return ok(f"{version}, loads")
    pair = "torch torchvision" if package == "torchvision" else package
    advice = f"pip install --force-reinstall {pair}"
    if package == "torchvision":
        advice += " (both from one index: they are built for each other)"
    return fail(f"{version} is installed and does not load: {result.error}", advice)


def devices(torch: Imported | None, has_nvidia_driver: bool) -> Finding:
    """What neural networks can run on."""
    if torch is None or torch.error:
        return ok("unknown without torch")
    found = torch.about.get("devices") or []
    broken = [one for one in found if "error" in one]
    text = "; ".join(map(_device, found))
    if broken:
        return fail(text, "install a torch that is built for this GPU and driver: https://pytorch.org")
    if not found and has_nvidia_driver:
        built = torch.about.get("cuda")
        why = f"this torch is built for CUDA {built}" if built else "this torch is built without CUDA"
        remedy = "install a torch for the driver's CUDA, or look at CUDA_VISIBLE_DEVICES"
        return warn(f"there is an NVIDIA driver, and torch sees no GPU: {why}", remedy)
    if not found:
        return ok("no GPU: neural networks run on the CPU")
    full = [one for one in found if "free" in one and one["free"] < _LITTLE_FREE * one["total"]]
    return warn(text, "another program holds its memory: see nvidia-smi") if full else ok(text)


def has_nvidia_driver() -> bool:
    """Whether this machine has the tools of NVIDIA's driver."""
    return shutil.which("nvidia-smi") is not None


def package_of(module: str) -> str:
    """The package that brings a module."""
    return next((package for package, name in LIBRARIES.items() if name == module), module)


def _device(one: Mapping[str, object]) -> str:
    name = str(one["name"])
    if "error" in one:
        return f"{name}: {one['error']}"
    if "total" not in one:
        return name
    free, total = (int(str(one[key])) / 2**30 for key in ("free", "total"))
    return f"{name}, {free:.1f} of {total:.1f} GiB free"


def _applies(one: Requirement, extra: str) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": extra})


def _fits(one: Requirement, versions: Mapping[str, str]) -> bool:
    return one.name not in versions or one.specifier.contains(versions[one.name], prereleases=True)


def _unfit(requirements: Iterable[Requirement], versions: Mapping[str, str]) -> list[str]:
    return [
        f"{one.name} {versions[one.name]} is outside {one.specifier}"
        for one in requirements
        if not _fits(one, versions)
    ]


def _pip(requirements: Iterable[Requirement]) -> str:
    asked = dict.fromkeys(f"'{one.name}{one.specifier}'" for one in requirements)
    return f"pip install {' '.join(asked)}"


def _public(version: str) -> str:
    return version.partition("+")[0]


def _far(here: str, there: str) -> bool:
    """Whether the major version differs; before 1.0, the minor one."""
    try:
        first, second = Version(here).release, Version(there).release
    except InvalidVersion:
        return here != there
    places = 1 if first[0] or second[0] else 2
    return first[:places] != second[:places]
