"""What each annotator's ratings look like beside those of the others, on gold items, and on repeats."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.estimates import sums
from nami_bench.evaluation.human.ratings_array import Floats, RatingsArray


@dataclass(frozen=True, slots=True)
class AnnotatorSummary:
    """One annotator's ratings by one criterion, 0-100, on the images that others rated too.

    `ratings`: all given; `shared`: those on images that others rated. `correlation`, `rank_correlation`:
    Pearson's and Spearman's, with the mean of the others on the image. `severity`: mean difference from the
    others' mean; below zero is strict. `spread`: standard deviation over that of the others' single ratings
    of the same images; below one uses less of the scale. `withheld`: times the annotator could not judge.
    None where there is nothing to compare with, or no variation.
    """

    annotator: str
    criterion: str
    ratings: int
    shared: int
    withheld: int
    correlation: float | None
    rank_correlation: float | None
    severity: float | None
    spread: float | None


@dataclass(frozen=True, slots=True)
class RepeatConsistency:
    """How an annotator's second values of planted repeats agree with the first ones, on the values' scale.

    `difference`: mean absolute difference. `drift`: mean of second less first. `deviation`: standard
    deviation of a single rating that the differences imply, root of half their mean square. `correlation`:
    Pearson's, None for fewer than three repeats or without variation. Of verdicts on pairs `difference` is
    the share that changed, in percent, and the others are None.
    """

    annotator: str
    repeats: int
    difference: float
    drift: float | None
    deviation: float | None
    correlation: float | None


def summarize_annotators(ratings: RatingsArray, criterion: str) -> tuple[AnnotatorSummary, ...]:
    """A summary of every annotator, by name; raises UnknownNameError."""
    names = [c.name for c in ratings.criteria]
    if criterion not in names:
        raise UnknownNameError("criterion", criterion, names)
    column = names.index(criterion)
    value, withheld = ratings.values[:, column], ratings.withheld[:, column]
    given = ~np.isnan(value)
    image = ratings.image()
    parts = np.where(given, value, 0.0)
    count, total, squares = sums(
        image, np.stack((given.astype(float), parts, parts**2), axis=1), int(image.max(initial=-1)) + 1
    ).T
    others = count[image] - given
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(others > 0, (total[image] - parts) / others, np.nan)
    found = []
    for code, name in enumerate(ratings.annotators):
        own = ratings.annotator == code
        shared = own & given & (others > 0)
        x, y = value[shared], mean[shared]
        n, s, q = (float(part[image[shared]].sum()) for part in (count, total, squares))
        n, s, q = n - len(x), s - float(x.sum()), q - float(x @ x)
        found.append(
            AnnotatorSummary(
                annotator=name,
                criterion=criterion,
                ratings=int((own & given).sum()),
                shared=len(x),
                withheld=int((own & withheld).sum()),
                correlation=_correlation(x, y),
                rank_correlation=_correlation(stats.rankdata(x), stats.rankdata(y)),
                severity=float((x - y).mean()) if len(x) else None,
                spread=_spread(x, q / n - (s / n) ** 2) if n > 0 else None,
            )
        )
    return tuple(found)


def repeat_consistency(table: pd.DataFrame) -> tuple[RepeatConsistency, ...]:
    """From one row for each repeated value: annotator, first, second; rows with a NaN are left out.

    Raises InputError for a missing column.
    """
    missing = [name for name in ("annotator", "first", "second") if name not in table]
    if missing:
        raise InputError(f"the table lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    both = table[table["first"].notna() & table["second"].notna()]
    found = []
    for name, rows in both.groupby(both["annotator"].astype(str)):
        first, second = rows["first"].to_numpy(float), rows["second"].to_numpy(float)
        change = second - first
        found.append(
            RepeatConsistency(
                str(name),
                len(change),
                difference=float(np.abs(change).mean()),
                drift=float(change.mean()),
                deviation=float(np.sqrt((change**2).mean() / 2)),
                correlation=_correlation(first, second),
            )
        )
    return tuple(found)


def _correlation(x: Floats, y: Floats) -> float | None:
    if len(x) < 3:
        return None
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 1e-12 * len(x) else None


def _spread(x: Floats, variance_of_others: float) -> float | None:
    return float(x.std() / np.sqrt(variance_of_others)) if variance_of_others > 1e-9 else None
