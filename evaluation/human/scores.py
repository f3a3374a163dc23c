"""Human scores: from ratings to a mean for each criterion and a weighted total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from evaluation.human.table import IMAGE
from nami_bench.domain import Criterion
from nami_bench.errors import InputError, UnknownNameError

_RATER = [*IMAGE, "annotator"]


@dataclass(frozen=True, slots=True)
class ModelScores:
    """What a table of ratings says about one model.

    `criteria`: mean by criterion, 0-100, None where nobody gave a value. `total`: see `total_score`.
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
    """Score `models`, rated or not (default: those in the table, by name).

    `table` is the tidy table (see `evaluation.human.table`) of one study, or of a part of its prompts: a
    stratum, a tag.

    A criterion's score is the mean over images of each image's mean over its annotators: what is
    estimated is the model's mean over prompts, so an image that more annotators happened to rate must
    not weigh more. In a crossed design without missing values it equals the mean over all ratings.

    Raises InputError for criteria that cannot give a total, UnknownNameError for a criterion in the
    table that is not among them.
    """
    check_criteria(criteria)
    known = [c.name for c in criteria]
    for name in table["criterion"].unique():
        if name not in known:
            raise UnknownNameError("criterion", str(name), known)
    means, counts = _criterion_means(table), _counts(table, len(criteria))
    scores = []
    for model in sorted(map(str, table["model"].unique())) if models is None else models:
        values = {c.name: _rescaled(means.get((model, c.name)), c) for c in criteria}
        scores.append(ModelScores(model, values, total_score(values, criteria), **counts.get(model, {})))
    return scores


def total_score(means: Mapping[str, float | None], criteria: Sequence[Criterion]) -> float | None:
    """The weighted mean of the criteria's means (all 0-100), so the total is 0-100 whatever the weights' sum.

    None where a criterion that carries weight has no mean: a total over the others would be another total.
    """
    weighted = [(c.weight, means.get(c.name)) for c in criteria if c.weight > 0]
    total = 0.0
    for weight, mean in weighted:
        if mean is None:
            return None
        total += weight * mean
    return total / sum(weight for weight, _ in weighted)


def check_criteria(criteria: Sequence[Criterion]) -> None:
    """Raise InputError unless there are criteria, each once, of which one carries weight."""
    names = [c.name for c in criteria]
    if not names or len(set(names)) != len(names):
        raise InputError("the criteria must be at least one, each once")
    if not any(c.weight > 0 for c in criteria):
        raise InputError("the criteria's weights are all zero: there would be no total")


def _rescaled(mean: float | None, criterion: Criterion) -> float | None:
    # Rescaling is linear, so the mean may be rescaled instead of every value.
    return None if mean is None else criterion.rescale(mean)


def _criterion_means(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Mean on the criterion's own scale by (model, criterion); without a value there is no entry."""
    valued = table[table["value"].notna()]
    by_image = valued.groupby(["criterion", *IMAGE], observed=True, sort=False)["value"].mean()
    means = by_image.groupby(["model", "criterion"], observed=True, sort=False).mean().reset_index()
    keys = zip(means["model"].astype(str), means["criterion"].astype(str), strict=True)
    return dict(zip(keys, means["value"].tolist(), strict=True))


def _counts(table: pd.DataFrame, criteria: int) -> dict[str, dict[str, int]]:
    """The counts of `ModelScores` by model; `criteria` is how many each annotator is asked for."""
    valued = table[table["value"].notna()]
    raters = table[_RATER].drop_duplicates()
    per_image = raters.groupby(list(IMAGE), observed=True, sort=False).size().reset_index(name="raters")
    least = per_image.groupby("model", observed=True)["raters"].min().to_dict()
    ratings, values, asked = _by_model(table), _by_model(valued), _by_model(raters)
    images = _by_model(valued[list(IMAGE)].drop_duplicates())
    annotators = _by_model(raters[["model", "annotator"]].drop_duplicates())
    return {
        model: {
            "values": values.get(model, 0),
            "withheld": ratings[model] - values.get(model, 0),
            "absent": criteria * asked[model] - ratings[model],
            "images": images.get(model, 0),
            "annotators": annotators[model],
            "least_annotators": int(least[model]),
        }
        for model in ratings
    }


def _by_model(rows: pd.DataFrame) -> dict[str, int]:
    sizes = rows.groupby("model", observed=True).size()
    return dict(zip(sizes.index.astype(str), sizes.tolist(), strict=True))
