"""What a recipe asks of a prompt source, and what it gets back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Availability(StrEnum):
    """What it takes to read a source: nothing, the network, or a file that the user has yet to give."""

    HERE = "here"
    DOWNLOAD = "download"
    FILE = "needs a file"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One prompt a source offers. `geneval` holds GenEval's clauses (tag, include, exclude), if any."""

    text: str
    tags: Mapping[str, str] = field(default_factory=dict)
    geneval: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SourceContent:
    """Everything a source offers, with the SHA-256 (hex) of the bytes it was read from.

    `file` is the name, without folders, of the file that was read; None for generated prompts.
    """

    candidates: tuple[Candidate, ...]
    sha256: str
    file: str | None = None


class PromptSource(Protocol):
    """A collection of prompts, registered in the entry-point group `nami_bench.prompt_sources`.

    Implementations are classes; one whose constructor takes an inner frozen dataclass `Options` with a
    `path` (None by default) can be given a local file with `--source NAME=PATH`.
    """

    name: str
    licence: str
    address: str | None
    """Where it comes from: a URL, or None for prompts that ship with the package or are generated."""
    sha256: str | None
    """Hash of the published bytes, or None where there is none to compare with."""

    @property
    def availability(self) -> Availability:
        """What `load` needs."""
        ...

    def load(self) -> SourceContent:
        """Read every candidate. Raises InputError for a bad file, WorkError for a failed download."""
        ...
