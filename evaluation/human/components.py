"""How much of the variation of ratings is whose: models, prompts, annotators, and how they interact."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.human.crossed import Clusters, variance_shares
from evaluation.human.estimates import estimate_scores
from evaluation.human.paired import pair_components
from evaluation.human.ratings_array import TOTAL, Floats, RatingsArray
from nami_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variances on the scale 0-100, squared, of the crossed model

        y = model + prompt + annotator + model:prompt + model:annotator + prompt:annotator + rest.

    Models are fixed; `model` is the variance of their true scores. `rest` holds the triple interaction and
    what a second rating would change. Estimates below zero are set to zero.
    """

    model: float
    prompt: float
    annotator: float
    model_prompt: float
    model_annotator: float
    prompt_annotator: float
    rest: float
    notes: tuple[str, ...] = ()

    @property
    def shares(self) -> Mapping[str, float]:
        """Each component's share of their sum, 0-1; all zero without variation."""
        names = (
            "model",
            "prompt",
            "annotator",
            "model_prompt",
            "model_annotator",
            "prompt_annotator",
            "rest",
        )
        values = {name: float(getattr(self, name)) for name in names}
        whole = sum(values.values())
        return {name: value / whole if whole > 0 else 0.0 for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class DifferenceComponents:
    """Variances of the difference between two models' ratings of the same prompt by the same annotator.

    Of a study with P prompts and A annotators who all rate everything, the difference of two scores has the
    variance prompt / P + annotator / A + rest / (P A): nothing else of a rating matters to who is better.
    """

    prompt: float
    annotator: float
    rest: float
    notes: tuple[str, ...] = ()


def variance_components(ratings: RatingsArray, column: str = TOTAL) -> VarianceComponents:
    """Unbiased moment estimates, averaged over models and over pairs, whatever cells are missing.

    The components of single models' scores hold prompt + model:prompt, and so on; those of differences
    between models hold twice model:prompt, and so on (see `evaluation.human.crossed`). Raises InputError
    for fewer than two models, prompts or annotators.
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
    below = [name for name, value in raw.items() if value < -1e-9]
    notes = (f"estimates below zero were set to zero: {', '.join(below)}",) if below else ()
    kept = {name: max(value, 0.0) for name, value in raw.items()}
    scores = estimate_scores(ratings).scores[:, ratings.column(column)]
    error = kept["model_prompt"] / len(ratings.prompts) + kept["model_annotator"] / len(ratings.annotators)
    error += kept["rest"] / (len(ratings.prompts) * len(ratings.annotators))
    model = max(float(np.nanvar(scores, ddof=1)) - error, 0.0)
    return VarianceComponents(model=model, notes=notes, **kept)


def difference_components(ratings: RatingsArray, column: str = TOTAL) -> DifferenceComponents:
    """The mean over all pairs of models; raises InputError as `variance_components`."""
    prompt, annotator, rest = (max(x, 0.0) for x in _averages(ratings, column)[1])
    return DifferenceComponents(prompt, annotator, rest)


def assumed_components(
    deviation: float = 20.0, *, prompt: float = 0.3, annotator: float = 0.05
) -> DifferenceComponents:
    """Components from an assumption, where there is no pilot.

    `deviation`: standard deviation, on the scale 0-100, of one rating about its model's score once prompts'
    common difficulty and annotators' common severity are taken away. `prompt`, `annotator`: the shares of
    its square that are model:prompt and model:annotator. NAMI-1K's published table gives no variances, so
    for a study like it these have to be assumed too; the defaults are a guess on the careful side, to be
    replaced by a pilot.
    """
    if deviation <= 0 or min(prompt, annotator) < 0 or prompt + annotator > 1:
        raise InputError(
            "the deviation must be positive, and the shares of prompts and annotators within 0 to 1"
        )
    square = 2 * deviation**2
    note = (
        f"assumed, not measured: ratings deviate by {deviation:g} points, {prompt:.0%} of the variance "
        f"from prompts and {annotator:.0%} from annotators that favour a model"
    )
    return DifferenceComponents(
        square * prompt, square * annotator, square * (1 - prompt - annotator), (note,)
    )


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
