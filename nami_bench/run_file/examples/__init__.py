"""The run files that come with the package."""

from importlib.resources import files
from pathlib import Path

from nami_bench.errors import UnknownNameError


def example_paths() -> dict[str, Path]:
    """The examples' files by name."""
    folder = Path(str(files("nami_bench.run_file.examples")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def example_text(name: str) -> str:
    """An example as it stands, with its comments; raises UnknownNameError."""
    known = example_paths()
    if name not in known:
        raise UnknownNameError("example", name, known)
    return known[name].read_text(encoding="utf-8")
