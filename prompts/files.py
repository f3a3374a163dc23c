"""Prompt files: read in every common form, written in ours and GenEval's.

.jsonl   our prompt sets; GenEval's metadata (tag, include, exclude, prompt); or any objects with "prompt"
.txt     one prompt a line
.csv     a header with a column called prompt, or else text, quoted as spreadsheets do; GenEval's tag, include
         and exclude as further columns, the latter two as JSON. In DPG-Bench's and DSG's question files,
         which have a row for each question, each item is a prompt, which keeps its published name
folder   of .txt files, each one prompt, published under the file's name (DPG-Bench's form)
.tsv     the same with tabs between fields and no quoting
"""

import csv
import hashlib
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nami_bench.domain import Prompt, PromptFile, PromptSet, prompt_id
from nami_bench.domain.clauses import CLAUSE_KEYS, clause_fields, has_clauses, parse_clauses
from nami_bench.domain.names import checked_name
from nami_bench.errors import InputError
from nami_bench.foreign_text import check_numbers, numbered_lines, parse_json, parse_object, parse_text_json
from nami_bench.images import write_bytes
from nami_bench.prompts.geneval import geneval_prompt, metadata_lines
from nami_bench.prompts.protocol import Candidate, SourceContent
from nami_bench.prompts.rewrites import KEY as REWRITTEN_FROM
from nami_bench.prompts.rewrites import original_text

_QUESTION_COLUMNS = {"item_id", "proposition_id", "question_natural_language"}
_SET_KEYS = {"id", "prompt", "stratum", "source", "tags"}


def load_prompt_set(path: Path, name: str | None = None) -> PromptSet:
    """Read a prompt set from a file of any of the forms above; `name` is the file's stem by default.

    The same prompts give the same set whatever the file is called. The manifest is read from the file
    beside it where that belongs to these very prompts. Raises InputError with the line and the field for what
    could not be drawn or judged later.
    """
    if path.is_dir():
        content = read_folder(path)
        texts = tuple(prompt_of(index, candidate) for index, candidate in enumerate(content.candidates))
        return PromptSet(name or path.name, texts, file=PromptFile(path.name, content.sha256))
    data = read_bytes(path)
    chosen_name = path.stem if name is None else name
    if path.suffix.lower() == ".jsonl" and _is_prompt_set(data):
        rows = json_lines(data, str(path))
        prompts = tuple(_prompt(row, where) for where, row in rows)
    else:
        candidates = _candidates(data, path.suffix, str(path), ())
        prompts = tuple(prompt_of(index, candidate) for index, candidate in enumerate(candidates))
    if not prompts:
        raise InputError(f"{path} holds no prompts")
    found = PromptSet(chosen_name, prompts, file=PromptFile(path.name, digest(data)))
    return replace(found, manifest=_manifest_beside(path, found.sha256))


def holds_prompts(path: Path) -> bool:
    """Whether `load_prompt_set` has something to read there: a file, or a folder of .txt files."""
    return path.is_file() or (path.is_dir() and any(path.glob("*.txt")))


def read_folder(folder: Path) -> SourceContent:
    """One prompt in each .txt file; the hash is that of what `sha256sum *.txt` prints."""
    contents = {path: read_bytes(path) for path in sorted(folder.glob("*.txt"))}
    if not contents:
        raise InputError(f"{folder} holds no .txt files")
    listing = "".join(f"{digest(data)}  {path.name}\n" for path, data in contents.items())
    candidates = []
    for path, data in contents.items():
        lines = parse_candidates(data, ".txt", str(path))
        if not lines:
            raise InputError(f"{path} holds no prompt")
        candidates.append(Candidate(" ".join(line.text for line in lines), extra={"item": path.stem}))
    return SourceContent(tuple(candidates), digest(listing.encode()), folder.name)


def write_folder(folder: Path, prompt_set: PromptSet) -> None:
    """Such a folder: each prompt in a file of its published name, else of its id.

    Raises InputError where two prompts have one name, or one is no name of a file; StorageError.
    """
    names = [checked_name("published", prompt.item or prompt.id) for prompt in prompt_set.prompts]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise InputError(
            f"two prompts of {prompt_set.name} are published as {doubled!r}: nothing was written"
        )
    for name, prompt in zip(names, prompt_set.prompts, strict=True):
        write_bytes(folder / f"{name}.txt", f"{prompt.text}\n".encode())


def _to_txt(prompt_set: PromptSet) -> bytes:
    return "".join(" ".join(prompt.text.split()) + "\n" for prompt in prompt_set.prompts).encode()


def _to_geneval(prompt_set: PromptSet) -> bytes:
    return metadata_lines(prompt.metadata() for prompt in prompt_set.prompts)


