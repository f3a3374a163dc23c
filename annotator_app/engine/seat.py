"""One annotator of one study in one transaction, and what is remembered of both.

What is remembered is a hint to save time; whether an item is free is asked of the database, in the
transaction that gives it out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from nami_bench.domain import Admission, Panel, Study
from nami_bench.errors import RefusedError, UnknownNameError
from nami_bench.store import NOT_ASSIGNED, STUDY_KIND, Desk, ListedItem, Member


@dataclass
class StudyIndex:
    """The items of one study: those that it asks about by cell, the others by kind.

    `block` are those of the calibration block, which are in `cells`, too.
    """

    items: dict[int, ListedItem] = field(default_factory=dict)
    cells: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    checks: dict[str, list[ListedItem]] = field(default_factory=lambda: defaultdict(list))
    block: set[int] = field(default_factory=set)
    full: set[int] = field(default_factory=set)
    last: int = 0

    def add(self, items: Iterable[ListedItem]) -> None:
        """Take up items, which must come in order of their numbers."""
        for item in items:
            self.items[item.id] = item
            self.last = item.id
            if item.kind == STUDY_KIND:
                self.cells[item.cell].append(item.id)
                if item.calibration:
                    self.block.add(item.id)
            else:
                self.checks[item.kind].append(item)
                self.checks[item.kind].sort(key=lambda check: check.position)


@dataclass
class Company:
    """Which members of a spread panel were given an item, and how many items each two of them share.

    `met`: with how many others, counted for each item, a member shares their items.
    """

    of_item: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    together: Counter[tuple[int, int]] = field(default_factory=Counter)
    met: Counter[int] = field(default_factory=Counter)
    last: int = 0

    def add(self, assignment_id: int, member: int, item: ListedItem) -> None:
        """Take up one assignment; on items that everybody is given all meet, so these do not count."""
        self.last = assignment_id
        if item.kind != STUDY_KIND or item.calibration:
            return
        others = self.of_item[item.id]
        self.together.update(_both(member, other) for other in others)
        self.met.update({member: len(others), **dict.fromkeys(others, 1)})
        others.append(member)

    def shared(self, member: int, item: int) -> int:
        """How often the member met those who were given an item."""
        return sum(self.together[_both(member, other)] for other in self.of_item[item])

    def is_fair(self, member: int, item: int) -> bool:
        """Whether the member met those who were given an item no more often than others, on average."""
        others = self.of_item[item]
        usual = self.met[member] / max(1, len(self.met) - 1)
        return self.shared(member, item) <= len(others) * usual


def _both(member: int, other: int) -> tuple[int, int]:
    return (member, other) if member < other else (other, member)


@dataclass
class Given:
    """What one annotator was given: all items, the study's own by cell and stratum, repetitions.

    Of the study's own, `here` are those that were given out and not done elsewhere; `in_part` are not given
    but judged by some criteria (None: not looked up).
    """

    items: set[int] = field(default_factory=set)
    own: list[int] = field(default_factory=list)
    by_cell: Counter[str] = field(default_factory=Counter)
    by_stratum: Counter[str] = field(default_factory=Counter)
    here: list[int] = field(default_factory=list)
    in_part: set[int] | None = None
    repeated: set[int] = field(default_factory=set)
    queues: dict[str, list[int]] = field(default_factory=dict)
    last: int = 0
    position: int = 0

    def add(self, assignment_id: int, item: ListedItem, occasion: int, position: int) -> None:
        """Take up one assignment."""
        self.last = assignment_id
        self.position = max(self.position, position)
        if occasion:
            self.repeated.add(item.id)
            return
        self.items.add(item.id)
        if item.kind == STUDY_KIND:
            self.own.append(item.id)
            if position:
                self.here.append(item.id)
            self.by_cell[item.cell] += 1
            self.by_stratum[stratum_of(item.cell)] += 1


def stratum_of(cell: str) -> str:
    """The stratum that a cell belongs to."""
    return cell.partition(":")[2]


class Seat:
    """One annotator of one study, in one transaction: everything that a decision needs."""

    def __init__(self, desk: Desk, study: str, annotator: str) -> None:
        """Raises RefusedError for an account that is gone or not admitted, UnknownNameError for a study that
        is gone."""
        self.desk = desk
        self.annotator = annotator
        self.study_id: int
        self.study: Study
        self.study_id, self.study = desk.study(study)
        if self.study.admission == Admission.ASSIGNED and not desk.is_enrolled(self.study_id, annotator):
            raise RefusedError("not_assigned", NOT_ASSIGNED)
        try:
            self.member: Member = desk.member(self.study_id, annotator)
        except UnknownNameError as error:  # erased a moment ago; other names are none of their business
            raise RefusedError("not_yours", "this account does not exist any more") from error
        # Only where people come by themselves: everybody else's turns ask nothing more of the database.
        self.guest = desk.guest(self.member.annotator_id) if self.study.entry else None
        self.index = desk.memory.of(StudyIndex, self.study_id)
        if desk.is_first(StudyIndex, self.study_id):
            self.learn_items()
        self.given = self._given()

    def learn_items(self) -> None:
        """Take up the items that were added since."""
        self.index.add(self.desk.listed(self.study_id, self.index.last))

    def company(self) -> Company | None:
        """Who was given what in a spread panel, up to date; None for a crossed one, where all meet."""
        if self.study.panel != Panel.SPREAD:
            return None
        company = self.desk.memory.of(Company, self.study_id)
        if self.desk.is_first(Company, self.study_id):
            for assignment, member, item in self.desk.shown(self.study_id, company.last):
                company.add(assignment, member, self.index.items[item])
        return company

    def _given(self) -> Given:
        """What the member was given, brought up to date."""
        member, given = self.member, self.desk.memory.of(Given, self.member.id)
        if given.in_part is None:
            given.in_part = self.desk.judged_in_part(self.study_id, member, self.study.mode)
        if given.last and given.position == member.shown and member.qualified:
            return given  # nobody else gave this member anything
        for assignment_id, item_id, occasion, position in self.desk.given(member, given.last):
            given.add(assignment_id, self.index.items[item_id], occasion, position)
        return given
