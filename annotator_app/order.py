"""Which item comes next for an annotator.

An item belongs to a cell: one stratum and one model (in pairwise mode: one pair of models). The next item
comes from the stratum of which this annotator has been given the smallest share, and within it from the
cell of which they have been given the smallest share, so that strata and models stay balanced at every
moment and end together. Within the cell

- a crossed panel follows the annotator's own order: SHA-256 over (seed, annotator, item). It depends on
  nobody else, and anybody can compute it again. Items that others have filled are passed over, which never
  happens where the panel has as many annotators as the overlap.
- a spread panel takes the items that the fewest have been given, so that all items fill at the same pace,
  whoever joins or leaves; among those, the items of the annotators with whom this one has shared the fewest,
  so that all pairs of annotators can be compared alike; then the annotator's own order decides.

What this module remembers is a hint to save time; whether an item is free is asked of the database, in the
transaction that gives it out.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from nami_bench.domain import CheckKind, Mode, Panel, Study
from nami_bench.store import STUDY_KIND, Desk, ListedItem, Member

WINDOW = 8
"""So many items of a cell are asked about at once."""

CHOICE = 32
"""Among so many of the least taken items of a cell, an annotator's own order decides."""


@dataclass
class StudyIndex:
    """The items of one study: those that it asks about by cell, the others by kind."""

    items: dict[int, ListedItem] = field(default_factory=dict)
    cells: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    checks: dict[str, list[ListedItem]] = field(default_factory=lambda: defaultdict(list))
    full: set[int] = field(default_factory=set)
    last: int = 0

    def add(self, items: Iterable[ListedItem]) -> None:
        """Take up items, which must come in order of their numbers."""
        for item in items:
            self.items[item.id] = item
            self.last = item.id
            if item.kind == STUDY_KIND:
                self.cells[item.cell].append(item.id)
            else:
                self.checks[item.kind].append(item)
                self.checks[item.kind].sort(key=lambda check: check.position)


@dataclass
class Company:
    """Which members of a spread panel were given an item, and how many items each two of them share."""

    of_item: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    together: Counter[tuple[int, int]] = field(default_factory=Counter)
    last: int = 0

    def add(self, assignment_id: int, member: int, item: int) -> None:
        """Take up one assignment."""
        self.last = assignment_id
        self.together.update(_both(member, other) for other in self.of_item[item])
        self.of_item[item].append(member)

    def shared(self, member: int, item: int) -> int:
        """How often the member met those who were given an item."""
        return sum(self.together[_both(member, other)] for other in self.of_item[item])


def _both(member: int, other: int) -> tuple[int, int]:
    return (member, other) if member < other else (other, member)


@dataclass
class Given:
    """What one annotator was given: all items, the study's own by cell and stratum, repetitions.

    Of the study's own, `here` are those that were given out and not done elsewhere; `in_part` are not given
    but judged by some criteria (None: not looked up).
    """

    member: int
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


def index_of(desk: Desk, study_id: int) -> StudyIndex:
    """The study's items, brought up to date."""
    index: StudyIndex = desk.memory.setdefault(("index", study_id), StudyIndex())
    if ("listed", study_id) not in desk.settled:
        learn_items(desk, study_id, index)
        desk.settled["listed", study_id] = True
    return index


def learn_items(desk: Desk, study_id: int, index: StudyIndex) -> None:
    """Take up the items that were added since."""
    index.add(desk.listed(study_id, index.last))


def given_to(desk: Desk, study_id: int, study: Study, member: Member, index: StudyIndex) -> Given:
    """What the member was given, brought up to date."""
    given: Given = desk.memory.setdefault(("given", member.id), Given(member.id))
    if given.in_part is None:
        given.in_part = desk.judged_in_part(study_id, member, study.mode == Mode.PAIRWISE)
    if given.last and given.position == member.shown and member.qualified:
        return given  # nobody else gave this member anything
    for assignment_id, item_id, occasion, position in desk.given(member, given.last):
        given.add(assignment_id, index.items[item_id], occasion, position)
    return given


def company_of(desk: Desk, study_id: int, study: Study) -> Company | None:
    """Who was given what in a spread panel, brought up to date; None for a crossed one, where all meet."""
    if study.panel != Panel.SPREAD:
        return None
    company: Company = desk.memory.setdefault(("company", study_id), Company())
    if ("company", study_id) not in desk.settled:
        for shown in desk.shown(study_id, company.last):
            company.add(*shown)
        desk.settled["company", study_id] = True
    return company


