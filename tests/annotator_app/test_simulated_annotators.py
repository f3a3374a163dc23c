"""Simulated annotators: repeatable, complete, and recognizable as what they are."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import mean
from typing import Any

import pytest

from nami_bench.annotator_app.simulate import Temper, simulate_ratings
from nami_bench.domain import ImageRecord, ModelCard, Prompt, Ranks, Role


def truth(image: ImageRecord, prompt: Prompt) -> Mapping[str, float]:
    better = image.model == "quokka-9b"
    return {"relevance": 65.0 if better else 35.0, "realism": 50.0}


def run(bench: Any, seed: int = 0, annotators: int = 3) -> dict[tuple[object, ...], float | None]:
    simulate_ratings(bench.store, bench.images_dir, bench.study, annotators, truth, seed)
    return {
        (r.annotator, r.model, r.prompt_id, r.criterion): r.value
        for r in bench.store.ratings.all(bench.study.name)
    }


@pytest.fixture
def big(new_bench: Callable[..., Any]) -> Any:
    return new_bench("big", strata=("short",) * 30, overlap=3)


def test_every_image_gets_its_overlap_and_no_more(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("x", strata=("short",) * 5, overlap=2)
    counted: list[int] = []
    rated = simulate_ratings(bench.store, bench.images_dir, bench.study, 3, truth, 0, counted.append)
    assert rated == sum(counted) == 10 * 2
    assert len(bench.store.ratings.all("trial")) == 10 * 2 * 2


@pytest.mark.slow
def test_scores_repeat_with_the_seed_and_differ_without(new_bench: Callable[..., Any]) -> None:
    first, again, other = (new_bench(name, strata=("short",) * 5, overlap=3) for name in "abc")
    scores = run(first, seed=4)
    assert scores == run(again, seed=4)
    assert scores != run(other, seed=5)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(new_bench: Callable[..., Any]) -> None:
    whole, broken = (new_bench(name, strata=("short",) * 5, overlap=3) for name in "ab")

    class Stop(Exception):
        pass

    def stop(count: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        simulate_ratings(broken.store, broken.images_dir, broken.study, 3, truth, 0, stop)
    assert run(broken) == run(whole)


@pytest.mark.slow
def test_scores_stay_on_their_scales_and_follow_the_truth(big: Any) -> None:
    scores = run(big)
    relevance, realism, missing = defaultdict(list), [], 0
    for (_, model, _, criterion), value in scores.items():
        if value is None:
            missing += 1
        elif criterion == "relevance":
            assert 0 <= value <= 100
            relevance[model].append(value)
        else:
            assert 1 <= value <= 5
            realism.append(value)
    assert 20 < mean(relevance["quokka-9b"]) - mean(relevance["zebrafish-xl"]) < 40
    assert 2.5 < mean(realism) < 3.5
    assert 0 < missing < 0.04 * len(scores)


@pytest.mark.slow
def test_a_severe_annotator_scores_lower(big: Any) -> None:
    by_annotator = defaultdict(list)
    for (annotator, _, _, criterion), value in run(big).items():
        if criterion == "relevance" and value is not None:
            by_annotator[annotator].append(value)
    for annotator, values in by_annotator.items():
        # The truth averages to 50, so the mean falls short of it by the severity.
        assert mean(values) == pytest.approx(50 - Temper.of(str(annotator), 0).severity, abs=5)


def test_they_are_marked_as_simulated(bench: Any) -> None:
    run(bench, annotators=2)
    simulated = [a for a in bench.store.accounts.all() if a.role is Role.SIMULATED]
    assert [a.name for a in simulated] == ["simulated-1", "simulated-2"]
    assert bench.store.logins.authenticate("simulated-1", "") is None
    assert all(r.duration_ms is None for r in bench.store.ratings.all("trial"))


@pytest.mark.parametrize("mode", ["pairwise", "best_worst", "ranking"])
def test_images_that_stand_together_are_compared(new_bench: Callable[..., Any], mode: str) -> None:
    bench = new_bench(mode, strata=("short",) * 6, overlap=2)
    names = ["zebrafish-xl", "quokka-9b", "copy"]
    bench.store.catalog.add_model(ModelCard("copy", "folder"))
    for image in bench.store.images.find(models=["zebrafish-xl"]):
        bench.store.images.put(replace(image, model="copy"))
    study = replace(bench.study, name="several", mode=mode, models=tuple(names), ranks=Ranks(3))
    bench.store.studies.add(study)
    assert simulate_ratings(bench.store, bench.images_dir, study, 2, truth) == (
        36 if mode == "pairwise" else 12
    )
    if mode == "pairwise":
        verdicts = [one for one in bench.store.comparisons.all("several") if one.criterion == "relevance"]
        won = Counter(one.winner for one in verdicts if "quokka-9b" in (one.left, one.right))
    else:
        orders = [one for one in bench.store.rankings.all("several") if one.criterion == "relevance"]
        won = Counter(one.best for one in orders if one.ranks is not None)
    assert won["quokka-9b"] > 0.8 * won.total()
