"""What belongs to a pipeline's folder, and the hash that it is known by; needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.file_hashes import files_sha256
from nami_bench.foreign_text import parse_json

INDEX = "model_index.json"
PEFT_CONFIG = "adapter_config.json"
"""What PEFT writes beside an adapter's weights."""


def read_index(folder: Path) -> Mapping[str, Any]:
    """The pipeline's index; raises InputError where it cannot be read."""
    try:
        index = parse_json((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / INDEX} is not readable JSON: {error}") from error
    if not isinstance(index, Mapping):
        raise InputError(f"{folder / INDEX} is not readable JSON: it is no object")
    return index


def pipeline_content(folder: Path) -> list[Path]:
    """The index and every file in its components' folders, in a fixed order.

    What else lies in the folder (a README, a single-file copy of the weights) does not count.
    """
    components = sorted(name for name in read_index(folder) if (folder / name).is_dir())
    inside = (sorted(p for p in (folder / name).rglob("*") if p.is_file()) for name in components)
    return [folder / INDEX, *(path for files in inside for path in files)]


def pipeline_sha256(folder: Path) -> str:
    """One hash for a pipeline's folder, of its content.

    Weights are read at about 1.5 GB/s, and again only if something touched them: see
    `nami_bench.file_hashes`.
    """
    return files_sha256(folder, pipeline_content(folder))
