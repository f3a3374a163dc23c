"""Coefficients of agreement by criterion: Krippendorff's alpha, Fleiss' kappa, intraclass correlations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nami_bench.evaluation.human.agreement import Alpha, Level, ratings_alphas
from nami_bench.evaluation.human.icc import Coefficient, fleiss_kappa, intraclass_correlations
from nami_bench.evaluation.human.ratings_array import RatingsArray

ICC_FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(2,k)")
_LARGEST = 2**25
"""Cells of a table of images by annotators."""
_MOST_CATEGORIES = 11
"""Of Fleiss' kappa, which counts agreement to the point: 0 to 10."""


@dataclass(frozen=True, slots=True)
class CriterionAgreement:
    """Coefficients of one criterion: alpha at a level of measurement, kappa, and ICC by form.

    `kappa` takes values for categories and is None within where there are too many of them.
    """

    criterion: str
    alpha: Alpha
    kappa: Coefficient
    icc: Mapping[str, Coefficient]


def criteria_agreement(
    ratings: RatingsArray, names: Sequence[str], level: Level, *, replicates: int = 1000, seed: int = 0
) -> tuple[CriterionAgreement, ...]:
    """The coefficients of the criteria `names`; units are images."""
    alphas = ratings_alphas(ratings, names, level, replicates=replicates, seed=seed)
    return tuple(
        CriterionAgreement(name, alpha, _kappa(ratings, column, replicates, seed), _icc(ratings, column))
        for name, alpha in zip(names, alphas, strict=True)
        for column in [ratings.column(name)]
    )


def _kappa(ratings: RatingsArray, column: int, replicates: int, seed: int) -> Coefficient:
    given = ~np.isnan(ratings.values[:, column])
    image = ratings.image()[given]
    categories, category = np.unique(ratings.values[given, column], return_inverse=True)
    if len(categories) > _MOST_CATEGORIES:
        why = f"the {len(categories)} distinct values are too many for categories"
        return Coefficient("Fleiss' kappa", None, None, None, 0, 0, notes=(why,))
    shape = (int(image.max(initial=-1)) + 1, len(categories))
    counts = np.bincount(image * shape[1] + category, minlength=shape[0] * shape[1]).reshape(shape)
    return fleiss_kappa(counts[counts.any(axis=1)], replicates=replicates, seed=seed)


def _icc(ratings: RatingsArray, column: int) -> dict[str, Coefficient]:
    """The forms of `ICC_FORMS`: from the images that every annotator rated, where there are two of them.

    Else form 1, which lets every image have raters of its own, from the images that have the usual number.
    """
    given = ~np.isnan(ratings.values[:, column])
    image, value = ratings.image()[given], ratings.values[given, column]
    images, annotators = int(image.max(initial=-1)) + 1, len(ratings.annotators)
    wide = np.full((images if images * annotators <= _LARGEST else 0, annotators), np.nan)
    if len(wide):
        wide[image, ratings.annotator[given]] = value
    crossed = {found.name: found for found in intraclass_correlations(wide)}
    if crossed["ICC(1,1)"].value is None and crossed["ICC(1,1)"].targets < 2:
        first = {found.name: found for found in intraclass_correlations(_of_usual_number(image, value))}
        crossed["ICC(1,1)"] = first["ICC(1,1)"]
    return {form: _bounded(crossed[form]) for form in ICC_FORMS}


def _bounded(found: Coefficient) -> Coefficient:
    """Without a limit at minus infinity, which the mean of several annotators can have."""
    if found.low is None or np.isfinite(found.low):
        return found
    return replace(found, low=None, notes=(*found.notes, "the interval has no lower limit"))


def _of_usual_number(image: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Values of the images that have the commonest number of them from two on, shape (images, number)."""
    counts = np.bincount(image)
    several = counts[counts > 1]
    if not len(several):
        return np.empty((0, 0))
    usual = int(np.bincount(several).argmax())
    chosen = counts[image] == usual
    return np.asarray(value[chosen][np.argsort(image[chosen], kind="stable")].reshape(-1, usual))


def criterion_notes(found: Sequence[CriterionAgreement]) -> Iterator[str]:
    """Each note once, with the criteria and the coefficients that it is about."""
    about: dict[str, tuple[list[str], list[str]]] = {}
    for one in found:
        notes = [("alpha", note) for note in one.alpha.notes]
        if one.kappa.targets:
            notes += [("Fleiss' kappa", note) for note in one.kappa.notes]
        notes += [(form, note) for form, icc in one.icc.items() for note in icc.notes]
        for name, note in notes:
            criteria, names = about.setdefault(note, ([], []))
            criteria.append(one.criterion)
            names.append(name)
    for note, (criteria, names) in about.items():
        yield f"{', '.join(dict.fromkeys(names))} of {', '.join(dict.fromkeys(criteria))}: {note}"
