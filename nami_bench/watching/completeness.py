"""Whether a checkpoint is written to its end, told by what it says of itself."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.generators.pipeline_content import PEFT_CONFIG, read_index
from nami_bench.pipeline.run_lock import LOCK
from nami_bench.watching.checkpoints import (
    NETWORKS,
    WEIGHT_ENDINGS,
    Checkpoint,
    Kind,
    is_unfinished,
)

_SHARDS = ".index.json"
_LONGEST_HEADER = 100_000_000
"""Bytes; safetensors' own limit."""
Signature = tuple[tuple[str, int, int, int, int], ...]
"""Of each file: its name, size, two times and inode. What is being written differs from look to look."""


def signature(checkpoint: Checkpoint) -> Signature:
    """What changes whenever one of the checkpoint's files does; raises OSError where one is gone."""
    return tuple(_state(path) for path in checkpoint.files)


def why_incomplete(checkpoint: Checkpoint) -> str | None:
    """What is missing or half-written, in words that follow the checkpoint's name; None where nothing is.

    Images are counted where they are measured: only there it is known how many there should be.
    """
    try:
        return next(_problems(checkpoint), None)
    except (OSError, InputError) as error:
        return f"cannot be read yet: {error}"


def _problems(checkpoint: Checkpoint) -> Iterator[str]:
    path = checkpoint.path
    yield from _being_written(path)
    if checkpoint.kind is Kind.PIPELINE:
        yield from _pipeline(path)
    elif checkpoint.kind is Kind.NETWORK:
        yield from _rest_of_a_pipeline(checkpoint)
        yield from _model(checkpoint.network)
    elif checkpoint.kind is Kind.LORA and path.is_dir():
        if not any(file.suffix == ".safetensors" for file in checkpoint.files):
            yield "has no adapter weights yet"
        if (path / PEFT_CONFIG).is_file():
            _read_json(path / PEFT_CONFIG)
    for file in checkpoint.files:
        if file.suffix == ".safetensors" and (problem := _safetensors(file)):
            yield f"holds {file.name}, which {problem}"
        elif file.stat().st_size == 0:
            yield f"holds {file.name}, which is empty"


def _being_written(path: Path) -> Iterator[str]:
    if path.is_dir():
        for file in path.rglob("*"):
            if is_unfinished(file.name) and not _is_left_by_a_system(file.name):
                yield f"holds {file.relative_to(path)}: something still writes there"


def _is_left_by_a_system(name: str) -> bool:
    """Such as .DS_Store, .gitattributes or .cache: hidden, but nobody's work in progress. Nor is a
    workspace's own lock, which stays where a run has ended."""
    is_work = name.endswith((".partial", ".tmp", ".part", ".lock", ".incomplete"))
    return name == LOCK or (name.startswith(".") and not is_work)


def _pipeline(folder: Path) -> Iterator[str]:
    for name, what in read_index(folder).items():
        if not isinstance(what, list) or what[:1] == [None]:
            continue
        if not (folder / name).is_dir() or not any((folder / name).iterdir()):
            yield f"has no {name} yet"
        elif (folder / name / "config.json").is_file():
            yield from _model(folder / name, name)


def _model(folder: Path, name: str | None = None) -> Iterator[str]:
    """A network's folder: a configuration, and all weights that an index names."""
    within = f" in {name}" if name else ""
    files = [file for file in folder.iterdir() if file.is_file()]
    if not any(file.name.endswith(WEIGHT_ENDINGS) for file in files):
        yield f"has no weights yet{within}"
    for file in files:
        if file.suffix == ".json":
            found = _read_json(file)
            if file.name.endswith(_SHARDS):
                yield from _shards(folder, found)
    if not (folder / "config.json").is_file():
        yield f"has no config.json yet{within}"


def _rest_of_a_pipeline(checkpoint: Checkpoint) -> Iterator[str]:
    """A pipeline's index is written last: until then its folder looks like one of a network alone."""
    parts = {"vae", "scheduler", "text_encoder", "tokenizer"} - {checkpoint.part}
    if checkpoint.part and (others := sorted(p for p in parts if (checkpoint.path / p).is_dir())):
        yield f"holds {others[0]} beside {checkpoint.part}, but no model_index.json yet"
    if checkpoint.part is None and any((checkpoint.path / name).is_dir() for name in NETWORKS):
        yield "is not written to its end"


def _shards(folder: Path, index: Any) -> Iterator[str]:
    names = index.get("weight_map") if isinstance(index, Mapping) else None
    if not isinstance(names, Mapping):
        yield "has an index of shards that names none"
        return
    for shard in sorted(set(map(str, names.values()))):
        if not (folder / shard).is_file():
            yield f"has no {shard} yet"


def _safetensors(file: Path) -> str | None:
    """Why the file is not whole: its header says where its last tensor ends."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(_LONGEST_HEADER, size - 8):
            return "ends within its header"
        try:
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return "has a header that is not safetensors'"
    missing = 8 + length + max(ends, default=0) - size
    return f"lacks {missing} bytes" if missing > 0 else "is too long" if missing < 0 else None


def _read_json(file: Path) -> Any:
    try:
        return parse_json(file.read_bytes())
    except ValueError as error:
        raise InputError(f"{file.name} is not JSON") from error


def _state(path: Path) -> tuple[str, int, int, int, int]:
    status = path.stat()
    return (str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
