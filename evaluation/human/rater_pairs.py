"""Every two annotators beside each other, on the images that both rated."""

from dataclasses import dataclass

import numpy as np

from nami_bench.evaluation.human.ratings_array import Floats, RatingsArray

MOST_ANNOTATORS = 60
"""A matrix of more is for nobody to read, and takes long."""


@dataclass(frozen=True, slots=True)
class RaterPair:
    """Of two annotators: `images` that both rated, and the mean absolute `difference` of their values, in
    points of 0-100 over all criteria that both judged; None where there is no such value."""

    first: str
    second: str
    images: int
    difference: float | None


def rater_pairs(ratings: RatingsArray) -> list[RaterPair]:
    """Every two annotators, in the order of their names; none where there are more than `MOST_ANNOTATORS`."""
    count = len(ratings.annotators)
    if count > MOST_ANNOTATORS:
        return []
    asked = ratings.values[:, : len(ratings.asked)]
    image = ratings.image()
    grid = np.full((count, int(image[-1]) + 1 if len(image) else 0, asked.shape[1]), np.nan)
    grid[ratings.annotator, image] = asked
    return [
        RaterPair(ratings.annotators[i], ratings.annotators[j], *_beside(grid[i], grid[j]))
        for i in range(count)
        for j in range(i + 1, count)
    ]


def _beside(first: Floats, second: Floats) -> tuple[int, float | None]:
    apart = np.abs(first - second)
    both = ~np.isnan(apart)
    return int(both.any(axis=1).sum()), float(apart[both].mean()) if both.any() else None
