"""Agreement coefficients of complete tables: intraclass correlations, and Fleiss' kappa."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.ratings_array import Floats, Integers, RatingsArray

_ROUNDING = 1e-12
NO_SPREAD = "has no interval: it comes out the same whatever is drawn, which is not certainty"
NO_LIMITS = "has no interval: these values are too few, or too even, for its formula"
NOT_DEFINED = "is not defined: the targets' means do not differ, or what differs cancels out"
DISAGREEMENT = "is not defined: raters disagree so much that more of them would agree no better"
ICC_FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient with the interval at `confidence`; None where there is none, and `notes` say why.

    `targets` and `raters` went into it.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    targets: int
    raters: int
    confidence: float = 0.95
    notes: tuple[str, ...] = ()


def intraclass_correlations(values: Floats, *, confidence: float = 0.95) -> tuple[Coefficient, ...]:
    """The six forms of Shrout & Fleiss (1979) from values of shape (targets, raters), NaN where missing.

    1: every target has raters of its own; 2: raters are a sample of many, agreement is absolute; 3: the
    raters are the only ones of interest, consistency counts. 1 or k: of one rater, or of the mean of k.
    Intervals are those of Shrout & Fleiss by F distributions (for form 2 after Satterthwaite; McGraw & Wong
    1996).

    Targets without a value of each rater are left out, which `notes` say. Raises InputError for an array
    that is not of two dimensions.
    """
    if values.ndim != 2:
        raise InputError("intraclass correlations need a table of targets by raters")
    complete = values[~np.isnan(values).any(axis=1)]
    n, k = complete.shape
    lost = len(values) - n
    notes = (f"{lost} of {len(values)} targets lack a rater's value and are left out",) if lost else ()
    if n < 2 or k < 2:
        why = f"needs two targets and two raters at least that are complete; there are {n} and {k}"
        return tuple(Coefficient(f, None, None, None, n, k, confidence, (*notes, why)) for f in ICC_FORMS)
    msr, _, _, msw = _mean_squares(complete)
    if msr + msw <= 1e-24 * max(1.0, float(np.abs(complete).max()) ** 2):
        why = "all values are equal, so there is no correlation"
        return tuple(Coefficient(f, None, None, None, n, k, confidence, (*notes, why)) for f in ICC_FORMS)
    found = _forms(complete, confidence)
    return tuple(_with_limits(f, found[f], n, k, confidence, notes) for f in ICC_FORMS)


def _forms(complete: Floats, confidence: float) -> dict[str, tuple[float, float, float]]:
    """(value, low, high) by form; what is not a number is not defined."""
    n, k = complete.shape
    with np.errstate(all="ignore"):  # tables of a few targets may have mean squares of zero
        msr, msc, mse, msw = _mean_squares(complete)
        single = {
            "ICC(1,1)": ((msr - msw) / (msr + (k - 1) * msw), *_one_way(msr, msw, n, k, confidence)),
            "ICC(2,1)": (
                (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n),
                *_two_way_random(msr, msc, mse, n, k, confidence),
            ),
            "ICC(3,1)": ((msr - mse) / (msr + (k - 1) * mse), *_two_way_mixed(msr, mse, n, k, confidence)),
        }
        return single | {name.replace(",1)", ",k)"): _of_mean(x, k) for name, x in single.items()}


def ratings_icc(
    ratings: RatingsArray, criterion: str, *, confidence: float = 0.95
) -> tuple[Coefficient, ...]:
    """`intraclass_correlations` of one criterion; targets are images, raters are annotators."""
    names = [c.name for c in ratings.criteria]
    if criterion not in names:
        raise UnknownNameError("criterion", criterion, names)
    image = ratings.image()
    table = np.full((int(image.max(initial=-1)) + 1, len(ratings.annotators)), np.nan)
    table[image, ratings.annotator] = ratings.values[:, names.index(criterion)]
    return intraclass_correlations(table, confidence=confidence)


def fleiss_kappa(
    counts: Integers, *, confidence: float = 0.95, replicates: int = 1000, seed: int = 0
) -> Coefficient:
    """Fleiss' kappa (1971) from how many raters put each target into each category, (targets, categories).

    Targets may have different numbers of raters, two at least; those with fewer are left out. The interval
    is the percentile bootstrap over targets.
    """
    if counts.ndim != 2 or (counts < 0).any():
        raise InputError("kappa needs a table of counts, targets by categories")
    raters = counts.sum(axis=1)
    used = counts[raters > 1].astype(float)
    n = len(used)
    most = int(raters.max(initial=0))
    lost = len(counts) - n
    notes = (f"{lost} of {len(counts)} targets have fewer than two raters and are left out",) if lost else ()
    m = used.sum(axis=1)
    agree = (used * (used - 1)).sum(axis=1) / (m * (m - 1))
    shares = used / m[:, None]
    if not n or np.count_nonzero(shares.sum(axis=0)) < 2:
        why = "kappa is not defined: " + ("all raters chose one category" if n else "there are no targets")
        return Coefficient("Fleiss' kappa", None, None, None, n, most, confidence, (*notes, why))
    rng = np.random.default_rng(seed)
    weights = np.vstack((np.ones((1, n)), rng.multinomial(n, np.full(n, 1 / n), size=replicates))) / n
    chance = ((weights @ shares) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = np.where(chance < 1 - 1e-12, (weights @ agree - chance) / (1 - chance), np.nan)
    drawn = kappa[1:][~np.isnan(kappa[1:])]
    if n < 2 or not len(drawn):
        return Coefficient("Fleiss' kappa", float(kappa[0]), None, None, n, most, confidence, notes)
    low, high = np.quantile(drawn, ((1 - confidence) / 2, (1 + confidence) / 2))
    limits = float(kappa[0]), float(low), float(high)
    return _with_limits("Fleiss' kappa", limits, n, most, confidence, notes)


def _with_limits(
    name: str,
    limits: tuple[float, float, float],
    targets: int,
    raters: int,
    confidence: float,
    notes: tuple[str, ...],
) -> Coefficient:
    """A coefficient of (value, low, high); limits that are equal claim a certainty that there is not.

    Limits without a number, or beside the value, come from approximations that so small a table breaks.
    """
    value, low, high = map(float, limits)
    if not abs(value) < 1 / _ROUNDING or high == -np.inf:
        why = (*notes, f"{name} {NOT_DEFINED if np.isnan(value) else DISAGREEMENT}")
        return Coefficient(name, None, None, None, targets, raters, confidence, why)
    if high - low < _ROUNDING:
        why = (*notes, f"{name} {NO_SPREAD}")
        return Coefficient(name, value, None, None, targets, raters, confidence, why)
    if not (low - _ROUNDING <= value <= high + _ROUNDING and np.isfinite(high)):
        why = (*notes, f"{name} {NO_LIMITS}")
        return Coefficient(name, value, None, None, targets, raters, confidence, why)
    return Coefficient(name, value, low, high, targets, raters, confidence, notes)


def _mean_squares(values: Floats) -> tuple[float, float, float, float]:
    """Between targets, between raters, residual, and within targets."""
    n, k = values.shape
    mean = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    residual = values - rows[:, None] - columns + mean
    msr = k * ((rows - mean) ** 2).sum() / (n - 1)
    msc = n * ((columns - mean) ** 2).sum() / (k - 1)
    mse = (residual**2).sum() / ((n - 1) * (k - 1))
    msw = ((values - rows[:, None]) ** 2).sum() / (n * (k - 1))
    return msr, msc, mse, msw  # numpy's own numbers, whose divisions by zero are NaN or infinite


def _f_limits(f: float, n: int, freedom: float, confidence: float) -> tuple[float, float]:
    share = (1 + confidence) / 2
    low, high = f / stats.f.ppf(share, n - 1, freedom), f * stats.f.ppf(share, freedom, n - 1)
    return float(low), float(high)


def _one_way(msr: float, msw: float, n: int, k: int, confidence: float) -> tuple[float, float]:
    if msw <= 0:
        return 1.0, 1.0
    low, high = _f_limits(msr / msw, n, n * (k - 1), confidence)
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _two_way_mixed(msr: float, mse: float, n: int, k: int, confidence: float) -> tuple[float, float]:
    if mse <= 0:
        return 1.0, 1.0
    low, high = _f_limits(msr / mse, n, (n - 1) * (k - 1), confidence)
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _two_way_random(
    msr: float, msc: float, mse: float, n: int, k: int, confidence: float
) -> tuple[float, float]:
    """Shrout & Fleiss 1979, their unnumbered equations for ICC(2, 1)."""
    icc = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    ratio = msc / mse if mse > 0 else np.inf
    if np.isinf(ratio):
        freedom = float(k - 1)
    else:
        along = n * (1 + (k - 1) * icc) - k * icc
        above = (k - 1) * (n - 1) * (k * icc * ratio + along) ** 2
        freedom = above / ((n - 1) * (k * icc * ratio) ** 2 + along**2)
    share = (1 + confidence) / 2
    rest = k * msc + (k * n - k - n) * mse
    f_low, f_high = stats.f.ppf(share, n - 1, freedom), stats.f.ppf(share, freedom, n - 1)
    # Divided by the quantile, which is beyond all bounds where little is known.
    low = n * (msr / f_low - mse) / (rest + n * msr / f_low)
    high = n * (f_high * msr - mse) / (rest + n * f_high * msr)
    return float(low), float(high)


def _of_mean(limits: tuple[float, float, float], k: int) -> tuple[float, float, float]:
    """Spearman-Brown: the reliability of a mean of k from that of one; -inf from -1 / (k - 1) on."""
    value, low, high = (-np.inf if 1 + (k - 1) * x <= 0 else k * x / (1 + (k - 1) * x) for x in limits)
    return value, low, high
