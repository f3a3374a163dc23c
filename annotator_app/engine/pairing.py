"""Which pair of models an adaptive study asks about next: the one that promises to tell most about the order.

See `nami_bench.evaluation.human.pair_information` for what that is. It is near nothing for pairs that are
decided, and falls as a close pair gets its answers.

Items in somebody's hands count as judged, so that all are not sent to the same pair. A share of the items is
kept from this choice and goes to the pair that was shown least.

An item gives one verdict, the mean of its criteria by their weights: 1 for a win, 1/2 for a tie or both bad.
Corrections do not change a choice that was made; they count in the results, not here.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from nami_bench.annotator_app.engine.order import least_taken, rank
from nami_bench.annotator_app.engine.seat import Seat, stratum_of
from nami_bench.domain import Outcome, Study
from nami_bench.evaluation.human.pair_information import Pair, information
from nami_bench.store import Desk, ListedItem

REFIT_EVERY = 20

_WIN = {Outcome.LEFT.value: 1.0, Outcome.RIGHT.value: 0.0}


@dataclass
class Tally:
    """The verdicts of one study that this process knows of, and what they say."""

    last: int = 0
    wins: dict[Pair, float] = field(default_factory=lambda: defaultdict(float))
    judged: Counter[Pair] = field(default_factory=Counter)
    gains: dict[Pair, float] = field(default_factory=dict)
    chosen: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """A pair of models, and why: "information" or "explore", with the gain in nats."""

    pair: Pair
    policy: str
    gain: float

    def record(self) -> dict[str, float | str]:
        """What is kept with the assignment."""
        return {"policy": self.policy, "gain": round(self.gain, 6)}


def next_pair(seat: Seat) -> tuple[ListedItem, Choice] | None:
    """The next item of an adaptive study, and why it was chosen; None at the study's end.

    Of the chosen pair's items it is the one shown least, from the stratum of which this annotator has been
    given the least.
    """
    if seat.desk.capacity(seat.study_id, seat.study.overlap).taken >= seat.study.pairs.comparisons:
        return None
    given, sizes = seat.given, {cell: len(ids) for cell, ids in seat.index.cells.items()}
    for choice in pairs_in_turn(seat):
        cells = [cell for cell in sizes if pair_of(cell) == choice.pair and given.by_cell[cell] < sizes[cell]]
        for cell in sorted(cells, key=lambda cell: (given.by_stratum[stratum_of(cell)], cell)):
            item = least_taken(seat, cell)
            if item is not None:
                return item, choice
    return None


def pairs_in_turn(seat: Seat) -> list[Choice]:
    """All pairs of models that have items, the one to be asked about first."""
    study, count = seat.study, len(seat.given.own)
    tally = seat.desk.memory.of(Tally, seat.study_id)
    taken = _by_pair(seat.desk.taken_by_cell(seat.study_id))
    pairs = sorted({pair_of(cell) for cell in seat.index.cells})
    if tally.chosen % REFIT_EVERY == 0 or not tally.gains.keys() >= set(pairs):
        _count(tally, seat.desk, seat.study_id, study)
        tally.gains = information(tally.wins, tally.judged, taken, pairs)
    tally.chosen += 1
    draw = int.from_bytes(rank(study.seed, seat.annotator, "explore", count)[:4]) / 2**32
    explore = draw < study.pairs.explore

    def turn(pair: Pair) -> tuple[float, bytes]:
        return (taken[pair] if explore else -tally.gains[pair], rank(study.seed, seat.annotator, count, pair))

    policy = "explore" if explore else "information"
    return [Choice(pair, policy, tally.gains[pair]) for pair in sorted(pairs, key=turn)]


def pair_of(cell: str) -> Pair:
    """The pair of models of a cell."""
    first, second = cell.partition(":")[0].split("-")
    return int(first), int(second)


def _by_pair(cells: Mapping[str, int]) -> Counter[Pair]:
    found: Counter[Pair] = Counter()
    for cell, count in cells.items():
        found[pair_of(cell)] += count
    return found


def _count(tally: Tally, desk: Desk, study_id: int, study: Study) -> None:
    """Take note of the verdicts that came since."""
    weights = {criterion.name: criterion.weight for criterion in study.criteria}
    parts: dict[tuple[int, int], list[tuple[float, float]]] = {}
    cells: dict[tuple[int, int], str] = {}
    for verdict in desk.verdicts(study_id, tally.last):
        tally.last = verdict.id
        if verdict.outcome is None:
            continue
        win = _WIN.get(verdict.outcome, 0.5)
        key = (verdict.item_id, verdict.annotator_id)
        cells[key] = verdict.cell
        parts.setdefault(key, []).append((weights[verdict.criterion], 1 - win if verdict.swapped else win))
    for key, wins in parts.items():
        total = sum(weight for weight, _ in wins)
        if total > 0:
            pair = pair_of(cells[key])
            tally.judged[pair] += 1
            tally.wins[pair] += sum(weight * win for weight, win in wins) / total
