"""The human ceiling: each person beside the others, and a metric beside the same others.

What one person said is part of what the others of everybody else said, so people are no independent
clusters here. Intervals rest on the jackknife over people, each left out altogether, and on prompts as
clusters; the two variances are added, with t quantiles for either (see `nami_bench.evaluation.human.spread`).
With two people nobody can be left out: the interval is over prompts alone.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nami_bench.evaluation.audit.accuracy_intervals import interval_of, prompts_variance
from nami_bench.evaluation.audit.accuracy_results import Ceiling
from nami_bench.evaluation.audit.judged_pairs import JudgedPairs, beside_the_others, pairs_within
from nami_bench.evaluation.audit.protocols import protocol
from nami_bench.evaluation.audit.results import Estimate
from nami_bench.evaluation.audit.statistics import Floats
from nami_bench.evaluation.human.table import IMAGE

MOST_GROUPS = 10
"""People are left out one by one, or where there are more in so many groups at random."""
MOST_ROWS = 2_000_000
"""Above, nobody is left out, and intervals are over prompts alone."""

_Figures = dict[str, Floats]
"""By protocol: people's and the metric's accuracy, and the difference."""


def ceilings(lists: pd.DataFrame, scores: pd.DataFrame, *, votes: bool) -> Iterator[Ceiling]:
    """People against the others, and the metric against the same, on pairs that both can be asked about.

    `lists` and `scores` as in `judged_pairs.pairs_of`. Nothing where nobody judged what another did.
    """
    table = lists.merge(scores[[*IMAGE, "value"]], on=list(IMAGE))
    table = table[table["value"].notna()]
    if votes:
        table = table[table.groupby("listing")["listing"].transform("size") == 2]
    keys = ("unifiedreward-diff",) if votes else ("imagereward", "hpsv2")
    others, own = _beside(table)
    if not len(others.human):
        return
    left_out = _jackknife(table, keys)
    for key in keys:
        credits = protocol(key).credits
        (metric, weight), (person, _) = credits(others, 0.0), credits(own, 0.0)
        if not weight.any():
            continue
        found = [
            _estimate(credit, weight, others, [one[key][at] for one in left_out], is_share=at < 2)
            for at, credit in enumerate((person, metric, metric - person))
        ]
        counted = others.of(weight > 0)
        yield Ceiling(
            protocol=key,
            against="the majority of the other votes" if votes else "the mean of the others",
            over="prompts and people" if left_out else "prompts",
            people=found[0],
            metric=found[1],
            difference=found[2],
            pairs=len(counted.human),
            annotators=counted.count("person"),
            prompts=counted.count("prompt"),
        )


def _beside(table: pd.DataFrame) -> tuple[JudgedPairs, JudgedPairs]:
    """Pairs by what the others said, with the metric's scores, and with what each person said themselves."""
    others = beside_the_others(table)
    others = others.assign(own=others["human"], human=others["others"])
    return pairs_within(others), pairs_within(others.assign(value=others["own"]))


def _jackknife(table: pd.DataFrame, keys: tuple[str, ...]) -> list[_Figures]:
    """The figures without each group of people; none where that cannot be."""
    person = pd.factorize(table["annotator"])[0]
    people = int(person.max(initial=-1)) + 1
    if people < 3 or len(table) > MOST_ROWS:
        return []
    groups = min(people, MOST_GROUPS)
    group = np.random.default_rng(0).permutation(people) % groups
    found = []
    for out in range(groups):
        others, own = _beside(table[group[person] != out])
        figures = {key: _figures(key, others, own) for key in keys}
        if any(np.isnan(values).any() for values in figures.values()):
            return []
        found.append(figures)
    return found


def _figures(key: str, others: JudgedPairs, own: JudgedPairs) -> Floats:
    (metric, weight), (person, _) = protocol(key).credits(others, 0.0), protocol(key).credits(own, 0.0)
    total = weight.sum()
    if not total:
        return np.full(3, np.nan)
    both = np.array([person @ weight, metric @ weight]) / total
    return np.array([*both, both[1] - both[0]])


def _estimate(
    credit: Floats, weight: Floats, pairs: JudgedPairs, left_out: list[float], *, is_share: bool
) -> Estimate:
    """The weighted mean of credits; `left_out` holds it without each group of people."""
    mean = float(np.round(credit @ weight / weight.sum(), 12))
    groups = len(left_out)
    people = (groups - 1) * float(np.var(left_out)) if groups else 0.0
    prompts = prompts_variance(credit, weight, pairs.prompt)
    return interval_of(mean, (people, max(groups - 1, 1)), prompts, is_share=is_share)
