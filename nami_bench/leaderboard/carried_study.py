"""What a file of judgements says of its study: Parquet in its metadata, CSV in a JSON file beside it.

The JSON holds `criteria`, and where the study is known: `study` (its whole configuration),
`prompt_set_sha256` and the program's `version`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.config import validated
from nami_bench.domain import Criteria, Criterion, Study, Total
from nami_bench.errors import InputError

_ENDING = ".study.json"


@dataclass(frozen=True, slots=True)
class _CarriedCriterion:
    name: str
    weight: float
    minimum: float
    maximum: float
    anchors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Carried:
    criteria: tuple[_CarriedCriterion, ...]
    total: str = Total.ARITHMETIC


def about_criteria(criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The document of `criteria` and what else is known, `about`."""
    listed = [
        {
            "name": c.name,
            "weight": c.weight,
            "minimum": c.minimum,
            "maximum": c.maximum,
            "anchors": {str(at): words for at, words in c.anchors.items()},
        }
        for c in criteria
    ]
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
    known = {name: document[name] for name in ("criteria", "total") if name in document}
    found = validated(_Carried, known, _where(path))
    criteria = (
        Criterion(c.name, c.weight, c.minimum, c.maximum, {float(at): w for at, w in c.anchors.items()})
        for c in found.criteria
    )
    return Criteria(criteria, found.total)


def carried_study(path: Path) -> tuple[Study, str] | None:
    """The study that a file of judgements carries, and its prompt set's SHA-256; None where it carries none.

    Raises InputError for one that this program does not understand.
    """
    document = _document(path)
    if "study" not in document:
        return None
    study = validated(Study, document["study"], f"{_where(path)}: study")
    return study, str(document.get("prompt_set_sha256", ""))


def _document(path: Path) -> dict[str, Any]:
    if is_parquet(path):
        from nami_bench.leaderboard.parquet_columns import parquet_metadata

        return parquet_metadata(path)
    beside = side_file(path)
    if not beside.is_file():
        return {}
    try:
        document = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{beside} is not readable as JSON: {error}") from error
    return document if isinstance(document, dict) else {}


def _where(path: Path) -> str:
    return f"{path}: metadata" if is_parquet(path) else str(side_file(path))


def is_parquet(path: Path) -> bool:
    """Whether the name ends as a Parquet file's does."""
    return path.suffix.lower() == ".parquet"
