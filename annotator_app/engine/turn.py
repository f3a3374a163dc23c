"""One annotator's turn: submit, and get the next items, in one transaction.

A turn runs on the store's `Desk`, so everything in it happens or nothing does.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from nami_bench.annotator_app.engine import budget, enough, order, pairing, planting, rules
from nami_bench.annotator_app.engine.answers import (
    NOTHING_STANDS,
    Answers,
    Verdict,
    check_answers,
    is_same,
    judge,
    kept_answers,
)
from nami_bench.annotator_app.engine.guests import kept_out, leave, note_way_out, way_out
from nami_bench.annotator_app.engine.marks import SentMarks, in_image
from nami_bench.annotator_app.engine.progress import progress_of
from nami_bench.annotator_app.engine.seat import Seat
from nami_bench.annotator_app.engine.view import Feedback, GivenAnswers, Item, View
from nami_bench.domain import CheckKind, WayOut
from nami_bench.domain.question import Questions
from nami_bench.errors import InputError, RefusedError
from nami_bench.local_time import local
from nami_bench.store import (
    COMPLETED,
    EXPIRED,
    OPEN,
    SET_ASIDE,
    Desk,
    Lease,
    ListedItem,
    Sent,
    Sides,
    arranged,
    count_answers,
    count_marks,
    judged_so_far,
)

Answered = Mapping[str, Mapping[str, Any]]
""""values" and "reasons", by criterion."""

Show = Callable[[Lease, Questions, GivenAnswers | None], Item]
"""What an annotator may see of a lease of a study with these questions, with the answers in force."""

AHEAD = 2
"""So many items are in an annotator's hands beside the one on the screen, for loading ahead."""

NOT_YOURS = "this item is not assigned to you"
SET_ASIDE_BY_ORGANIZER = (
    "the organizer has set your answer to this item aside: it is kept as it is, go on with the next one"
)


