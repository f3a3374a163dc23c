"""Rows by name, or an error that lists near names. Annotators also by what people take for their name."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import matching_name
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store.annotation_tables import STUDY_KIND, ItemRow
from nami_bench.store.tables import AnnotatorRow, StudyRow


def find_study(session: Session, name: str) -> StudyRow:
    """The row, or UnknownNameError."""
    row = session.scalar(select(StudyRow).where(StudyRow.name == name))
    if row is None:
        raise UnknownNameError("study", name, session.scalars(select(StudyRow.name)))
    return row


def find_item(session: Session, study: StudyRow, number: int) -> ItemRow:
    """One of the items that a study asks about, by its number; else InputError."""
    row = session.get(ItemRow, number)
    if row is None or row.study_id != study.id:
        raise InputError(f"study {study.name!r} has no item {number}: see `nami-bench study items`")
    if row.kind != STUDY_KIND:
        raise InputError(f"item {number} has a known answer ({row.kind}): the study does not count it")
    return row


def find_annotator(session: Session, name: str) -> AnnotatorRow:
    """The row, as `match_annotator`, or UnknownNameError."""
    row = match_annotator(session, name)
    if row is None:
        raise UnknownNameError("annotator", name, session.scalars(select(AnnotatorRow.name)))
    return row


def match_annotator(session: Session, name: str) -> AnnotatorRow | None:
    """The annotator of this very name, else the one whom people would call so ("lena" is Lena), else None.

    Raises InputError where that could be two.
    """
    row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == name))
    if row is None and (
        found := matching_name("annotator", name, session.scalars(select(AnnotatorRow.name)))
    ):
        row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == found))
    return row
