"""Accepted submissions: how they are handed over, and the source that reads them.

A file of JSON lines, one for each prompt, which `nami-bench prompts submissions export` writes: the prompt,
its tags, and where it came from, but not from whom.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nami_bench.domain import PromptSubmission, SubmissionState
from nami_bench.errors import InputError
from nami_bench.prompts.files import digest, parse_candidates, read_bytes
from nami_bench.prompts.protocol import Availability, SourceContent
from nami_bench.prompts.rows import json_lines

TAGS = ("category", "challenge", "language")
_PROVENANCE = ("id", "licence", "licence_sha256", "consented_at")


def submissions_jsonl(submissions: Iterable[PromptSubmission]) -> bytes:
    """The accepted ones of `submissions` as a file's bytes."""
    accepted = (one for one in submissions if one.state is SubmissionState.ACCEPTED)
    return "".join(json.dumps(_line(one), ensure_ascii=False) + "\n" for one in accepted).encode()


def _line(submission: PromptSubmission) -> dict[str, Any]:
    return {
        "prompt": submission.final_text,
        **submission.final_tags,
        "id": submission.id,
        "licence": submission.licence,
        "licence_sha256": submission.licence_sha256,
        "consented_at": submission.consented_at.isoformat(),
        "edited": submission.is_edited,
    }


class SubmissionsSource:
    """Prompts that people proposed in the annotation app and an administrator accepted."""

    name = "submissions"
    origin = "proposed by people in the annotation app, each accepted by an administrator"
    address: str | None = None
    sha256: str | None = None
    texts_sha256: str | None = None

    @dataclass(frozen=True, slots=True)
    class Options:
        """`path`: the file that `nami-bench prompts submissions export` wrote."""

        path: Path | None = None

    def __init__(self, options: Options) -> None:
        self.path = options.path

    @property
    def availability(self) -> Availability:
        """Whether a file was given."""
        return Availability.FILE if self.path is None else Availability.HERE

    @property
    def licence(self) -> str:
        """The licences in the file, each once."""
        if self.path is None:
            return "what their authors agreed to"
        return ", ".join(sorted({row["licence"] for row in _rows(self.path)}))

    def load(self) -> SourceContent:
        """Read the file; raises InputError where none was given or a line is no exported submission."""
        if self.path is None:
            raise InputError(
                "the source 'submissions' is what `nami-bench prompts submissions export -o FILE.jsonl` "
                "wrote: pass --source submissions=FILE.jsonl"
            )
        _rows(self.path)
        data = read_bytes(self.path)
        candidates = parse_candidates(data, self.path.suffix, str(self.path), TAGS)
        return SourceContent(candidates, digest(data), self.path.name)


def _rows(path: Path) -> list[Mapping[str, Any]]:
    """The file's lines; raises InputError for the first that does not say where its prompt came from."""
    rows: list[Mapping[str, Any]] = []
    for where, row in json_lines(read_bytes(path), str(path)):
        missing = [key for key in _PROVENANCE if not isinstance(row.get(key), str)]
        if missing:
            raise InputError(
                f"{where} has no {missing[0]!r}: the source 'submissions' reads what `nami-bench prompts "
                "submissions export` wrote; another file of prompts can be given under a name of your own"
            )
        try:
            datetime.fromisoformat(row["consented_at"])
        except ValueError as error:
            raise InputError(f"{where}: 'consented_at' is no time") from error
        rows.append(row)
    return rows
