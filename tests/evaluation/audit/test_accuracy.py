"""Metric accuracy: the field's protocols on worked numbers, pair by pair, and on real answers of people."""

import csv
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

import nami_bench
from nami_bench.domain import Comparison, Outcome, Ranking
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.audit import accuracy as accuracy_module
from nami_bench.evaluation.audit import statistics
from nami_bench.evaluation.audit.accuracy import metric_accuracy
from nami_bench.evaluation.audit.accuracy_intervals import mean_over_cells
from nami_bench.evaluation.audit.accuracy_results import MEANS, SINGLE, VOTES, Accuracy, MetricAccuracy
from nami_bench.evaluation.audit.judged_pairs import (
    LISTS,
    JudgedPairs,
    beside_the_others,
    lists_of_comparisons,
    lists_of_rankings,
    pairs_of,
)
from nami_bench.evaluation.audit.protocols import PROTOCOLS, THRESHOLDS, accuracy, chosen_threshold
from nami_bench.evaluation.audit.ties import CalibratedTies, pooled_pairs, tau, tie_calibrated
from nami_bench.evaluation.human.comparisons_frame import comparisons_frame
from nami_bench.export.accuracy_text import accuracy_notes, accuracy_tables

DATA = Path(__file__).resolve().parents[2] / "data" / "metric_accuracy"
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats" / "real"
RATED: dict[str, Any] = {"criteria": {"fit": 1.0}, "scale": "1-5"}
SCORES = ["model", "prompt_id", "sample", "value"]
RANKINGS = [([1, 2, 3, 3], [0.9, 0.5, 0.6, 0.1]), ([2, 1, 5], [0.2, 0.2, 0.1]), ([1, 1], [0.3, 0.4])]
VOTES_WORKED = [(1, 2, 1), (0, 1, 3), (0.5, 1, 1.1), (1, 0.5, 1.5), (0.5, 3, 0), (0, 1, 1.02)]


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 100)
    monkeypatch.setattr(accuracy_module, "DRAWS", 100)


def pairs_of_rankings(rankings: Iterable[tuple[Sequence[float], Sequence[float]]]) -> JudgedPairs:
    lists, scores = [], []
    for at, (ranks, values) in enumerate(rankings):
        for place, (rank, value) in enumerate(zip(ranks, values, strict=True)):
            lists.append((at, None, f"m{place}", f"p{at}", 0, -rank, 1.0))
            scores.append((f"m{place}", f"p{at}", 0, value))
    return pairs_of(pd.DataFrame(lists, columns=list(LISTS)), pd.DataFrame(scores, columns=SCORES))


def pairs_of_votes(votes: Sequence[tuple[float, float, float]]) -> JudgedPairs:
    human, first, second = np.array(votes, dtype=float).T
    own = np.arange(len(votes))
    return JudgedPairs(human, first, second, own, own, own * 0 - 1, np.ones(len(votes)))


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


def by(found: MetricAccuracy, protocol: str, against: str) -> Accuracy:
    return next(one for one in found.accuracies if (one.protocol, one.against) == (protocol, against))


@pytest.mark.parametrize(
    ("protocol", "value"),
    [
        ("imagereward", 0.75), ("imagereward-by-list", (0.8 + 2 / 3) / 2), ("hpsv2", 0.8333),
        ("mps", (5 / 6 + 1 + 1) / 3), ("unifiedreward-diff", 0.75), ("unifiedreward-all", 0.6),
    ],
)  # fmt: skip
def test_the_worked_rankings(protocol: str, value: float) -> None:
    """One metric on three rankings, from 60 to 94 % by protocol: so the protocol is never left out."""
    assert accuracy(pairs_of_rankings(RANKINGS), protocol) == pytest.approx(value, abs=5e-5)


def test_pickscores_worked_votes_by_threshold() -> None:
    pairs = pairs_of_votes(VOTES_WORKED)
    found = [round(accuracy(pairs, "pickscore", threshold), 4) for threshold in THRESHOLDS]
    assert found == [0.6667] * 8 + [0.5833] * 2 + [0.6667]
    assert chosen_threshold(pairs) == 0.0  # the first of the best
    assert accuracy(pairs_of_votes([(0.5, 1, 1.05)] * 3 + [(1, 1, 0)]), "pickscore", 0.1) == 1.0


