from datetime import UTC, datetime

import numpy as np
import pytest

from nami_bench.domain import Criterion, Rating
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.scores import score_models
from nami_bench.evaluation.human.table import ratings_table, table_ratings
from nami_bench.study_file import load_criteria, nami_1k_study_file

NAMI_1K = load_criteria(nami_1k_study_file())
LIKERT = (Criterion("beauty", 3, minimum=1, maximum=5), Criterion("fit", 1, minimum=-1, maximum=1))

# model: relevance, coherence, aesthetics, authenticity, total (as published, to two decimals)
PUBLISHED = {
    "SD3-medium": (75.74, 65.90, 61.64, 75.74, 69.97),
    "Infinity": (76.39, 65.25, 61.97, 74.43, 69.77),
    "Sana": (75.41, 62.30, 60.00, 72.46, 67.80),
    "NAMI-2B": (76.07, 66.89, 62.30, 76.72, 70.69),
    "FLUX-dev": (83.93, 83.28, 84.26, 90.16, 85.05),
}


def rating(
    value: float | None,
    criterion: str = "beauty",
    prompt: int = 0,
    annotator: str = "ann",
    model: str = "m",
    sample: int = 0,
) -> Rating:
    reason = "too dark" if value is None else None
    return Rating("s", annotator, model, f"{prompt:05d}", sample, criterion, value, reason)


def test_scores_of_published_values_given_as_ratings_are_those_values() -> None:
    rows = [
        rating(value, criterion.name, model=model)
        for model, values in PUBLISHED.items()
        for value, criterion in zip(values[:4], NAMI_1K, strict=True)
    ]
    scores = {s.model: s for s in score_models(ratings_table(rows), NAMI_1K)}
    assert scores["NAMI-2B"].criteria == {
        "relevance": 76.07,
        "coherence": 66.89,
        "aesthetics": 62.30,
        "authenticity": 76.72,
    }
    for model, values in PUBLISHED.items():
        assert scores[model].total == pytest.approx(values[4], abs=0.0101)


def test_an_image_weighs_the_same_however_many_annotators_it_has() -> None:
    rows = [rating(1, prompt=0, annotator="a"), rating(1, prompt=0, annotator="b"), rating(5, prompt=1)]
    (scores,) = score_models(ratings_table(rows), LIKERT[:1])
    # Images 1 and 5 on a scale from 1 to 5: 3, half-way; the mean over ratings would be 7/3.
    assert scores.criteria == {"beauty": pytest.approx(50)}
    assert (scores.images, scores.annotators, scores.least_annotators) == (2, 3, 1)


def test_samples_of_a_prompt_are_images_of_their_own() -> None:
    rows = [rating(1, sample=0), rating(5, sample=1), rating(5, prompt=1)]
    (scores,) = score_models(ratings_table(rows), LIKERT[:1])
    assert scores.criteria["beauty"] == pytest.approx(100 * (0 + 1 + 1) / 3)
    assert scores.images == 3


def test_other_scales_are_rescaled_and_weights_need_not_sum_to_one() -> None:
    rows = [rating(2), rating(0.5, "fit")]
    (scores,) = score_models(ratings_table(rows), LIKERT)
    assert scores.criteria == {"beauty": 25, "fit": 75}
    assert scores.total == pytest.approx((3 * 25 + 1 * 75) / 4)


def test_withheld_ratings_are_missing_and_counted_never_zero() -> None:
    rows = [rating(5, annotator="a"), rating(None, annotator="b"), rating(None, prompt=1, annotator="a")]
    (scores,) = score_models(ratings_table(rows), LIKERT[:1])
    assert scores.criteria == {"beauty": 100}
    assert (scores.values, scores.withheld) == (1, 2)
    assert scores.missing_share == pytest.approx(2 / 3)
    assert (scores.images, scores.annotators) == (1, 2)


def test_without_a_value_for_a_weighted_criterion_there_is_no_total() -> None:
    (scores,) = score_models(ratings_table([rating(5), rating(None, "fit")]), LIKERT)
    assert scores.criteria == {"beauty": 100, "fit": None}
    assert scores.total is None


def test_a_criterion_without_weight_does_not_matter_to_the_total() -> None:
    criteria = (LIKERT[0], Criterion("remark", 0))
    (scores,) = score_models(ratings_table([rating(5)]), criteria)
    assert (scores.criteria["remark"], scores.total) == (None, 100)


def test_ratings_that_an_annotator_left_out_are_counted() -> None:
    rows = [rating(5), rating(1, "fit"), rating(5, annotator="b"), rating(None, prompt=1)]
    (scores,) = score_models(ratings_table(rows), LIKERT)
    assert (scores.absent, scores.withheld) == (2, 1)


def test_models_without_ratings_are_listed_on_request() -> None:
    unrated, rated = score_models(ratings_table([rating(5)]), LIKERT[:1], models=("x", "m"))
    assert (unrated.model, unrated.total, unrated.values, unrated.missing_share) == ("x", None, 0, None)
    assert rated.total == 100
    assert score_models(ratings_table([]), LIKERT) == []


def test_scores_equal_a_computation_from_the_definition() -> None:
    rng = np.random.default_rng(7)
    rows, expected = [], {}
    for model in ("m0", "m1"):
        image_means: dict[str, list[float]] = {"beauty": [], "fit": []}
        for prompt in range(20):
            for criterion in LIKERT:
                given = [
                    float(rng.uniform(criterion.minimum, criterion.maximum)) if rng.random() > 0.3 else None
                    for _ in range(rng.integers(1, 6))
                ]
                rows += [rating(v, criterion.name, prompt, f"a{i}", model) for i, v in enumerate(given)]
                values = [v for v in given if v is not None]
                if values:
                    image_means[criterion.name].append(sum(values) / len(values))
        expected[model] = {
            c.name: c.rescale(sum(image_means[c.name]) / len(image_means[c.name])) for c in LIKERT
        }
    order = rng.permutation(len(rows))
    for scores in score_models(ratings_table(rows[i] for i in order), LIKERT):
        assert scores.criteria == pytest.approx(expected[scores.model], abs=1e-9)
        beauty, fit = expected[scores.model].values()
        assert scores.total == pytest.approx(0.75 * beauty + 0.25 * fit, abs=1e-9)


def test_unknown_criteria_and_criteria_without_weight_are_refused() -> None:
    table = ratings_table([rating(5, "beuty")])
    with pytest.raises(UnknownNameError, match="did you mean 'beauty'"):
        score_models(table, LIKERT)
    with pytest.raises(InputError, match="all zero"):
        score_models(table, (Criterion("beuty", 0),))
    with pytest.raises(InputError, match="each once"):
        score_models(table, (Criterion("beuty", 1), Criterion("beuty", 1)))


def test_ratings_survive_the_tidy_table() -> None:
    rows = [
        Rating("s", "ann", "m", "00012", 3, "fit", 0.25, None, 1200, datetime(2026, 1, 2, 3, tzinfo=UTC)),
        Rating("s", "ann", "m", "00012", 3, "beauty", None, "too dark"),
    ]
    table = ratings_table(rows)
    assert table_ratings(table) == rows
    assert list(table["prompt_id"]) == ["00012", "00012"]