FORMATS: Mapping[str, Callable[[PromptSet], bytes]] = {
    "jsonl": PromptSet.to_jsonl,
    "txt": _to_txt,
    "geneval": _to_geneval,
}
"""How a prompt set can be written: ours, one prompt a line, GenEval's metadata (line N is prompt N)."""


def read_bytes(path: Path) -> bytes:
    """The file's bytes; raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_content(path: Path, tag_columns: Sequence[str] = ()) -> SourceContent:
    """All that a prompt file offers a recipe; see `parse_candidates`."""
    data = read_bytes(path)
    return SourceContent(parse_candidates(data, path.suffix, str(path), tag_columns), digest(data), path.name)


def digest(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def parse_candidates(
    data: bytes, suffix: str, where: str, tag_columns: Sequence[str] = ()
) -> tuple[Candidate, ...]:
    """The prompts of a file's bytes; `suffix` tells the form, `where` begins every error.

    Values of `tag_columns` (columns or JSON keys) become tags under their lower-case names; empty lines are
    passed over. Raises InputError for an unknown form, bad encoding, or a line without a prompt.
    """
    return tuple(_candidates(data, suffix, where, tag_columns))


def _candidates(data: bytes, suffix: str, where: str, tag_columns: Sequence[str]) -> Iterator[Candidate]:
    if suffix.lower() not in _PARSERS:
        raise InputError(f"{where}: prompt files end in {', '.join(_PARSERS)}, not {suffix or 'nothing'!r}")
    return _PARSERS[suffix.lower()](data, where, tag_columns)


def _parse_txt(data: bytes, where: str, tag_columns: Sequence[str]) -> Iterator[Candidate]:
    return (Candidate(line) for _, line in _lines(data, where))


def _parse_jsonl(data: bytes, where: str, tag_columns: Sequence[str]) -> Iterator[Candidate]:
    return (candidate_of(row, line, tag_columns) for line, row in json_lines(data, where))


def candidate_of(row: Mapping[str, Any], where: str, tag_columns: Sequence[str] = ()) -> Candidate:
    """The prompt of one JSON object, GenEval's metadata or any other; `where` begins every InputError."""
    return _candidate(
        _text(row, where), row, _clauses(row, where), {"prompt", *tag_columns}, tag_columns, where
    )


def _candidate(
    text: str,
    row: Mapping[str, Any],
    geneval: dict[str, Any] | None,
    read: Collection[str],
    tag_columns: Sequence[str],
    where: str,
) -> Candidate:
    tags = {} if geneval is None else {"task": geneval["tag"]}
    return Candidate(
        text,
        {**tags, **_tags(row, tag_columns)},
        geneval,
        original_text(text, {**row, **(geneval or {})}, where),
        _extra(row, geneval, read),
    )


def _parse_csv(data: bytes, where: str, tag_columns: Sequence[str]) -> Iterator[Candidate]:
    return _parse_table(data, where, tag_columns, csv.excel)


class _PlainTabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE


def _parse_tsv(data: bytes, where: str, tag_columns: Sequence[str]) -> Iterator[Candidate]:
    return _parse_table(data, where, tag_columns, _PlainTabs)


def _parse_table(
    data: bytes, where: str, tag_columns: Sequence[str], dialect: type[csv.Dialect]
) -> Iterator[Candidate]:
    reader = csv.DictReader(io.StringIO(_decode(data, where), newline=""), dialect=dialect)
    try:
        columns = reader.fieldnames or ()
        by_name = {column.strip().lower(): column for column in reversed(columns)}
        column = by_name.get("prompt", by_name.get("text"))
        if column is None:
            raise InputError(
                f"{where}: no column is called 'prompt' or 'text' (found: {', '.join(columns) or 'none'})"
            )
        named: set[str] = set()
        for row in reader:
            if asks := row.keys() >= _QUESTION_COLUMNS:
                if row["item_id"] in named:
                    continue
                named.add(row["item_id"])
            # A row that ends early has None in its last columns.
            if text := (row[column] or "").strip():
                cells = {name: cell for name, cell in row.items() if isinstance(name, str) and cell}
                if asks:
                    cells = {name: cells[name] for name in (column, "item_id") if name in cells}
                line = f"{where} line {reader.line_num}"
                found = _json_clauses(cells, line)
                fields: dict[str, Any] = {**cells, **found}
                geneval = _clauses(fields, line) if found else None
                yield _candidate(text, fields, geneval, {column, *tag_columns}, tag_columns, line)
    except csv.Error as error:
        raise InputError(f"{where} cannot be read after line {reader.line_num}: {error}") from error


