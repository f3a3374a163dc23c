"""Which of several people stand out from the rest, where the rest differ among themselves, too.

Everybody is a little different, and with enough answers every difference is significant. So a person is not
held against the mean of the others, but against how far the others lie from one another: the externally
studentized deviation of an outlier test, with Bonferroni's correction over people, repeated from the most
extreme on (generalized ESD; Rosner 1983), so that several who stand out do not hide one another. Where a
person's own figure is less certain than the others' are, that is added to what may be expected.
"""

import numpy as np
from scipy.special import stdtrit

from nami_bench.evaluation.human.ratings_array import Booleans, Floats

SHARE = 0.05
"""Of studies without anybody who differs, so many have somebody who stands out, where figures are normal."""

FEWEST = 3
"""People: of two, nobody can tell which of them differs."""


def standing_out(values: Floats, variances: Floats, side: str, share: float = SHARE) -> Booleans:
    """Whether each person's figure stands out; NaN never does.

    `values`, `variances` (of sampling), shape (people,); `side` "low", "high" or "both". At most a third of
    the people stand out, and nobody of fewer than `FEWEST`.
    """
    found = np.zeros(len(values), dtype=bool)
    remaining = np.flatnonzero(~np.isnan(values) & ~np.isnan(variances))
    removed: list[int] = []
    last = 0
    for step in range(max(1, len(remaining) // 3)):
        if len(remaining) < FEWEST:
            break
        deviation = _deviations(values[remaining], variances[remaining], side)
        at = int(np.argmax(deviation))
        sides = 2 if side == "both" else 1
        limit = -stdtrit(len(remaining) - 2, share / sides / len(remaining))
        removed.append(int(remaining[at]))
        if deviation[at] > limit:
            last = step + 1
        remaining = np.delete(remaining, at)
    found[removed[:last]] = True
    return found


def _deviations(values: Floats, variances: Floats, side: str) -> Floats:
    """How far each lies from the mean of the others, over what may be expected, shape (people,)."""
    others = len(values) - 1
    mean = (values.sum() - values) / others
    expected = (variances.sum() - variances) / others
    squares = ((values - values.mean()) ** 2).sum()
    # Taking one out of a sum of squares: n / (n - 1) times its squared deviation goes.
    among = np.maximum(squares - (values - values.mean()) ** 2 * (others + 1) / others, 0.0)
    between = np.maximum(among / max(others - 1, 1), expected)
    allowed = between * (1 + 1 / others) + np.maximum(variances - expected, 0.0)
    away = {"low": mean - values, "high": values - mean, "both": np.abs(values - mean)}[side]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(away > 0, away / np.sqrt(allowed), 0.0)
