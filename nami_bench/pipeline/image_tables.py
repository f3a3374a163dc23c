"""What tables, and the texts beside images in tar files, say of image files: prompt, id, model, sample."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, Self

from nami_bench.domain import SOURCE_ID, Prompt, PromptSet, prompt_id
from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_text_json
from nami_bench.generators.image_files import FolderFiles, TarFiles
from nami_bench.prompts.columns import TEXT_NAMES
from nami_bench.prompts.files import read_bytes
from nami_bench.prompts.rows import read_rows

_NAMES: Mapping[str, tuple[str, ...]] = {
    "image": ("file_name", "image_path", "image_file", "img_path", "filepath", "image", "path", "file"),
    "prompt": TEXT_NAMES,
    "id": ("prompt_id", "item_id", "item", "id", "key"),
    "model": ("model", "model_name"),
    "sample": ("sample",),
    "stratum": ("stratum",),
}
METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
"""The tables of an imagefolder, which name files in `file_name`."""


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Columns of a table of images, each None where it is to be found by its name."""

    image: str | None = None
    prompt: str | None = None
    id: str | None = None
    model: str | None = None
    sample: str | None = None
    stratum: str | None = None

    @classmethod
    def named(cls, pairs: Mapping[str, str]) -> Self:
        """From roles to names; raises InputError for an unknown role."""
        known = [one.name for one in fields(cls)]
        if unknown := [key for key in pairs if key not in known]:
            raise InputError(f"--column {unknown[0]}=...: a table of images has {', '.join(known)}")
        return cls(**pairs)

    def found(self, there: Collection[str], where: str) -> dict[str, str]:
        """Role to column, of those that are there; raises InputError where one that is needed is not."""
        by_name = {name.strip().lower(): name for name in there}
        found = {}
        for role, names in _NAMES.items():
            asked = getattr(self, role)
            if asked is not None and asked not in there:
                raise InputError(f"{where} has no {asked!r} (found: {', '.join(there) or 'none'})")
            name = asked or next((by_name[name] for name in names if name in by_name), None)
            if name is not None:
                found[role] = name
        if "image" not in found or not found.keys() & {"prompt", "id"}:
            lacking = "file" if "image" not in found else "prompt or id"
            raise InputError(
                f"{where}: no column is known for the {lacking} (found: {', '.join(there) or 'none'}): "
                f"name it with --column {'image' if lacking == 'file' else 'prompt'}=NAME"
            )
        return found


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of each file, by placeholder; by what (`by`, in words), and of which files that are not
    there. `name`: the table's, None for tar files."""

    files: Mapping[str, Mapping[str, str]]
    by: str
    name: str | None = None
    missing: Sequence[str] = ()

    def prompt_set(self, name: str) -> PromptSet:
        """The prompts that are named, each once, in the order in which they come.

        Raises InputError where a prompt is named by its id only.
        """
        texts: dict[tuple[str | None, str], None] = {}
        for said in self.files.values():
            if "prompt" not in said:
                raise InputError(f"{self.by}: prompts are named by id only: name their set with --prompts")
            texts.setdefault((said.get("id"), said["prompt"]))
        prompts = (
            Prompt(prompt_id(n), text, source="file", extra={} if key is None else {SOURCE_ID: key})
            for n, (key, text) in enumerate(_once(texts))
        )
        return PromptSet(name, tuple(prompts))


def _once(texts: Iterable[tuple[str | None, str]]) -> Iterable[tuple[str | None, str]]:
    """Prompts whose text comes under several ids have none: the ids are the images'."""
    keys: dict[str, list[str | None]] = {}
    for key, text in texts:
        keys.setdefault(text, []).append(key)
    for text, of_text in keys.items():
        yield of_text[0] if len(of_text) == 1 else None, text


def read_image_table(path: Path, files: FolderFiles, columns: TableColumns) -> Said:
    """What a CSV, TSV, JSON Lines, JSON or Parquet table says of a folder's images.

    Names of files are relative to the table, else to the folder; absolute ones from another machine count
    from where the folder begins in them. Raises InputError, also for a file named twice.
    """
    rows = read_rows(read_bytes(path), path.suffix, str(path))
    roles = columns.found(rows.columns, str(path))
    finder = _Finder(files, path)
    said: dict[str, Mapping[str, str]] = {}
    missing = []
    for where, row in rows.rows:
        cells = {
            role: _cell(row[column]) for role, column in roles.items() if row.get(column) not in (None, "")
        }
        if "image" not in cells:
            raise InputError(f"{where} names no file in {roles['image']!r}")
        name = finder.find(cells.pop("image"))
        if name is None:
            missing.append(str(row[roles["image"]]))
        elif name in said:
            raise InputError(f"{where} names {name} once more: a file is of one prompt")
        elif cells.keys() & {"prompt", "id"}:
            said[name] = cells
        else:
            raise InputError(f"{where} names no prompt of {name}")
    return Said(said, f"by {path.name}", path.name, missing)


def read_tar_texts(files: TarFiles) -> Said:
    """What the .txt and .json members beside images say; images that failed to download are left out."""
    said: dict[str, Mapping[str, str]] = {}
    for name in files.names:
        stem = name.rpartition(".")[0]
        texts = files.texts.get(stem, {})
        cells = _json_cells(texts.get("json"), f"{files.root}: {stem}.json")
        if "txt" in texts:
            cells["prompt"] = texts["txt"].decode("utf-8-sig", errors="replace").strip()
        if cells.pop("status", "success") == "success":
            said[name] = {"id": PurePosixPath(stem).name, **cells}
    return Said(said, "by the texts beside them")


def _json_cells(data: bytes | None, where: str) -> dict[str, str]:
    if data is None:
        return {}
    try:
        value = parse_text_json(data.decode("utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{where} is no JSON object")
    by_name = {key.lower(): inner for key, inner in value.items() if isinstance(inner, str | int)}
    cells = {
        role: _cell(next(by_name[name] for name in names if name in by_name))
        for role, names in _NAMES.items()
        if role != "image" and any(name in by_name for name in names)
    }
    return {**cells, "status": str(by_name.get("status", "success"))}


def _cell(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


class _Finder:
    """Finds a folder's images by the names that a table gives them."""

    def __init__(self, files: FolderFiles, table: Path) -> None:
        self._names = set(files.names)
        self._root = files.root
        resolved = table.resolve().parent
        inside = resolved.relative_to(files.root) if resolved.is_relative_to(files.root) else Path()
        self._beside = PurePosixPath(inside.as_posix())

    def find(self, said: str) -> str | None:
        """The image's name in the folder; None where there is none."""
        path = PurePosixPath(said.replace("\\", "/"))
        if path.is_absolute():
            tails = (PurePosixPath(*path.parts[at:]) for at in range(1, len(path.parts)))
            return next((str(tail) for tail in tails if str(tail) in self._names), None)
        for candidate in (self._beside / path, path):
            if str(candidate) in self._names:
                return str(candidate)
        return None


def metadata_table(root: Path) -> Path | None:
    """The table of an imagefolder in a folder or right below it, if there is exactly one."""
    found = [path for name in METADATA for path in (root / name, *sorted(root.glob(f"*/{name}"))[:2])]
    named = [path for path in found if path.is_file() and _names_files(path)]
    return named[0] if len(named) == 1 else None


def _names_files(path: Path) -> bool:
    try:
        rows = read_rows(read_bytes(path), path.suffix, str(path))
    except InputError:
        return False
    return any(name.lower() == "file_name" for name in rows.columns)
