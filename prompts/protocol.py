"""What a recipe asks of a prompt source, and what it gets back."""

import hashlib
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
    """One prompt a source offers; the fields are those of `nami_bench.domain.Prompt`.

    `stratum` None: the source does not say, and a recipe decides.
    """

    text: str
    tags: Mapping[str, str] = field(default_factory=dict)
    geneval: Mapping[str, Any] | None = None
    rewritten_from: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    stratum: str | None = None


@dataclass(frozen=True, slots=True)
class SourceContent:
    """Everything a source offers, with the SHA-256 (hex) of the bytes it was read from.

    `file` is the name, without folders, of the file that was read; None for generated prompts.
    """

    candidates: tuple[Candidate, ...]
    sha256: str
    file: str | None = None

    @property
    def texts_sha256(self) -> str:
        """SHA-256 (hex) of the texts alone, white space made single, sorted, one a line: the same prompts
        have the same hash in whatever form they come."""
        lines = sorted(" ".join(candidate.text.split()) + "\n" for candidate in self.candidates)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class PromptSource(Protocol):
    """A collection of prompts, registered in the entry-point group `nami_bench.prompt_sources`.

    Implementations are classes; one whose constructor takes an inner frozen dataclass `Options` with a
    `path` (None by default) can be given a local file with `--source NAME=PATH`.
    """

    name: str
    origin: str
    """Who wrote the prompts, or what made them, in a few words."""
    licence: str
    address: str | None
    """Where it comes from: a URL, or None for prompts that ship with the package or are generated."""
    sha256: str | None
    """Hash of the published bytes, or None where there is none to compare with."""
    texts_sha256: str | None
    """Hash of the published texts (`SourceContent.texts_sha256`), for sets that come in several forms."""

    @property
    def availability(self) -> Availability:
        """What `load` needs."""
        ...

    def load(self) -> SourceContent:
        """Read every candidate. Raises InputError for a bad file, WorkError for a failed download."""
        ...
