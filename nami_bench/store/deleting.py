"""Rows counted and deleted by a condition."""

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session


def count_rows(session: Session, table: Any, where: Any) -> int:
    """How many rows of a table the condition lets pass."""
    return session.scalar(select(func.count()).select_from(table).where(where)) or 0


def delete_rows(session: Session, table: Any, where: Any) -> int:
    """Delete them, under the session's hands; how many."""
    found = count_rows(session, table, where)
    session.execute(delete(table).where(where).execution_options(synchronize_session=False))
    return found
