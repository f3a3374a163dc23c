"""How much of the variation of ratings is whose: models, prompts, annotators, and how they interact."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nami_bench.errors import InputError
from nami_bench.evaluation.human.crossed import Clusters, variance_shares
from nami_bench.evaluation.human.estimates import estimate_scores
from nami_bench.evaluation.human.paired import pair_components
from nami_bench.evaluation.human.ratings_array import TOTAL, Floats, RatingsArray


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variances of one rating, in squared points on the scale 0-100, of the crossed model

        y = model + prompt + annotator + model:prompt + model:annotator + prompt:annotator + rest.

    Models are fixed. `rest` holds the triple interaction and what a second rating would change. Estimates
    below zero are set to zero.

    `prompt_freedom`, `annotator_freedom`: degrees of freedom, at most, of the estimates of model:prompt and
    of model:annotator; None where they are assumed.
    """

    prompt: float
    annotator: float
    model_prompt: float
    model_annotator: float
    prompt_annotator: float
    rest: float
    prompt_freedom: int | None = None
    annotator_freedom: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssumedShares:
    """What is assumed where nobody has measured it, as shares of the square of a deviation.

    The deviation is that of one rating about its model's score once prompts' common difficulty and
    annotators' common severity are taken away. `prompt`, `annotator`: the parts of it that are model:prompt
    and model:annotator, the rest being left. `severity`: the variance of annotators and prompt:annotator,
    on top of it; it matters where the images of one prompt are rated by different people. So does prompts'
    common difficulty, which is assumed to vary as much as what prompts do to single models. NAMI-1K's
    published table gives no variances, so for a study like it these have to be assumed too; the defaults are
    a guess on the careful side, to be replaced by a pilot.
    """

    prompt: float = 0.3
    annotator: float = 0.05
    severity: float = 0.5

    def __post_init__(self) -> None:
        sums = (self.prompt + self.annotator <= 1, self.severity < math.inf)  # not so of what is no number
        if not all(sums) or min(self.prompt, self.annotator, self.severity) < 0:
            raise InputError(
                "the shares of prompts and annotators must be within 0 to 1, together as well, "
                "and that of severity zero or more"
            )


DEFAULT_SHARES = AssumedShares()


def variance_components(ratings: RatingsArray, column: str = TOTAL) -> VarianceComponents:
    """Unbiased moment estimates, averaged over models and over pairs, whatever cells are missing.

    The components of single models' scores hold prompt + model:prompt, and so on; those of differences
    between models hold twice model:prompt, and so on (see `nami_bench.evaluation.human.crossed`). Raises
    InputError for fewer than two models, prompts or annotators.
    """
    single, pairs = _averages(ratings, column)
    prompt, annotator, rest = single
    both = [x / 2 for x in pairs]
    raw = {
        "prompt": prompt - both[0],
        "annotator": annotator - both[1],
        "model_prompt": both[0],
        "model_annotator": both[1],
        "prompt_annotator": rest - both[2],
        "rest": both[2],
    }
    below = [name.replace("_", ":") for name, value in raw.items() if value < -1e-9]
    notes = (f"estimates below zero were set to zero: {', '.join(below)}",) if below else ()
    others = len(ratings.models) - 1
    return VarianceComponents(
        **{name: max(value, 0.0) for name, value in raw.items()},
        prompt_freedom=others * (len(ratings.prompts) - 1),
        annotator_freedom=others * (len(ratings.annotators) - 1),
        notes=notes,
    )


def assumed_components(deviation: float, shares: AssumedShares = DEFAULT_SHARES) -> VarianceComponents:
    """Components from an assumption, where there is no pilot; `deviation`: see `AssumedShares`, in points."""
    if not 0 < deviation < math.inf:
        raise InputError(f"the deviation must be positive and finite, not {deviation:g}")
    square = deviation**2
    prompt, annotator, severity = (
        f"{100 * share:.4g}%" for share in (shares.prompt, shares.annotator, shares.severity)
    )
    note = (
        f"assumed, not measured: of ratings that deviate by {deviation:.3g} points, {prompt} of the variance "
        f"from prompts and {annotator} from annotators that favour a model; on top, {severity} of it from "
        f"annotators' severity and {prompt} from prompts' common difficulty"
    )
    return VarianceComponents(
        prompt=square * shares.prompt,
        annotator=square * shares.severity,
        model_prompt=square * shares.prompt,
        model_annotator=square * shares.annotator,
        prompt_annotator=0.0,
        rest=square * (1 - shares.prompt - shares.annotator),
        notes=(note,),
    )


def lone_annotator_deviation(ratings: RatingsArray, column: str, shares: AssumedShares) -> float:
    """The deviation that `AssumedShares` are of, in points, from a pilot by one annotator.

    What two models' ratings of the same prompts differ by shows all of it but the annotators' part. Raises
    InputError where no two models share two prompts, and for a share of annotators of 1.
    """
    if shares.annotator == 1:
        raise InputError("an annotators' share of 1 leaves nothing that one annotator could show")
    values = _prompt_means(ratings, column)
    seen = []
    for i, j in combinations(range(len(values)), 2):
        differences = values[i] - values[j]
        differences = differences[~np.isnan(differences)]
        if len(differences) > 1:
            seen.append(differences.var(ddof=1) / 2)
    if not seen or not sum(seen):
        raise InputError(
            "no two models share two prompts whose ratings differ: there is nothing to plan from"
        )
    return float(np.sqrt(np.mean(seen) / (1 - shares.annotator)))


def _prompt_means(ratings: RatingsArray, column: str) -> Floats:
    """Means over the ratings of a prompt's images, shape (models, prompts); NaN where there is none."""
    index = ratings.column(column)
    used = ratings.weights > 0  # a criterion without weight may lack values
    total = ratings.values[:, used] @ ratings.weights[used]
    values = total if index == len(ratings.criteria) else ratings.values[:, index]
    rows = ~np.isnan(values)
    shape = (len(ratings.models), len(ratings.prompts))
    cell = np.ravel_multi_index((ratings.model[rows], ratings.prompt[rows]), shape)
    size = shape[0] * shape[1]
    with np.errstate(invalid="ignore"):
        means = np.bincount(cell, weights=values[rows], minlength=size) / np.bincount(cell, minlength=size)
    return np.asarray(means.reshape(shape))


def _averages(ratings: RatingsArray, column: str) -> tuple[list[float], list[float]]:
    """(prompt, annotator, rest) of single scores and of differences."""
    if min(len(ratings.models), len(ratings.prompts), len(ratings.annotators)) < 2:
        raise InputError("variance components need two models, two prompts and two annotators at least")
    index = ratings.column(column)
    estimates = estimate_scores(ratings)
    clusters = Clusters.of_models(estimates.model, estimates.prompt, estimates.annotator, len(ratings.models))
    design = clusters.design(estimates.weight[:, index])
    rated = design.sizes[:, 2] > 0
    shares = variance_shares(design, clusters.forms(estimates.pull[:, index]))[rated]
    single = (shares / design.sizes[rated]).mean(axis=0)
    pairs = pair_components(ratings, index)
    if not len(pairs):
        raise InputError("no two models share ratings that show how much their difference varies")
    return _prompt_first(single), _prompt_first(pairs.mean(axis=0))


def _prompt_first(values: Floats) -> list[float]:
    return [float(values[1]), float(values[0]), float(values[2])]