class Turn(Seat):
    """One transaction's work for one annotator of one study; `show` makes of a lease what is shown of it."""

    def __init__(self, desk: Desk, study: str, annotator: str, show: Show) -> None:
        super().__init__(desk, study, annotator)
        self.before = self.member
        self.show = show
        self.lease_time = timedelta(minutes=self.study.lease_minutes)

    def state(self, *, returning: bool = True, feedback: Feedback | None = None) -> View:
        """What is next; gives out items as needed. `returning`: the annotator comes (back) to the study."""
        closed = self._closed()
        if closed is None and self.member.paused is None:
            phase, items = self._items(returning)
        else:
            phase, items = (closed[0] if closed else "paused"), []
        code, message = closed[1:] if closed else _WORDS.get(self._key(phase), (None, None))
        self._keep_member()
        note_way_out(self, phase, code)
        asked = self.study.questions
        shown = tuple(self.show(one, asked, self._shown_standing(one)) for one in items)
        progress = progress_of(self, phase)
        return View(phase, code, message, progress, shown, feedback, self.member.paused)

    def submit(self, token: str, answers: Answers) -> View:
        """Record answers and go on.

        Raises RefusedError, and records nothing, for answers that do not fit the study, and for an item that
        is not this annotator's, was given to somebody else, or is not asked about any more.
        """
        lease = self.lease(token)
        answers = self._placed(lease, answers)
        was_answered = lease.state in (COMPLETED, SET_ASIDE)
        sent = self.desk.sent(answers.client_token) if was_answered else None
        if sent is not None and sent.assignment_id == lease.id:
            if not is_same(answers, sent.answers, sent.flag, sent.comment):
                raise RefusedError("reused_client_token", "this client_token was used for other answers")
            return self.state(returning=False, feedback=self._feedback(lease, sent.answers))
        if lease.state == SET_ASIDE:
            raise RefusedError("set_aside", SET_ASIDE_BY_ORGANIZER)
        check_answers(self.study, lease.prompt_id, lease.prompt, answers, self._standing(lease))
        if self.member.paused is not None:
            raise RefusedError("paused", _WORDS["paused"][1])
        # What was begun in time is taken; who is out of the study is out.
        if (closed := self._closed()) and (lease.state != OPEN or closed[1] == "left"):
            raise RefusedError("closed", closed[2])
        if lease.state == COMPLETED:
            feedback = self._correct(lease, answers)
        else:
            feedback = self._complete(lease, answers)
        return self.state(returning=lease.state != OPEN, feedback=feedback)

    def leave(self) -> WayOut:
        """End a participant's part in the study, once: how it ended is the same however often this is asked.

        Raises RefusedError for one who has more to do.
        """
        view = self.state(returning=False)
        way = way_out(self, view.phase, view.code)
        leave(self, way)
        return way

    def lease(self, token: str) -> Lease:
        """The item behind a token; raises RefusedError unless it is this annotator's, of this study."""
        lease = self.desk.find(token)
        # One sentence for all cases: a stranger learns nothing about which tokens exist.
        if lease is None or lease.member_id != self.member.id:
            raise RefusedError("not_yours", NOT_YOURS)
        return lease

    def _placed(self, lease: Lease, answers: Answers) -> Answers:
        """The answers with their marks where they belong in the images; without any said, none were made."""
        if answers.marks is None:
            return replace(answers, marks=SentMarks()) if self.study.marks.asked else answers
        if any(image >= lease.images for image, _ in answers.marks.regions):
            return answers  # which will be refused
        try:
            placed = in_image(answers.marks, self.study.canvas, self.desk.sizes(lease))
        except InputError as error:
            raise RefusedError("bad_answers", str(error)) from error
        return replace(answers, marks=placed)

    def _standing(self, lease: Lease) -> Answered:
        """The answers in force for an item, whether all criteria have one or some."""
        if lease.state == COMPLETED and (sent := self.desk.in_force(lease.id)):
            return sent.answers
        return judged_so_far(self.desk, lease, self.member) if self._is_in_part(lease) else NOTHING_STANDS

    def _shown_standing(self, lease: Lease) -> GivenAnswers | None:
        """What stands of an item that is judged by some criteria only."""
        if not self._is_in_part(lease):
            return None
        stands = self._standing(lease)
        return GivenAnswers(stands["values"], stands["reasons"])

    def _is_in_part(self, lease: Lease) -> bool:
        return lease.counts and lease.item_id in (self.given.in_part or ())

    # -- recording ---------------------------------------------------------------------------------

    def _complete(self, lease: Lease, answers: Answers) -> Feedback | None:
        if lease.withdrawn:
            raise RefusedError("withdrawn", "this item is not asked about any more: go on with the next one")
        if lease.state != OPEN and not self._may_return(lease):
            raise RefusedError(
                "taken_over",
                "you were away so long that this item was given to somebody else: "
                "your answers to it are not needed any more",
            )
        verdict = self._send(lease, answers, revision=0)
        self.desk.complete(lease, None if verdict is None else verdict.passed)
        if self.given.in_part and lease.counts:
            self.given.in_part.discard(lease.item_id)
        enough.end_item(self, lease)
        if lease.is_work:
            self._count_done()
            self._apply_rules(lease)
            return None
        if lease.kind == CheckKind.QUALIFICATION:
            self._qualify()
        return self._feedback(lease, kept_answers(answers))

    def _feedback(self, lease: Lease, answers: Mapping[str, Any]) -> Feedback | None:
        """What is said after an item that comes before the work."""
        verdict = None if lease.is_work else self._verdict(lease, answers)
        if verdict is None:
            return None
        return Feedback(verdict, self.index.items[lease.item_id].feedback)

    def _correct(self, lease: Lease, answers: Answers) -> Feedback | None:
        if not lease.is_work:
            raise RefusedError("answered", "this example was answered already: go on with the next one")
        before = self.desk.in_force(lease.id)
        verdict = self._send(lease, answers, revision=0 if before is None else before.revision + 1)
        if verdict is not None:
            self.desk.judge(lease, verdict.passed)
        return None

    def _send(self, lease: Lease, answers: Answers, revision: int) -> Verdict | None:
        kept = kept_answers(answers)
        self.desk.send(
            lease,
            answers.client_token,
            revision,
            answers=kept,
            flag=answers.flag,
            comment=answers.comment,
            duration_ms=answers.duration_ms,
        )
        if lease.counts:
            count_answers(self.desk, lease, self.member, kept, answers.duration_ms)
            count_marks(self.desk, lease, self.member, kept)
        return self._verdict(lease, kept)

    def _verdict(self, lease: Lease, answers: Mapping[str, Any]) -> Verdict | None:
        item = self.index.items[lease.item_id]
        if item.expected is None:
            return None
        return judge(item.expected, answers, arranged(item.models, lease.sides))

    def _may_return(self, lease: Lease) -> bool:
        if lease.state != EXPIRED:
            return False
        return not lease.counts or self.desk.is_free(lease.item_id, self.study)

    def _count_done(self) -> None:
        day = self.study.day(self.desk.now)
        member = self.member
        if member.day != day:
            member = replace(member, day=day, done_before_day=member.done)
        self.member = replace(member, done=member.done + 1)

    # -- checks ------------------------------------------------------------------------------------

    def _apply_rules(self, lease: Lease) -> None:
        checks = self.study.checks
        golds: list[bool] = []
        if lease.kind == CheckKind.GOLD and checks.gold_pass:
            answered = self.desk.answered(self.member, CheckKind.GOLD, self.member.checked_from)
            golds = list(answered.values())
        recent: list[Sent] = []
        if needed := rules.evidence_needed(checks):
            recent = [s for s in self.desk.recent(self.member, needed) if s.id > self.member.checked_from]
        if reason := rules.reason_to_pause(checks, recent, golds):
            self._pause(reason)

    def _qualify(self) -> None:
        if self._unanswered(CheckKind.QUALIFICATION):
            return
        passed = list(self.desk.answered(self.member, CheckKind.QUALIFICATION).values())  # this one at least
        share = sum(passed) / len(passed)
        if share >= self.study.checks.pass_mark:
            self._set_qualified()
        else:
            self._pause(rules.failed_qualification(sum(passed), len(passed), self.study.checks.pass_mark))

    def _set_qualified(self) -> None:
        self.member = replace(self.member, qualified=True)
        self.desk.change_member(self.member, qualified_at=self.desk.now)

    def _pause(self, reason: str) -> None:
        self.member = replace(self.member, paused=reason)
        self.desk.pause(self.study_id, self.member, reason, f"{self.annotator} was paused: {reason}")

    # -- giving out --------------------------------------------------------------------------------

    def _items(self, returning: bool) -> tuple[str, list[Lease]]:
        phase = self._stage()
        held = self._still_asked(self.desk.held(self.member))
        if returning or not held:
            back = [one for one in self.desk.lapsed(self.member) if self._comes_back(one)]
            self.desk.renew([*held, *back[: self._affordable(phase, len(held))]], self.lease_time)
            held = self.desk.held(self.member) if back else held
        elif any(one.expires_at - self.desk.now < self.lease_time * 0.9 for one in held):
            self.desk.renew(held, self.lease_time)
        held += self._fill_hands(phase, len(held))
        if not held and self.desk.refresh_items(self.study.name, self.study_id):
            self.learn_items()
            held = self._fill_hands(phase, 0)
        if not held and phase == "work":
            phase = "waiting" if self._rests() or self._others_hold_some() else "finished"
        return phase, held

    def _still_asked(self, held: list[Lease]) -> list[Lease]:
        self.desk.release(gone := [one for one in held if one.withdrawn])
        return [one for one in held if one not in gone]

    def _comes_back(self, lease: Lease) -> bool:
        return lease.is_work == self.member.qualified and not lease.withdrawn and self._may_return(lease)

    def _stage(self) -> str:
        """Training and qualification, as far as the study has them, then the work itself."""
        if not self.member.qualified:
            for kind in (CheckKind.TRAINING, CheckKind.QUALIFICATION):
                if self._unanswered(kind):
                    return kind.value
            self._set_qualified()
        return "work"

    def _asked(self, kind: str) -> list[ListedItem]:
        """The items with known answers of a kind that are not withdrawn."""
        items = self.index.checks[kind]
        asked = self.desk.asked([item.id for item in items]) if items else set()
        return [item for item in items if item.id in asked]

    def _unanswered(self, kind: str) -> bool:
        """Whether one of them is still to be answered."""
        asked = self._asked(kind)
        return bool(asked) and not self.desk.answered(self.member, kind).keys() >= {i.id for i in asked}

    def _fill_hands(self, phase: str, held: int) -> list[Lease]:
        """Give out what may be in hand beside `held` items."""
        count = self._affordable(phase, held)
        if phase != "work":
            new = [item for item in self._asked(phase) if item.id not in self.given.items]
            return [self._give(item) for item in new[:count]]
        leases: list[Lease] = []
        while len(leases) < count and (lease := self._give_next()):
            leases.append(lease)
        return leases

    def _affordable(self, phase: str, held: int) -> int:
        """How many items may be given out to who holds so many."""
        count = AHEAD + 1 - held
        return budget.affordable(self, held, count) if phase == "work" else max(0, count)

    def _rests(self) -> bool:
        """Whether it is the day's limit alone that lets an annotator get nothing more."""
        return budget.is_day_done(self) and self._next_own()[0] is not None

    def _give_next(self) -> Lease | None:
        """Give out one item of the work itself, if there is one."""
        own, choice = self._next_own()
        if own is None:
            return None
        position = self.member.shown + 1
        item, occasion = own, 0
        for kind in planting.planted_at(self.study.seed, self.annotator, position, self.study.checks):
            find = order.next_check if kind == CheckKind.GOLD else order.next_repeat
            planted = find(self)
            if planted is not None and self.desk.is_asked(planted.id):
                item, occasion, choice = planted, int(kind == "repeat"), None
                break
        self.member = replace(self.member, shown=position)
        return self._give(item, occasion=occasion, position=position, choice=choice)

    def _next_own(self) -> tuple[ListedItem | None, dict[str, Any] | None]:
        """The study's next item, and why it was chosen where the study is adaptive."""
        limit = self.study.items_per_annotator
        if limit and len(self.given.own) >= limit:
            return None, None
        if not self.study.is_adaptive:
            return order.next_item(self), None
        found = pairing.next_pair(self)
        return (None, None) if found is None else (found[0], found[1].record())

    def _give(
        self, item: ListedItem, *, occasion: int = 0, position: int = 0, choice: dict[str, Any] | None = None
    ) -> Lease:
        company = self.company()
        lease = self.desk.give(
            self.study_id,
            self.member,
            item,
            lease=self.lease_time,
            occasion=occasion,
            sides=self._sides(item, occasion),
            position=position,
            choice=choice,
        )
        self.given.add(lease.id, item, occasion, position)
        if company is not None and not occasion:
            company.add(lease.id, self.member.id, item)
        return lease

    def _sides(self, item: ListedItem, occasion: int) -> Sides:
        """How the images stand; the second time the other way round."""
        count = len(item.models)
        what = (*item.models, item.prompt_id, item.sample)
        seed, name = self.study.seed, self.annotator
        if count <= 2:
            return count == 2 and bool((order.rank(seed, name, "side", *what)[0] + occasion) & 1)
        places = sorted(range(count), key=lambda image: order.rank(seed, name, "place", image, *what))
        return "".join(map(str, reversed(places) if occasion & 1 else places))

    # -- phases ------------------------------------------------------------------------------------

    def _closed(self) -> tuple[str, str, str] | None:
        return kept_out(self, self._is_through) or self._shut()

    def _is_through(self) -> bool:
        """Whether somebody who works on the items has none in hand, and there is none for them.

        Nor was there when they were here last if they let none lapse; then they were told that they are
        through, whatever came back to the pool since.
        """
        if self.desk.held(self.member) or budget.is_day_done(self):
            return False
        lapsed = self.desk.lapsed(self.member)
        if not lapsed and not self.study.budget.per_day:
            return True
        if any(map(self._comes_back, lapsed)):
            return False
        return not budget.affordable(self, 0, 1) or self._next_own()[0] is None

    def _shut(self) -> tuple[str, str, str] | None:
        why = self.study.shut(self.desk.now)
        if why == "not_open" and self.study.opens is not None:
            opens = local(self.study.opens, self.study.time_zone)
            return "closed", why, f"this study opens at {opens:%Y-%m-%d %H:%M %Z}"
        return None if why is None else ("closed", why, "this study is closed: thank you")

    def _others_hold_some(self) -> bool:
        limit = self.study.items_per_annotator
        if limit and len(self.given.own) >= limit:
            return False
        unseen = sum(map(len, self.index.cells.values())) - len(self.given.own)
        return unseen > 0 and self.desk.somebody_holds(self.study_id, self.member)

    def _key(self, phase: str) -> str:
        if phase == "finished" and not self.index.cells:
            return "empty"
        if phase == "waiting" and self._rests():
            return "day_done"
        return phase

    def _keep_member(self) -> None:
        if self.member.how_far != self.before.how_far:
            self.desk.keep_member(self.member)


_WORDS = {
    "paused": ("paused", "your work is paused: the organizer knows and will write to you"),
    "waiting": ("waiting", "the last items are in the hands of others: come back later"),
    "day_done": ("day_done", "that is all for today: come back tomorrow"),
    "finished": ("finished", "nothing is left for you in this study: thank you"),
    "empty": ("empty", "this study has no images yet: come back later"),
}
