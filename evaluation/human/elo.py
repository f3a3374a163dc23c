"""Elo's scale of strengths."""

import numpy as np

from nami_bench.evaluation.human.ratings_array import Floats

_ELO = 400 / np.log(10)


def elo_scale(strength: Floats) -> Floats:
    """Natural-log odds on Elo's scale: 400 points are odds of ten, 1000 the mean."""
    return np.asarray(1000 + _ELO * strength)