def test_a_share_of_images_in_order_is_hpsv3s() -> None:
    pairs = pairs_of_votes([(1, 2, 1), (1, 1, 1), (1, 0, 3), (1, 5, 2)])
    assert accuracy(pairs, "hpsv3") == 0.5  # a tie of the metric is wrong
    assert np.isnan(accuracy(pairs_of_votes([(0.5, 2, 1)]), "imagereward"))


def test_equal_scores_stand_as_the_list_has_them_by_hpsv2_alone() -> None:
    wrong, right = ([2, 1], [0.5, 0.5]), ([1, 2], [0.5, 0.5])
    assert accuracy(pairs_of_rankings([wrong]), "hpsv2") == 0.0
    assert accuracy(pairs_of_rankings([right]), "hpsv2") == 1.0
    for pair in (wrong, right):
        assert accuracy(pairs_of_rankings([pair]), "imagereward") == 0.0
        assert accuracy(pairs_of_rankings([pair]), "mps") == 1.0


def test_tie_calibration_is_the_best_of_all_epsilons() -> None:
    rng = np.random.default_rng(4)
    for size in (2, 7, 25):
        human, metric = rng.integers(0, 4, size), np.round(rng.normal(size=size), 1)
        pairs = pooled_pairs(size)
        said, called = (side[pairs.first] - side[pairs.second] for side in (human, metric))
        tries = {}
        for epsilon in sorted({0.0, *np.abs(called)}):
            alike = np.abs(called) <= epsilon
            right = np.where(alike, said == 0, said * called > 0)
            tries[epsilon] = right.mean()
        best = tie_calibrated(said, called)
        assert best.accuracy == pytest.approx(max(tries.values()))
        assert tries[best.epsilon] == pytest.approx(best.accuracy)
        assert tau(said, called, "eq", best.epsilon) == pytest.approx(2 * best.accuracy - 1)
        assert tau(said, called, "b") == pytest.approx(kendalltau(human, metric).statistic)
        weight = rng.integers(0, 3, len(said)).astype(float)
        repeated = CalibratedTies(np.repeat(said, weight.astype(int)), np.repeat(called, weight.astype(int)))
        if weight.sum():
            again = repeated.best(np.ones(int(weight.sum()))).accuracy
            assert CalibratedTies(said, called).best(weight).accuracy == pytest.approx(again)


def test_our_own_ratings_pair_by_pair() -> None:
    """Every figure again, by loops over people, prompts and pairs."""
    scores = {(r["model"], r["prompt_id"]): float(r["value"]) for r in rows("scores.csv")}
    said: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in rows("ratings.csv"):
        said[row["annotator"], row["prompt_id"]][row["model"]] = float(row["value"])
    means: dict[str, dict[str, float]] = defaultdict(dict)
    for (_, prompt), values in said.items():
        for model in values:
            own = [other[model] for (_, p), other in said.items() if p == prompt and model in other]
            means[prompt][model] = sum(own) / len(own)
    found = nami_bench.metric_accuracy(DATA / "scores.csv", DATA / "ratings.csv", **RATED).metrics[0]
    for against, lists in ((MEANS, list(means.items())), (SINGLE, [(p, v) for (_, p), v in said.items()])):
        counts = Counter[str]()
        shares = []
        inversions = []
        for prompt, values in lists:
            own = Counter[str]()
            for one, other in itertools.combinations(values, 2):
                people = values[one] - values[other]
                metric = scores[one, prompt] - scores[other, prompt]
                own["pairs"] += 1
                own["ties"] += abs(people) < 1e-9
                own["right"] += abs(people) > 1e-9 and people * metric > 0
                own["inversions"] += people * metric < -1e-12
            counts += own
            if own["pairs"] > own["ties"]:
                shares.append(own["right"] / (own["pairs"] - own["ties"]))
            if own["pairs"]:
                inversions.append(1 - own["inversions"] / own["pairs"])
        pooled = by(found, "imagereward", against)
        assert pooled.value.value == pytest.approx(counts["right"] / (counts["pairs"] - counts["ties"]))
        assert (pooled.pairs, pooled.ties) == (counts["pairs"] - counts["ties"], counts["ties"])
        assert by(found, "imagereward-by-list", against).value.value == pytest.approx(np.mean(shares))
        assert by(found, "mps", against).value.value == pytest.approx(np.mean(inversions))
    assert by(found, "imagereward", SINGLE).over == "prompts and people"
    assert (by(found, "imagereward", MEANS).over, by(found, "imagereward", MEANS).people) == ("prompts", 0)


