"""Rows by name, or an error that lists near names."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.errors import UnknownNameError
from nami_bench.store.tables import AnnotatorRow, StudyRow


def find_study(session: Session, name: str) -> StudyRow:
    """The row, or UnknownNameError."""
    row = session.scalar(select(StudyRow).where(StudyRow.name == name))
    if row is None:
        raise UnknownNameError("study", name, session.scalars(select(StudyRow.name)))
    return row


def find_annotator(session: Session, name: str) -> AnnotatorRow:
    """The row, or UnknownNameError."""
    row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == name))
    if row is None:
        raise UnknownNameError("annotator", name, session.scalars(select(AnnotatorRow.name)))
    return row
