"""The work of another database on the same study, taken over: all of it, or nothing.

Every submission has a name of its own, its client token, that it keeps on its way. So what was taken over
before is known again, and of an item that both sides know the longer history is the later one:

- theirs is part of ours: nothing is new;
- ours is part of theirs: their later corrections are corrections here;
- each has something of its own: the same answers need nothing, others are a clash. Clashes are refused, or
  with `replace` their answers become corrections here.

Answers to planted items that both sides have stay as they are here: the study does not count them.
"""

import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from nami_bench.errors import InputError
from nami_bench.store.annotation_tables import (
    COMPLETED,
    STUDY_KIND,
    AssignmentRow,
    EventRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.database import Repository
from nami_bench.store.elsewhere import count_as_work, members_of
from nami_bench.store.exclusions import forget, recount_items, release
from nami_bench.store.finding import find_study
from nami_bench.store.imports import answer_row, find_or_add_annotator, standing_answers, write_answers
from nami_bench.store.in_force import append_revisions
from nami_bench.store.items import refresh_items
from nami_bench.store.judged import Place
from nami_bench.store.markings import count_marks_again, turned_marks
from nami_bench.store.members import recount_members
from nami_bench.store.merged_decisions import take_decisions
from nami_bench.store.pool import all_counted
from nami_bench.store.sides import Sides, as_seen, side_columns, sides_of
from nami_bench.store.study_work import DoneItem, StudyWork, Worker, read_work
from nami_bench.store.tables import AnnotatorRow, Base, StudyRow
from nami_bench.store.work_items import ItemHere, ItemName, same_items
from nami_bench.store.work_names import Naming, names_here

_assignments = Base.metadata.tables[AssignmentRow.__tablename__]


@dataclass(slots=True)
class Merged:
    """What came from elsewhere: annotators' `names` there and here, items that are done now, judgements that
    are `added` or `replaced`, `answers` as they were sent, who is `excluded` now, as there, and how many
    answers are `set_aside` now, as there; `decisions` of adjudicators."""

    names: dict[str, str] = field(default_factory=dict)
    items: int = 0
    added: int = 0
    replaced: int = 0
    answers: int = 0
    excluded: list[str] = field(default_factory=list)
    set_aside: int = 0
    decisions: int = 0

    @property
    def is_news(self) -> bool:
        """Whether anything came."""
        return bool(
            self.items or self.added or self.replaced or self.answers or self.set_aside or self.decisions
        )


class Work(Repository):
    """The work of a study as a whole: read, and taken over from another database."""

    def of(self, study: str) -> StudyWork:
        """All that was done in a study; raises UnknownNameError."""
        with self._database.reading() as session:
            return read_work(session, study)

    def merge(
        self, work: StudyWork, naming: Naming, *, replace: bool = False, dry_run: bool = False
    ) -> Merged:
        """Take over all work on the study of the same name; what is here already is passed over.

        Who is new comes without a log-in, excluded if they were there, paused in the study if they were
        there. Raises InputError where names clash (see `Naming`), where the same annotator judged the same
        thing differently and not `replace`, and where an item or an image is not the same here.
        """
        with self._database.writing(dry_run=dry_run) as session:
            study = find_study(session, work.study.name)
            refresh_items(session, study)
            with all_counted(session, study) as aside:
                merge = _Merge(session, study, work, naming, replace)
                merge.run()
                aside += merge.set_aside_there()
            return merge.merged


class _Merge:
    def __init__(
        self, session: Session, study: StudyRow, work: StudyWork, naming: Naming, replaces: bool
    ) -> None:
        self.session, self.study, self.work, self.replaces = session, study, work, replaces
        self.merged = Merged()
        self.items = same_items(session, study, work.hashes)
        self.criteria = {row.name: row.id for row in study.criteria}
        self.names = names_here(session, study, work, naming, self.items)
        known = set(session.scalars(select(MemberRow.annotator_id).where(MemberRow.study_id == study.id)))
        self.annotators = {name: find_or_add_annotator(session, here).id for name, here in self.names.items()}
        self.newcomers = set(self.annotators.values()) - known
        self.members = members_of(session, study, self.annotators.values())
        self.standing = standing_answers(session, study, self.annotators.values())
        self.ours, self.sent = self._ours()
        self.client_tokens = set(session.scalars(select(SubmissionRow.client_token)))
        self.tokens = set(session.scalars(select(AssignmentRow.token)))
        self.new: list[dict[str, Any]] = []
        self.closed: list[dict[str, Any]] = []
        self.submissions: list[tuple[tuple[int, int, int], dict[str, Any]]] = []
        self.rows: list[dict[str, Any]] = []
        self.clashes: list[str] = []
        self.touched: set[str] = set()
        self.changed: set[Place] = set()

    def run(self) -> None:
        settled = {}
        for one in self.work.done:
            is_counted = one.item.kind == STUDY_KIND and one.occasion == 0
            verdict = self._take_item(one, is_counted)
            if is_counted:
                settled[one.annotator, one.item] = verdict
        for (name, item), said in self.work.said.items():
            self._take_answers(name, item, said, settled.get((name, item), "import"))
        if self.clashes and not self.replaces:
            raise InputError(
                f"{len(self.clashes)} items are judged differently here by the same annotators, the first is "
                f"{self.clashes[0]}: nothing was merged; --replace lets what was judged there stand, as "
                "corrections"
            )
        self._write()
        self.merged.decisions = take_decisions(self.session, self.study, self.work, self.items)

    def set_aside_there(self) -> list[int]:
        """Our assignments of answers that are set aside there, and were not here."""
        ours, _ = self._ours()
        found = []
        for one in self.work.done:
            slot = (self.members[self.annotators[one.annotator]], self.items[one.item].id, one.occasion)
            if one.aside is None or slot not in ours:
                continue
            row = self.session.get_one(AssignmentRow, ours[slot].id, populate_existing=True)
            if row.aside_at is None and row.state == COMPLETED:
                row.aside_at, row.aside_by, row.aside_reason = one.aside.at, one.aside.by, one.aside.reason
                found.append(row.id)
        self.merged.set_aside = len(found)
        if found:
            text = f"{len(found)} answers are set aside that were set aside in another workspace"
            self.session.add(EventRow(study_id=self.study.id, kind="set-aside", text=text))
        return found

    # -- deciding ----------------------------------------------------------------------------------

    def _take_item(self, one: DoneItem, is_counted: bool) -> str:
        """Take over an item with its submissions. What is to become of its judgements: "take" those that are
        missing, "correct" ours by theirs, "keep" ours."""
        here = self.items[one.item]
        annotator = self.annotators[one.annotator]
        slot = (self.members[annotator], here.id, one.occasion)
        ours = self.ours.get(slot)
        if ours is None or ours.state != COMPLETED:
            if is_counted and self._differs(one):
                self._clash(one)
            self._complete(one, here, slot, ours)
            return "correct"
        sent = self.sent[ours.id]
        tokens = {row.client_token for row in sent}
        if one.tokens <= tokens or not is_counted:
            return "keep"
        theirs, our_sides = here.sides(one.shown), sides_of(ours.swapped, ours.arrangement)
        if not tokens <= one.tokens:
            if _same_answers(sent[-1].answers, one.sent[-1].answers, theirs, our_sides):
                return "keep"
            self._clash(one)
        self._send(one, slot, (theirs, our_sides), known=tokens, after=len(sent))
        return "correct"

    def _take_answers(self, name: str, item: ItemName, said: Mapping[str, Any], verdict: str) -> None:
        here, annotator = self.items[item], self.annotators[name]
        place = (annotator, here.id)
        is_clash = False
        for criterion, revisions in said.items():
            number = self.criteria[criterion]
            ours = self.standing[place].get(number)
            turned = [(one, here.sides(one.shown)) for one in revisions]
            last, sides = turned[-1]
            if ours is None:
                taken = turned
            elif ours.says(last.standing.answer, last.standing.reason, sides) or verdict == "keep":
                continue
            else:
                is_clash |= verdict == "import"
                taken = turned[-1:]
                self.merged.replaced += 1
            self.merged.added += ours is None
            for one, own_sides in taken:
                revision = 0 if ours is None else ours.revision + 1
                ours = replace(one.standing, revision=revision, sides=own_sides)
                self.rows.append(answer_row(self.study, place, number, here.image_id, ours, one.position))
            assert ours is not None
            self.standing[place][number] = ours
            self.touched.add(name)
            if verdict == "import":
                self.changed.add(place)
        if is_clash:
            self.clashes.append(f"{item} by {name!r}")

    def _differs(self, one: DoneItem) -> bool:
        """Whether something else stands here of an item that nobody completed here."""
        here = self.items[one.item]
        ours = self.standing.get((self.annotators[one.annotator], here.id), {})
        for criterion, revisions in self.work.said.get((one.annotator, one.item), {}).items():
            stands, last = ours.get(self.criteria[criterion]), revisions[-1]
            if stands is not None and not stands.says(
                last.standing.answer, last.standing.reason, here.sides(last.shown)
            ):
                return True
        return False

    def _clash(self, one: DoneItem) -> None:
        self.clashes.append(f"{one.item} by {one.annotator!r}")

    # -- collecting what is to be written ------------------------------------------------------------

    def _complete(self, one: DoneItem, here: ItemHere, slot: tuple[int, int, int], ours: Any) -> None:
        member, item, occasion = slot
        token = one.token if one.token not in self.tokens else secrets.token_urlsafe(16)
        self.tokens.add(token)
        is_newcomer = self.annotators[one.annotator] in self.newcomers
        values = {
            "token": token,
            "state": COMPLETED,
            **side_columns(here.sides(one.shown)),
            "position": one.position if is_newcomer else 0,
            "choice": one.choice,
            "passed": one.passed,
            "assigned_at": one.assigned_at,
            "completed_at": one.completed_at,
        }
        if ours is None:
            fixed = {"study_id": self.study.id, "member_id": member, "item_id": item, "occasion": occasion}
            self.new.append({**fixed, **values, "expires_at": one.completed_at})
        else:
            self.closed.append({"assignment": ours.id, **values})
        self.merged.items += 1
        self._send(one, slot, (False, False), known=set(), after=0)

    def _send(
        self,
        one: DoneItem,
        slot: tuple[int, int, int],
        turned: tuple[Sides, Sides],
        *,
        known: set[str],
        after: int,
    ) -> None:
        for revision, sent in enumerate((s for s in one.sent if s.client_token not in known), after):
            token = sent.client_token
            if token in self.client_tokens:  # the same person's, by chance on another item
                token = f"elsewhere {secrets.token_urlsafe(16)}"
            self.client_tokens.add(token)
            values = {name: as_seen(value, *turned) for name, value in sent.answers["values"].items()}
            row = {
                "client_token": token,
                "member_id": slot[0],
                "revision": revision,
                "answers": {**sent.answers, "values": values, **turned_marks(sent.answers, *turned)},
                "flag": sent.flag,
                "comment": sent.comment,
                "duration_ms": sent.duration_ms,
                "created_at": sent.created_at,
            }
            self.submissions.append((slot, row))
            self.merged.answers += 1
            self.touched.add(one.annotator)

    # -- writing -----------------------------------------------------------------------------------

    def _ours(self) -> tuple[dict[tuple[int, int, int], Any], dict[int, list[Any]]]:
        """Our assignments by member, item and occasion, and what was sent for each, corrections last."""
        members = set(self.members.values())
        ours = {
            (row.member_id, row.item_id, row.occasion): row
            for row in self.session.execute(
                select(
                    AssignmentRow.id,
                    AssignmentRow.member_id,
                    AssignmentRow.item_id,
                    AssignmentRow.occasion,
                    AssignmentRow.state,
                    AssignmentRow.swapped,
                    AssignmentRow.arrangement,
                ).where(AssignmentRow.study_id == self.study.id)
            )
            if row.member_id in members
        }
        sent = defaultdict(list)
        query = (
            select(SubmissionRow.assignment_id, SubmissionRow.client_token, SubmissionRow.answers)
            .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
            .where(AssignmentRow.study_id == self.study.id)
            .order_by(SubmissionRow.assignment_id, SubmissionRow.revision)
        )
        for row in self.session.execute(query):
            sent[row.assignment_id].append(row)
        return ours, sent

    def _write(self) -> None:
        if self.new:
            self.session.execute(insert(AssignmentRow), self.new)
        if self.closed:
            columns: dict[str, Any] = {
                name: bindparam(name) for name in self.closed[0] if name != "assignment"
            }
            self.session.connection().execute(
                update(_assignments).where(_assignments.c.id == bindparam("assignment")).values(columns),
                self.closed,
            )
        if self.submissions:
            given, _ = self._ours()
            rows = [{**row, "assignment_id": given[slot].id} for slot, row in self.submissions]
            append_revisions(self.session.connection(), SubmissionRow, rows)
            count_marks_again(self.session, [row["assignment_id"] for row in rows])
        write_answers(self.session, self.study, self.rows)
        self.merged.names = {name: self.names[name] for name in self.names if name in self.touched}
        if not self.merged.is_news:
            return
        self._take_states()
        stands = {place: self.standing[place] for place in self.changed}
        count_as_work(self.session, self.study, stands, self.changed)
        recount_members(self.session, self.members.values())
        recount_items(self.session, [self.study.id])
        text = f"{self.merged.items} items by {len(self.merged.names)} annotators came from another workspace"
        self.session.add(EventRow(study_id=self.study.id, kind="merged", text=text))
        forget(self.session)

    def _take_states(self) -> None:
        """Who is excluded there is excluded here; newcomers to the study go on where they were."""
        for worker in self.work.workers:
            if worker.name not in self.touched:
                continue
            annotator = self.annotators[worker.name]
            row = self.session.get_one(AnnotatorRow, annotator)
            if worker.excluded_at is not None and row.excluded_at is None:
                row.excluded_at = worker.excluded_at
                self.merged.excluded.append(row.name)
                of_person = select(MemberRow).where(MemberRow.annotator_id == annotator)
                everywhere = self.session.scalars(of_person).all()
                release(self.session, [member.id for member in everywhere])
                self.session.flush()
                recount_items(self.session, {member.study_id for member in everywhere})
            if annotator in self.newcomers:
                self._go_on(self.session.get_one(MemberRow, self.members[annotator]), worker)
        self.session.flush()

    def _go_on(self, member: MemberRow, worker: Worker) -> None:
        member.shown, member.qualified_at = worker.shown, worker.qualified_at
        member.paused_at, member.pause_reason = worker.paused_at, worker.pause_reason
        if worker.unchecked:
            query = select(SubmissionRow.id).where(SubmissionRow.member_id == member.id)
            numbers = self.session.scalars(query.order_by(SubmissionRow.id).limit(worker.unchecked)).all()
            member.checked_from = numbers[-1] if numbers else 0


def _same_answers(ours: Mapping[str, Any], theirs: Mapping[str, Any], before: Sides, now: Sides) -> bool:
    values = {name: as_seen(value, before, now) for name, value in theirs["values"].items()}
    return (ours["values"], ours["reasons"]) == (values, theirs["reasons"])
