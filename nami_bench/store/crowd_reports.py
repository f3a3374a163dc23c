"""What a study's owner sees of those who came by themselves, and what is deleted of them."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from nami_bench.domain import FINISHED, CheckKind, Identity, ParticipantReport, WayOut
from nami_bench.store.account_tables import LoginSessionRow
from nami_bench.store.annotation_tables import COMPLETED, STUDY_KIND, AssignmentRow, ItemRow, MemberRow
from nami_bench.store.chores import TRACES, note_chores
from nami_bench.store.crowd import convert_identity
from nami_bench.store.crowd_tables import (
    AgreementRow,
    AnswerRow,
    IdentityRow,
    InvitationRow,
    ParticipantRow,
    TurnedAwayRow,
)
from nami_bench.store.database import Database, Repository
from nami_bench.store.deleting import delete_rows
from nami_bench.store.finding import find_study
from nami_bench.store.tables import AnnotatorRow


class CrowdReports(Repository):
    """Participants as a study's owner sees them."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._clock = clock

    def participants(self, study: str) -> list[ParticipantReport]:
        """How everybody's part in a study goes, in the order in which they came; raises UnknownNameError."""
        with self._database.reading() as session:
            study_id = find_study(session, study).id
            identities = _identities(session, study_id)
            answers = _answers(session, study_id)
            work = _work(session, study_id)
            labels = dict(
                session.execute(
                    select(InvitationRow.id, InvitationRow.label).where(InvitationRow.study_id == study_id)
                ).all()
            )
            query = (
                select(ParticipantRow, AnnotatorRow.name, MemberRow.pause_reason)
                .join(AnnotatorRow, AnnotatorRow.id == ParticipantRow.annotator_id)
                .outerjoin(
                    MemberRow,
                    (MemberRow.annotator_id == AnnotatorRow.id) & (MemberRow.study_id == study_id),
                )
                .where(ParticipantRow.study_id == study_id)
                .order_by(ParticipantRow.id)
            )
            return [
                self._report(
                    row,
                    name,
                    paused,
                    identities.get(row.id),
                    labels.get(row.invitation_id or 0, ""),
                    work.get(row.annotator_id, {}),
                    answers.get(row.id, {}),
                )
                for row, name, paused in session.execute(query)
            ]

    def turned_away(self, study: str) -> dict[str, int]:
        """How many left before they were in a study, by way out."""
        with self._database.reading() as session:
            own = TurnedAwayRow.study_id == find_study(session, study).id
            query = select(TurnedAwayRow.way_out, TurnedAwayRow.people).where(own)
            return dict(session.execute(query).all())

    def answers(self, study: str) -> dict[str, dict[str, str]]:
        """What participants said of themselves, by their random names."""
        with self._database.reading() as session:
            query = (
                select(AnnotatorRow.name, AnswerRow.name, AnswerRow.value)
                .join(ParticipantRow, ParticipantRow.annotator_id == AnnotatorRow.id)
                .join(AnswerRow, AnswerRow.participant_id == ParticipantRow.id)
                .where(ParticipantRow.study_id == find_study(session, study).id)
                .order_by(ParticipantRow.id)
            )
            found: dict[str, dict[str, str]] = defaultdict(dict)
            for who, name, value in session.execute(query):
                found[who][name] = value
            return dict(found)

    def forget(self, study: str, *, before: datetime | None = None, dry_run: bool = False) -> tuple[int, int]:
        """Delete what platforms call a study's participants, and for whom links were.

        `before`: only of those who came before. How many ids and labels it is about. Everything else stays,
        under random names; nobody can be recognised by their id any more, nor come back by it.
        `Erasures.wipe_traces` is to follow.
        """
        with self._database.writing(dry_run=dry_run) as session:
            if session.get_bind().dialect.name == "sqlite":
                session.connection().exec_driver_sql("PRAGMA secure_delete = ON")
            study_id = find_study(session, study).id
            came = [ParticipantRow.study_id == study_id]
            made = [InvitationRow.study_id == study_id, InvitationRow.label != ""]
            if before is not None:
                came.append(ParticipantRow.joined_at < before)
                made.append(InvitationRow.created_at < before)
            people = select(ParticipantRow.id).where(*came)
            ids = delete_rows(session, IdentityRow, IdentityRow.participant_id.in_(people))
            links = session.scalars(select(InvitationRow).where(*made)).all()
            for link in links:
                link.label = ""
            note_chores(session, TRACES, [""])
            return ids, len(links)

    def _report(
        self,
        row: ParticipantRow,
        name: str,
        paused: str | None,
        identity: Identity | None,
        label: str,
        work: Mapping[str, Any],
        answers: Mapping[str, str],
    ) -> ParticipantReport:
        way = _way_out(row, self._clock())
        last = work.get("last") or row.left_at
        return ParticipantReport(
            name=name,
            identity=identity,
            label=label,
            way_out=way,
            joined_at=row.joined_at,
            left_at=row.left_at,
            minutes=None if last is None else round((last - row.joined_at).total_seconds() / 60, 2),
            items=work.get("items", 0),
            gold_passed=work.get("gold_passed", 0),
            gold_seen=work.get("gold_seen", 0),
            credit=row.credit,
            device=row.device,
            paused=paused,
            answers=answers,
        )


