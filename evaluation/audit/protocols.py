"""Pairwise accuracy of a metric as its field counts it: the same metric has other figures by other protocols.

Each protocol says what happens to pairs that people call alike (a tie of people), to pairs that the metric
scores alike (a tie of the metric), and what the mean is over. All but GenAI-Bench's are weighted means of
credits, one for each pair.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nami_bench.errors import UnknownNameError
from nami_bench.evaluation.audit.judged_pairs import JudgedPairs
from nami_bench.evaluation.audit.statistics import Floats

THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(11))
"""Of PickScore's protocol: the difference of probabilities up to which the metric calls a pair a tie."""

Credits = tuple[Floats, Floats]
"""Of each pair its credit, 0 to 1, and its weight, arrays (pairs,)."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to count.

    `key` names it in files, `people_ties` and `metric_ties` say what becomes of ties, `over` what the mean is
    over, `source` who counts so. `of_votes`: it is of votes on two images; else of lists of any length.
    `chooses`: it has a threshold, chosen on other pairs.
    """

    key: str
    people_ties: str
    metric_ties: str
    over: str
    source: str
    credits: Callable[[JudgedPairs, float], Credits]
    of_votes: bool = False
    chooses: bool = False

    @property
    def words(self) -> str:
        """The protocol in a sentence."""
        return (
            f"{self.key}: ties of people {self.people_ties}, ties of the metric {self.metric_ties}, "
            f"mean over {self.over} ({self.source})"
        )


def _pickscore(pairs: JudgedPairs, threshold: float) -> Credits:
    """Kirstain et al. 2023: 1 for the same of three outcomes, 0.5 where exactly one of both is a tie."""
    # softmax(s0, s1): p0 - p1 = tanh((s0 - s1) / 2).
    difference = np.tanh((pairs.first - pairs.second) / 2)
    said = np.where(np.abs(difference) <= threshold, 0.5, np.where(difference > 0, 1.0, 0.0))
    credit = np.where(said == pairs.human, 1.0, np.where((said == 0.5) | pairs.tied, 0.5, 0.0))
    return credit, pairs.weight


def _decided(pairs: JudgedPairs, threshold: float) -> Credits:
    """Right or not, of the pairs of which people prefer one."""
    return pairs.right.astype(np.float64), pairs.weight * ~pairs.tied


def _all_votes(pairs: JudgedPairs, threshold: float) -> Credits:
    """Right or not, of all pairs: nobody asks whether the metric ties."""
    return pairs.right.astype(np.float64), pairs.weight


def _by_list(pairs: JudgedPairs, threshold: float) -> Credits:
    """Right or not, each list of which people tell a pair apart counting the same."""
    credit, weight = _decided(pairs, threshold)
    return credit, weight * _share(pairs, weight)


def _inversions(pairs: JudgedPairs, threshold: float) -> Credits:
    """1 less the inversions of the metric's order, in which equal scores stand as the list has them."""
    wrong = np.where(pairs.human > 0.5, pairs.first < pairs.second, pairs.first >= pairs.second)
    credit = np.where(pairs.tied, 1.0, 1.0 - wrong)
    return credit, pairs.weight * _share(pairs, pairs.weight)


def _raw_inversions(pairs: JudgedPairs, threshold: float) -> Credits:
    """1 less the inversions of the scores: equal ones are none."""
    wrong = np.where(pairs.human > 0.5, pairs.first < pairs.second, pairs.first > pairs.second)
    credit = np.where(pairs.tied, 1.0, 1.0 - wrong)
    return credit, pairs.weight * _share(pairs, pairs.weight)


def _share(pairs: JudgedPairs, weight: Floats) -> Floats:
    """What a pair's weight is to be multiplied by so that all lists count the same."""
    totals = np.bincount(pairs.listing, weights=weight) if len(pairs.listing) else np.empty(0)
    mine = totals[pairs.listing]
    return np.divide(1.0, mine, out=np.zeros_like(mine), where=mine > 0)


PROTOCOLS = {
    one.key: one
    for one in (
        Protocol(
            "pickscore", "count: half a point against a preference", "by a threshold, likewise",
            "votes", "PickScore, Kirstain et al. 2023", _pickscore, of_votes=True, chooses=True,
        ),
        Protocol(
            "imagereward", "left out", "wrong", "all pairs together",
            "ImageReward, Xu et al. 2023; MPS on ImageReward's test", _decided,
        ),
        Protocol(
            "imagereward-by-list", "left out", "wrong", "lists", "HPSv2's figures on ImageReward's test",
            _by_list,
        ),
        Protocol(
            "hpsv2", "count as right", "none: scores are put in order first", "lists",
            "HPSv2 on HPDv2, Wu et al. 2023", _inversions,
        ),
        Protocol(
            "mps", "count as right", "count as right", "lists", "MPS on HPDv2, Zhang et al. 2024",
            _raw_inversions,
        ),
        Protocol(
            "unifiedreward-diff", "left out", "wrong", "votes that prefer one image",
            "UnifiedReward on GenAI-Bench, \"diff\"", _decided, of_votes=True,
        ),
        Protocol(
            "unifiedreward-all", "wrong", "wrong", "votes", "UnifiedReward on GenAI-Bench, \"tau\"",
            _all_votes, of_votes=True,
        ),
        Protocol(
            "hpsv3", "there are none", "wrong", "pairs", "HPSv3 on HPDv3", _decided, of_votes=True,
        ),
    )
}  # fmt: skip
"""By key. GenAI-Bench's is `nami_bench.evaluation.audit.ties.tie_calibrated`."""


def protocol(key: str) -> Protocol:
    """The protocol of a key; raises UnknownNameError."""
    if key not in PROTOCOLS:
        raise UnknownNameError("protocol", key, PROTOCOLS)
    return PROTOCOLS[key]


def accuracy(pairs: JudgedPairs, key: str, threshold: float = 0.0) -> float:
    """The protocol's figure, 0 to 1; NaN where no pair counts."""
    credit, weight = protocol(key).credits(pairs, threshold)
    total = float(weight.sum())
    return float(credit @ weight) / total if total else float("nan")


def chosen_threshold(pairs: JudgedPairs) -> float:
    """Of `THRESHOLDS` the first that is best by PickScore's protocol; for other pairs than these."""
    found = [round(accuracy(pairs, "pickscore", threshold), 12) for threshold in THRESHOLDS]
    return THRESHOLDS[found.index(max(found))]
