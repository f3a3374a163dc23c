"""The audit on ratings whose disagreement with GenEval is known."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nami_bench.domain import Criterion, Prompt, Rating, Score, SetScore
from nami_bench.errors import InputError
from nami_bench.evaluation.audit import statistics
from nami_bench.evaluation.audit.audit import audit_metrics
from nami_bench.evaluation.audit.results import ALL_TASKS, Audit
from nami_bench.evaluation.human.table import ratings_table

RELEVANCE = Criterion("relevance", 1.0)
MODELS = ("ant", "bee", "cow")
TASKS = {"colors": 40, "counting": 20}
PROMPTS = {
    f"{index:05d}": Prompt(f"{index:05d}", "a cat", geneval={"tag": task, "include": []})
    for index, task in enumerate(name for name, count in TASKS.items() for _ in range(count))
}


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 200)


def rating(
    model: str, prompt: str, value: float | None, annotator: str = "ann", criterion: str = "relevance"
) -> Rating:
    reason = "cannot judge" if value is None else None
    return Rating("pilot", annotator, model, prompt, 0, criterion, value, reason)


def score(
    model: str, prompt: str, value: float | None, metric: str = "geneval", instrument: str = "det"
) -> Score:
    reason = None if value is not None else "unreadable"
    return Score(model, "set", prompt, 0, metric, instrument, value, reason)


def audit(
    ratings: list[Rating],
    scores: list[Score],
    set_scores: list[SetScore] | None = None,
    threshold: float = 50.0,
    criterion: Criterion = RELEVANCE,
) -> Audit:
    return audit_metrics(ratings_table(ratings), scores, set_scores or [], PROMPTS, criterion, threshold)


def images() -> Iterator[tuple[str, str, int]]:
    for model in MODELS:
        for number, prompt in enumerate(PROMPTS):
            yield model, prompt, number


def planted() -> tuple[list[Rating], list[Score]]:
    """People call the first 60 % of each task right. GenEval agrees on ant; on bee it also calls every tenth
    image of colors right that people call wrong; on cow it calls every image of counting wrong."""
    ratings, scores = [], []
    for model, prompt, number in images():
        task = PROMPTS[prompt].task
        position = number if task == "colors" else number - 40
        right = position < 0.6 * TASKS[str(task)]
        verdict = right
        if model == "bee" and task == "colors":
            verdict = right or position % 10 == 9
        if model == "cow" and task == "counting":
            verdict = False
        for annotator, value in (("ann", 80.0 if right else 20.0), ("bob", 70.0 if right else 30.0)):
            ratings.append(rating(model, prompt, value, annotator))
        scores.append(score(model, prompt, float(verdict)))
    return ratings, scores


def test_a_planted_disagreement_is_recovered_by_task_and_by_model() -> None:
    found = audit(*planted())
    (judge,) = found.judges
    counting, colors = judge.tasks  # in GenEval's order
    assert (counting.task, counting.images, counting.prompts) == ("counting", 60, 20)
    # colors: positions 29 and 39 of bee, of 3 x 40 images.
    assert (colors.both_right, colors.only_verdict_right) == (72, 2)
    assert (colors.only_people_right, colors.both_wrong) == (0, 46)
    assert colors.agreement.value == pytest.approx(118 / 120)
    assert colors.verdict_rate.value == pytest.approx(74 / 120)
    assert colors.people_rate.value == pytest.approx(72 / 120)
    # kappa by hand: p_e = 74/120 * 72/120 + 46/120 * 48/120 = 0.52333...
    by_chance = (74 * 72 + 46 * 48) / 120**2
    assert colors.kappa.value == pytest.approx((118 / 120 - by_chance) / (1 - by_chance))
    # Of 74 x 46 pairs, 72 x 46 are in order and 2 x 46 are ties.
    assert colors.auc.value == pytest.approx((72 + 1) / 74)
    assert (counting.both_right, counting.only_people_right) == (24, 12)
    assert judge.overall.task == ALL_TASKS and judge.overall.images == 180
    assert judge.overall.agreement.value == pytest.approx((118 + 48) / 180)
    drift = {d.model: d for d in judge.drift}
    assert (drift["ant"].difference.value, drift["ant"].difference.interval) == (0.0, None)
    assert "no interval, which is not certainty" in drift["ant"].notes[0]
    assert drift["bee"].difference.value == pytest.approx((2 / 40 + 0) / 2)
    assert drift["cow"].difference.value == pytest.approx((0 - 12 / 20) / 2)
    assert drift["cow"].people_accuracy == pytest.approx(0.6)
    for estimate in (drift["cow"].difference, colors.kappa, colors.auc, counting.agreement):
        assert estimate.interval is not None and estimate.value is not None
        assert estimate.interval[0] < estimate.value < estimate.interval[1]
    assert drift["cow"].difference.interval is not None and drift["cow"].difference.interval[1] < 0
    assert found.notes == () and (found.images, found.ratings, found.annotators) == (180, 360, 2)


@pytest.mark.slow
def test_the_threshold_moves_people_and_not_the_auc() -> None:
    ratings, scores = planted()
    low, high = (audit(ratings, scores, threshold=at).judges[0].overall for at in (50.0, 76.0))
    assert (low.people_rate.value, high.people_rate.value) == (pytest.approx(0.6), 0.0)
    assert low.auc == high.auc
    assert "people called every image wrong: kappa says nothing" in high.notes
    # The mean of 80 and 70 is 75: reached, it counts.
    assert audit(ratings, scores, threshold=75.0).judges[0].overall.people_rate == low.people_rate
    for outside in (0.0, 101.0, float("nan")):
        with pytest.raises(InputError, match="the threshold is on the scale"):
            audit(ratings, scores, threshold=outside)


@pytest.mark.slow
def test_ratings_on_another_scale_are_put_on_0_to_100() -> None:
    ratings, scores = planted()
    stars = [replace(r, value=1 + (r.value or 0) / 25) for r in ratings]
    found = audit(stars, scores, criterion=Criterion("relevance", 1.0, 1.0, 5.0))
    assert found.judges == audit(ratings, scores).judges


@pytest.mark.slow
def test_every_metric_is_correlated_by_image_and_by_model() -> None:
    rng = np.random.default_rng(0)
    ratings, scores = planted()
    quality = {"ant": 30.0, "bee": 50.0, "cow": 70.0}
    people = {key: quality[key[0]] + rng.normal(0, 10) for key in ((m, p) for m, p, _ in images())}
    ratings = [rating(m, p, min(max(people[m, p], 0), 100)) for m, p, _ in images()]
    values = {r: people[r.model, r.prompt_id] + rng.normal(0, 10) for r in ratings}
    scores += [score(r.model, r.prompt_id, value, "clip-score", "clip") for r, value in values.items()]
    fid = [SetScore(m, "set", "fid", "net", 90 - q, 60, lower_is_better=True) for m, q in quality.items()]
    found = audit(ratings, scores, fid)
    at = {(c.metric, c.level): c for c in found.correlations}
    assert set(at) == {
        *((m, level) for m in ("geneval", "clip-score") for level in ("image", "model")),
        ("fid", "model"),
    }
    by_image = at["clip-score", "image"]
    frame = pd.DataFrame({"a": [r.value for r in ratings], "b": list(values.values())}, dtype=float)
    assert by_image.spearman.value == pytest.approx(frame.corr("spearman").loc["a", "b"])
    assert by_image.kendall.value == pytest.approx(frame.corr("kendall").loc["a", "b"])
    assert (by_image.count, by_image.images, by_image.prompts) == (180, 180, 60)
    assert by_image.spearman.interval is not None and by_image.spearman.interval[0] > 0.7
    by_model = at["clip-score", "model"]
    assert (by_model.count, by_model.spearman.value, by_model.kendall.value) == (3, 1.0, 1.0)
    assert at["fid", "model"].spearman.value == 1.0  # the better model has the lower FID
    assert at["fid", "model"].spearman.interval is None
    assert "no interval" in at["fid", "model"].notes[0]
    assert found.correlations[0].metric == "geneval"


@pytest.mark.slow
def test_what_is_missing_is_said() -> None:
    ratings, scores = planted()
    scores[0] = score("ant", "00000", None)
    ratings = [r for r in ratings if (r.annotator, r.model, r.prompt_id) != ("bob", "cow", "00003")]
    found = audit(ratings, scores)
    assert "geneval by det: 1 rated images have no score and are left out" in found.notes
    assert "1 of 180 images have one rating: people's word on them is one person's" in found.notes
    assert found.judges[0].overall.images == 179
    two = audit([r for r in ratings if r.model != "cow"], scores)
    (by_model,) = [c for c in two.correlations if c.level == "model"]
    assert by_model.spearman.value is None and "needs 3" in by_model.notes[0]
    few = audit([r for r in ratings if r.prompt_id < "00005"], scores).judges[0].overall
    assert "only 5 prompts: the intervals are too narrow" in few.notes
    assert "GenEval called every image right: no AUC, and kappa says nothing" in few.notes
    assert (few.auc.value, few.kappa.value) == (None, None)
    one = audit([r for r in ratings if r.prompt_id == "00000"], scores).judges[0].overall
    assert one.agreement.interval is None and "one prompt only: no interval" in one.notes


def test_simulated_ratings_are_marked() -> None:
    ratings, scores = planted()
    ratings = [replace(r, annotator=r.annotator.replace("bob", "simulated-1")) for r in ratings]
    found = audit(ratings, scores)
    assert (found.annotators, found.simulated_annotators) == (2, 1)
    assert found.notes[0].startswith("SIMULATED: 1 of 2 annotators")


def test_nothing_to_audit_is_refused_and_no_verdict_is_noted() -> None:
    ratings, scores = planted()
    with pytest.raises(InputError, match="no image has a rating of relevance"):
        audit([rating("ant", "00000", None)], scores)
    with pytest.raises(InputError, match="no metric has scored a rated image"):
        audit(ratings, [])
    clip = [replace(s, metric="clip-score", value=(s.value or 0) + n) for n, s in enumerate(scores)]
    found = audit(ratings, clip)
    assert found.judges == () and "no rated image has a GenEval verdict" in found.notes[-1]


def test_json_and_long_form_hold_every_number() -> None:
    found = audit(*planted())
    document = json.loads(json.dumps(found.to_json()))
    assert document["judges"][0]["overall"]["agreement"]["value"] == pytest.approx(166 / 180)
    table = pd.DataFrame(found.rows())
    assert dict(table["table"].value_counts()) == {
        "agreement": 15, "drift": 9, "accuracy": 9, "ceiling": 3, "tau": 6, "correlation": 4, "audit": 1,
    }  # fmt: skip
    kappa = table[(table["statistic"] == "kappa") & (table["name"] == ALL_TASKS)].iloc[0]
    assert (kappa["value"], kappa["low"]) == (
        found.judges[0].overall.kappa.value,
        found.judges[0].overall.kappa.interval[0],  # type: ignore[index]
    )
