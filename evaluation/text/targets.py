"""What is to be read in an image: from the prompt's quotation marks, a benchmark's file, or a column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nami_bench.domain import Prompt
from nami_bench.domain.quoted import quoted
from nami_bench.errors import InputError
from nami_bench.evaluation.questions.published_file import PublishedFile, joint_sha256, published

Texts = tuple[str, ...]
_EN, _ZH = "prompt_en", "prompt_cn"
_CATEGORY = "Text_Rendering"  # OneIG-Bench's


class Targets(Protocol):
    """Where targets come from."""

    @property
    def identity(self) -> str:
        """Names the source, for instruments."""
        ...

    def of(self, prompt: Prompt) -> Texts:
        """The texts that images of the prompt must show, in order; none where there are none."""
        ...


class Quoted:
    """What the prompt has in quotation marks; see `nami_bench.domain.quoted`."""

    identity = "quoted"

    def of(self, prompt: Prompt) -> Texts:
        """In the prompt's order."""
        return quoted(prompt.text)


@dataclass(frozen=True)
class Column:
    """What the prompt's line says under a key: a text, or a list of texts."""

    key: str

    @property
    def identity(self) -> str:
        """The key."""
        return f"column-{self.key}"

    def of(self, prompt: Prompt) -> Texts:
        """Raises InputError for something that is neither."""
        value = prompt.extra.get(self.key, prompt.tags.get(self.key))
        try:
            return _texts(value)
        except ValueError as error:
            raise InputError(f"prompt {prompt.id}: {self.key!r} {error}") from error


@dataclass(frozen=True)
class Published:
    """What a benchmark's file says, by the prompts' texts."""

    by_prompt: Mapping[str, Texts]
    sha256: str

    @property
    def identity(self) -> str:
        """The file's hash."""
        return f"targets-{self.sha256[:12]}"

    def of(self, prompt: Prompt) -> Texts:
        """By the prompt's very text."""
        return self.by_prompt.get(prompt.text.strip(), ())


def find_targets(file: Path | None, prompts: Path | None, column: str | None) -> Targets:
    """The targets that a metric's options name; the prompts' quotation marks where they name none.

    `file` is LongText-Bench's (.jsonl), or OneIG-Bench's text_content.csv, which needs the table of `prompts`
    beside it. Raises InputError where they do not go together, or cannot be read.
    """
    if file is None:
        if prompts is not None:
            raise InputError(
                "'prompts' belongs to 'targets', OneIG-Bench's text_content.csv, which is not given"
            )
        return Quoted() if column is None else Column(column)
    if column is not None:
        raise InputError("give 'targets' or 'column', not both")
    if file.suffix == ".csv":
        if prompts is None:
            raise InputError(f"{file} knows prompts by their ids: give the benchmark's table with 'prompts'")
        return read_oneig(file, prompts)
    if prompts is not None:
        raise InputError(f"'prompts' belongs to OneIG-Bench's text_content.csv, and {file} holds its own")
    return read_longtext(file)


def read_longtext(path: Path) -> Published:
    """LongText-Bench's text_prompts.jsonl or text_prompts_zh.jsonl: lines with "prompt" and "text", a list.

    A bare text is one target (the official script would take its letters apart). Raises InputError.
    """
    file = published(path)
    found: dict[str, Texts] = {}
    for number, row in file.objects():
        prompt = row.get("prompt")
        try:
            texts = _texts(row.get("text"))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: 'text' {error}") from error
        if not isinstance(prompt, str) or not prompt.strip() or not texts:
            raise InputError(f"{path}, line {number} must have a 'prompt' and a 'text'")
        found[prompt.strip()] = texts
    return Published(found, file.sha256)


def read_oneig(path: Path, prompts: Path) -> Published:
    """OneIG-Bench's text_content.csv or text_content_zh.csv (id, text_content), and its table of prompts.

    Raises InputError, also for an id that the table does not have among its prompts for text.
    """
    file, table = published(path), published(prompts)
    column = _ZH if _ZH in table.text.partition("\n")[0] else _EN
    rows = table.rows(("category", "id", column), "table of OneIG-Bench's prompts")
    by_id = {row["id"]: row[column] for _, row in rows if row["category"] == _CATEGORY}
    return Published(dict(_oneig_rows(file, by_id)), joint_sha256([file, table]))


def _oneig_rows(file: PublishedFile, prompts: Mapping[str, str]) -> Iterator[tuple[str, Texts]]:
    for number, row in file.rows(("id", "text_content"), "table of OneIG-Bench's texts"):
        if row["id"] not in prompts:
            raise InputError(
                f"{file.path}, line {number}: the table of prompts has no {row['id']!r} of {_CATEGORY}"
            )
        if not row["text_content"]:
            raise InputError(f"{file.path}, line {number} has no text")
        yield prompts[row["id"]].strip(), (row["text_content"],)


def _texts(value: Any) -> Texts:
    """Texts that are not blank; raises ValueError."""
    listed = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(text, str) for text in listed):
        raise ValueError(f"must be a text or a list of texts, got {value!r}")
    return tuple(text.strip() for text in listed if text.strip())
