"""How large a study must be, and what a study of a given size can tell apart.

The test is that of `nami_bench.evaluation.human.comparisons`. Of a study of P prompts and A annotators, o of
whom rate each image, with nothing missing, the variance of the difference of two scores is

    V = 2 model:annotator / A + 2 model:prompt / P + 2 (rest + x (annotator + prompt:annotator)) / (P o),

with x = 0 where the same people rate all models' images of a prompt (a crossed panel), and, where they are
drawn anew for each image (a spread one), x = (A - o) / (A - 1), the chance that somebody else rated the
other model's. The test knows V by two mean squares, of annotators and of prompts. Power is the chance that
the difference is beyond the test's own half width, over what these mean squares may come out as.

Annotators' part shrinks with annotators only: where they disagree on which model is better, no number of
prompts makes up for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from nami_bench.domain.study import Panel
from nami_bench.errors import InputError
from nami_bench.evaluation.human.comparisons import FULL_SCALE
from nami_bench.evaluation.human.components import VarianceComponents
from nami_bench.evaluation.human.ratings_array import Floats
from nami_bench.evaluation.human.spread import Spread

_MOST_PROMPTS = 1_000_000
_QUANTILES = 64
"""Of each mean square: what is drawn of it, evenly and so without chance."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a study is like whatever its size, and how it is tested.

    `overlap`: annotators of each image, None for all of them; where there are fewer, all. `panel`: whether
    the same ones rate all models' images of a prompt. `models`: rated in all; from the third on they tell
    the test how hard a prompt is, which counts in a spread panel. `pairs`: how many pairs are tested at once,
    for which the level is divided as in Holm's first step (Bonferroni). `wanted`: the power asked for.
    """

    overlap: int | None = None
    panel: str = Panel.CROSSED
    models: int = 2
    level: float = 0.95
    pairs: int = 1
    wanted: float = 0.8

    def __post_init__(self) -> None:
        if self.overlap is not None and self.overlap < 1:
            raise InputError("the overlap is one annotator an image at least")
        if self.models < 2 or self.pairs < 1:
            raise InputError("a plan is for two models at least, and for one pair of them")
        for share, what in ((self.wanted, "power"), (self.level, "level")):
            if not 0 < share < 1:
                raise InputError(f"the {what} must be between 0 and 1")
        if self.wanted <= 1 - self.level:
            raise InputError(
                f"a power of {self.wanted:g} is no more than chance gives tests at {1 - self.level:.3g}: "
                "ask for more power, or a higher level"
            )

    def raters(self, annotators: int) -> int:
        """Of an image, among so many annotators."""
        return annotators if self.overlap is None else min(self.overlap, annotators)


@dataclass(frozen=True, slots=True)
class StudySize:
    """A study of so many prompts and annotators, `overlap` of whom rate each image.

    `ratings` for two models and one criterion. `power`: chance, 0-1, that a true difference of `difference`
    points is found; `detectable`: the difference found with the power asked for.
    """

    prompts: int
    annotators: int
    overlap: int
    ratings: int
    difference: float
    power: float
    detectable: float


DEFAULT_LAYOUT = Layout()


def power(
    components: VarianceComponents,
    difference: float,
    prompts: int,
    annotators: int,
    layout: Layout = DEFAULT_LAYOUT,
) -> float:
    """Chance, 0-1, that the test finds a true difference, in points of 0-100."""
    return _Size(components, prompts, annotators, layout).power(difference)


def detectable_difference(
    components: VarianceComponents, prompts: int, annotators: int, layout: Layout = DEFAULT_LAYOUT
) -> float:
    """The smallest true difference, in points of 0-100, found with the power wanted; may be beyond 100."""
    return _Size(components, prompts, annotators, layout).detectable


def prompts_needed(
    components: VarianceComponents, difference: float, annotators: int, layout: Layout = DEFAULT_LAYOUT
) -> int | None:
    """The fewest prompts from which on the power is the one wanted; None where no number is enough.

    With exactly as many prompts as annotators the test takes the larger of two half widths, and its power
    dips: that one number may lack it where more and fewer have it.
    """
    if not 0 < difference <= FULL_SCALE:
        raise InputError(f"the difference to find, {difference:g}, must be above zero and at most 100 points")

    def enough(prompts: int) -> bool:
        return power(components, difference, prompts, annotators, layout) >= layout.wanted

    if not enough(_MOST_PROMPTS):
        return None
    low = annotators + 1
    if enough(low):
        fewer = (number for number in range(annotators, 1, -1) if not enough(number))
        lacking = next((number for number in fewer if number < annotators), 1)
        found = lacking + 1
        return found if found != annotators or enough(found) else low
    high = 2 * low
    while not enough(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def plan_study(
    components: VarianceComponents,
    difference: float,
    *,
    prompts: Sequence[int] = (50, 100, 200, 500, 1000, 2000),
    annotators: Sequence[int] = (3, 5, 8, 12, 20),
    layout: Layout = DEFAULT_LAYOUT,
) -> Iterator[StudySize]:
    """Every combination of the numbers."""
    for raters in annotators:
        for number in prompts:
            size = _Size(components, number, raters, layout)
            shown = layout.raters(raters)
            yield StudySize(
                prompts=number,
                annotators=raters,
                overlap=shown,
                ratings=2 * number * shown,
                difference=difference,
                power=size.power(difference),
                detectable=size.detectable,
            )


class _Size:
    """What the test of two models can be expected to see in a study of one size."""

    def __init__(self, components: VarianceComponents, prompts: int, annotators: int, layout: Layout) -> None:
        if prompts < 2 or annotators < 2:
            raise InputError("a study needs two prompts and two annotators at least")
        self.wanted = layout.wanted
        self._draws = [_draw(components, number, annotators, layout) for number in (prompts, _MOST_PROMPTS)]

    def power(self, difference: float) -> float:
        """Chance that a difference of so many points is beyond the half width, on either side.

        The lower one of this size and of one with any number of prompts: with few annotators the half width
        grows a little as prompts' part, of which more is known, makes way for the annotators'.
        """
        return min(_power(error, half_width, difference) for error, half_width in self._draws)

    @property
    def detectable(self) -> float:
        """The difference found with the power wanted, in points."""
        if self.power(0.0) >= self.wanted or not self._draws[0][0]:
            return 0.0
        high = float(self._draws[0][1].mean())
        while self.power(high) < self.wanted:
            high *= 2
        found = optimize.brentq(lambda d: self.power(d) - self.wanted, 0.0, high, xtol=1e-6 * high)
        return float(found)


@lru_cache(maxsize=256)
def _draw(
    components: VarianceComponents, prompts: int, annotators: int, layout: Layout
) -> tuple[float, Floats]:
    """The root of V, and the half widths that the test may have, shape (draws,)."""
    variance, parts = _expected(components, prompts, annotators, layout)
    freedom = np.array([annotators - 1.0, prompts - 1.0])
    of_annotators, of_prompts = (_mean_squares(int(n)) for n in freedom)
    squares = np.stack(np.meshgrid(of_annotators, of_prompts, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    drawn = Spread(parts * squares, np.broadcast_to(freedom, (len(squares), 2)))
    return float(np.sqrt(variance)), drawn.half_width((1 - layout.level) / layout.pairs)


def _power(error: float, half_width: Floats, difference: float) -> float:
    if error == 0:
        return float(difference != 0)
    above = (half_width - abs(difference)) / error
    below = (-half_width - abs(difference)) / error
    return float((stats.norm.sf(above) + stats.norm.cdf(below)).mean())


@lru_cache(maxsize=4096)
def _mean_squares(freedom: int) -> Floats:
    """Quantiles of a mean square over its expectation, shape (64,)."""
    return np.asarray(stats.chi2.ppf((np.arange(_QUANTILES) + 0.5) / _QUANTILES, freedom) / freedom)


def _expected(
    components: VarianceComponents, prompts: int, annotators: int, layout: Layout
) -> tuple[float, Floats]:
    """V, and the parts that a `Spread` is expected to have, shape (2, 2).

    Where annotators share the prompts out, the mean square of either kind holds some of the other's part;
    and annotators' holds, of prompts' common difficulty, what the other models do not tell.
    """
    raters = layout.raters(annotators)
    cells = prompts * raters
    of_annotators, of_prompts = (
        2 * components.model_annotator / annotators,
        2 * components.model_prompt / prompts,
    )
    severity = components.annotator + components.prompt_annotator
    apart = (annotators - raters) / (annotators - 1) if layout.panel == Panel.SPREAD else 0.0
    rest = 2 * (components.rest + apart * severity) / cells
    noise = components.model_prompt + (components.rest + severity) / raters
    others = layout.models - 2
    unknown = noise / (others * components.prompt + noise) if noise > 0 else float(others == 0)
    difficulty = apart * 2 * components.prompt * unknown / cells
    in_annotators = (annotators - raters) / (raters * (annotators - 1))
    in_prompts = min((annotators - raters) / (raters * (prompts - 1)), 1.0)
    parts = (
        (of_annotators + rest + difficulty + in_annotators * of_prompts, (1 - in_annotators) * of_prompts),
        ((1 - in_prompts) * of_annotators, of_prompts + rest + in_prompts * of_annotators),
    )
    return of_annotators + of_prompts + rest, np.array(parts)
