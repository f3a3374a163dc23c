"""The answer in force: of whatever was corrected, the last revision, unless it was set aside.

It is marked (`current`) when it is written, here alone; the database holds no two for one thing.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Index,
    Insert,
    Table,
    Update,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from nami_bench.store.annotation_tables import AdjudicationRow, MarkingRow, SubmissionRow
from nami_bench.store.kinds import JudgementRow
from nami_bench.store.tables import Base, CriterionRow, StudyRow

Revised = JudgementRow | type[SubmissionRow] | type[AdjudicationRow] | type[MarkingRow]


def append_revisions(connection: Connection, kind: Revised, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert answers and corrections: of each thing the last one is in force, and none before it.

    Revisions count from 0 and go on where those of the database end.
    """
    if not rows:
        return
    table = Base.metadata.tables[kind.__tablename__]
    answered, supersede, add = _statements(table)
    by_thing: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        by_thing.setdefault(tuple(row[name] for name in answered), []).append(row["revision"])
    corrected = [thing for thing, revisions in by_thing.items() if min(revisions) > 0]
    if corrected:
        connection.execute(
            supersede,
            [
                {f"its_{name}": value for name, value in zip(answered, thing, strict=True)}
                for thing in corrected
            ],
        )
    last = {thing: max(revisions) for thing, revisions in by_thing.items()}
    marked = [
        {**row, "current": row["revision"] == last[tuple(row[name] for name in answered)]} for row in rows
    ]
    connection.execute(add, marked)


@cache
def _statements(table: Table) -> tuple[list[str], Update, Insert]:
    """The columns that make a thing, what takes its answers out of force, and what adds rows: built once, for
    they run at every submission."""
    answered = [column.name for column in _one_in_force(table).columns]
    same = (table.c[name] == bindparam(f"its_{name}") for name in answered)
    return answered, update(table).where(*same, table.c.current).values(current=False), insert(table)


def _one_in_force(table: Table) -> Index:
    """What says that one answer is in force for each thing, and what a thing is."""
    return next(index for index in table.indexes if index.name == f"uq_{table.name}_current")


def take_out_of_force(connection: Connection, kind: Revised, where: Any) -> None:
    """Let none of the rows of a kind that `where` lets pass be in force; they are kept."""
    connection.execute(update(kind).where(where, kind.current).values(current=False))


def put_in_force(connection: Connection, kind: Revised, where: Any) -> None:
    """Let of each thing the last revision be in force; `where` lets pass all revisions of it, or none."""
    table = Base.metadata.tables[kind.__tablename__]
    later = table.alias("later")
    same = (later.c[column.name] == table.c[column.name] for column in _one_in_force(table).columns)
    is_last = ~exists().where(*same, later.c.revision > table.c.revision)
    take_out_of_force(connection, kind, where & ~is_last)
    connection.execute(update(kind).where(where, is_last).values(current=True))


def count_in_force(session: Session, table: JudgementRow, where: Any) -> dict[str, int]:
    """By study, how many of the rows of `table` that `where` lets pass are in force."""
    query = (
        select(StudyRow.name, func.count())
        .join(CriterionRow, CriterionRow.study_id == StudyRow.id)
        .join(table, table.criterion_id == CriterionRow.id)
        .where(where, table.current)
        .group_by(StudyRow.id, StudyRow.name)
    )
    return dict(session.execute(query).all())
