"""Pairwise comparisons as a CSV file: one line for each verdict that an annotator gave or withheld.

Columns, in any order: study, annotator, prompt_id, sample, criterion, left, right, outcome, and optionally
reason, position, duration_ms, created_at (ISO 8601, UTC where no zone is given). `left` and `right` are the
models as they stood on the screen; `outcome` is left, tie, right or both_bad, and empty where `reason` says
why the annotator could not judge. `position` counts the annotator's items.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nami_bench.domain import Comparison, Outcome
from nami_bench.errors import InputError
from nami_bench.leaderboard.spreadsheet import neutralized, restored

REQUIRED = ("study", "annotator", "prompt_id", "sample", "criterion", "left", "right", "outcome")
OPTIONAL = ("reason", "position", "duration_ms", "created_at")
_TEXTS = ("study", "annotator", "prompt_id", "criterion", "left", "right", "reason")


def is_comparisons_file(path: Path) -> bool:
    """Whether the file's first line has the columns of comparisons; False for what cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return set(REQUIRED) <= set(next(csv.reader(file), ()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def read_comparisons(path: Path) -> list[Comparison]:
    """Raises InputError, which names the line, for a malformed file or cell, and a verdict given twice."""
    found: list[Comparison] = []
    seen: dict[tuple[object, ...], int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = tuple(reader.fieldnames or ())
            if missing := [name for name in REQUIRED if name not in columns]:
                raise InputError(f"{path}: the column {missing[0]!r} is missing")
            if unknown := [name for name in columns if name not in REQUIRED + OPTIONAL]:
                raise InputError(f"{path}: unknown column {unknown[0]!r}")
            for row in reader:
                where = f"{path} line {reader.line_num}"
                if None in row or None in row.values():
                    raise InputError(f"{where}: there are not as many cells as columns")
                one = _comparison(row, where)
                pair = frozenset((one.left, one.right))
                key = (one.study, one.annotator, one.prompt_id, one.sample, one.criterion, pair)
                if key in seen:
                    raise InputError(f"{where}: the same pair was compared in line {seen[key]} already")
                seen[key] = reader.line_num
                found.append(one)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: save it as 'CSV UTF-8'") from error
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from error
    if not found:
        raise InputError(f"{path} holds no comparisons")
    return found


def comparisons_csv(comparisons: Sequence[Comparison]) -> bytes:
    """A file that `read_comparisons` takes: RFC 4180, UTF-8, one header.

    Texts that a spreadsheet program would run as formulas are neutralized.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(REQUIRED + OPTIONAL)
    for one in comparisons:
        cells = {name: getattr(one, name) for name in REQUIRED + OPTIONAL}
        cells["outcome"] = one.outcome and one.outcome.value
        cells["created_at"] = one.created_at and one.created_at.isoformat()
        cells |= {name: neutralized(cells[name]) for name in _TEXTS if cells[name]}
        writer.writerow(cells.values())
    return buffer.getvalue().encode()


def _comparison(row: Mapping[str, str], where: str) -> Comparison:
    texts = {name: restored(row.get(name, "")) for name in _TEXTS}
    outcome = row["outcome"].strip()
    if outcome and outcome not in tuple(Outcome):
        raise InputError(f"{where}: outcome {outcome!r} is none of {', '.join(Outcome)}")
    if texts["left"] == texts["right"]:
        raise InputError(f"{where}: {texts['left']!r} is compared with itself")
    try:
        return Comparison(
            study=texts["study"],
            annotator=texts["annotator"],
            prompt_id=texts["prompt_id"],
            sample=_count(row, "sample", where) or 0,
            criterion=texts["criterion"],
            left=texts["left"],
            right=texts["right"],
            outcome=Outcome(outcome) if outcome else None,
            reason=texts["reason"] or None,
            position=_count(row, "position", where),
            duration_ms=_count(row, "duration_ms", where),
            created_at=_moment(row.get("created_at", ""), where),
        )
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix(f'{where}: ')}") from error


def _count(row: Mapping[str, str], column: str, where: str) -> int | None:
    text = row.get(column, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise InputError(f"{where}: {column} {text!r} is not a whole number")
    return int(text)


def _moment(text: str, where: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{where}: created_at {text!r} is no ISO 8601 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
