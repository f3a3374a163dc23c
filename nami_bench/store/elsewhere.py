"""Work that was done elsewhere: items that were judged without having been given out here.

Where every criterion of an item is judged, the annotator has done it as if it had been given out here: it has
a completed assignment, at position 0, which no item has that was given out here, and a submission that says
what stands. So it counts wherever work is counted, can be gone back to, and is not asked about again. Where
criteria are missing nothing is counted; when the item's turn comes, the screen shows what stands of it.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Set
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from nami_bench.domain import Mode
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    COMPLETED,
    EXPIRED,
    AssignmentRow,
    ItemRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.exclusions import recount_items
from nami_bench.store.in_force import append_revisions
from nami_bench.store.judged import Place, Standing
from nami_bench.store.members import recount_members
from nami_bench.store.sides import Sides, as_seen, side_columns, sides_of
from nami_bench.store.tables import Base, ImageRow, PromptRow, StudyRow

MOST_NAMED = 500
"""So many annotators are asked for by number; with more, all are read."""

_assignments = Base.metadata.tables[AssignmentRow.__tablename__]


def count_as_work(
    session: Session,
    study: StudyRow,
    standing: Mapping[Place, Mapping[int, Standing]],
    changed: Collection[Place],
) -> None:
    """Count what stands of items as work that was done; `changed` are those of which it is news.

    An item that is in the annotator's hands is taken out of them: an answer that was given without seeing
    what stands now is refused.
    """
    work = _Work(session, study, {annotator for annotator, _ in standing})
    for place, answers in standing.items():
        work.take(place, answers, is_news=place in changed)
    if work.write():
        recount_items(session, [study.id])
        recount_members(session, work.members.values())
        study.version += 1  # workers forget what they know of items and annotators
        session.flush()


def members_of(session: Session, study: StudyRow, annotators: Iterable[int]) -> dict[int, int]:
    """The annotators' places in a study, made where there are none: by annotator, the member's number."""
    query = select(MemberRow.annotator_id, MemberRow.id).where(MemberRow.study_id == study.id)
    known = dict(session.execute(query).all())
    for annotator in sorted(set(annotators) - known.keys()):
        row = MemberRow(study_id=study.id, annotator_id=annotator)
        session.add(row)
        session.flush()
        known[annotator] = row.id
    return {annotator: known[annotator] for annotator in annotators}


class _Work:
    """What is to be written of assignments and submissions."""

    def __init__(self, session: Session, study: StudyRow, annotators: Collection[int]) -> None:
        self.session, self.study = session, study
        self.members = members_of(session, study, annotators)
        self.criteria = {row.id: row.name for row in study.criteria}
        self.asked = _asked(session, study)
        self.given = self._given()
        self.new: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.sent: dict[tuple[int, int], dict[str, Any]] = {}
        self.corrected: list[tuple[int, Mapping[int, Standing], Sides]] = []

    def take(self, place: Place, answers: Mapping[int, Standing], *, is_news: bool) -> None:
        annotator, item = place
        member = self.members[annotator]
        before = self.given.get((member, item))
        if before is not None and before.state == COMPLETED:
            if is_news:
                self._change(before, COMPLETED, before.position, before.completed_at)
                self.corrected.append((before.id, answers, sides_of(before.swapped, before.arrangement)))
        elif answers.keys() >= self.asked.get(item, self.criteria.keys()):
            self._complete(member, item, before, answers)
        elif before is not None and is_news:
            self._change(before, EXPIRED, before.position, None)

    def write(self) -> bool:
        """Whether there was anything."""
        if self.new:
            self.session.execute(insert(AssignmentRow), self.new)
        if self.changes:
            self.session.connection().execute(
                update(_assignments)
                .where(_assignments.c.id == bindparam("assignment"))
                .values({name: bindparam(name) for name in ("token", "state", "position", "completed_at")}),
                self.changes,
            )
        rows = [*self._first_submissions(), *self._corrections()]
        append_revisions(self.session.connection(), SubmissionRow, rows)
        return bool(self.new or self.changes)

    def _given(self) -> dict[tuple[int, int], Any]:
        query = select(
            AssignmentRow.id,
            AssignmentRow.member_id,
            AssignmentRow.item_id,
            AssignmentRow.state,
            AssignmentRow.swapped,
            AssignmentRow.arrangement,
            AssignmentRow.position,
            AssignmentRow.completed_at,
        ).where(AssignmentRow.study_id == self.study.id, AssignmentRow.occasion == 0)
        ours = set(self.members.values())
        if len(ours) <= MOST_NAMED:
            query = query.where(AssignmentRow.member_id.in_(ours))
        return {
            (row.member_id, row.item_id): row for row in self.session.execute(query) if row.member_id in ours
        }

    def _complete(self, member: int, item: int, before: Any, answers: Mapping[int, Standing]) -> None:
        at = max(one.created_at for one in answers.values())
        if before is None:
            # Images as they stood by the first criterion; what stood otherwise is turned.
            sides = next(answers[number].sides for number in self.criteria if number in answers)
            self.new.append(
                {
                    "token": secrets.token_urlsafe(16),
                    "study_id": self.study.id,
                    "member_id": member,
                    "item_id": item,
                    "occasion": 0,
                    "state": COMPLETED,
                    **side_columns(sides),
                    "position": 0,
                    "assigned_at": at,
                    "expires_at": at,
                    "completed_at": at,
                }
            )
        else:
            sides = sides_of(before.swapped, before.arrangement)
            self._change(before, COMPLETED, 0, at)
        self.sent[member, item] = self._submission(answers, sides)

    def _change(self, before: Any, state: str, position: int, completed_at: datetime | None) -> None:
        """With another token: what is on its way with the old one was given without seeing what stands."""
        change = {"state": state, "position": position, "completed_at": completed_at}
        self.changes.append({"assignment": before.id, "token": secrets.token_urlsafe(16), **change})

    def _submission(self, answers: Mapping[int, Standing], sides: Sides) -> dict[str, Any]:
        values: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        for number, name in self.criteria.items():
            one = answers.get(number)
            if one is not None and one.reason is not None:
                reasons[name] = one.reason
            elif one is not None:
                values[name] = as_seen(one.answer, one.sides, sides)
        times = [one.duration_ms for one in answers.values() if one.duration_ms is not None]
        return {
            "client_token": f"elsewhere {secrets.token_urlsafe(16)}",
            "answers": {"values": values, "reasons": reasons},
            "flag": False,
            "comment": "",
            "duration_ms": max(times, default=None),
            "created_at": max(one.created_at for one in answers.values()),
        }

    def _first_submissions(self) -> Iterable[dict[str, Any]]:
        if not self.sent:
            return
        given = self._given()
        for (member, item), sent in self.sent.items():
            assignment = given[member, item].id
            yield {**sent, "assignment_id": assignment, "member_id": member, "revision": 0}

    def _corrections(self) -> Iterable[dict[str, Any]]:
        if not self.corrected:
            return
        query = select(
            SubmissionRow.assignment_id,
            SubmissionRow.member_id,
            SubmissionRow.revision,
            SubmissionRow.answers,
            SubmissionRow.flag,
            SubmissionRow.comment,
        ).where(SubmissionRow.member_id.in_(self.members.values()), SubmissionRow.current)
        last = {row.assignment_id: row for row in self.session.execute(query)}
        for assignment, answers, sides in self.corrected:
            before = last[assignment]
            now = self._submission(answers, sides)
            yield {
                **now,
                "answers": {**before.answers, **now["answers"]},  # marks stay
                "assignment_id": assignment,
                "member_id": before.member_id,
                "revision": before.revision + 1,
                "flag": before.flag,
                "comment": before.comment,
            }


def _asked(session: Session, study: StudyRow) -> dict[int, Set[int]]:
    """The criteria of each item of a study of questions; of others, whose items have all, nothing."""
    if study.mode != Mode.QUESTIONS:
        return {}
    numbers = {row.name: row.id for row in study.criteria}
    protocol = convert.study(study)
    query = (
        select(ItemRow.id, PromptRow.prompt_id)
        .join(ImageRow, ImageRow.id == ItemRow.image_id)
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .where(ItemRow.study_id == study.id)
    )
    return {
        item: {numbers[criterion.name] for criterion in protocol.asked(prompt_id)}
        for item, prompt_id in session.execute(query)
    }
