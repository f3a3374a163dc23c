"""The question file of DPG-Bench and DSG: one row a question.

Columns: item_id, text, keywords, proposition_id, dependency, category_broad, category_detailed, tuple,
question_natural_language. `dependency` names questions of the same item, separated by commas; 0 is none. A
question's category is its tuple's text before the first "(", as in the official scripts of both
(TencentQQGYLab/ELLA at 3c228f1, j-min/DSG at 7330119).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Defect, Item, Question, QuestionSet, defects, refuse
from nami_bench.evaluation.questions.published_file import published

COLUMNS = ("item_id", "text", "proposition_id", "dependency", "tuple", "question_natural_language")
"""Those that are read."""
_NO_PARENT = 0


class Policy(StrEnum):
    """What becomes of a file whose graph is not sound."""

    CORRECTED = "corrected"
    """It is refused."""
    OFFICIAL = "official"
    """It is read as the benchmark's own script reads it."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    item: str
    prompt: str
    question: Question
    is_list: bool
    """Whether the dependency holds a comma."""
    malformed: str | None
    """A dependency that is no whole numbers."""


def read_dpg(path: Path, policy: Policy) -> QuestionSet:
    """DPG-Bench's questions.

    Under the official policy, of an item whose rows lie apart the last block counts, of two questions with
    one id the later one, at the earlier one's place, and parents that do not exist stay: what they do to the
    score is up to `nami_bench.evaluation.questions.rules`, as what the script's habit of passing over the
    first row does is up to `nami_bench.evaluation.questions.dpg`. What ends that script is refused:
    dependencies that are no numbers (by both policies), and a column without a single list.

    Raises InputError for a file that cannot be read, and for an unsound one, whose lines it names.
    """
    sha256, rows = _read(path)
    if policy is Policy.CORRECTED:
        refuse(path, [*_misplaced(rows), *(defect for item in _joined(rows) for defect in defects(item))])
    else:
        refuse(path, list(_malformed(rows)))
        if not any(row.is_list for row in rows):
            raise InputError(
                f"{path}: no dependency is a list, which ends the official script: use the corrected policy"
            )
    items, notes = _last_blocks(rows)
    return QuestionSet(tuple(items), sha256, tuple(notes))


def read_dsg(path: Path, policy: Policy) -> QuestionSet:
    """DSG's questions.

    Under the official policy an item of which one dependency is no number ("1, outside") loses all of its
    dependencies, and circles and parents that do not exist stay: DSG-1k has all three kinds.

    Raises InputError as `read_dpg`.
    """
    sha256, rows = _read(path)
    items = _joined(rows)
    unsound = [defect for item in items for defect in defects(item)]
    if policy is Policy.CORRECTED:
        refuse(path, [*_misplaced(rows), *unsound])
    refuse(path, list(_torn(rows)))
    odd = dict.fromkeys(row.item for row in rows if row.malformed)
    notes = []
    if odd:
        notes.append(f"a dependency is no number: {_few(list(odd))} lost all of theirs")
    if unsound:
        notes.append(f"{len(unsound)} questions depend on themselves or on none that exists")
    found = tuple(_without_dependencies(item) if item.id in odd else item for item in items)
    return QuestionSet(found, sha256, tuple(notes))


def read_rows(path: Path) -> tuple[list[Item], list[Defect]]:
    """The items of either benchmark's file, all rows of each, and what is wrong with the rows beside what
    `nami_bench.evaluation.questions.graph.defects` finds; raises InputError as `read_dpg`."""
    _, rows = _read(path)
    return _joined(rows), _misplaced(rows)


def _without_dependencies(item: Item) -> Item:
    return replace(item, questions=tuple(replace(question, parents=()) for question in item.questions))


def _read(path: Path) -> tuple[str, list[_Row]]:
    """The file's hash and its rows."""
    file = published(path)
    table = file.rows(COLUMNS, "question file of DPG-Bench or DSG")
    return file.sha256, [_row(path, line, values) for line, values in table]


def _row(path: Path, line: int, values: Mapping[str, str]) -> _Row:
    for name in ("item_id", "question_natural_language"):
        if not values[name]:
            raise InputError(f"{path}, line {line}: {name} is empty")
    if not values["proposition_id"].isdecimal():
        raise InputError(
            f"{path}, line {line}: proposition_id {values['proposition_id']!r} is no whole number"
        )
    parents, malformed = _parents(values["dependency"])
    question = Question(
        id=int(values["proposition_id"]),
        text=values["question_natural_language"],
        parents=parents,
        category=values["tuple"].split("(", 1)[0].strip(),
        line=line,
    )
    is_list = "," in values["dependency"]
    return _Row(line, values["item_id"], values["text"], question, is_list, malformed)


def _parents(cell: str) -> tuple[tuple[int, ...], str | None]:
    """The questions that a cell names, or what is wrong with it."""
    parts = [part.strip() for part in cell.split(",")]
    if not all(part.isdecimal() for part in parts):
        return (), cell or "(empty)"
    return tuple(parent for parent in map(int, parts) if parent != _NO_PARENT), None


def _last_blocks(rows: Sequence[_Row]) -> tuple[list[Item], list[str]]:
    """Of each item its last run of adjacent rows, at the place of its first; of equal ids the later."""
    blocks: dict[str, Item] = {}
    again: list[str] = []
    doubled: list[str] = []
    for name, run in groupby(rows, key=lambda row: row.item):
        block = list(run)
        questions = {row.question.id: row.question for row in block}
        if name in blocks:
            again.append(name)
        if len(questions) < len(block):
            doubled.append(name)
        blocks[name] = Item(name, block[0].prompt, tuple(questions.values()))
    notes = []
    if again:
        notes.append(f"rows of {_few(again)} lie apart: the last block counts")
    if doubled:
        notes.append(f"{_few(doubled)} names a question twice: the later row counts")
    return list(blocks.values()), notes


def _joined(rows: Sequence[_Row]) -> list[Item]:
    """All rows of each item, by items in order of appearance."""
    items: dict[str, list[_Row]] = {}
    for row in rows:
        items.setdefault(row.item, []).append(row)
    return [Item(name, r[0].prompt, tuple(row.question for row in r)) for name, r in items.items()]


def _misplaced(rows: Sequence[_Row]) -> list[Defect]:
    return [*_malformed(rows), *_torn(rows)]


def _malformed(rows: Sequence[_Row]) -> Iterator[Defect]:
    for row in rows:
        if row.malformed:
            yield Defect(row.line, f"the dependency {row.malformed!r} is no number")


def _torn(rows: Sequence[_Row]) -> Iterator[Defect]:
    """Where an item goes on after rows of others, or its text changes."""
    seen: dict[str, str] = {}
    before = None
    for row in rows:
        if row.item in seen and row.item != before:
            yield Defect(row.line, f"rows of {row.item} lie apart")
        if seen.setdefault(row.item, row.prompt) != row.prompt:
            yield Defect(row.line, f"{row.item} has another text than before")
        before = row.item


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
