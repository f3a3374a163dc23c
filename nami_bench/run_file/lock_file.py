"""Lock files read: their form, and what of it is not as it should be."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.run_file.bench import Took
from nami_bench.serialize import validated

SCHEMA = "nami-bench/run-lock/1"
"""The `schema` of the document; it changes when a key changes its meaning."""


@dataclass(frozen=True, slots=True)
class _RunFile:
    name: str | None
    sha256: str | None
    overrides: Mapping[str, str]
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _PromptSet:
    name: str
    sha256: str
    prompts: int
    rewritten: int
    file: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class _Images:
    done: int
    failed: int
    refused: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Model:
    name: str
    adapter: str
    options: Mapping[str, Any]
    parameters: int | None
    licence: str | None
    weights: tuple[str, ...]
    settings: Mapping[str, Any] | None
    images: Mapping[str, _Images]


@dataclass(frozen=True, slots=True)
class _Scores:
    metric: str
    instrument: str
    prompt_set: str
    model: str
    scored: int
    failed: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Study:
    name: str
    sha256: str
    judgements: int
    judgements_sha256: str


@dataclass(frozen=True, slots=True)
class _Lock:
    """The form of a lock; see `nami_bench.run_file.lock.lock_of`, which writes it."""

    schema: str
    nami_bench: str
    written: str
    run_file: _RunFile
    software: Mapping[str, str]
    inputs: Mapping[str, str | None]
    prompt_sets: tuple[_PromptSet, ...]
    models: tuple[_Model, ...]
    scores: tuple[_Scores, ...]
    studies: tuple[_Study, ...]
    leaderboards: Mapping[str, str]
    files: Mapping[str, str]
    took: tuple[Took, ...]


def read_lock(path: Path) -> dict[str, Any]:
    """A lock as plain values, of the form of `_Lock`; raises InputError for what is no such lock."""
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is no lock: {error}") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise InputError(f"{path} is no lock of this NAMI-Bench: its schema is {found!r}, not {SCHEMA!r}")
    validated(_Lock, content, f"the lock {path} is damaged")
    return {field.name: content[field.name] for field in fields(_Lock)}


def took_before(*paths: Path) -> list[Took]:
    """The durations that locks hold; a lock that is missing or damaged holds none."""
    found = []
    for path in paths:
        try:
            found += [validated(Took, one, str(path)) for one in read_lock(path)["took"]]
        except InputError:
            continue
    return found
