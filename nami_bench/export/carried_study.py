"""What a file of judgements says of its study: Parquet in its metadata, CSV in a JSON file beside it.

The JSON holds `criteria`, and where the study is known: `study` (its whole configuration),
`prompt_set_sha256`, the prompts' file, `models` (name, parameters, licence) and the program's `version`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nami_bench.domain import Criteria, Criterion, ModelCard, PromptFile, Study, Total
from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.serialize import plain, validated

_ENDING = ".study.json"


@dataclass(frozen=True, slots=True)
class _Carried:
    criteria: tuple[Criterion, ...]
    total: str = Total.ARITHMETIC


@dataclass(frozen=True, slots=True)
class _CarriedModel:
    name: str
    parameters: int | None
    licence: str | None


@dataclass(frozen=True, slots=True)
class _CarriedModels:
    models: tuple[_CarriedModel, ...]


def about_criteria(criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The document of `criteria` and what else is known, `about`."""
    told = ("name", "weight", "minimum", "maximum", "anchors")
    listed = [{name: plain(criterion)[name] for name in told} for criterion in criteria]
    return {**(about or {}), "criteria": listed, "total": Criteria.of(criteria).total}


def side_file(path: Path) -> Path:
    """The file beside a CSV file that says what its study is."""
    return path.with_name(path.stem + _ENDING)


def side_file_json(criteria: Sequence[Criterion], about: Mapping[str, Any]) -> bytes:
    """What stands in `side_file`."""
    document = about_criteria(criteria, about)
    return (json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n").encode()


def carried_criteria(path: Path) -> Criteria | None:
    """The criteria that a file of judgements, CSV or Parquet, carries; None where it carries none."""
    document = _document(path)
    if "criteria" not in document:
        return None
    known: dict[str, Any] = {name: document[name] for name in ("criteria", "total") if name in document}
    found = validated(_Carried, known, _where(path))
    return Criteria(found.criteria, found.total)


def check_carried(path: Path, study: str) -> None:
    """Refuse a file beside a CSV file that is about another study than `study`, which the CSV file holds."""
    if is_parquet(path):
        return
    carried = carried_study(path)
    if carried is not None and carried.name != study:
        raise InputError(
            f"{side_file(path)} says what study {carried.name!r} is, but {path} holds study {study!r}: "
            "remove that file, or give the CSV file another name"
        )


@dataclass(frozen=True, slots=True)
class CarriedStudy:
    """A study that a file is about: its name, its prompts' SHA-256 and file (None: not known), and its
    settings, not yet read."""

    name: str
    prompt_set_sha256: str
    prompt_file: PromptFile | None
    settings: Mapping[str, Any]
    total: str
    where: str

    def study(self) -> Study:
        """The study; raises InputError for settings that this program does not understand."""
        study = validated(Study, self.settings, f"{self.where}: study")
        return replace(study, criteria=Criteria(study.criteria, self.total))


def carried_study(path: Path) -> CarriedStudy | None:
    """The study that a file of judgements carries; None where it carries none."""
    document = _document(path)
    settings = document.get("study")
    if not isinstance(settings, dict):
        return None
    sha256 = str(document.get("prompt_set_sha256", ""))
    total = str(document.get("total", Total.ARITHMETIC))
    return CarriedStudy(
        str(settings.get("name")), sha256, _prompt_file(document), settings, total, _where(path)
    )


def _prompt_file(document: Mapping[str, Any]) -> PromptFile | None:
    name, sha256 = document.get("prompt_file_name"), document.get("prompt_file_sha256")
    return PromptFile(name, sha256) if isinstance(name, str) and isinstance(sha256, str) else None


def carried_models(path: Path) -> tuple[ModelCard, ...]:
    """What a file of judgements says of the models: parameter count and licence."""
    found = validated(_CarriedModels, {"models": _document(path).get("models", ())}, _where(path))
    return tuple(ModelCard(m.name, "folder", {}, m.parameters, m.licence) for m in found.models)


def _document(path: Path) -> dict[str, Any]:
    if is_parquet(path):
        from nami_bench.export.parquet_columns import parquet_metadata

        return parquet_metadata(path)
    beside = side_file(path)
    if not beside.is_file():
        return {}
    try:
        document = parse_json(beside.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{beside} is not readable as JSON: {error}") from error
    return document if isinstance(document, dict) else {}


def _where(path: Path) -> str:
    return f"{path}: metadata" if is_parquet(path) else str(side_file(path))


def is_parquet(path: Path) -> bool:
    """Whether the name ends as a Parquet file's does."""
    return path.suffix.lower() == ".parquet"
