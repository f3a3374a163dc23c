import numpy as np
import pytest

from nami_bench.errors import InputError
from nami_bench.evaluation.human.categorical import fit_dawid_skene, fit_mace

# Dawid & Skene (1979), table 1: 45 patients, five anaesthetists, the first of whom judged each three times.
ANAESTHETISTS = """
111 1111, 333 4334, 112 2122, 222 3121, 222 3222, 222 3322, 122 2111, 333 3433, 222 2223, 232 2223,
444 4444, 222 3343, 111 1111, 222 3212, 121 1111, 111 2111, 111 1111, 111 1111, 222 2221, 222 1322,
222 2222, 222 2221, 222 3222, 221 2222, 111 1111, 111 1111, 232 2222, 111 1111, 111 1111, 112 1121,
111 1111, 333 3233, 111 1111, 222 2222, 222 3232, 433 4343, 221 2232, 232 3233, 333 3432, 111 1111,
111 1111, 121 2111, 232 2222, 121 1111, 222 2222
"""


def anaesthetists() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [
        (patient, max(place - 2, 0), int(grade) - 1)
        for patient, text in enumerate(ANAESTHETISTS.split(","))
        for place, grade in enumerate(text.replace(" ", "").strip())
    ]
    item, annotator, label = np.array(rows).T
    return item, annotator, label


def test_dawid_and_skenes_anaesthetists() -> None:
    item, annotator, label = anaesthetists()
    assert len(item) == 45 * 7
    fit = fit_dawid_skene(item, annotator, label)
    assert fit.converged
    # Their tables 3 and 2: class shares, and the first and second anaesthetists' error rates.
    np.testing.assert_allclose(fit.prior, [0.40, 0.42, 0.11, 0.07], atol=0.006)
    np.testing.assert_allclose(
        fit.confusion[0],
        [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]],
        atol=0.006,
    )
    np.testing.assert_allclose(fit.confusion[1][1], [0.05, 0.63, 0.31, 0.0], atol=0.006)
    assert fit.labels[1] == 3  # patient 2: category 4, though most labels were 3


def test_its_likelihood_is_at_a_maximum() -> None:
    item, annotator, label = anaesthetists()
    fit = fit_dawid_skene(item, annotator, label)

    def likelihood(prior: np.ndarray, confusion: np.ndarray) -> float:
        chance = np.ones((45, 4)) * prior
        for i, a, given in zip(item, annotator, label, strict=True):
            chance[i] *= confusion[a, :, given]
        return float(np.log(chance.sum(axis=1)).sum())

    assert likelihood(fit.prior, fit.confusion) == pytest.approx(fit.log_likelihood, abs=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(20):
        confusion = 0.99 * fit.confusion + 0.01 * rng.dirichlet(np.ones(4), size=(5, 4))
        assert likelihood(fit.prior, confusion) < fit.log_likelihood


def noisy_labels() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """300 items, three annotators who know four times out of five and four who never do."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    item, annotator = np.repeat(np.arange(300), 7), np.tile(np.arange(7), 300)
    knows = (annotator < 3) & (rng.random(item.size) < 0.8)
    spam = np.where(annotator == 6, 2, rng.integers(0, 3, item.size))
    return item, annotator, np.where(knows, truth[item], spam), truth


def test_mace_finds_who_knows() -> None:
    item, annotator, label, truth = noisy_labels()
    fit = fit_mace(item, annotator, label)
    np.testing.assert_allclose(fit.competence[:3], 0.8, atol=0.12)
    assert fit.competence[3:].max() < 0.2
    majority = np.array([np.bincount(label[item == i], minlength=3).argmax() for i in range(300)])
    assert (fit.labels == truth).mean() > (majority == truth).mean() + 0.1
    assert (fit.labels == truth).mean() > 0.88
    assert fit.spamming[6, 2] > 0.9


def test_both_are_sure_where_all_agree() -> None:
    item, annotator = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    label = np.array([0, 1, 0, 1, 1, 0])[item]
    for fit in (fit_dawid_skene(item, annotator, label), fit_mace(item, annotator, label)):
        assert fit.labels.tolist() == [0, 1, 0, 1, 1, 0]
        assert fit.posterior.max(axis=1).min() > 0.99


def test_what_cannot_be_told_apart_is_refused() -> None:
    none = np.zeros(0, dtype=np.int64)
    one = np.zeros(3, dtype=np.int64)
    for fit in (fit_dawid_skene, fit_mace):
        with pytest.raises(InputError, match="no labels"):
            fit(none, none, none)
        with pytest.raises(InputError, match="one category"):
            fit(np.arange(3), one, one)
        with pytest.raises(InputError, match="codes from 0"):
            fit(one, one, one - 1)
