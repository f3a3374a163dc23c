"""Which pair of models an adaptive study asks about next: the one that promises to tell most about the order.

The verdicts so far are one Bradley-Terry model: P(a beats b) = 1 / (1 + exp(theta_b - theta_a)), with a
normal prior on theta that keeps it finite, and a normal approximation of the posterior. For a pair whose
difference has the posterior N(m, v), "a is better" has the probability q = Phi(m / sqrt(v)). One more verdict
brings p (1 - p) of Fisher information, i on average, so it leaves the variance w = v / (1 + v i) about a mean
that moves by sqrt(v - w) one way or the other. The gain is what the entropy of q falls by on average, in
nats: the information that the verdict holds about which of the two is better. It is near nothing for pairs
that are decided, and falls as a close pair gets its answers.

Items in somebody's hands count as judged, so that all are not sent to the same pair. A share of the items is
kept from this choice and goes to the pair that was shown least.

An item gives one verdict, the mean of its criteria by their weights: 1 for a win, 1/2 for a tie or both bad.
Corrections do not change a choice that was made; they count in the results, not here.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import special

from nami_bench.annotator_app.order import Given, StudyIndex, least_taken, rank, stratum_of
from nami_bench.domain import Outcome, Study
from nami_bench.store import Desk, ListedItem

Floats = npt.NDArray[np.float64]
Pair = tuple[int, int]

REFIT_EVERY = 20
PRIOR_PRECISION = 0.25
"""Of each theta: a standard deviation of 2, that is odds of 7 to 1 against an average model."""

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


def next_pair(
    desk: Desk, study_id: int, study: Study, annotator: str, index: StudyIndex, given: Given
) -> tuple[ListedItem, Choice] | None:
    """The next item of an adaptive study, and why it was chosen; None at the study's end.

    Of the chosen pair's items it is the one shown least, from the stratum of which this annotator has been
    given the least.
    """
    _, _, taken = desk.capacity(study_id, study.overlap)
    if taken >= study.pairs.comparisons:
        return None
    sizes = {cell: len(ids) for cell, ids in index.cells.items()}
    for choice in pairs_in_turn(desk, study_id, study, annotator, len(given.own), sizes):
        cells = [cell for cell in sizes if pair_of(cell) == choice.pair and given.by_cell[cell] < sizes[cell]]
        for cell in sorted(cells, key=lambda cell: (given.by_stratum[stratum_of(cell)], cell)):
            item = least_taken(desk, study_id, study, annotator, index, given, cell)
            if item is not None:
                return item, choice
    return None


def pairs_in_turn(
    desk: Desk, study_id: int, study: Study, annotator: str, count: int, cells: Mapping[str, int]
) -> list[Choice]:
    """All pairs of models that have items, the one to be asked about first.

    `count` items were given to this annotator before; `cells` holds the number of items by cell.
    """
    tally: Tally = desk.memory.setdefault(("tally", study_id), Tally())
    taken = _by_pair(desk.taken_by_cell(study_id))
    pairs = sorted({pair_of(cell) for cell in cells})
    if tally.chosen % REFIT_EVERY == 0 or not tally.gains.keys() >= set(pairs):
        _count(tally, desk, study_id, study)
        tally.gains = information(tally.wins, tally.judged, taken, pairs)
    tally.chosen += 1
    draw = int.from_bytes(rank(study.seed, annotator, "explore", count)[:4]) / 2**32
    explore = draw < study.pairs.explore

    def turn(pair: Pair) -> tuple[float, bytes]:
        return (taken[pair] if explore else -tally.gains[pair], rank(study.seed, annotator, count, pair))

    policy = "explore" if explore else "information"
    return [Choice(pair, policy, tally.gains[pair]) for pair in sorted(pairs, key=turn)]


def information(
    wins: Mapping[Pair, float], judged: Mapping[Pair, int], shown: Mapping[Pair, int], pairs: list[Pair]
) -> dict[Pair, float]:
    """What one more verdict on each of `pairs` tells about their order, in nats.

    `wins` of the first model among `judged` verdicts; `shown` counts those that are still to come too.
    """
    models = sorted({model for pair in pairs for model in pair})
    place = {model: i for i, model in enumerate(models)}
    index = np.array([[place[a], place[b]] for a, b in pairs]).reshape(-1, 2)
    won = np.array([wins.get(pair, 0.0) for pair in pairs])
    count = np.array([judged.get(pair, 0) for pair in pairs], dtype=float)
    theta = _fit(index, won, count, len(models))
    chance = _logistic(theta[index[:, 0]] - theta[index[:, 1]])
    single = chance * (1 - chance)
    expected = np.maximum(count, [shown.get(pair, 0) for pair in pairs])
    covariance = np.linalg.inv(_precision(index, expected * single, len(models)))
    a, b = index.T
    variance = covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]
    return dict(zip(pairs, _gain(theta[a] - theta[b], variance).tolist(), strict=True))


def _gain(mean: Floats, variance: Floats) -> Floats:
    """What one verdict tells about the sign of N(mean, variance)."""
    # The information p (1 - p), averaged over the posterior (MacKay 1992, "The evidence framework applied to
    # classification networks").
    scale = 1 / np.sqrt(1 + np.pi * variance / 8)
    chance = _logistic(scale * mean)
    single = scale * chance * (1 - chance)
    left = variance / (1 + variance * single)
    move = np.sqrt(variance - left)
    after = [_order_entropy(mean + way * move, left) for way in (-1, 1)]
    return np.asarray(_order_entropy(mean, variance) - (after[0] + after[1]) / 2)


def _order_entropy(mean: Floats, variance: Floats) -> Floats:
    chance = special.ndtr(mean / np.sqrt(variance))
    return np.asarray(special.entr(chance) + special.entr(1 - chance))


def _fit(index: npt.NDArray[np.int64], won: Floats, count: Floats, models: int) -> Floats:
    """Posterior mode of theta by Newton's method; the posterior is log-concave."""
    theta = np.zeros(models)
    for _ in range(50):
        chance = _logistic(theta[index[:, 0]] - theta[index[:, 1]])
        residual = won - count * chance
        gradient = -PRIOR_PRECISION * theta
        np.add.at(gradient, index[:, 0], residual)
        np.add.at(gradient, index[:, 1], -residual)
        step = np.linalg.solve(_precision(index, count * chance * (1 - chance), models), gradient)
        theta = theta + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return theta


def _precision(index: npt.NDArray[np.int64], weight: Floats, models: int) -> Floats:
    precision = PRIOR_PRECISION * np.eye(models)
    a, b = index.T
    np.add.at(precision, (a, a), weight)
    np.add.at(precision, (b, b), weight)
    np.add.at(precision, (a, b), -weight)
    np.add.at(precision, (b, a), -weight)
    return precision


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


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
