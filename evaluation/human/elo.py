"""Elo's scale of strengths."""

import numpy as np

from nami_bench.evaluation.human.ratings_array import Floats

ELO_OF_LOG_ODDS = 400 / float(np.log(10))
"""Points."""


def elo_scale(strength: Floats) -> Floats:
    """Natural-log odds on Elo's scale: 400 points are odds of ten, 1000 the mean."""
    return np.asarray(1000 + ELO_OF_LOG_ODDS * strength)