def _way_out(row: ParticipantRow, now: datetime) -> WayOut | None:
    """How a part ended, of those, too, who are not heard of any more; None: it did not yet."""
    if row.way_out is not None:
        return WayOut(row.way_out)
    is_late = row.holds_until is not None and now >= row.holds_until
    if row.open_way_out is not None and (is_late or row.open_way_out in FINISHED):
        return WayOut(row.open_way_out)
    return WayOut.TIMED_OUT if is_late else None


def delete_crowd(session: Session, study_id: int) -> None:
    """Delete all about who came into a study by themselves, with their accounts, which were for it alone."""
    own = ParticipantRow.study_id == study_id
    accounts = session.scalars(select(ParticipantRow.annotator_id).where(own)).all()
    for table in (AgreementRow, AnswerRow, IdentityRow):
        people = select(ParticipantRow.id).where(own)
        session.execute(delete(table).where(table.participant_id.in_(people)))
    session.execute(delete(ParticipantRow).where(own))
    session.execute(delete(LoginSessionRow).where(LoginSessionRow.annotator_id.in_(accounts)))
    session.execute(delete(AnnotatorRow).where(AnnotatorRow.id.in_(accounts)))
    for one in (InvitationRow, TurnedAwayRow):
        session.execute(delete(one).where(one.study_id == study_id))


def _identities(session: Session, study_id: int) -> dict[int, Identity]:
    rows = session.scalars(select(IdentityRow).where(IdentityRow.study_id == study_id))
    return {row.participant_id: convert_identity(row) for row in rows}


def _answers(session: Session, study_id: int) -> dict[int, dict[str, str]]:
    query = (
        select(AnswerRow)
        .join(ParticipantRow, ParticipantRow.id == AnswerRow.participant_id)
        .where(ParticipantRow.study_id == study_id)
    )
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for row in session.scalars(query):
        found[row.participant_id][row.name] = row.value
    return found


def _work(session: Session, study_id: int) -> dict[int, dict[str, Any]]:
    """By account: items of the work that are completed, gold items among them, and when the last one was."""
    gold = ItemRow.kind == CheckKind.GOLD.value
    query = (
        select(
            MemberRow.annotator_id,
            func.count().filter(ItemRow.kind.in_((STUDY_KIND, CheckKind.GOLD.value))).label("items"),
            func.count().filter(gold).label("gold_seen"),
            func.count().filter(gold & AssignmentRow.passed).label("gold_passed"),
            func.max(AssignmentRow.completed_at, type_=AssignmentRow.completed_at.type).label("last"),
        )
        .join(AssignmentRow, AssignmentRow.member_id == MemberRow.id)
        .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
        .where(MemberRow.study_id == study_id, AssignmentRow.state == COMPLETED)
        .group_by(MemberRow.annotator_id)
    )
    return {row.annotator_id: dict(row._mapping) for row in session.execute(query)}
