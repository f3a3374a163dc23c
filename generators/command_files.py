"""What a command line says about the files that its images depend on: the program, scripts, weights."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.file_hashes import file_sha256

_WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".msgpack"})
_TEXTS = frozenset({".py", ".sh", ".jl", ".js", ".lua", ".yaml", ".yml", ".toml", ".json", ".cfg", ".ini"})
# Programs of the system that run others: they are updated under way, as libraries are.
_INTERPRETERS = re.compile(
    r"(python|pypy|bash|sh|dash|zsh|env|node|julia|perl|ruby|uv|conda|nice|time)[\d.]*"
)


def command_files(words: Sequence[str], workdir: Path) -> dict[str, Any]:
    """{word: {"sha256": ...}} of the words, or what stands behind their "=", that name a model's parts.

    Those are: the program, where it is named by its path and is no interpreter; files with the endings of
    scripts, settings and weights; and folders with weights in them or in their folders, of which the files
    with such endings count (in deeper folders are caches of many models), but not the folder that the command
    runs in nor one that holds it. What programs read without being told, modules that a script imports among
    it, is not known here. Raises InputError for a file that cannot be read.
    """
    found = {}
    for position, word in enumerate(words):
        name = word.rpartition("=")[2] if word.startswith("-") else word
        if not name or "{" in name:
            continue
        path = workdir / Path(name).expanduser()
        program = position == 0 and "/" in name and not _INTERPRETERS.fullmatch(path.name)
        if (sha256 := _sha256(path, program, workdir)) is not None:
            found[name] = {"sha256": sha256}
    return found


def _sha256(path: Path, program: bool, workdir: Path) -> str | None:
    try:
        if path.is_file():
            return file_sha256(path) if program or path.suffix.lower() in _TEXTS | _WEIGHTS else None
        if path.is_dir() and not workdir.is_relative_to(path.resolve()):
            return _folder_sha256(path)
    except OSError as error:
        raise InputError(
            f"generator 'command': cannot read {error.filename or path}: {error.strerror or error}"
        ) from error
    return None


def _folder_sha256(folder: Path) -> str | None:
    """One hash for the scripts, settings and weights of a model's folder; None for any other folder."""
    found = [*folder.glob("*"), *folder.glob("*/*")]
    parts = sorted(p for p in found if p.suffix.lower() in _TEXTS | _WEIGHTS and p.is_file())
    if not any(path.suffix.lower() in _WEIGHTS for path in parts):
        return None
    lines = [f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in parts]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
