"""The vocabulary of the project: frozen values that every other package takes and returns.

Standard library only. Tables, files and web pages are converted to and from these types
at the edges; there is one type for each thing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from nami_bench.clauses import GENEVAL_CLASSES as GENEVAL_CLASSES
from nami_bench.clauses import GENEVAL_COLORS as GENEVAL_COLORS
from nami_bench.clauses import GENEVAL_RELATIONS as GENEVAL_RELATIONS
from nami_bench.clauses import GENEVAL_TASKS as GENEVAL_TASKS
from nami_bench.errors import InputError
from nami_bench.judgements import CheckAnswer as CheckAnswer
from nami_bench.judgements import Comparison as Comparison
from nami_bench.judgements import Event as Event
from nami_bench.judgements import Flag as Flag
from nami_bench.names import checked_name as checked_name
from nami_bench.names import matching_name as matching_name
from nami_bench.names import name_in_text as name_in_text
from nami_bench.names import name_key as name_key
from nami_bench.names import person_name as person_name
from nami_bench.study import CheckItem as CheckItem
from nami_bench.study import CheckKind as CheckKind
from nami_bench.study import Checks as Checks
from nami_bench.study import Criteria as Criteria
from nami_bench.study import Criterion as Criterion
from nami_bench.study import CriterionText as CriterionText
from nami_bench.study import Mode as Mode
from nami_bench.study import Outcome as Outcome
from nami_bench.study import Pairs as Pairs
from nami_bench.study import Panel as Panel
from nami_bench.study import Study as Study
from nami_bench.study import Total as Total
from nami_bench.submissions import PromptSubmission as PromptSubmission
from nami_bench.submissions import SubmissionState as SubmissionState

STRATA = ("short", "community", "long")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a prompt set.

    `id` is the prompt's index in its set, zero-padded to five digits: it is also its folder
    in GenEval's layout. `stratum` groups prompts for reporting (short, community, long in
    NAMI-1K). `geneval` holds GenEval's clauses (tag, include, exclude) where the prompt has them.
    `rewritten_from` is the text of the prompt that this one is a rewrite of, None for one that is none.
    `extra` holds the further keys of the prompt's line: they are kept, and nothing is compared by them.
    """

    id: str
    text: str
    stratum: str = "short"
    source: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    geneval: Mapping[str, Any] | None = None
    rewritten_from: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> int:
        """Number of whitespace-separated words."""
        return len(self.text.split())

    @property
    def task(self) -> str | None:
        """GenEval's task name, or None for a prompt without clauses."""
        return None if self.geneval is None else str(self.geneval["tag"])

    def metadata(self) -> dict[str, Any]:
        """The line that GenEval keeps beside the images: tag, include, (exclude,) prompt, then the rest."""
        line = {**(self.geneval or {}), "prompt": self.text}
        if self.rewritten_from is not None:
            line["rewritten_from"] = self.rewritten_from
        return {**line, **{key: value for key, value in self.extra.items() if key not in line}}

    def to_json(self) -> dict[str, Any]:
        """One line of a prompt file; the inverse of `from_json`."""
        row = self.canonical()
        if self.rewritten_from is not None:
            row["rewritten_from"] = self.rewritten_from
        if self.extra:
            row["extra"] = dict(self.extra)
        return row

    def canonical(self) -> dict[str, Any]:
        """What the prompt is known by: the line without what is only kept, `rewritten_from` and `extra`."""
        row: dict[str, Any] = {
            "id": self.id,
            "prompt": self.text,
            "stratum": self.stratum,
            "source": self.source,
            "tags": dict(self.tags),
        }
        if self.geneval is not None:
            row["geneval"] = dict(self.geneval)
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Prompt":
        """Build a prompt from one parsed line of a prompt file."""
        return cls(
            id=row["id"],
            text=row["prompt"],
            stratum=row["stratum"],
            source=row["source"],
            tags=dict(row["tags"]),
            geneval=row.get("geneval"),
            rewritten_from=row.get("rewritten_from"),
            extra=dict(row.get("extra") or {}),
        )


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The file that a prompt set was read from: its name, without folders, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class PromptSet:
    """An ordered, named set of prompts, identified by the hash of its canonical bytes.

    `manifest` says how the set came about, `file` from what it was read (None: from no file).
    Raises InputError for an unusable name, or where an id differs from its index.
    """

    name: str
    prompts: tuple[Prompt, ...]
    manifest: Mapping[str, Any] = field(default_factory=dict, compare=False)
    file: PromptFile | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        checked_name("prompt set", self.name)
        for index, prompt in enumerate(self.prompts):
            if prompt.id != prompt_id(index):
                raise InputError(
                    f"prompt set {self.name!r}: prompt {index} has the id {prompt.id!r}, "
                    f"expected {prompt_id(index)!r}"
                )

    def to_jsonl(self) -> bytes:
        """The set's file: one JSON object a line, UTF-8, keys in a fixed order."""
        return b"".join(_json_line(prompt.to_json()) for prompt in self.prompts)

    @cached_property
    def sha256(self) -> str:
        """The canonical hash, by which sets are told apart: SHA-256 of the lines of `Prompt.canonical`.

        The same prompts have it in whatever file they stand. It is `sha256sum` of `to_jsonl()` where no
        prompt has anything beside what it is known by.
        """
        found = hashlib.sha256()
        for prompt in self.prompts:
            found.update(_json_line(prompt.canonical()))
        return found.hexdigest()

    @property
    def rewritten(self) -> int:
        """How many of the prompts are rewrites of others."""
        return sum(prompt.rewritten_from is not None for prompt in self.prompts)

    @cached_property
    def by_id(self) -> Mapping[str, Prompt]:
        """Prompts by id."""
        return {p.id: p for p in self.prompts}

    def __len__(self) -> int:
        return len(self.prompts)


_encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: a set may have a million lines


def _json_line(row: Mapping[str, Any]) -> bytes:
    return (_encode(row) + "\n").encode()


def prompt_id(index: int) -> str:
    """The id of the prompt at `index`: GenEval's five-digit folder name."""
    return f"{index:05d}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model under test: which adapter makes its images, with which options.

    `first_name`: under which it was recorded, None where that is its name still.
    """

    name: str
    adapter: str
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    licence: str | None = None
    first_name: str | None = None

    def __post_init__(self) -> None:
        checked_name("model", self.name)
        if self.parameters is not None and self.parameters <= 0:
            raise InputError(f"model {self.name!r}: the parameter count must be positive")


SELECTION = "selection"
"""In an image's provenance: how the prompts of its run were chosen, where they were a part of the set."""


class ImageState(StrEnum):
    """What became of one requested image."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One requested image: made, failed or refused.

    `path` is relative to the workspace's image folder, with forward slashes; `seconds` is the
    generator's own time for this image, None where it is not known (imported images). A failed
    or refused image has a `reason` and neither path nor hash.
    """

    model: str
    prompt_set: str
    prompt_id: str
    sample: int
    state: ImageState
    seed: int | None = None
    reason: str | None = None
    path: str | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """(model, prompt_set, prompt_id, sample): unique in a workspace."""
        return (self.model, self.prompt_set, self.prompt_id, self.sample)


@dataclass(frozen=True, slots=True)
class Score:
    """One automatic metric's value for one image.

    `instrument` names what measured (detector, weights hash): scores of different instruments
    are different columns. `value` is None, with a `reason`, where the metric failed on the image.
    `value_range`: the lowest and the highest value that the metric can give, None where there are none.
    """

    model: str
    prompt_set: str
    prompt_id: str
    sample: int
    metric: str
    instrument: str
    value: float | None
    reason: str | None = None
    image_sha256: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    value_range: tuple[float, float] | None = None
    created_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SetScore:
    """One automatic metric's value for all images that a model made of a prompt set (FID, KID).

    `images` entered the value. `images_sha256` identifies the images that were to enter it. `value` is None,
    with a `reason`, where the metric failed.
    """

    model: str
    prompt_set: str
    metric: str
    instrument: str
    value: float | None
    images: int
    lower_is_better: bool = False
    reason: str | None = None
    images_sha256: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = field(default=None, compare=False)


class Role(StrEnum):
    """What an account may do. Simulated annotators cannot log in."""

    ANNOTATOR = "annotator"
    ADMINISTRATOR = "administrator"
    SIMULATED = "simulated"


SIMULATED_PREFIX = "simulated"
"""How the names of simulated annotators begin, and of no others, so that it shows everywhere."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """One who scores, `name` in the form of `person_name`; nothing that an `excluded` one judged counts."""

    name: str
    role: Role = Role.ANNOTATOR
    active: bool = True
    excluded: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", person_name("annotator", self.name))
        if (self.role is Role.SIMULATED) != self.name.startswith(SIMULATED_PREFIX):
            raise InputError(
                f"annotator name {self.name!r}: names that begin with {SIMULATED_PREFIX!r} "
                "belong to simulated annotators, and to them only"
            )


@dataclass(frozen=True, slots=True)
class Rating:
    """One annotator's value for one criterion of one image, on the criterion's own scale.

    `value` is None, with a `reason`, where the annotator could not judge: a missing value,
    never a zero.
    """

    study: str
    annotator: str
    model: str
    prompt_id: str
    sample: int
    criterion: str
    value: float | None
    reason: str | None = None
    duration_ms: int | None = None
    created_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise InputError(
                f"rating of {self.criterion} by {self.annotator!r}: give a value, or a reason for having none"
            )


@dataclass(frozen=True, slots=True)
class Assignment:
    """One item shown to one annotator; `token` is the opaque handle the browser sees.

    `images` stand from left to right; there is one in rating mode. `kind` is study, training, qualification,
    gold or repeat; `state` is open, expired or completed.
    """

    token: str
    study: str
    annotator: str
    kind: str
    state: str
    images: tuple[ImageRecord, ...]
    prompt: Prompt
    assigned_at: datetime

    @property
    def image(self) -> ImageRecord:
        """The image, or the left one."""
        return self.images[0]