_PARSERS: Mapping[str, Callable[[bytes, str, Sequence[str]], Iterator[Candidate]]] = {
    ".txt": _parse_txt,
    ".jsonl": _parse_jsonl,
    ".csv": _parse_csv,
    ".tsv": _parse_tsv,
}


def _tags(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    return {column.lower(): str(row[column]) for column in columns if row.get(column)}


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 text: byte {error.start} cannot be decoded") from error


def _lines(data: bytes, where: str) -> Iterator[tuple[str, str]]:
    """('FILE line N', stripped line) of every line that holds something."""
    for number, line in numbered_lines(_decode(data, where)):
        yield f"{where} line {number}", line


def json_lines(data: bytes, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """('FILE line N', object) of every line that holds something; raises InputError for what is none."""
    for line, text in _lines(data, where):
        try:
            row = parse_object(text)
        except ValueError as error:
            raise InputError(f"{line} {error}") from error
        try:
            check_numbers(row)
        except ValueError as error:
            raise InputError(f"{line}: {error}") from error
        yield line, row


def _text(row: Mapping[str, Any], where: str) -> str:
    text = row.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f'{where} has no "prompt": every line needs one, and it must not be empty')
    return text


def _clauses(row: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    """GenEval's clauses, checked: our own sets keep them under one key, GenEval's files beside the prompt."""
    found = row.get("geneval")
    if found is None:
        if not has_clauses(row):
            return None
        found = clause_fields(row)
    if not isinstance(found, dict):
        raise InputError(f"{where}: 'geneval' must be an object with tag, include and exclude, got {found!r}")
    parse_clauses(found, where)
    return found


def _json_clauses(cells: Mapping[str, str], where: str) -> dict[str, Any]:
    """GenEval's clauses in a table's row, where they stand as JSON; other text under their names is text."""
    found = {}
    for key, opening in (("include", "["), ("exclude", "["), ("geneval", "{")):
        if cells.get(key, "").startswith(opening):
            try:
                found[key] = parse_text_json(cells[key])
            except ValueError as error:
                raise InputError(f"{where}: {key!r} is not JSON: {error}") from error
    return found


def _extra(row: Mapping[str, Any], geneval: object, read: Collection[str]) -> dict[str, Any]:
    """What a line says beside the keys `read`, its clauses `geneval` and the original that it names."""
    known = {*read, REWRITTEN_FROM}
    if geneval is not None or row.get("geneval") is None:
        known.add("geneval")
    if geneval is not None and row.get("geneval") is None:
        known.update(CLAUSE_KEYS)
    return {key: value for key, value in row.items() if key not in known}


def _is_prompt_set(data: bytes) -> bool:
    """Whether the first line has the keys of our own files; any other JSON lines are candidates."""
    try:
        first = parse_json(data.lstrip().split(b"\n", 1)[0])
    except ValueError:
        return False
    return isinstance(first, dict) and first.keys() >= _SET_KEYS


def _prompt(row: Mapping[str, Any], where: str) -> Prompt:
    missing = sorted(_SET_KEYS - row.keys())
    if missing:
        raise InputError(f"{where}: the prompt has no {missing[0]!r}, unlike the lines before it")
    _text(row, where)
    tags = row["tags"]
    wrong = [key for key in ("id", "stratum", "source") if not isinstance(row[key], str)]
    if wrong or not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise InputError(f"{where}: {(wrong or ['tags'])[0]!r} must be text")
    if not isinstance(row.get("extra", {}), dict):
        raise InputError(f"{where}: 'extra' must be an object, got {row['extra']!r}")
    geneval = _clauses(row, where)
    extra = {**row.get("extra", {}), **_extra(row, geneval, {*_SET_KEYS, "extra"})}
    original = original_text(row["prompt"], {**extra, **row, **(geneval or {})}, where)
    return Prompt.from_json({**row, "extra": extra, "geneval": geneval, REWRITTEN_FROM: original})


def prompt_of(index: int, candidate: Candidate, source: str = "file") -> Prompt:
    """The candidate as the prompt at `index` of a set."""
    if candidate.geneval is not None:
        prompt = geneval_prompt(index, {**candidate.geneval, "prompt": candidate.text})
    else:
        return Prompt(
            prompt_id(index),
            candidate.text,
            source=source,
            tags=candidate.tags,
            rewritten_from=candidate.rewritten_from,
            extra=candidate.extra,
        )
    return replace(prompt, rewritten_from=candidate.rewritten_from, extra=candidate.extra)


def _manifest_beside(path: Path, sha256: str) -> dict[str, Any]:
    """The manifest in FILE.manifest.json; {} where there is none, or it is of other prompts than these."""
    try:
        manifest = parse_json(path.with_suffix(".manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) and manifest.get("sha256") == sha256 else {}
