"""What an administrator sees of annotation work, and may do about it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from nami_bench.domain import CheckAnswer, CheckKind, Event, Flag
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    COMPLETED,
    STUDY_KIND,
    AssignmentRow,
    ComparisonRow,
    EventRow,
    ItemRow,
    MemberRow,
    RankingRow,
    SubmissionRow,
)
from nami_bench.store.checked import check_answers
from nami_bench.store.database import Database, Repository
from nami_bench.store.desk import Desk
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.item_images import (
    groups_of,
    listed_item,
    other_model,
    shown_models,
    with_answered_items,
)
from nami_bench.store.people_tables import EnrolmentRow
from nami_bench.store.ratings_table import of_criteria, plain_rows
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, ModelRow, PromptRow, RatingRow
from nami_bench.store.writer import Writer


@dataclass(frozen=True, slots=True)
class MemberReport:
    """How an annotator does in a study.

    `done` and `today` (by the study's clock) count items of the work, planted ones included; `withheld`
    counts criteria that could not be judged; `paused` is the reason, None for one who is not. No judgement of
    an `excluded` one counts. `assigned`: to the study, by an administrator; who never `came` did nothing yet.
    """

    name: str
    role: str
    active: bool
    paused: str | None
    done: int
    today: int
    median_ms: int | None
    gold_passed: int
    gold_seen: int
    withheld: int
    flags: int
    excluded: bool = False
    assigned: bool = False
    came: bool = True


@dataclass(frozen=True, slots=True)
class Attendance:
    """How much an annotator did in a study; as `MemberReport`, without what takes long to find."""

    name: str
    role: str
    active: bool
    paused: str | None
    done: int
    today: int
    gold_failed: int
    gold_seen: int


class Oversight(Repository):
    """What an administrator sees of annotation work, and may do about it."""

    def __init__(self, database: Database, writer: Writer) -> None:
        super().__init__(database)
        self._writer = writer

    def members(self, study: str) -> list[MemberReport]:
        """How everybody does who works on a study, in the order in which they joined; then those who are
        assigned to it and did not come yet."""
        with self._database.reading() as session:
            row = find_study(session, study)
            study_id, today = row.id, convert.study(row).day(datetime.now(UTC))
            golds, passed = _golds(session, study_id)
            durations = _durations(session, study_id)
            withheld, flags = _withheld(session, study_id), _flag_counts(session, study_id)
            assigned = set(
                session.scalars(select(EnrolmentRow.annotator_id).where(EnrolmentRow.study_id == study_id))
            )
            query = (
                select(MemberRow, AnnotatorRow)
                .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
                .where(MemberRow.study_id == study_id)
                .order_by(MemberRow.id)
            )
            came = [
                MemberReport(
                    name=annotator.name,
                    role=annotator.role,
                    active=annotator.active,
                    paused=member.pause_reason or (_EXCLUDED if annotator.excluded_at else None),
                    done=member.done,
                    today=member.done - member.done_before_day if member.day == today else 0,
                    median_ms=durations.get(member.id),
                    gold_passed=passed[member.id],
                    gold_seen=golds[member.id],
                    withheld=withheld[annotator.id],
                    flags=flags[member.id],
                    excluded=annotator.excluded_at is not None,
                    assigned=annotator.id in assigned,
                )
                for member, annotator in session.execute(query)
            ]
            return [*came, *_not_come(session, assigned, {report.name for report in came})]

    def flags(self, study: str, limit: int = 1000) -> list[Flag]:
        """What annotators flagged or commented on, as it stands now, the latest first."""
        with self._database.reading() as session:
            study_id = find_study(session, study).id
            query = (
                with_answered_items(
                    select(
                        ItemRow.id,
                        SubmissionRow.created_at,
                        SubmissionRow.flag,
                        SubmissionRow.comment,
                        AnnotatorRow.name,
                        ModelRow.name,
                        other_model.name,
                        PromptRow.prompt_id,
                        PromptRow.text,
                        ImageRow.sample,
                        SubmissionRow.assignment_id,
                        listed_item,
                    )
                )
                .where(
                    MemberRow.study_id == study_id,
                    SubmissionRow.flag | (SubmissionRow.comment != ""),
                    SubmissionRow.current,
                )
                .order_by(SubmissionRow.id.desc())
                .limit(limit)
            )
            rows = session.execute(query).all()
            groups = groups_of(session, ItemRow.id.in_({row[0] for row in rows}))
            return [
                Flag(at, flag, comment, name, shown_models(groups, item, a, b), *rest)
                for item, at, flag, comment, name, a, b, *rest in rows
            ]

    def events(
        self, study: str, limit: int = 1000, *, kind: str | None = None, person: str | None = None
    ) -> list[Event]:
        """What happened in a study and in the whole workspace, the latest first.

        `kind`: of one kind alone; `person`: what is about somebody or was done by them.
        """
        with self._database.reading() as session:
            study_id = find_study(session, study).id
            wanted = [or_(EventRow.study_id == study_id, EventRow.study_id.is_(None))]
            if kind is not None:
                wanted.append(EventRow.kind == kind)
            if person is not None:
                wanted.append(or_(AnnotatorRow.name == person, EventRow.done_by == person))
            query = (
                select(
                    EventRow.created_at,
                    EventRow.kind,
                    EventRow.text,
                    EventRow.study_id,
                    AnnotatorRow.name,
                    EventRow.done_by,
                )
                .outerjoin(AnnotatorRow, AnnotatorRow.id == EventRow.annotator_id)
                .where(*wanted)
                .order_by(EventRow.id.desc())
                .limit(limit)
            )
            return [
                Event(at, kind, text, None if of is None else study, annotator, by)
                for at, kind, text, of, annotator, by in session.execute(query)
            ]

    def attendance(self, study: str) -> list[Attendance]:
        """Who takes part in a study and how much they did, in the order in which they joined: fast at any
        size."""
        with self._database.reading() as session:
            row = find_study(session, study)
            today = convert.study(row).day(datetime.now(UTC))
            query = (
                select(MemberRow, AnnotatorRow)
                .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
                .where(MemberRow.study_id == row.id)
                .order_by(MemberRow.id)
            )
            golds, passed = _golds(session, row.id)
            return [
                Attendance(
                    name=annotator.name,
                    role=annotator.role,
                    active=annotator.active,
                    paused=member.pause_reason or (_EXCLUDED if annotator.excluded_at else None),
                    done=member.done,
                    today=member.done - member.done_before_day if member.day == today else 0,
                    gold_failed=golds[member.id] - passed[member.id],
                    gold_seen=golds[member.id],
                )
                for member, annotator in session.execute(query)
            ]

    def last_activity(self, study: str) -> datetime | None:
        """When an item of a study was given out last; None: none was."""
        with self._database.reading() as session:
            return session.scalar(
                select(AssignmentRow.assigned_at)
                .where(AssignmentRow.study_id == find_study(session, study).id)
                .order_by(AssignmentRow.id.desc())
                .limit(1)
            )

    def judged_between(self, study: str) -> tuple[datetime, datetime] | None:
        """When the first and the last answer was sent in a study; None: none was."""
        with self._database.reading() as session:
            query = (
                select(func.min(SubmissionRow.created_at), func.max(SubmissionRow.created_at))
                .join(MemberRow, MemberRow.id == SubmissionRow.member_id)
                .where(MemberRow.study_id == find_study(session, study).id)
            )
            first, last = session.execute(query).one()
            return None if first is None else (first, last)

    def latest_completions(self, study: str, most: int = 50_000) -> list[datetime]:
        """When the last items of a study's own were completed, the latest first."""
        with self._database.reading() as session:
            query = (
                select(AssignmentRow.completed_at)
                .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
                .where(
                    AssignmentRow.study_id == find_study(session, study).id,
                    AssignmentRow.state == COMPLETED,
                    AssignmentRow.completed_at.is_not(None),
                    ItemRow.kind == STUDY_KIND,
                )
                .order_by(AssignmentRow.id.desc())
                .limit(most)
            )
            return [at for at in session.scalars(query) if at is not None]

    def event_kinds(self, study: str) -> list[str]:
        """The kinds of `events`, by name."""
        with self._database.reading() as session:
            of = or_(EventRow.study_id == find_study(session, study).id, EventRow.study_id.is_(None))
            return list(session.scalars(select(EventRow.kind).where(of).distinct().order_by(EventRow.kind)))

    def note(
        self, kind: str, words: str, *, by: str | None, study: str | None = None, about: str | None = None
    ) -> None:
        """Record what an account did: in a study, or (None) in the whole workspace; `about` an annotator."""
        with self._database.writing() as session:
            session.add(
                EventRow(
                    study_id=None if study is None else find_study(session, study).id,
                    annotator_id=None if about is None else find_annotator(session, about).id,
                    kind=kind,
                    text=words,
                    done_by=by,
                )
            )

    def check_answers(self, study: str) -> list[CheckAnswer]:
        """All answers to planted items and to those before the work, corrections included, oldest first."""
        with self._database.reading() as session:
            return check_answers(session, study)

    def pause(self, study: str, annotator: str, reason: str, *, by: str | None = None) -> None:
        """Give an annotator nothing more in a study; what they hold goes back to the pool.

        The annotator is told the `reason`; the event says `by` which account it was done.
        """
        with self._database.reading() as session:
            name = find_annotator(session, annotator).name

        def pause(desk: Desk) -> None:
            study_id, _ = desk.study(study)
            member = desk.member(study_id, name)
            desk.pause(study_id, member, reason, f"{name} was paused: {reason}", by)

        self._writer.submit(pause).result()

    def resume(self, study: str, annotator: str, *, by: str | None = None) -> None:
        """Let a paused annotator go on, qualified; the rules look at what comes from now on.

        Raises InputError for one whose judgements are excluded.
        """

        def resume(desk: Desk) -> None:
            study_id, _ = desk.study(study)
            member = desk.member(study_id, name)
            last = desk.recent(member, 1)
            desk.change_member(
                member,
                paused_at=None,
                pause_reason=None,
                qualified_at=desk.now,
                checked_from=last[0].id if last else 0,
            )
            desk.tell(study_id, member, "resumed", f"{name} was resumed", by)

        with self._database.reading() as session:
            row = find_annotator(session, annotator)
            name = row.name
            if row.excluded_at is not None:
                raise InputError(
                    f"{name!r} is excluded from every count: undo that first, with "
                    f"`nami-bench ratings include --annotator {quote(name)}`"
                )
        self._writer.submit(resume).result()


_EXCLUDED = "excluded from every count"


def _not_come(session: Session, assigned: set[int], came: set[str]) -> list[MemberReport]:
    """Those who are assigned and never opened the study, in the order of their accounts."""
    query = select(AnnotatorRow).where(AnnotatorRow.id.in_(assigned)).order_by(AnnotatorRow.id)
    return [
        MemberReport(
            name=row.name,
            role=row.role,
            active=row.active,
            paused=_EXCLUDED if row.excluded_at else None,
            done=0,
            today=0,
            median_ms=None,
            gold_passed=0,
            gold_seen=0,
            withheld=0,
            flags=0,
            excluded=row.excluded_at is not None,
            assigned=True,
            came=False,
        )
        for row in session.scalars(query)
        if row.name not in came
    ]


def _golds(session: Session, study_id: int) -> tuple[Counter[int], Counter[int]]:
    """(answered, passed) gold items by member."""
    query = (
        select(AssignmentRow.member_id, AssignmentRow.passed, func.count())
        .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
        .where(
            ItemRow.study_id == study_id,  # and not the assignment's: of these there are far fewer
            ItemRow.kind == CheckKind.GOLD.value,
            AssignmentRow.state == COMPLETED,
        )
        .group_by(AssignmentRow.member_id, AssignmentRow.passed)
    )
    answered: Counter[int] = Counter()
    passed: Counter[int] = Counter()
    for member, good, count in session.execute(query):
        answered[member] += count
        passed[member] += count if good else 0
    return answered, passed


def _durations(session: Session, study_id: int) -> dict[int, int]:
    """The median time of first answers, by member."""
    import numpy as np
    import pandas as pd

    query = (
        select(SubmissionRow.member_id, SubmissionRow.duration_ms)
        .join(MemberRow, MemberRow.id == SubmissionRow.member_id)
        .where(
            MemberRow.study_id == study_id,
            SubmissionRow.revision == 0,
            SubmissionRow.duration_ms.is_not(None),
        )
    )
    parts = [np.array(rows, dtype=np.int64) for rows in plain_rows(session, query)]
    members, durations = np.concatenate([np.zeros((0, 2), dtype=np.int64), *parts]).T
    medians = pd.Series(durations).groupby(members).median()
    return dict(zip(medians.index.tolist(), medians.astype(int).tolist(), strict=True))


def _withheld(session: Session, study_id: int) -> Counter[int]:
    """Criteria without a value, by annotator."""
    criteria = session.scalars(select(CriterionRow.id).where(CriterionRow.study_id == study_id)).all()
    rated = (
        select(RatingRow.annotator_id, func.count())
        .where(
            of_criteria(session, criteria),
            RatingRow.reason.is_not(None),
            RatingRow.current,
        )
        .group_by(RatingRow.annotator_id)
    )
    others = [
        select(table.annotator_id, func.count())
        .join(CriterionRow, CriterionRow.id == table.criterion_id)
        .where(CriterionRow.study_id == study_id, table.reason.is_not(None), table.current)
        .group_by(table.annotator_id)
        for table in (ComparisonRow, RankingRow)
    ]
    return _counter(row for query in (rated, *others) for row in session.execute(query))


def _flag_counts(session: Session, study_id: int) -> Counter[int]:
    query = (
        select(SubmissionRow.member_id, func.count())
        .join(MemberRow, MemberRow.id == SubmissionRow.member_id)
        .where(MemberRow.study_id == study_id, SubmissionRow.flag, SubmissionRow.current)
        .group_by(SubmissionRow.member_id)
    )
    return _counter(session.execute(query))


def _counter(rows: Iterable[Any]) -> Counter[int]:
    found: Counter[int] = Counter()
    for key, count in rows:
        found[key] += count
    return found
