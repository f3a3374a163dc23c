"""The Fréchet distance of Gaussians, which FID and FD-DINOv2 are of features."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh

Float64 = NDArray[np.float64]


def square_root(cov: Float64) -> Float64:
    """The symmetric square root (d, d) of a covariance (d, d)."""
    values, vectors = eigh(cov)
    root: Float64 = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return root


def frechet_distance(
    mean_a: Float64, cov_a: Float64, mean_b: Float64, cov_b: Float64, root_a: Float64 | None = None
) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians: means (d,), covariances (d, d).

    |a - b|^2 + Tr(A + B - 2 (A B)^(1/2)). The last trace is that of the square root of A^(1/2) B A^(1/2),
    which is symmetric, so that nothing complex arises where a covariance is singular. `root_a`: A^(1/2),
    where it is known.
    """
    root = square_root(cov_a) if root_a is None else root_a
    cross = np.sqrt(eigvalsh(root @ cov_b @ root).clip(0)).sum()
    difference = mean_a - mean_b
    squared = float(difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)
    return max(squared, 0.0)  # rounding alone takes it below, where the two are equal
