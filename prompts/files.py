"""Prompt files: read in every common form, written in ours and GenEval's.

.jsonl    our prompt sets; GenEval's metadata (tag, include, exclude, prompt); or any objects
.json     a list of texts or objects, one under a name, or an object by id: see `json_rows`
.txt      one prompt a line
.csv      a header, quoted as spreadsheets do, with commas, semicolons or tabs; GenEval's tag, include and
          exclude as further columns, the latter two as JSON. In DPG-Bench's and DSG's question files,
          which have a row for each question, each item is a prompt, which keeps its published name
.tsv      the same with tabs between fields and no quoting
.parquet  a table
folder    of .txt files, each one prompt, published under the file's name (DPG-Bench's form)

Which key or column holds the text is known by its name, or said: see `columns`.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nami_bench.domain import Prompt, PromptFile, PromptSet, prompt_id
from nami_bench.domain.clauses import CLAUSE_KEYS, clause_fields, has_clauses, parse_clauses
from nami_bench.errors import InputError
from nami_bench.foreign_files import is_hidden
from nami_bench.foreign_text import parse_json, parse_text_json
from nami_bench.prompts.columns import Columns, text_column, with_roles
from nami_bench.prompts.geneval import geneval_prompt
from nami_bench.prompts.json_rows import Row
from nami_bench.prompts.protocol import Candidate, SourceContent
from nami_bench.prompts.rewrites import KEY as REWRITTEN_FROM
from nami_bench.prompts.rewrites import original_text
from nami_bench.prompts.rows import Rows, json_lines, read_rows
from nami_bench.prompts.unseen import tell_unseen

_AS_NAMED = Columns()
_SET_KEYS = {"id", "prompt", "stratum", "source", "tags"}


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file or folder of prompts holds, and how it was understood.

    `text`: the column, or key, of the prompts' texts; None where there are no columns. `notes`: what was
    passed over, in words.
    """

    prompts: tuple[Prompt, ...]
    sha256: str
    form: str
    text: str | None = None
    notes: tuple[str, ...] = ()


def load_prompt_set(path: Path, name: str | None = None) -> PromptSet:
    """Read a prompt set from a file of any of the forms above; `name` is the file's stem by default.

    The same prompts give the same set whatever the file is called. The manifest is read from the file
    beside it where that belongs to these very prompts. Raises InputError with the line and the field for what
    could not be drawn or judged later.
    """
    content = read_prompts(path)
    chosen_name = name or (path.name if path.is_dir() else path.stem)
    found = PromptSet(chosen_name, content.prompts, file=PromptFile(path.name, content.sha256))
    return found if path.is_dir() else replace(found, manifest=_manifest_beside(path, found.sha256))


def read_prompts(path: Path, columns: Columns = _AS_NAMED) -> FileContent:
    """The prompts of a file or folder, numbered; raises InputError, also where there are none."""
    if path.is_dir():
        folder = read_folder(path)
        prompts = _numbered(folder.candidates)
        places = [(f"{path / str(prompt.source_id)}.txt", prompt.text) for prompt in prompts]
        notes = tuple(tell_unseen(places))
        return FileContent(prompts, folder.sha256, "a folder, one prompt a file", None, notes)
    data = read_bytes(path)
    if path.suffix.lower() == ".jsonl" and _is_prompt_set(data):
        lines = list(json_lines(data, str(path)))
        prompts = tuple(_prompt(row, where) for where, row in lines)
        notes = tuple(tell_unseen([(where, row["prompt"]) for where, row in lines]))
        return FileContent(prompts, digest(data), "a prompt set of NAMI-Bench", None, notes)
    rows = read_rows(data, path.suffix, str(path))
    text = text_column(rows.columns, columns.text, str(path))
    prompts = _numbered(_candidates(rows, text, columns, str(path), ()))
    if not prompts:
        raise InputError(f"{path} holds no prompts")
    form = "a file of questions, one prompt an item" if rows.asks else rows.form
    return FileContent(prompts, digest(data), form, text, tuple(rows.notes))


def _numbered(candidates: Collection[Candidate] | Iterator[Candidate]) -> tuple[Prompt, ...]:
    return tuple(prompt_of(index, candidate) for index, candidate in enumerate(candidates))


