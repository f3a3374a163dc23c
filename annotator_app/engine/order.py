"""Which item comes next for an annotator.

An item belongs to a cell: one stratum and one model (in pairwise mode: one pair of models). The next item
comes from the stratum of which this annotator has been given the smallest share, and within it from the
cell of which they have been given the smallest share, so that strata and models stay balanced at every
moment and end together. Within the cell

- a crossed panel follows the annotator's own order: SHA-256 over (seed, annotator, item). It depends on
  nobody else, and anybody can compute it again. Items that others have filled are passed over, which never
  happens where the panel has as many annotators as the overlap.
- a spread panel takes an item that one other annotator was given so far, so that there are pairs of ratings
  from the first hour on; among those, the item of the annotator with whom this one has shared the fewest, so
  that all pairs of annotators can be compared alike; then the annotator's own order decides. A new item is
  begun where there is none such, and where all are of people whom this one has met more often than others,
  unless OPEN_ITEMS of the cell are waiting already. Beyond the second rating it is the items that the fewest
  were given, so that all fill at the same pace, whoever joins or leaves.
- pairs that an adaptive study chose are the least taken of their cell.

The calibration block comes before everything else: its items, in turn by stratum and model as above, in the
annotator's own order.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from nami_bench.annotator_app.engine.seat import Seat, stratum_of
from nami_bench.domain import CheckKind, Panel
from nami_bench.store import ListedItem

WINDOW = 8
"""So many items of a cell are asked about at once."""

CHOICE = 32
"""Among so many of the least taken items of a cell, an annotator's own order decides."""


OPEN_ITEMS = 3
"""So many items of a cell may wait for a second annotator before one must be taken, whoever began it."""


def next_item(seat: Seat) -> ListedItem | None:
    """The next of the study's own items for an annotator, or None: see the top of this module."""
    return _next_of_block(seat) or _next_of_others(seat)


def _next_of_block(seat: Seat) -> ListedItem | None:
    left = seat.index.block - seat.given.items
    left = seat.desk.asked(sorted(left)) if left else left
    for cell in _cells_in_turn(seat) if left else ():
        found = left.intersection(seat.index.cells[cell])
        if found:
            return _first_in_order(seat, found)
    return None


def _first_in_order(seat: Seat, items: Iterable[int]) -> ListedItem:
    listed = (seat.index.items[item] for item in items)
    return min(listed, key=lambda item: item_rank(seat.study.seed, seat.annotator, item))


def _next_of_others(seat: Seat) -> ListedItem | None:
    for missed, cell in enumerate(_cells_in_turn(seat)):
        if missed == 2:  # many cells may be full by now: learn which, once
            seat.index.full = seat.desk.full(seat.study_id, seat.study.overlap)
        find = _second_or_least if seat.study.panel == Panel.SPREAD else _next_in_queue
        found = find(seat, cell)
        if found is not None:
            return found
    return None


def _cells_in_turn(seat: Seat) -> Iterator[str]:
    """The cells that may have something left, the one to be served first."""
    sizes: Counter[str] = Counter()
    for cell, ids in seat.index.cells.items():
        sizes[stratum_of(cell)] += len(ids)

    def turn(cell: str) -> tuple[float, float, bytes]:
        stratum, count = stratum_of(cell), seat.given.by_cell[cell]
        return (
            seat.given.by_stratum[stratum] / sizes[stratum],
            count / len(seat.index.cells[cell]),
            # Ties fall anew each time: a fixed rotation of the models would show.
            rank(seat.study.seed, seat.annotator, cell, count),
        )

    left = (cell for cell, ids in seat.index.cells.items() if seat.given.by_cell[cell] < len(ids))
    return iter(sorted(left, key=turn))


def _next_in_queue(seat: Seat, cell: str) -> ListedItem | None:
    queue = _queue(seat, cell)
    given, full = seat.given.items, seat.index.full
    while queue and (queue[-1] in given or queue[-1] in full):
        queue.pop()
    waiting = (item for item in reversed(queue) if item not in given and item not in full)
    for size in (WINDOW, None):
        part = list(islice(waiting, size))
        free = seat.desk.free(part, seat.study) if part else set()
        for item in part:
            if item in free:
                return seat.index.items[item]
    return None


def _queue(seat: Seat, cell: str) -> list[int]:
    """The annotator's order of a cell, the next item last."""
    ids = seat.index.cells[cell]
    key = f"{cell}\n{len(ids)}"
    if key not in seat.given.queues:
        seat.given.queues[key] = sorted(
            ids, key=lambda i: item_rank(seat.study.seed, seat.annotator, seat.index.items[i]), reverse=True
        )
    return seat.given.queues[key]


def _second_or_least(seat: Seat, cell: str) -> ListedItem | None:
    """The next item of a cell in a spread panel: see the top of this module."""
    company = seat.company()
    begun = seat.desk.free_in_cell(seat.study_id, cell, seat.study, CHOICE, least=1)
    waiting = [item for taken, item in _not_given(seat, begun) if taken == 1]
    if company is None or not waiting:
        return least_taken(seat, cell)
    found = _least_met(seat, waiting)
    if len(waiting) < OPEN_ITEMS and not company.is_fair(seat.member.id, found.id):
        new = least_taken(seat, cell)
        return found if new is None or company.of_item[new.id] else new
    return found


def _not_given(seat: Seat, free: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """(how often it is taken, item) of those of the free items that this annotator was not given."""
    return [(taken, item) for item, taken in free if item not in seat.given.items]


def _least_met(seat: Seat, items: Iterable[int]) -> ListedItem:
    """The item of those with whom the annotator shares the fewest."""
    company = seat.company()
    return min(
        (seat.index.items[item] for item in items),
        key=lambda item: (
            company.shared(seat.member.id, item.id) if company else 0,
            item_rank(seat.study.seed, seat.annotator, item),
        ),
    )


def least_taken(seat: Seat, cell: str) -> ListedItem | None:
    """The item of a cell that the fewest were given, not this annotator; of equals: see `_least_met`."""
    for limit in (CHOICE, len(seat.index.cells[cell])):
        free = _not_given(seat, seat.desk.free_in_cell(seat.study_id, cell, seat.study, limit))
        if free:
            least = min(free)[0]
            return _least_met(seat, (item for taken, item in free if taken == least))
    return None


def next_check(seat: Seat) -> ListedItem | None:
    """The next gold item for an annotator, in an order of their own, or None when all were given."""
    left = [item for item in seat.index.checks[CheckKind.GOLD] if item.id not in seat.given.items]
    return min(left, key=lambda item: item_rank(seat.study.seed, seat.annotator, item), default=None)


def next_repeat(seat: Seat) -> ListedItem | None:
    """An item that the annotator had here, long enough ago to be asked once more, or None."""
    old = seat.given.here[: max(0, len(seat.given.here) - seat.study.checks.repeat_distance)]
    left = [item for item in old if item not in seat.given.repeated]
    again = f"{seat.annotator}\nagain"
    items = [seat.index.items[item] for item in left]
    return min(items, key=lambda item: item_rank(seat.study.seed, again, item), default=None)


def item_rank(seed: int, annotator: str, item: ListedItem) -> bytes:
    """The item's place in an annotator's order."""
    return rank(seed, annotator, *item.models, item.prompt_id, item.sample)


def rank(seed: int, *identity: object) -> bytes:
    """A number that looks random and follows from the seed and the identity alone."""
    return hashlib.sha256("\n".join(map(str, (seed, *identity))).encode()).digest()
