"""True categories of items, and the annotators' reliability, from their labels alone.

Dawid & Skene (1979): every annotator has a matrix of chances to call category j what is category i. MACE
(Hovy et al. 2013): every annotator either knows (copies the true category) or spams (draws from a
distribution of their own). Both by expectation-maximization, in long form: an item may have any number of
labels, more than one by the same annotator included.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import digamma, logsumexp

from nami_bench.errors import InputError
from nami_bench.evaluation.human.ratings_array import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class DawidSkene:
    """A fit: `posterior` (items, categories), `prior` (categories,), `confusion` (annotators, true, given).

    Rows of `confusion` that no item's posterior reaches are uniform. `log_likelihood` is that of the last
    round.
    """

    posterior: Floats
    prior: Floats
    confusion: Floats
    log_likelihood: float
    converged: bool
    rounds: int

    @property
    def labels(self) -> Integers:
        """The likeliest category of each item."""
        return np.asarray(self.posterior.argmax(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Mace:
    """A fit: `posterior` (items, categories), `competence` (annotators,), `spamming`, the rows of which are
    distributions, (annotators, categories).

    `competence`: the chance, 0-1, that the annotator knows and does not spam.
    """

    posterior: Floats
    competence: Floats
    spamming: Floats
    log_likelihood: float
    converged: bool
    rounds: int

    @property
    def labels(self) -> Integers:
        """The likeliest category of each item."""
        return np.asarray(self.posterior.argmax(axis=1))


def fit_dawid_skene(
    item: Integers, annotator: Integers, label: Integers, *, tolerance: float = 1e-9, most_rounds: int = 2000
) -> DawidSkene:
    """The maximum-likelihood fit, from shares of labels as a start, as the paper has it.

    `item`, `annotator`, `label`: codes from 0, shape (n,). Stops where the log likelihood gains less than
    `tolerance`. Raises InputError without labels, or with one category only.
    """
    items, annotators, categories = _sizes(item, annotator, label)
    counts = _counts(item, label, (items, categories))
    posterior = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    given = sparse.csr_array(
        (np.ones(len(item)), (annotator * categories + label, item)), shape=(annotators * categories, items)
    )
    before, rounds, settled = -np.inf, 0, False
    while not settled and rounds < most_rounds:
        rounds += 1
        rated = counts.sum(axis=1) > 0
        prior = posterior[rated].mean(axis=0)
        joint = np.asarray(given @ posterior).reshape(annotators, categories, categories)
        whole = joint.sum(axis=1, keepdims=True)
        share = np.where(whole > 0, joint / np.where(whole > 0, whole, 1.0), 1 / categories)
        with np.errstate(divide="ignore"):
            log_share = np.maximum(np.log(share), -700.0).reshape(annotators * categories, categories)
            log_joint = np.asarray(given.T @ log_share) + np.maximum(np.log(prior), -700.0)
        evidence = logsumexp(log_joint, axis=1)
        posterior = np.exp(log_joint - evidence[:, None])
        likelihood = float(evidence[rated].sum())
        settled = likelihood - before < tolerance
        before = likelihood
    confusion = np.swapaxes(share, 1, 2)
    return DawidSkene(posterior, prior, confusion, likelihood, settled, rounds)


def fit_mace(
    item: Integers,
    annotator: Integers,
    label: Integers,
    *,
    restarts: int = 10,
    rounds: int = 50,
    seed: int = 0,
    smoothing: float | None = None,
) -> Mace:
    """The best of `restarts` variational fits with the paper's priors.

    These are Beta(1/2, 1/2) of knowing, and spamming smoothed by `smoothing` (default: 0.01 over the number
    of categories).

    `item`, `annotator`, `label`: codes from 0, shape (n,). Raises InputError without labels, or with one
    category.
    """
    sizes = _sizes(item, annotator, label)
    rng = np.random.default_rng(seed)
    smooth = 0.01 / sizes[2] if smoothing is None else smoothing
    fits = [_mace(item, annotator, label, sizes, rng, rounds, smooth) for _ in range(max(restarts, 1))]
    return max(fits, key=lambda fit: fit.log_likelihood)


def _mace(
    item: Integers,
    annotator: Integers,
    label: Integers,
    sizes: tuple[int, int, int],
    rng: np.random.Generator,
    most_rounds: int,
    smooth: float,
) -> Mace:
    items, annotators, categories = sizes
    knows = 0.5 + 0.2 * rng.random(annotators)
    spam = rng.dirichlet(np.full(categories, 5.0), size=annotators)
    before, done, settled = -np.inf, 0, False
    while not settled and done < most_rounds:
        done += 1
        # Had the item category t: the annotator knew and t is the label, or spammed.
        spammed = (1 - knows[annotator]) * spam[annotator, label]
        tiny = 1e-300
        off = np.log(np.maximum(spammed, tiny))
        on = np.log(np.maximum(knows[annotator] + spammed, tiny))
        base = np.bincount(item, weights=off, minlength=items)
        log_joint = base[:, None] + _counts(item, label, (items, categories), on - off) - np.log(categories)
        evidence = logsumexp(log_joint, axis=1)
        posterior = np.exp(log_joint - evidence[:, None])
        likelihood = float(evidence.sum())
        knew = posterior[item, label] * knows[annotator] / np.maximum(knows[annotator] + spammed, tiny)
        sure = np.bincount(annotator, weights=knew, minlength=annotators)
        given = np.bincount(annotator, minlength=annotators)
        # Variational Bayes: exponentials of digamma in the place of shares.
        yes, no = digamma(sure + 0.5), digamma(given - sure + 0.5)
        knows = np.exp(yes) / (np.exp(yes) + np.exp(no))
        drawn = _counts(annotator, label, (annotators, categories), 1 - knew) + smooth
        spam = np.exp(digamma(drawn) - digamma(drawn.sum(axis=1, keepdims=True)))
        spam /= spam.sum(axis=1, keepdims=True)
        settled = abs(likelihood - before) < 1e-9
        before = likelihood
    return Mace(posterior, knows, spam, likelihood, settled, done)


def _sizes(item: Integers, annotator: Integers, label: Integers) -> tuple[int, int, int]:
    if not len(item):
        raise InputError("there are no labels")
    if min(item.min(), annotator.min(), label.min()) < 0:
        raise InputError("items, annotators and labels are codes from 0")
    sizes = int(item.max()) + 1, int(annotator.max()) + 1, int(label.max()) + 1
    if sizes[2] < 2:
        raise InputError("all labels are of one category: there is nothing to tell apart")
    return sizes


def _counts(row: Integers, column: Integers, shape: tuple[int, int], weight: Floats | None = None) -> Floats:
    flat = np.bincount(row * shape[1] + column, weights=weight, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(float)