def test_people_are_left_out_one_by_one_for_the_ceiling() -> None:
    found = nami_bench.metric_accuracy(DATA / "scores.csv", DATA / "ratings.csv", **RATED).metrics[0]
    scores = {(r["model"], r["prompt_id"]): float(r["value"]) for r in rows("scores.csv")}
    said = {(r["annotator"], r["prompt_id"], r["model"]): float(r["value"]) for r in rows("ratings.csv")}
    people, right, metric = {a for a, _, _ in said}, [], []
    for who, prompt in itertools.product(people, {p for _, p, _ in said}):
        others = {}
        for model in {m for _, _, m in said}:
            theirs = [said[a, prompt, model] for a in people - {who} if (a, prompt, model) in said]
            if theirs and (who, prompt, model) in said:
                others[model] = sum(theirs) / len(theirs)
        for one, other in itertools.combinations(others, 2):
            wanted = others[one] - others[other]
            if abs(wanted) > 1e-9:
                right.append(wanted * (said[who, prompt, one] - said[who, prompt, other]) > 0)
                metric.append(wanted * (scores[one, prompt] - scores[other, prompt]) > 0)
    ceiling = next(one for one in found.ceilings if one.protocol == "imagereward")
    assert ceiling.pairs == len(right) and ceiling.annotators == 3
    assert ceiling.people.value == pytest.approx(np.mean(right))
    assert ceiling.metric.value == pytest.approx(np.mean(metric))
    assert ceiling.difference.value == pytest.approx(np.mean(metric) - np.mean(right))


def test_our_own_votes_pair_by_pair() -> None:
    scores = {(r["model"], r["prompt_id"]): float(r["value"]) for r in rows("scores.csv")}
    found = nami_bench.metric_accuracy(DATA / "scores.csv", DATA / "votes.csv").metrics[0]
    votes = rows("votes.csv")
    decided = [r for r in votes if r["outcome"] in ("left", "right")]
    right = sum(
        (scores[r["left"], r["prompt_id"]] - scores[r["right"], r["prompt_id"]])
        * (1 if r["outcome"] == "left" else -1) > 0
        for r in decided
    )  # fmt: skip
    diff, everything = by(found, "unifiedreward-diff", VOTES), by(found, "unifiedreward-all", VOTES)
    assert (diff.value.value, diff.pairs) == (pytest.approx(right / len(decided)), len(decided))
    assert (everything.value.value, everything.pairs) == (pytest.approx(right / len(votes)), len(votes))
    assert everything.ties == len(votes) - len(decided) and everything.people == 3
    assert by(found, "pickscore", VOTES).notes[0].endswith("each chosen on the other half of the prompts")
    assert not any(one.protocol == "hpsv3" for one in found.accuracies)  # it knows no ties of people
    assert found.taus == () and len(found.ceilings) == 1


@pytest.mark.slow
def test_the_answers_about_dsgs_judge_are_reproduced() -> None:
    """Cho et al. 2024, DSG with mPLUG-large on TIFA160: Spearman 0.463, Kendall 0.380."""
    answers, judged = (
        REAL / name for name in ("dsg_tifa160-likert-anns.csv.gz", "dsg_tifa160_metric_vs_human_derived.csv")
    )
    if not answers.is_file():
        pytest.skip("the shared data are not here")
    people = pd.read_csv(answers, dtype={"worker_id": str}).rename(
        columns={"worker_id": "annotator", "t2i_model": "model", "item_id": "prompt_id", "answer": "value"}
    )
    people = people.assign(study="tifa160", sample=0, criterion="consistency")
    scores = pd.read_csv(judged).rename(columns={"item_id": "prompt_id", "dsg_mplug_large": "value"})
    found = nami_bench.metric_accuracy(
        scores.assign(metric="dsg", instrument="mplug-large"), people,
        criteria={"consistency": 1.0}, scale="1-5",
    )  # fmt: skip
    rank = next(one for one in found.correlations if one.level == "image")
    assert rank.count == 800
    assert rank.spearman.value == pytest.approx(0.463, abs=5e-4)
    assert rank.kendall.value == pytest.approx(0.380, abs=5e-4)
    (metric,) = found.metrics
    pooled = next(t for t in metric.taus if (t.variant, t.grouping) == ("b", "no grouping"))
    assert pooled.value.value == pytest.approx(rank.kendall.value)
    # The same metric by two protocols: it ties 1,108 of 1,600 pairs.
    assert by(metric, "imagereward", MEANS).value.value == pytest.approx(0.226, abs=5e-4)
    assert by(metric, "mps", MEANS).value.value == pytest.approx(0.908, abs=5e-4)
    text = "\n".join(found.notes)
    assert all(one.words in text for one in metric.accuracies)


