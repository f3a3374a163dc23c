"""Lists of people as CSV, as spreadsheet programs write them: with commas, semicolons or tabs."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nami_bench.domain import Annotator, Role, given_role, name_key
from nami_bench.errors import InputError
from nami_bench.export.csv_columns import Columns, is_name
from nami_bench.export.spreadsheet import csv_table, restored

COLUMNS = Columns({"name": str, "role": str, "study": str}, ("role", "study"), "people")
TOKEN_COLUMNS = ("name", "role", "studies", "token")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a list: an account, and the studies to which it is assigned."""

    account: Annotator
    studies: list[str] = field(default_factory=list)


def read_people(path: Path) -> list[Person]:
    """`people_of_text` of a file; raises InputError for one that cannot be read, too."""
    return people_of_text(_text(path), str(path))


def people_of_text(text: str, where: str) -> list[Person]:
    """The people of a list, in its order; columns name, and if you like role and study.

    Who stands on several lines, in whatever case, is one person with several studies. Raises InputError,
    which names the line of `where`, for unknown or missing columns, names and roles that cannot be, and one
    person with two roles.
    """
    found: dict[str, Person] = {}
    for line, cells in _lines(text, where):
        try:
            person = _person(cells)
        except InputError as error:
            raise InputError(f"{where}, line {line}: {error}") from error
        known = found.setdefault(name_key(person.account.name), person)
        if known.account.role is not person.account.role:
            raise InputError(f"{where}, line {line}: {person.account.name!r} has two roles")
        known.studies.extend(study for study in person.studies if study not in known.studies)
    if not found:
        raise InputError(f"{where} holds no people below its header")
    return list(found.values())


def tokens_csv(rows: Iterable[tuple[Person, str | None]]) -> bytes:
    """The list with log-in tokens (None: the account was there already) as CSV, columns `TOKEN_COLUMNS`."""
    return csv_table(
        TOKEN_COLUMNS,
        (
            (person.account.name, person.account.role.value, " ".join(person.studies), token)
            for person, token in rows
        ),
    )


def _person(cells: dict[str, str]) -> Person:
    name, role, study = (cells.get(column, "") for column in COLUMNS.parsers)
    if not is_name(name):
        raise InputError("name is empty or unprintable")
    return Person(Annotator(name, given_role(role or Role.ANNOTATOR)), [study] if study else [])


def _lines(text: str, where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The line on which each record ends, and its cells by column."""
    header, _, _ = text.partition("\n")
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names = [cell.strip().lower() for cell in next(reader, [])]
        if not any(names):
            raise InputError(f"{where} is empty: its first line must name the columns name, role, study")
        COLUMNS.check(Path(where), names)
        for record in reader:
            if not any(cell.strip() for cell in record):
                continue
            if len(record) > len(names):
                raise InputError(f"{where}, line {reader.line_num}: there are more cells than columns")
            cells = (restored(cell.strip()) for cell in record)
            yield reader.line_num, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise InputError(f"{where}, line {reader.line_num}: it is not a CSV table: {error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: save it as 'CSV UTF-8'") from error