def next_item(
    desk: Desk, study_id: int, study: Study, annotator: str, index: StudyIndex, given: Given
) -> ListedItem | None:
    """The next of the study's own items for an annotator, or None: see the top of this module."""
    for missed, cell in enumerate(_cells_in_turn(study, annotator, index, given)):
        if missed == 2:  # many cells may be full by now: learn which, once
            index.full = desk.full(study_id, study.overlap)
        find = least_taken if study.panel == Panel.SPREAD else _next_in_queue
        found = find(desk, study_id, study, annotator, index, given, cell)
        if found is not None:
            return found
    return None


def _cells_in_turn(study: Study, annotator: str, index: StudyIndex, given: Given) -> Iterator[str]:
    """The cells that may have something left, the one to be served first."""
    sizes: Counter[str] = Counter()
    for cell, ids in index.cells.items():
        sizes[stratum_of(cell)] += len(ids)

    def turn(cell: str) -> tuple[float, float, bytes]:
        stratum, count = stratum_of(cell), given.by_cell[cell]
        return (
            given.by_stratum[stratum] / sizes[stratum],
            count / len(index.cells[cell]),
            # Ties fall anew each time: a fixed rotation of the models would show.
            rank(study.seed, annotator, cell, count),
        )

    return iter(sorted((c for c, ids in index.cells.items() if given.by_cell[c] < len(ids)), key=turn))


def _next_in_queue(
    desk: Desk, study_id: int, study: Study, annotator: str, index: StudyIndex, given: Given, cell: str
) -> ListedItem | None:
    queue = _queue(study, annotator, index, given, cell)
    while queue and (queue[-1] in given.items or queue[-1] in index.full):
        queue.pop()
    waiting = (item for item in reversed(queue) if item not in given.items and item not in index.full)
    for size in (WINDOW, None):
        part = list(islice(waiting, size))
        free = desk.free(part, study.overlap) if part else set()
        for item in part:
            if item in free:
                return index.items[item]
    return None


def _queue(study: Study, annotator: str, index: StudyIndex, given: Given, cell: str) -> list[int]:
    """The annotator's order of a cell, the next item last."""
    ids = index.cells[cell]
    key = f"{cell}\n{len(ids)}"
    if key not in given.queues:
        given.queues[key] = sorted(
            ids, key=lambda i: item_rank(study.seed, annotator, index.items[i]), reverse=True
        )
    return given.queues[key]


def least_taken(
    desk: Desk, study_id: int, study: Study, annotator: str, index: StudyIndex, given: Given, cell: str
) -> ListedItem | None:
    """The item of a cell that the fewest were given, and not this annotator: see the top of this module."""
    for limit in (CHOICE, len(index.cells[cell])):
        free = [
            (taken, item)
            for item, taken in desk.free_in_cell(study_id, cell, study.overlap, limit)
            if item not in given.items
        ]
        if free:
            least = min(free)[0]
            company = company_of(desk, study_id, study)
            return min(
                (index.items[item] for taken, item in free if taken == least),
                key=lambda item: (
                    company.shared(given.member, item.id) if company else 0,
                    item_rank(study.seed, annotator, item),
                ),
            )
    return None


def next_check(study: Study, annotator: str, index: StudyIndex, given: Given) -> ListedItem | None:
    """The next gold item for an annotator, in an order of their own, or None when all were given."""
    left = [item for item in index.checks[CheckKind.GOLD] if item.id not in given.items]
    return min(left, key=lambda item: item_rank(study.seed, annotator, item), default=None)


def next_repeat(study: Study, annotator: str, index: StudyIndex, given: Given) -> ListedItem | None:
    """An item that the annotator had here, long enough ago to be asked once more, or None."""
    old = given.here[: max(0, len(given.here) - study.checks.repeat_distance)]
    left = [item for item in old if item not in given.repeated]
    found = min(
        left, key=lambda i: item_rank(study.seed, f"{annotator}\nagain", index.items[i]), default=None
    )
    return None if found is None else index.items[found]


def item_rank(seed: int, annotator: str, item: ListedItem) -> bytes:
    """The item's place in an annotator's order."""
    return rank(seed, annotator, *item.models, item.prompt_id, item.sample)


def rank(seed: int, *identity: object) -> bytes:
    """A number that looks random and follows from the seed and the identity alone."""
    return hashlib.sha256("\n".join(map(str, (seed, *identity))).encode()).digest()
