"""One transaction of annotation work: the mechanism below every policy of who is shown what.

A `Desk` is handed to a job (see `Writer`). Its first call for a study locks it, so within a job nobody
else changes the study's items, assignments and members: on SQLite there is one writer anyway, on
PostgreSQL the study's row is locked. Statements are built once, for they run hundreds of times a second.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nami_bench.domain import Entry, Study
from nami_bench.errors import RefusedError
from nami_bench.store import convert
from nami_bench.store import desk_statements as sql
from nami_bench.store.annotation_tables import EXPIRED, OPEN, STUDY_KIND, ItemRow, SubmissionRow
from nami_bench.store.desk_values import Capacity, Guest, Lease, ListedItem, Member, Sent, Verdict
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.in_force import Revised, append_revisions
from nami_bench.store.item_images import Group, groups_of, shown_models
from nami_bench.store.items import refresh_items
from nami_bench.store.kinds import kind_of
from nami_bench.store.memory import Memory, Settled
from nami_bench.store.places import has_room
from nami_bench.store.sides import Sides, arranged, side_columns

LOOK_FOR_IMAGES_EVERY = timedelta(minutes=1)


@dataclass
class _KnownStudy:
    """A study as it was when it was read, and when its items were last refreshed."""

    version: int = 0
    study: Study | None = None
    criteria: dict[str, int] = field(default_factory=dict)
    refreshed_at: datetime | None = None


class Desk:
    """The statements of one transaction; `memory` is what this process keeps between transactions.

    `settled` holds what was done once for all jobs of the transaction. `wrote` says whether this job changed
    anything.
    """

    def __init__(self, connection: Connection, memory: Memory, settled: Settled, now: datetime) -> None:
        self.connection = connection
        self.memory = memory
        self._settled = settled
        self.now = now
        self.wrote = False

    def study(self, name: str) -> tuple[int, Study]:
        """Lock a study; its number and value."""
        if name in self._settled.studies:
            return self._settled.studies[name]
        row = self.connection.execute(sql.LOCK, {"name": name}).one_or_none()
        if row is None:
            with Session(self.connection) as session:
                find_study(session, name)  # raises, with near names
        assert row is not None
        known = self.memory.of(_KnownStudy, row.id)
        if known.study is None or known.version != row.version:
            if known.study is not None:  # the study was changed, or is another one of that number
                self.memory.clear()
                self._settled.clear()
                known = self.memory.of(_KnownStudy, row.id)
            with Session(self.connection) as session:
                found = find_study(session, name)
                known.version, known.study = row.version, convert.study(found)
                known.criteria = {criterion.name: criterion.id for criterion in found.criteria}
        self._expire(row.id)
        self._settled.studies[name] = (row.id, known.study)
        return row.id, known.study

    def criteria(self, study_id: int) -> Mapping[str, int]:
        """The numbers of a locked study's criteria, by name."""
        return self.memory.of(_KnownStudy, study_id).criteria

    def is_first(self, kind: type, number: int) -> bool:
        """Whether this is asked for the first time in the transaction."""
        is_first = (kind, number) not in self._settled.done
        self._settled.done.add((kind, number))
        return is_first

    def member(self, study_id: int, annotator: str) -> Member:
        """The annotator's place in a study, made at the first time."""
        row = self.connection.execute(sql.MEMBER, {"study": study_id, "name": annotator}).one_or_none()
        if row is None:
            with Session(self.connection) as session:
                found = find_annotator(session, annotator)
                annotator_id, name = found.id, found.name
            if name != annotator:
                return self.member(study_id, name)
            values = {"study_id": study_id, "annotator_id": annotator_id, "joined_at": self.now}
            self.write(insert(sql.members).values(values))
            row = self.connection.execute(sql.MEMBER, {"study": study_id, "name": annotator}).one()
        return Member(**row._mapping)

    def is_enrolled(self, study_id: int, annotator: str) -> bool:
        """Whether the annotator of this very name is assigned to a study."""
        values = {"study": study_id, "name": annotator}
        return self.connection.scalar(sql.ENROLLED, values) is not None

    def change_member(self, member: Member, **values: Any) -> None:
        """Set columns of a member."""
        self.write(update(sql.members).where(sql.members.c.id == member.id).values(values))

    def keep_member(self, member: Member) -> None:
        """Write how far a member has come."""
        self.write(sql.KEEP_MEMBER, {"member": member.id, **member.how_far})

    def guest(self, annotator_id: int) -> Guest | None:
        """The participant whose account it is; None for one who did not come by themselves."""
        row = self.connection.execute(sql.GUEST, {"annotator": annotator_id}).one_or_none()
        return None if row is None else Guest(**row._mapping)

    def change_guest(self, guest: Guest, **values: Any) -> None:
        """Set columns of a participant."""
        self.write(update(sql.guests).where(sql.guests.c.id == guest.id).values(values))

    def has_room(self, study_id: int, entry: Entry) -> bool:
        """Whether a place is free for somebody whose own is not held any more."""
        return has_room(self.connection, study_id, entry, self.now)

    def held(self, member: Member) -> list[Lease]:
        """The member's open items, in the order in which they were given out."""
        rows = self.connection.execute(sql.HELD, {"member": member.id, "state": OPEN})
        return [_lease(row) for row in rows]

    def lapsed(self, member: Member) -> list[Lease]:
        """Items that the member let lapse, in the order in which they were given out."""
        return [
            _lease(row) for row in self.connection.execute(sql.HELD, {"member": member.id, "state": EXPIRED})
        ]

    def find(self, token: str) -> Lease | None:
        """The item behind an opaque token."""
        row = self.connection.execute(sql.BY_TOKEN, {"token": token}).one_or_none()
        return None if row is None else _lease(row)

    def sizes(self, lease: Lease) -> list[tuple[int, int]]:
        """(width, height) in pixels of an item's images as they stand; (1, 1) where it is not known."""
        images = [number for number in (lease.image_id, lease.other_image_id) if number is not None]
        rows = self.connection.execute(sql.SIZES, {"images": images})
        known = {row.id: (row.width or 1, row.height or 1) for row in rows}
        return [known[number] for number in arranged(tuple(images), lease.sides)]

    def write(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Run a statement that changes something."""
        self.wrote = True
        return self.connection.execute(statement, values)

    def append(self, kind: Revised, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write answers and corrections; see `append_revisions`."""
        self.wrote |= bool(rows)
        append_revisions(self.connection, kind, rows)

    def place(self, study: str, annotator: str) -> int:
        """The member's number, 0 where the annotator never worked on the study; locks nothing."""
        return self.connection.scalar(sql.PLACE, {"study": study, "name": annotator}) or 0

    def completed_before(self, member_id: int, until: Lease | None) -> Lease | None:
        """The item of the work that a member completed last, or last before `until`.

        What was done elsewhere comes before everything that was given out here.
        """
        values = {"member": member_id, "until": None if until is None else until.id}
        row = None
        if until is None or until.position > 0:
            row = self.connection.execute(sql.COMPLETED_BEFORE, {**values, "given_here": True}).first()
            values["until"] = None
        if row is None:
            row = self.connection.execute(sql.COMPLETED_BEFORE, {**values, "given_here": False}).first()
        return None if row is None else _lease(row)

    def judged_in_part(self, study_id: int, member: Member, mode: str) -> set[int]:
        """The items that the member judged elsewhere, and not by all criteria."""
        values = {"study": study_id, "member": member.id, "annotator": member.annotator_id}
        return set(self.connection.scalars(sql.IN_PART[kind_of(mode)], values))

    def give(
        self,
        study_id: int,
        member: Member,
        item: ListedItem,
        *,
        lease: timedelta,
        occasion: int = 0,
        sides: Sides = False,
        position: int = 0,
        choice: dict[str, Any] | None = None,
    ) -> Lease:
        """Put an item into the member's hands."""
        if item.kind == STUDY_KIND and occasion == 0:
            self.write(sql.TAKE, {"item": item.id, "more": 1})
        token, ends = secrets.token_urlsafe(16), self.now + lease
        given = self.write(
            sql.GIVE,
            {
                "token": token,
                "study_id": study_id,
                "member_id": member.id,
                "item_id": item.id,
                "occasion": occasion,
                "state": OPEN,
                **side_columns(sides),
                "position": position,
                "choice": choice,
                "assigned_at": self.now,
                "expires_at": ends,
            },
        )
        key = given.inserted_primary_key
        assert key is not None
        return Lease(
            id=int(key[0]),
            token=token,
            study_id=study_id,
            member_id=member.id,
            item_id=item.id,
            kind=item.kind,
            occasion=occasion,
            state=OPEN,
            **side_columns(sides),
            position=position,
            assigned_at=self.now,
            expires_at=ends,
            passed=None,
            image_id=item.image_id,
            other_image_id=item.other_image_id,
            withdrawn=False,
            prompt=item.prompt,
            prompt_id=item.prompt_id,
        )

    def renew(self, leases: Sequence[Lease], lease: timedelta) -> None:
        """Let leases run again from now; lapsed ones are taken up again (their items must be free)."""
        for one in leases:
            if one.state == EXPIRED and one.counts:
                self.write(sql.TAKE, {"item": one.item_id, "more": 1})
        if leases:
            self._set_state([one.id for one in leases], state=OPEN, expires_at=self.now + lease)

    def release(self, leases: Sequence[Lease]) -> None:
        """Take open items out of a member's hands, as if their leases had run out."""
        for one in leases:
            if one.state == OPEN and one.counts:
                self.write(sql.TAKE, {"item": one.item_id, "more": -1})
        if leases:
            self._set_state([one.id for one in leases], state=EXPIRED)

    def complete(self, lease: Lease, passed: bool | None) -> None:
        """Close an item that the member answered; a lapsed one is taken up again (it must be free)."""
        if lease.counts:
            more = 1 if lease.state == EXPIRED else 0
            self.write(sql.FILL, {"item": lease.item_id, "more": more})
        self.write(sql.COMPLETE, {"assignment": lease.id, "completed_at": self.now, "passed": passed})

    def judge(self, lease: Lease, passed: bool) -> None:
        """Set whether a completed item with a known answer was passed."""
        self.write(update(sql.assignments).where(sql.assignments.c.id == lease.id).values(passed=passed))

    def is_free(self, item_id: int, study: Study) -> bool:
        """Whether one more annotator may be shown an item."""
        return item_id in self.free([item_id], study)

    def is_asked(self, item_id: int) -> bool:
        """Whether an item is not withdrawn."""
        return item_id in self.asked([item_id])

    def asked(self, item_ids: Sequence[int]) -> set[int]:
        """Those of the items that are not withdrawn."""
        return set(self.connection.scalars(sql.ASKED, {"items": list(item_ids)}))

    def free(self, item_ids: Sequence[int], study: Study) -> set[int]:
        """Those of the items that one more annotator may be shown."""
        values = {"items": list(item_ids), "overlap": study.overlap, "sure": study.sure}
        return set(self.connection.scalars(sql.FREE, values))

    def full(self, study_id: int, overlap: int) -> set[int]:
        """The items that nobody may be shown any more: filled for good, ended early, or withdrawn."""
        return set(self.connection.scalars(sql.FULL, {"study": study_id, "overlap": overlap}))

    def free_in_cell(
        self, study_id: int, cell: str, study: Study, limit: int, *, least: int = 0
    ) -> list[tuple[int, int]]:
        """(item, how often it is taken) of a cell's free items, the least taken first; `least` at the least.

        Those of the calibration block are not among them.
        """
        values = {"study": study_id, "cell": cell, "overlap": study.overlap, "sure": study.sure}
        rows = self.connection.execute(sql.FREE_IN_CELL, {**values, "least": least, "most": limit})
        free = [(row.id, row.taken) for row in rows]
        if len(free) < limit:
            again = self.connection.execute(sql.FREE_AGAIN_IN_CELL, {**values, "most": limit - len(free)})
            free += [(row.id, row.taken) for row in again]
        return free

    def answers_to(self, item_id: int) -> list[tuple[dict[str, Any], bool]]:
        """(answers in force, whether the sides were changed) of all who count, in the order of completion."""
        rows = self.connection.execute(sql.ANSWERS_TO_ITEM, {"item": item_id})
        return [(row.answers, row.swapped) for row in rows]

    def stop(self, item_id: int, why: str, after: int) -> None:
        """End an item: nobody is given it any more. One of the calibration block, or one that ended, stays
        as it is."""
        self.write(sql.STOP, {"item": item_id, "at": self.now, "why": why, "after": after})

    def spent(self, study_id: int, member: Member) -> int:
        """How many answers annotators gave to the work of a study, or have in hand: planted items, too.

        What the member did is taken from the value, which may be ahead of the database.
        """
        others = self.connection.scalar(sql.SPENT, {"study": study_id, "but": member.id}) or 0
        return others + member.done

    def refresh_items(self, study: str, study_id: int) -> int:
        """Add items for images that were finished since; looked for once a minute. How many were added."""
        known = self.memory.of(_KnownStudy, study_id)
        if known.refreshed_at is not None and self.now - known.refreshed_at < LOOK_FOR_IMAGES_EVERY:
            return 0
        known.refreshed_at = self.now
        with Session(self.connection) as session:
            added = refresh_items(session, find_study(session, study))
            session.flush()
        self.wrote |= added > 0
        return added

    def capacity(self, study_id: int, overlap: int) -> Capacity:
        """What there is, and what is left to be given."""
        row = self.connection.execute(sql.CAPACITY, {"study": study_id, "overlap": overlap}).one()
        return Capacity(row[0], row[1] or 0, row[2] or 0, row[3] or 0)

    def taken_by_cell(self, study_id: int) -> dict[str, int]:
        """How many judgements of each cell's items are taken."""
        return {row[0]: row[1] for row in self.connection.execute(sql.TAKEN_BY_CELL, {"study": study_id})}

    def verdicts(self, study_id: int, after: int) -> list[Verdict]:
        """The first verdicts on pairs with a number above `after`."""
        rows = self.connection.execute(sql.VERDICTS, {"study": study_id, "after": after})
        return [Verdict(**row._mapping) for row in rows]

    def others_at_work(self, study_id: int, member: Member) -> int:
        """How many other annotators of a study can log in and are neither paused nor excluded."""
        values = {"study": study_id, "member": member.id}
        return self.connection.scalar(sql.OTHERS_AT_WORK, values) or 0

    def somebody_holds(self, study_id: int, member: Member) -> bool:
        """Whether another member has an item in hand that the study counts and this one was not given."""
        values = {"study": study_id, "member": member.id}
        return self.connection.scalar(sql.SOMEBODY_HOLDS, values) is not None

    def taken_by_member(self, member: Member, overlap: int) -> int:
        """How many items the member did, or has in hand, that are taken to the full or (done) withdrawn, or
        were set aside."""
        return self.connection.scalar(sql.TAKEN_BY_MEMBER, {"member": member.id, "overlap": overlap}) or 0

    def listed(self, study_id: int, after: int) -> list[ListedItem]:
        """The study's items with a number above `after`."""
        rows = self.connection.execute(sql.LISTED, {"study": study_id, "after": after}).all()
        groups: Mapping[int, Group] = {}
        if any(row.images_key is not None for row in rows):
            groups = groups_of(self.connection, ItemRow.study_id == study_id, ItemRow.id > after)
        return [
            ListedItem(item, kind, cell, position, shown_models(groups, item, a, b), *rest)
            for item, kind, cell, position, a, b, *rest, _ in rows
        ]

    def given(self, member: Member, after: int) -> list[tuple[int, int, int, int]]:
        """(assignment, item, occasion, position) of what the member was given, numbered above `after`."""
        rows = self.connection.execute(sql.GIVEN, {"member": member.id, "after": after})
        return [(row.id, row.item_id, row.occasion, row.position) for row in rows]

    def shown(self, study_id: int, after: int) -> list[tuple[int, int, int]]:
        """(assignment, member, item) of what anybody was given for the first time, numbered above `after`."""
        rows = self.connection.execute(sql.SHOWN, {"study": study_id, "after": after})
        return [(row.id, row.member_id, row.item_id) for row in rows]

    def answered(self, member: Member, kind: str, after: int = 0) -> dict[int, bool]:
        """Whether the member passed each item of a kind, by item in the order of the answers.

        Only answers after submission `after`.
        """
        values = {"member": member.id, "kind": kind, "after": after}
        return {row.item_id: bool(row.passed) for row in self.connection.execute(sql.ANSWERED, values)}

    def sent(self, client_token: str) -> Sent | None:
        """The submission that a client token belongs to."""
        row = self.connection.execute(sql.SENT, {"token": client_token}).one_or_none()
        return None if row is None else Sent(**row._mapping)

    def in_force(self, assignment_id: int) -> Sent | None:
        """The last submission for an assignment."""
        row = self.connection.execute(sql.IN_FORCE, {"assignment": assignment_id}).first()
        return None if row is None else Sent(**row._mapping)

    def recent(self, member: Member, count: int) -> list[Sent]:
        """The member's last items, newest first: number and time of the first answer, and what stands now."""
        rows = self.connection.execute(sql.RECENT, {"member": member.id, "most": count})
        return [Sent(**row._mapping) for row in rows]

    def durations(self, member: Member, count: int) -> list[int]:
        """How long the first answers to the member's last items took, in ms, where that is known."""
        found = self.connection.scalars(sql.DURATIONS, {"member": member.id, "most": count})
        return [one for one in found if one is not None]

    def send(self, lease: Lease, client_token: str, revision: int, **values: Any) -> None:
        """Keep a submission as it came; raises RefusedError for a client token that was used before."""
        row = {
            "client_token": client_token,
            "assignment_id": lease.id,
            "member_id": lease.member_id,
            "revision": revision,
            "created_at": self.now,
            **values,
        }
        try:
            self.append(SubmissionRow, [row])
        except IntegrityError as error:  # under the study's lock, nothing else of it can be doubled
            raise RefusedError(
                "reused_client_token", "this client_token was used for another item"
            ) from error

    def tell(
        self, study_id: int, member: Member | None, kind: str, words: str, by: str | None = None
    ) -> None:
        """Leave an event for the administrator; `by`: the account that did it."""
        values = {
            "study_id": study_id,
            "annotator_id": None if member is None else member.annotator_id,
            "kind": kind,
            "text": words,
            "created_at": self.now,
            "done_by": by,
        }
        self.write(insert(sql.events).values(values))

    def pause(self, study_id: int, member: Member, reason: str, words: str, by: str | None = None) -> None:
        """Stop a member; what they hold goes back to the pool, and the administrator is told in `words`."""
        self.change_member(member, paused_at=self.now, pause_reason=reason)
        self.release(self.held(member))
        self.tell(study_id, member, "paused", words, by)

    def _expire(self, study_id: int) -> None:
        """Return the items to the pool whose lease ran out."""
        late = self.connection.execute(sql.LATE, {"study": study_id, "now": self.now}).all()
        for row in late:
            if row.kind == STUDY_KIND and row.occasion == 0:
                self.write(sql.TAKE, {"item": row.item_id, "more": -1})
        if late:
            self._set_state([row.id for row in late], state=EXPIRED)

    def _set_state(self, assignments: list[int], **values: Any) -> None:
        where = sql.assignments.c.id.in_(assignments)
        self.write(update(sql.assignments).where(where).values(values))


def _lease(row: Any) -> Lease:
    return Lease(**row._mapping)