def test_intervals_stay_within_and_have_a_width_where_all_is_right() -> None:
    prompt, person = np.repeat(np.arange(20), 3), np.tile(np.arange(3), 20)
    ones = np.ones(60)
    found = mean_over_cells(ones, ones, prompt, person)
    assert found.value == 1.0 and found.interval is not None
    assert 0.8 < found.interval[0] < 0.9 and found.interval[1] == 1.0
    one_prompt = mean_over_cells(ones, ones, prompt * 0, person)
    assert (one_prompt.value, one_prompt.interval) == (1.0, None)
    assert mean_over_cells(ones, ones * 0, prompt, person).value is None
    rng = np.random.default_rng(0)
    credit = (rng.random(60) < 0.9).astype(float)
    for who in (person, person * 0 - 1):
        low, high = mean_over_cells(credit, ones, prompt, who).interval or (0, 0)
        assert 0 <= low < credit.mean() < high <= 1


def test_people_who_differ_widen_the_interval() -> None:
    """Two people who see it the other way round: prompts alone would say much more than is known."""
    prompt, person = np.repeat(np.arange(100), 4), np.tile(np.arange(4), 100)
    credit = np.where(person < 2, 1.0, 0.0)
    alone = mean_over_cells(credit, np.ones(400), prompt, person * 0)
    both = mean_over_cells(credit, np.ones(400), prompt, person)
    assert alone.interval is not None and both.interval is not None
    assert both.interval[1] - both.interval[0] > 0.7 > 5 * (alone.interval[1] - alone.interval[0]) - 0.5


def test_calibration_rises_with_the_difference() -> None:
    rng = np.random.default_rng(3)
    lists, scores = [], []
    for at in range(600):
        one, other = rng.normal(0, 2, 2)
        left = float(rng.random() < 1 / (1 + np.exp(other - one)))
        for name, value, human in (("a", one, left), ("b", other, 1 - left)):
            lists.append((at, "ada", name, f"{at:05d}", 0, human, 1.0))
            scores.append((name, f"{at:05d}", 0, value))
    tables = pd.DataFrame(lists, columns=list(LISTS)), pd.DataFrame(scores, columns=SCORES)
    found = metric_accuracy(*tables, "m", "s", "i")
    assert len(found.calibration) == 10 and {one.pairs for one in found.calibration} == {60}
    held = [
        one.agreement.interval is not None
        and one.agreement.interval[0] <= one.expected <= one.agreement.interval[1]
        for one in found.calibration
    ]
    assert sum(held) >= 9
    shares = [one.agreement.value or 0 for one in found.calibration]
    assert np.corrcoef(shares, range(10))[0, 1] > 0.8


def test_lists_of_verdicts_and_orders() -> None:
    def vote(who: str, outcome: Outcome | None) -> Comparison:
        reason = "cannot judge" if outcome is None else None
        return Comparison("s", who, "00000", 0, "better", "a", "b", outcome, reason)

    votes = [vote("x", Outcome.LEFT), vote("y", Outcome.BOTH_BAD), vote("z", None)]
    lists = lists_of_comparisons(comparisons_frame([*votes, vote("w", Outcome.RIGHT)]), "better")
    assert list(lists["human"]) == [1.0, 0.0, 0.5, 0.5, 0.0, 1.0]
    assert lists_of_comparisons(comparisons_frame(votes), "other").empty
    beside = beside_the_others(lists)
    assert list(beside["others"]) == [0.25, 0.75, 0.5, 0.5, 0.75, 0.25]
    order = Ranking("s", "x", "00000", 0, "better", ("a", "b", "c"), (2, 1, 2))
    scores = pd.DataFrame([("a", "00000", 0, 1.0), ("b", "00000", 0, 2.0)], columns=SCORES)
    pairs = pairs_of(lists_of_rankings([order], "better"), scores)  # c has no score
    assert (pairs.human.tolist(), accuracy(pairs, "imagereward")) == ([0.0], 1.0)


