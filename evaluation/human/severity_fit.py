"""A mixed model of what annotators do to ratings: severity, spread and inconsistency.

    y_ia = severity_a + spread_a * quality_i + e_ia,    severity ~ N(0, tau^2),    spread ~ N(1, omega^2),
    e_ia ~ N(0, v_a),    v_a ~ scaled inverse chi-square

in rounds, each part given the others, on values of one criterion about their mean:

- severity: see `nami_bench.evaluation.human.severity_equations`;
- inconsistency, the root of v: restricted likelihood with images integrated out, so that only what annotators
  differ by on one image counts and nobody's ratings can become the quality, which a likelihood with free
  qualities rewards without bound (Neyman & Scott 1948); for three annotators it is Grubbs' (1948) estimator.
  Moderated by a prior from all annotators (Smyth 2004): equal unless they demonstrably differ;
- spread: expectation-maximization for one factor (Rubin & Thayer 1982), with images normal about their
  model's mean; exactly one for all unless they demonstrably differ.

An annotator whose ratings hardly follow the images is given the usual spread and a variance so large that
the ratings count only where there are no others.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from nami_bench.evaluation.human.moderation import variance_between, variance_prior
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers
from nami_bench.evaluation.human.severity_equations import RatedImages, Severities, predict_severity

FEWEST_ANNOTATORS, FEWEST_SHARED = 3, 10
"""So many annotators must have so many ratings of images that others rated too."""
MOST_ROUNDS = 40
_FIRST_CHECK = 6
_SETTLED_SEVERITY, _SETTLED_OTHERS = 0.02, 0.01
_VARIANCE_STEPS, _SPREAD_STEPS = 3, 6
_EARLY, _EARLY_SPREAD = 4, 0.1
"""In the rounds before, spreads are free to move at least so far, or they would never begin to."""
_WIDEST_SPREAD, _NARROWEST = 0.5, 0.2
_STEADIEST, _UNHEARD = 9.0, 100.0
"""How far below the usual variance one may be, and how far above it those are who do not follow."""
_ASLEEP = 0.25
_STRAY_SHARE, _COPY_SHARE, _CARRIED_SHARE = 0.05, 0.02, 0.8


@dataclass(frozen=True, slots=True, eq=False)
class SeverityFit:
    """A fit to one criterion, in points.

    `quality`: by image, shape (images,), as the average annotator of the panel would rate it. By annotator,
    shape (annotators,): `severity`, points above the average annotator, sum zero; `spread`, mean one;
    `variance` of a rating about its expectation; `spread_error`, standard errors; `follows`: false for who
    does not follow the images. `predicted`: the severities before they were moved to sum zero.
    `influence`: by rating, d quality / d rating. `known`: annotators with enough shared ratings who follow.
    """

    rated: RatedImages
    quality: Floats
    severity: Floats
    spread: Floats
    variance: Floats
    predicted: Severities
    spread_error: Floats
    influence: Floats
    follows: Booleans
    known: int
    centre: float


def fit_severity(
    image: Integers, annotator: Integers, value: Floats, model: Integers, annotators: int
) -> SeverityFit | str:
    """Fit to values in long form, each of shape (n,), or say in words why there is nothing to be trusted.

    `image` counts from 0 without gaps; `model`: by image, shape (images,).
    """
    rated = RatedImages(image, annotator, annotators)
    centre = float(value.mean())
    rounds = _Rounds(rated, value - centre, model)
    if reason := _unfit(rated, rounds.start):
        return reason
    settled = rounds.run()
    return rounds.untrusted(settled) or rounds.result(centre)


def _unfit(rated: RatedImages, within: float) -> str | None:
    """Why no fit can be made; `within`: variance of the ratings of one image."""
    if not rated.shared.any():
        return "no two annotators rated the same image"
    if (rated.shared >= FEWEST_SHARED).sum() < FEWEST_ANNOTATORS:
        return f"fewer than {FEWEST_ANNOTATORS} annotators have {FEWEST_SHARED} images in common with others"
    if within < 1e-9:
        return "annotators never differ: there is nothing to adjust"
    graph = sparse.bmat([[None, rated.incidence], [rated.incidence.T, None]]).tocsr()
    _, part = csgraph.connected_components(graph, directed=False)
    ratings = np.bincount(part[len(rated.raters) + rated.annotator])
    if 1 - ratings.max() / ratings.sum() > _STRAY_SHARE:
        groups = int((ratings > 0).sum())
        return f"annotators fall into {groups} groups without an image in common"
    return None


@dataclass(slots=True, eq=False)
class _Factor:
    """What images are thought to be before anybody rates them, and the annotators' slopes on them.

    `means`: by model; `variance`: of images about them. `free`: slopes without a prior, `squared_error`
    theirs, `own_error`: standard errors from each annotator's own residuals.
    """

    means: Floats
    variance: float
    free: Floats
    squared_error: Floats
    own_error: Floats


class _Rounds:
    """The annotators' parameters, moved round by round."""

    def __init__(self, rated: RatedImages, y: Floats, model: Integers) -> None:
        self.rated, self.y, self.model = rated, y, model
        size = rated.annotators
        self.severities = Severities(np.zeros(size), 0.0, None)
        self.spread = np.ones(size)
        self.spread_variance = 0.0
        self.spread_error = np.zeros(size)
        self.factor: _Factor | None = None
        self.asleep = np.zeros(size, dtype=bool)
        self.many = rated.shared >= FEWEST_SHARED
        _, residual, _ = rated.quality(y, np.zeros(size), self.spread, np.ones(size))
        self.start = float(residual @ residual) / max(int((rated.raters - 1).sum()), 1)
        self.variance = np.full(size, self.start)

    @property
    def _following(self) -> Booleans:
        return self.many & ~self.asleep

    def run(self) -> bool:
        """Whether the parameters came to rest within the rounds allowed."""
        moved = np.inf
        for number in range(1, MOST_ROUNDS + 1):
            severity, variance, spread = self.severities.effect, self.variance, self.spread
            self.severities = predict_severity(*self.rated.equations(self.y, spread, variance))
            by_severity = np.abs(self.severities.effect - severity).max()
            if number >= _FIRST_CHECK and by_severity < _SETTLED_SEVERITY and moved < _SETTLED_OTHERS:
                return True
            for _ in range(_VARIANCE_STEPS):
                self._move_variances()
            if number > 1:
                self._move_spreads(early=number < _EARLY)
            if not self._following.any():
                return False
            moved = max(np.abs(np.log(self.variance / variance)).max(), np.abs(self.spread - spread).max())
        return False

    def _move_variances(self) -> None:
        rated, variance = self.rated, self.variance
        _, residual, leverage = rated.quality(self.y, self.severities.effect, self.spread, variance)
        squares = rated.by_annotator(residual**2)
        estimated = 1 + (self.spread_variance > 0)
        freedom = np.maximum(rated.by_annotator(1 - leverage) - estimated * (rated.given > 0), 0.0)
        found = np.divide(squares, freedom, out=np.zeros_like(squares), where=freedom > 0)
        awake = ~self.asleep
        prior, scale = variance_prior(found[awake], freedom[awake])
        if np.isinf(prior):
            moved = np.full_like(variance, scale)
        else:  # what images hide of the error is added at its expectation
            whole = residual**2 + variance[rated.annotator] * leverage
            moved = (prior * scale + rated.by_annotator(whole * rated.is_shared)) / (prior + rated.shared)
        moved = np.maximum(moved, 1e-3 * self.start)
        usual = np.median(moved[self._following])
        within = np.clip(moved, usual / _STEADIEST, usual * _UNHEARD)
        self.variance = np.where(self.asleep, usual * _UNHEARD, within)

    def _move_spreads(self, *, early: bool) -> None:
        factor = self._factor_steps(_EARLY_SPREAD**2 if early else 0.0)
        usual = np.median(factor.free[self._following])
        self.asleep = (
            self.many
            & (factor.free < _ASLEEP * usual)
            & (factor.free + 2 * factor.own_error < 2 * _ASLEEP * usual)
        )
        follows = self._following
        if not follows.any():
            return
        between = variance_between(factor.free[follows], factor.squared_error[follows])
        self.spread_variance = min(between, _WIDEST_SPREAD**2)
        if self.spread_variance == 0 and not early:
            self.spread = np.ones_like(self.spread)
        spread = np.where(self.asleep, 1.0, np.clip(self.spread, _NARROWEST, 1 / _NARROWEST))
        weight = follows / self.variance
        self.spread = np.where(self.asleep, 1.0, spread * weight.sum() / (weight @ spread))
        precision = 1 / factor.squared_error + 1 / max(self.spread_variance, 1e-12)
        self.spread_error = np.where(self.asleep, 0.0, precision**-0.5)

    def _factor_steps(self, least: float) -> _Factor:
        """Move spreads by expectation-maximization, with `least` as their prior's smallest variance."""
        rated, variance = self.rated, self.variance
        factor = self.factor or self._first_factor()
        severity = self.severities.effect
        prior = max(self.spread_variance, least, 1e-8)
        for _ in range(_SPREAD_STEPS):
            slope = self.spread / variance
            precision = 1 / factor.variance + rated.information(self.spread, variance)
            known = rated.by_image(slope[rated.annotator] * (self.y - severity[rated.annotator]))
            quality = (factor.means[self.model] / factor.variance + known) / precision
            factor.means = self._model_means(quality)
            away = quality - factor.means[self.model]
            factor.variance = float((away**2 + 1 / precision).mean())
            severity = self._regress(factor, quality, 1 / precision, prior)
        self.factor = factor
        return factor

    def _first_factor(self) -> _Factor:
        rated = self.rated
        quality, _, _ = rated.quality(self.y, self.severities.effect, self.spread, self.variance)
        means = self._model_means(quality)
        noise = 1 / rated.information(self.spread, self.variance)
        variance = float(((quality - means[self.model]) ** 2 - noise).mean())
        ones = np.ones_like(self.spread)
        return _Factor(means, max(variance, 0.05 * self.start), ones, ones, ones)

    def _model_means(self, quality: Floats) -> Floats:
        return np.bincount(self.model, weights=quality) / np.maximum(np.bincount(self.model), 1)

    def _regress(self, factor: _Factor, quality: Floats, uncertainty: Floats, prior: float) -> Floats:
        """Each annotator's ratings on the images' qualities: moves the spreads, returns the severities."""
        rated, variance, y = self.rated, self.variance, self.y
        x = quality[rated.image]
        n = np.maximum(rated.given, 1)
        sum_x, sum_xx = rated.by_annotator(x), rated.by_annotator(x * x)
        sum_y, sum_xy, sum_yy = (rated.by_annotator(part) for part in (y, x * y, y * y))
        a = rated.given / variance + 1 / max(self.severities.variance, 1e-6)
        b = sum_x / variance
        c = (sum_xx + rated.by_annotator(uncertainty[rated.image])) / variance
        right, right_x = sum_y / variance, sum_xy / variance
        factor.free = (a * right_x - b * right) / np.maximum(a * c - b**2, 1e-12)
        # Without the images' uncertainty: where it hides a slope there is no information on it.
        factor.squared_error = 1 / np.maximum(sum_xx / variance - b**2 / a, 1e-12)
        within_x = np.maximum(sum_xx - sum_x**2 / n, 1e-9)
        rest = sum_yy - sum_y**2 / n - (sum_xy - sum_x * sum_y / n) ** 2 / within_x
        factor.own_error = np.sqrt(np.maximum(rest, 0.0) / np.maximum(n - 2, 1) / within_x)
        c, right_x = c + 1 / prior, right_x + 1 / prior  # the prior's mean is one
        determinant = a * c - b**2
        self.spread = (a * right_x - b * right) / determinant
        return np.asarray((c * right - b * right_x) / determinant)

    def _influence(self) -> Floats:
        rated = self.rated
        slope = (self.spread / self.variance)[rated.annotator]
        return np.asarray(slope / rated.information(self.spread, self.variance)[rated.image])

    def untrusted(self, settled: bool) -> str | None:
        """Why the fit is not to be used."""
        rated = self.rated
        if 2 * self.asleep.sum() >= self.many.sum():
            return "half of the annotators or more do not follow the images"
        if np.median(self.variance[self._following]) < _COPY_SHARE * self.start:
            return "half of the annotators or more agree to the point, as copies do"
        weight = rated.by_annotator(self._influence() * self.spread[rated.annotator])
        if weight.max() > _CARRIED_SHARE * len(rated.raters) and not self.asleep.any():
            return f"one annotator would carry over {_CARRIED_SHARE:.0%} of the weight"
        return None if settled else f"the fit did not settle in {MOST_ROUNDS} rounds"

    def result(self, centre: float) -> SeverityFit:
        """The fit, with the average annotator as the one that scores are for."""
        rated, spread = self.rated, self.spread
        severity = self.severities.effect
        quality, _, _ = rated.quality(self.y, severity, spread, self.variance)
        given = rated.given > 0
        shift = severity[given].sum() / spread[given].sum()
        return SeverityFit(
            rated=rated,
            quality=quality + shift + centre,
            severity=np.where(given, severity - shift * spread, np.nan),
            spread=np.where(given, spread, np.nan),
            variance=np.where(given, self.variance, np.nan),
            predicted=self.severities,
            spread_error=self.spread_error,
            influence=self._influence(),
            follows=~self.asleep,
            known=int(self._following.sum()),
            centre=centre,
        )