def holds_prompts(path: Path) -> bool:
    """Whether `load_prompt_set` has something to read there: a file, or a folder of .txt files."""
    return path.is_file() or (path.is_dir() and any(path.glob("*.txt")))


def read_folder(folder: Path) -> SourceContent:
    """One prompt in each .txt file; the hash is that of what `sha256sum *.txt` prints."""
    paths = [path for path in sorted(folder.glob("*.txt")) if not is_hidden(path.name)]
    if not paths:
        inside = next(
            (path for path in sorted(folder.iterdir()) if path.is_dir() and holds_prompts(path)), None
        )
        raise InputError(f"{folder} holds no .txt files{f'; {inside} does: name that' if inside else ''}")
    contents = {path: read_bytes(path) for path in paths}
    listing = "".join(f"{digest(data)}  {path.name}\n" for path, data in contents.items())
    candidates = []
    for path, data in contents.items():
        lines = parse_candidates(data, ".txt", str(path))
        if not lines:
            raise InputError(f"{path} holds no prompt")
        candidates.append(Candidate(" ".join(line.text for line in lines), extra={"item": path.stem}))
    return SourceContent(tuple(candidates), digest(listing.encode()), folder.name)


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
    rows = read_rows(data, suffix, where)
    text = text_column(rows.columns, None, where)
    return tuple(_candidates(rows, text, _AS_NAMED, where, tag_columns))


def _candidates(
    rows: Rows, text: str, columns: Columns, where: str, tag_columns: Sequence[str]
) -> Iterator[Candidate]:
    columns.check(rows.columns, where)
    taken = _one_an_item(rows, text) if rows.asks else rows.rows
    empty, unseen = 0, []
    for line, row in taken:
        if rows.is_table and not str(row.get(text, "")).strip():
            empty += 1
        else:
            candidate = _candidate_at(rows, row, text, line, columns, tag_columns)
            if not candidate.text.isprintable():
                unseen.append((line, candidate.text))
            yield candidate
    if empty:
        rows.notes.append(f"rows without a prompt are passed over: {empty}")
    rows.notes.extend(tell_unseen(unseen))


def _one_an_item(rows: Rows, text: str) -> Iterator[Row]:
    """Of a question file's rows the first of each item, without what it says of its question."""
    named: set[str] = set()
    count = 0
    for line, row in rows.rows:
        count += 1
        if (item := row.get("item_id")) is not None and item not in named:
            named.add(item)
            yield line, {name: row[name] for name in (text, "item_id") if name in row}
    rows.notes.append(f"of {count} questions the first of each item is taken for its prompt")


def _candidate_at(
    rows: Rows,
    row: Mapping[str, Any],
    column: str,
    where: str,
    columns: Columns,
    tag_columns: Sequence[str],
) -> Candidate:
    text = _text(row, where, column)
    cells, stratum = with_roles(row, columns, where)
    found = _json_clauses(cells, where) if rows.is_table else {}
    cells.update(found)
    geneval = _clauses(cells, where) if found or not rows.is_table else None
    chosen = text if rows.keeps_blanks else text.strip()
    candidate = _candidate(chosen, cells, geneval, {column, *tag_columns}, tag_columns, where)
    return candidate if stratum is None else replace(candidate, stratum=stratum)


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


def _tags(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    return {column.lower(): str(row[column]) for column in columns if row.get(column)}


def _text(row: Mapping[str, Any], where: str, key: str = "prompt") -> str:
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f'{where} has no "{key}": every line needs one, and it must not be empty')
    if "\0" in text:
        raise InputError(f"{where}: character {text.index(chr(0)) + 1} is U+0000, which no database keeps")
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
        prompt = Prompt(prompt_id(index), candidate.text, source=source, tags=candidate.tags)
    return replace(
        prompt,
        stratum=candidate.stratum or prompt.stratum,
        rewritten_from=candidate.rewritten_from,
        extra=candidate.extra,
    )


def _manifest_beside(path: Path, sha256: str) -> dict[str, Any]:
    """The manifest in FILE.manifest.json; {} where there is none, or it is of other prompts than these."""
    try:
        manifest = parse_json(path.with_suffix(".manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) and manifest.get("sha256") == sha256 else {}
