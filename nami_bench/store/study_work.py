"""All work on a study, in names instead of numbers: what another database can take over."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nami_bench.domain import Study
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    ANSWERED_STATES,
    AdjudicationRow,
    AssignmentRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.desk_statements import SUBMISSION
from nami_bench.store.desk_values import Sent
from nami_bench.store.finding import find_study
from nami_bench.store.imports import revisions
from nami_bench.store.judged import Standing
from nami_bench.store.sides import sides_of
from nami_bench.store.tables import AnnotatorRow, StudyRow
from nami_bench.store.work_items import ItemHere, ItemName, items_by_name


@dataclass(frozen=True, slots=True)
class Aside:
    """When an answer was set aside, by whom, and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class DoneItem:
    """An item that an annotator answered, with all that was sent, corrections last; `shown`: the models as
    they stood; `aside`: where the answer does not count."""

    token: str
    annotator: str
    item: ItemName
    occasion: int
    shown: tuple[str, ...]
    position: int
    passed: bool | None
    choice: Mapping[str, Any] | None
    assigned_at: datetime
    completed_at: datetime
    sent: tuple[Sent, ...]
    aside: Aside | None = None

    @property
    def tokens(self) -> set[str]:
        """What its submissions are called, in every database."""
        return {one.client_token for one in self.sent}


@dataclass(frozen=True, slots=True)
class Said:
    """A judgement that counts, or did until it was corrected; `shown`: the models as they stood."""

    standing: Standing
    shown: tuple[str, ...]
    position: int | None


@dataclass(frozen=True, slots=True)
class Decided:
    """An adjudicator's decision; `shown`: the models as they stand in `answer`."""

    answer: float | str | None
    shown: tuple[str, ...]
    reason: str
    note: str
    overruled: bool
    saw_models: bool
    by: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody who worked on a study, and where they are in it; `unchecked` submissions are not looked at
    any more by the rules that pause."""

    name: str
    role: str
    excluded_at: datetime | None = None
    shown: int = 0
    qualified_at: datetime | None = None
    paused_at: datetime | None = None
    pause_reason: str | None = None
    unchecked: int = 0


@dataclass(frozen=True, slots=True)
class StudyWork:
    """A study's work. `said`: by annotator and item, by criterion, revisions in their order; `hashes`: of the
    images that were shown; `decided`: what adjudicators did, by item and criterion, the last one last."""

    study: Study
    prompt_set_sha256: str
    workers: tuple[Worker, ...]
    done: tuple[DoneItem, ...]
    said: Mapping[tuple[str, ItemName], Mapping[str, list[Said]]]
    hashes: Mapping[ItemName, tuple[str | None, ...]] = field(default_factory=dict)
    decided: Mapping[tuple[ItemName, str], list[Decided]] = field(default_factory=dict)


def read_work(session: Session, study: str) -> StudyWork:
    """All that was done in a study; raises UnknownNameError."""
    row = find_study(session, study)
    items = items_by_name(session, row.id)
    names = {here.id: name for name, here in items.items()}
    done = tuple(_done(session, row, items, names))
    said = _said(session, row, items, names)
    decided = _decided(session, row, items, names)
    used = {one.item for one in done} | {item for _, item in said} | {item for item, _ in decided}
    workers = _workers(session, row)
    for name in {name for name, _ in said} - {worker.name for worker in workers}:
        annotator = session.scalars(select(AnnotatorRow).where(AnnotatorRow.name == name)).one()
        workers.append(Worker(name, annotator.role, annotator.excluded_at))
    return StudyWork(
        convert.study(row),
        row.prompt_set.sha256,
        tuple(workers),
        done,
        said,
        {item: items[item].hashes for item in used},
        decided,
    )


def _done(
    session: Session, row: StudyRow, items: Mapping[ItemName, ItemHere], names: Mapping[int, ItemName]
) -> list[DoneItem]:
    sent = defaultdict(list)
    query = (
        SUBMISSION.join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .where(AssignmentRow.study_id == row.id)
        .order_by(SubmissionRow.assignment_id, SubmissionRow.revision)
    )
    for one_sent in session.execute(query):
        sent[one_sent.assignment_id].append(Sent(**one_sent._mapping))
    assignments = (
        select(AssignmentRow, AnnotatorRow.name)
        .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
        .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
        .where(AssignmentRow.study_id == row.id, AssignmentRow.state.in_(ANSWERED_STATES))
        .order_by(AssignmentRow.id)
    )
    return [
        DoneItem(
            one.token,
            annotator,
            name := names[one.item_id],
            one.occasion,
            items[name].shown(sides_of(one.swapped, one.arrangement)),
            one.position,
            one.passed,
            one.choice,
            one.assigned_at,
            one.completed_at or one.assigned_at,
            tuple(sent[one.id]),
            _aside(one),
        )
        for one, annotator in session.execute(assignments)
        if sent[one.id]
    ]


def _aside(one: AssignmentRow) -> Aside | None:
    if one.aside_at is None:
        return None
    return Aside(one.aside_at, one.aside_by or "", one.aside_reason or "")


def _said(
    session: Session, row: StudyRow, items: Mapping[ItemName, ItemHere], names: Mapping[int, ItemName]
) -> dict[tuple[str, ItemName], dict[str, list[Said]]]:
    annotators = dict(session.execute(select(AnnotatorRow.id, AnnotatorRow.name)).all())
    criteria = {criterion.id: criterion.name for criterion in row.criteria}
    found: dict[tuple[str, ItemName], dict[str, list[Said]]] = defaultdict(lambda: defaultdict(list))
    for (annotator, item), criterion, said, position in revisions(session, row):
        name = names[item]
        shown = items[name].shown(said.sides)
        found[annotators[annotator], name][criteria[criterion]].append(Said(said, shown, position))
    return found


def _decided(
    session: Session, row: StudyRow, items: Mapping[ItemName, ItemHere], names: Mapping[int, ItemName]
) -> dict[tuple[ItemName, str], list[Decided]]:
    criteria = {criterion.id: criterion.name for criterion in row.criteria}
    query = (
        select(AdjudicationRow, AnnotatorRow.name)
        .outerjoin(AnnotatorRow, AnnotatorRow.id == AdjudicationRow.annotator_id)
        .where(AdjudicationRow.criterion_id.in_(criteria))
        .order_by(AdjudicationRow.revision)
    )
    found: dict[tuple[ItemName, str], list[Decided]] = defaultdict(list)
    for one, by in session.execute(query):
        name = names[one.item_id]
        said = (one.reason, one.note, one.overruled, one.saw_models, by, one.created_at)
        found[name, criteria[one.criterion_id]].append(Decided(one.answer, items[name].models, *said))
    return found


def _workers(session: Session, row: StudyRow) -> list[Worker]:
    unchecked = (
        select(func.count())
        .select_from(SubmissionRow)
        .where(SubmissionRow.member_id == MemberRow.id, SubmissionRow.id <= MemberRow.checked_from)
        .correlate(MemberRow)
    )
    query = (
        select(
            AnnotatorRow.name,
            AnnotatorRow.role,
            AnnotatorRow.excluded_at,
            MemberRow.shown,
            MemberRow.qualified_at,
            MemberRow.paused_at,
            MemberRow.pause_reason,
            unchecked.scalar_subquery(),
        )
        .join(MemberRow, MemberRow.annotator_id == AnnotatorRow.id)
        .where(MemberRow.study_id == row.id)
        .order_by(MemberRow.id)
    )
    return [Worker(*values) for values in session.execute(query)]
