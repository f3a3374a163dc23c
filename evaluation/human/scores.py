"""Human scores: from ratings to a mean for each criterion and a weighted total."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nami_bench.domain import Criterion, Prompt
from nami_bench.evaluation.human.estimates import estimate_scores, sums
from nami_bench.evaluation.human.ratings_array import Integers, RatingsArray


@dataclass(frozen=True, slots=True)
class ModelScores:
    """What a table of ratings says about one model.

    `criteria`: mean by criterion, 0-100, None where nobody gave a value. `total`: see `Criteria`; None where
    a criterion that carries weight has no mean, for a total over the others would be another total.
    `values` and `withheld` count ratings with and without a value; `absent` counts ratings that do not
    exist although the annotator rated another criterion of the same image. `images` have a value in some
    criterion; `annotators` rated the model, and `least_annotators` the image that has the fewest.
    """

    model: str
    criteria: Mapping[str, float | None]
    total: float | None
    values: int = 0
    withheld: int = 0
    absent: int = 0
    images: int = 0
    annotators: int = 0
    least_annotators: int = 0

    @property
    def missing_share(self) -> float | None:
        """Share of ratings, 0-1, in which the annotator could not judge; None without ratings."""
        ratings = self.values + self.withheld
        return self.withheld / ratings if ratings else None


def score_models(
    table: pd.DataFrame, criteria: Sequence[Criterion], models: Sequence[str] | None = None
) -> list[ModelScores]:
    """`model_scores` of a tidy table; see `RatingsArray.from_table` for `models` and errors."""
    return model_scores(RatingsArray.from_table(table, criteria, models))


def model_scores(ratings: RatingsArray) -> list[ModelScores]:
    """The scores of all models, rated or not, in their order.

    A criterion's score is the mean over images of each image's mean over its annotators: what is
    estimated is the model's mean over prompts, so an image that more annotators happened to rate must
    not weigh more. In a crossed design without missing values it equals the mean over all ratings.
    """
    scores = estimate_scores(ratings).scores
    known = [[None if np.isnan(score) else score for score in row] for row in scores.tolist()]
    names = [c.name for c in ratings.asked]
    counts = _counts(ratings)
    return [
        ModelScores(
            model, dict(zip(names, row, strict=False)), row[-1], **dict(zip(counts, numbers, strict=True))
        )
        for model, row, *numbers in zip(ratings.models, known, *counts.values(), strict=True)
    ]


def image_totals(ratings: RatingsArray) -> dict[tuple[str, str, int], float]:
    """By (model, prompt, sample), the total of the image's mean ratings, 0-100, where it has one.

    A geometric total is the mean of the ratings' own.
    """
    image = ratings.image()
    first = np.flatnonzero(np.diff(image, prepend=-1))
    valid = ~np.isnan(ratings.values)
    raters = sums(image, valid.astype(float), len(first))
    with np.errstate(invalid="ignore"):
        means = sums(image, np.where(valid, ratings.values, 0.0), len(first)) / raters
    used = ratings.weights > 0
    totals = means[:, used] @ ratings.weights[used]
    return {
        (ratings.models[ratings.model[row]], ratings.prompts[ratings.prompt[row]], int(ratings.sample[row])):
            float(total)
        for row, total in zip(first, totals, strict=True)
        if not np.isnan(total)
    }  # fmt: skip


def prompt_groups(prompts: Iterable[Prompt], by: str) -> dict[str, tuple[str, ...]]:
    """Ids of the prompts by "stratum", by GenEval's "task", or by the value of a tag.

    Prompts without a task or the tag are in no group: score each group with `RatingsArray.of_prompts`.
    """
    groups: dict[str, list[str]] = {}
    for prompt in prompts:
        name = {"stratum": prompt.stratum, "task": prompt.task}.get(by, prompt.tags.get(by))
        if name is not None:
            groups.setdefault(name, []).append(prompt.id)
    return {name: tuple(ids) for name, ids in groups.items()}


def _counts(ratings: RatingsArray) -> dict[str, list[int]]:
    """The counts of `ModelScores`, each by model."""
    models, image = len(ratings.models), ratings.image()
    asked_for = slice(len(ratings.asked))
    valid, withheld_of = ~np.isnan(ratings.values[:, asked_for]), ratings.withheld[:, asked_for]
    first = np.flatnonzero(np.diff(image, prepend=-1))
    model_of_image = ratings.model[first]
    rated = np.add.reduceat(valid.any(axis=1).astype(np.int64), first) > 0 if len(first) else first > 0
    raters = np.unique(ratings.model * (len(ratings.annotators) + 1) + ratings.annotator)
    least = np.full(models, len(ratings.annotators) + 1)
    np.minimum.at(least, model_of_image, np.bincount(image)[: len(first)])
    values, withheld = (_by_model(ratings.model, x.sum(axis=1), models) for x in (valid, withheld_of))
    asked = len(ratings.asked) * np.bincount(ratings.model, minlength=models)
    annotators = np.bincount(raters // (len(ratings.annotators) + 1), minlength=models)
    return {
        "values": values.tolist(),
        "withheld": withheld.tolist(),
        "absent": (asked - values - withheld).tolist(),
        "images": np.bincount(model_of_image[rated], minlength=models).tolist(),
        "annotators": annotators.tolist(),
        "least_annotators": np.where(annotators > 0, least, 0).tolist(),
    }


def _by_model(model: Integers, numbers: Integers, models: int) -> Integers:
    return np.bincount(model, weights=numbers, minlength=models).astype(np.int64)