def test_votes_from_elsewhere_count_as_often_as_they_say() -> None:
    """Two images of one model, voters who are not known, and rows that stand for several votes."""

    def vote(outcome: Outcome, count: int, weight: float = 1.0, right: str = "a") -> Comparison:
        return Comparison("s", "", "00000", 0, "better", "a", right, outcome, left_sample=0,
                          right_sample=1, count=count, weight=weight)  # fmt: skip

    votes = [vote(Outcome.LEFT, 3), vote(Outcome.RIGHT, 1), vote(Outcome.TIE, 2, 0.5)]
    lists = lists_of_comparisons(comparisons_frame(votes), "better")
    assert lists["annotator"].nunique() == 3
    scores = pd.DataFrame([("a", "00000", 0, 1.0), ("a", "00000", 1, 0.0)], columns=SCORES)
    pairs = pairs_of(lists, scores)
    assert accuracy(pairs, "unifiedreward-diff") == 0.75
    assert accuracy(pairs, "unifiedreward-all") == pytest.approx(3 / 5)
    # One of the three who said left stands beside two more, one against and a tie of weight one.
    assert list(beside_the_others(lists)["others"].round(4))[:2] == [0.625, 0.375]
    same = Comparison("s", "x", "00000", 0, "better", "a", "a", Outcome.LEFT)
    assert lists_of_comparisons(comparisons_frame([same]), "better").empty


def test_every_figure_is_shown_with_its_protocol() -> None:
    found = nami_bench.metric_accuracy(DATA / "scores.csv", DATA / "ratings.csv", **RATED)
    main = next(table for table in accuracy_tables(found.metrics) if table.title == "Pairwise accuracy, %")
    shown = {(row[1], row[2]) for row in main.rows}
    assert shown == {(one.against, one.protocol) for one in found.metrics[0].accuracies}
    notes = "\n".join(accuracy_notes(found.metrics))
    assert all(f"{key}: ties of people" in notes for _, key in shown)
    frame = found.to_frame()
    assert {"correlation", "accuracy", "tau", "calibration", "ceiling"} >= set(frame["table"])
    assert frame[frame["table"] == "accuracy"]["notes"].str.contains("ties of people").all()
    assert json.loads(json.dumps(found.to_json()))["metrics"][0]["accuracies"][0]["words"]
    assert "Pairwise accuracy" in found.to_html() and "ties of people" in str(found)


def test_bad_input_is_said_in_a_sentence(tmp_path: Path) -> None:
    ratings, scores = DATA / "ratings.csv", pd.read_csv(DATA / "scores.csv", dtype={"prompt_id": str})
    wrong: list[tuple[pd.DataFrame, str]] = [
        (scores.drop(columns="value"), "the column 'value' is missing"),
        (scores.assign(value="good"), "sample and value must be numbers"),
        (pd.concat([scores, scores[:1]]), "ant/00000/0 has two scores of one metric"),
        (scores.assign(model="x" + scores["model"]), "has scored no two images that people compared"),
    ]
    for table, words in wrong:
        with pytest.raises(InputError, match=words):
            nami_bench.metric_accuracy(table, ratings, **RATED)
    with pytest.raises(InputError, match="cannot be read as a table of scores"):
        nami_bench.metric_accuracy(tmp_path / "none.csv", ratings, **RATED)
    with pytest.raises(UnknownNameError, match="fit"):
        nami_bench.metric_accuracy(scores, ratings, criterion="fitt", **RATED)
    with pytest.raises(UnknownNameError, match="imagereward"):
        accuracy(pairs_of_rankings(RANKINGS), "image-reward")
    assert all("ties of people" in one.words for one in PROTOCOLS.values())
