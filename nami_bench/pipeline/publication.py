"""What is about to leave a workspace, looked through for people."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq

from nami_bench.domain import SIMULATED_PREFIX, Study
from nami_bench.errors import InputError
from nami_bench.export.carried_study import is_parquet
from nami_bench.export.parquet_columns import parquet_metadata
from nami_bench.export.revealed import Finding, KnownPeople, Publication, revealed
from nami_bench.pipeline.dataset_folder import study_content, write_dataset_folder

if TYPE_CHECKING:
    from nami_bench.store import Store

_TABLES = (".csv", ".parquet", ".jsonl")
_TEXTS = (".md", ".txt", ".json", ".html", ".tex", ".toml", ".yaml", ".yml")


def check_study(store: "Store", study: Study) -> tuple[Finding, ...]:
    """What `ratings export --format dataset` of the study would reveal; nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="nami-publication-") as root:
        folder = Path(root) / study.name
        write_dataset_folder(folder, study_content(store, study, adjudicated=True).pseudonymous())
        return check_files(folder, known_people(store))


def check_files(path: Path, known: KnownPeople) -> tuple[Finding, ...]:
    """What a file, or the files of a folder, reveal about people (see `revealed`).

    CSV, Parquet and JSON lines are tables; Markdown, JSON and the like are texts; images and archives are not
    looked into. Raises InputError where there is nothing to look at, or a file cannot be read.
    """
    return revealed(read_publication(path), known)


def read_publication(path: Path) -> Publication:
    """The tables and texts of a file or folder, by name, with what Parquet carries beside its rows."""
    if not path.exists():
        raise InputError(f"{path} is not there: name the folder or file that is to be published")
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    tables: dict[str, pd.DataFrame] = {}
    documents: dict[str, Any] = {}
    for file in files:
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
        ending = file.suffix.lower()
        try:
            if ending in _TABLES:
                tables[name] = _table(file)
                if is_parquet(file) and (about := parquet_metadata(file)):
                    documents[f"{name}, metadata"] = about
            elif ending in _TEXTS:
                documents[name] = _document(file)
        except (OSError, ValueError) as error:
            raise InputError(f"{file} cannot be read, so nobody knows what it reveals: {error}") from error
    if not tables and not documents:
        raise InputError(f"{path} holds no table and no text that could be looked through")
    return Publication(tables, documents)


def known_people(store: "Store") -> KnownPeople:
    """What the workspace knows of everybody, in all of its studies."""
    names = {one.name for one in store.accounts.all() if not one.name.startswith(SIMULATED_PREFIX)}
    identities: set[str] = set()
    labels: set[str] = set()
    questions: set[str] = set()
    for study in store.studies.all():
        if study.entry is None:
            continue
        questions |= {question.name for question in study.entry.questions}
        for one in store.crowd_reports.participants(study.name):
            labels |= {one.label} - {""}
            if one.identity is not None:
                identities |= {one.identity.participant, one.identity.submission} - {""}
    return KnownPeople(frozenset(names), frozenset(identities), frozenset(labels), frozenset(questions))


def _table(file: Path) -> pd.DataFrame:
    if is_parquet(file):
        columns = [one.name for one in pq.read_schema(file) if not _is_bytes(one.type)]
        return pd.read_parquet(file, columns=columns)
    if file.suffix.lower() == ".jsonl":
        return pd.DataFrame(list(_lines(file)))
    return pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig")


def _is_bytes(arrow: Any) -> bool:
    """Whether a column holds images: nobody reads names in them."""
    return "binary" in str(arrow)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8-sig").splitlines():
        if line.strip():
            found = json.loads(line)
            texts = {k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in found.items()}
            yield texts if isinstance(found, dict) else {"line": line}


def _document(file: Path) -> Any:
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    return json.loads(text) if file.suffix.lower() == ".json" else text
