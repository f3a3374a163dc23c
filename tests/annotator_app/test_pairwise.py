"""Pairwise studies: which pairs, on which side, and what is kept."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, count
from typing import Any

import numpy as np
import pytest

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import (
    Annotator,
    CheckItem,
    CheckKind,
    Checks,
    Comparison,
    Criterion,
    ModelCard,
    Outcome,
    Pairs,
    Study,
)
from nami_bench.errors import InputError, RefusedError
from nami_bench.evaluation.human.pair_information import information
from nami_bench.export.comparisons_file import comparisons_csv, read_comparisons
from nami_bench.store.pair_design import design_pairs
from tests.support.databases import raw

_numbers = count()


def pairwise(new_bench: Callable[..., Any], models: int = 2, **protocol: Any) -> Any:
    """A bench with the study "pairs"; models beyond two are copies of the first."""
    bench = new_bench("pairs", strata=("short",) * 6 + ("long",) * 6, overlap=2)
    names = ["zebrafish-xl", "quokka-9b"]
    for number in range(models - 2):
        names.append(f"copy-{number}")
        bench.store.catalog.add_model(ModelCard(names[-1], "folder"))
        for image in bench.store.images.find(models=["zebrafish-xl"]):
            bench.store.images.put(replace(image, model=names[-1]))
    study = replace(bench.study, name="pairs", mode="pairwise", models=tuple(names), **protocol)
    bench.store.studies.add(study)
    return replace(bench, study=study)


def session(bench: Any, name: str = "ada") -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, "pairs", name)


def verdict(outcome: str) -> Answers:
    return Answers(f"c{next(_numbers)}", {"relevance": outcome, "realism": outcome}, duration_ms=2000)


def work_through(
    bench: Any, name: str, decide: Callable[[str, str], str] = lambda left, right: "tie"
) -> list[tuple[str, str, str]]:
    """(prompt, left, right) in the order in which they came."""
    own, seen = session(bench, name), []
    view = own.state()
    while view.items:
        token = view.items[0].token
        shown = bench.store.annotation.assignment(token, name)
        left, right = (image.model for image in shown.images)
        seen.append((shown.prompt.id, left, right))
        view = own.submit(token, verdict(decide(left, right)))
    return seen


def test_side_order_and_outcome_are_kept(new_bench: Callable[..., Any]) -> None:
    bench = pairwise(new_bench)
    seen = work_through(bench, "ada", lambda left, right: "left" if left == "quokka-9b" else "right")
    assert len(seen) == 12
    kept = bench.store.comparisons.all("pairs")
    assert [(c.prompt_id, c.left, c.right) for c in kept if c.criterion == "realism"] == seen
    assert {c.winner for c in kept} == {"quokka-9b"}
    assert [c.position for c in kept if c.criterion == "realism"] == list(range(1, 13))
    assert {c.duration_ms for c in kept} == {2000}
    assert {c.outcome for c in kept} == {Outcome.LEFT, Outcome.RIGHT}
    assert bench.store.ratings.all("pairs") == []


def test_the_two_images_are_those_of_the_sides(new_bench: Callable[..., Any]) -> None:
    import io

    from PIL import Image

    bench = pairwise(new_bench)
    own = session(bench)
    item = own.state().items[0]
    assert len(item.images) == 2
    for address, image in zip(
        item.images, bench.store.annotation.assignment(item.token, "ada").images, strict=True
    ):
        with Image.open(io.BytesIO(own.image_png(address))) as shown, Image.open(bench.file(image)) as disk:
            assert np.array_equal(np.asarray(shown), np.asarray(disk))


def test_sides_are_random_and_follow_from_the_seed(new_bench: Callable[..., Any]) -> None:
    bench = pairwise(new_bench, overlap=8)
    left: Counter[str] = Counter()
    for number in range(8):
        bench.store.accounts.add(Annotator(f"a{number}"))
        left.update(model for _, model, _ in work_through(bench, f"a{number}"))
    assert 30 < left["quokka-9b"] < 66  # of 96


def test_wrong_verdicts_are_refused(new_bench: Callable[..., Any]) -> None:
    bench = pairwise(new_bench)
    own = session(bench)
    token = own.state().items[0].token
    for values in ({"relevance": "left", "realism": 5.0}, {"relevance": "up", "realism": "left"}):
        with pytest.raises(RefusedError, match="is none of left, tie, right, both_bad"):
            own.submit(token, Answers("x", values))
    own.submit(token, Answers("y", {"relevance": "both_bad"}, {"realism": "other"}))
    assert {(c.outcome, c.reason) for c in bench.store.comparisons.all("pairs")} == {
        (Outcome.BOTH_BAD, None),
        (None, "other"),
    }
    own.submit(token, Answers("z", {"relevance": "left", "realism": "tie"}))  # a correction
    assert {c.outcome for c in bench.store.comparisons.all("pairs")} == {Outcome.LEFT, Outcome.TIE}
    assert bench.count("comparison") == 4


def test_repeats_come_the_other_way_round(new_bench: Callable[..., Any]) -> None:
    bench = pairwise(new_bench, checks=Checks(repeat_every=4, repeat_distance=2))
    work_through(bench, "ada", lambda left, right: "left" if left == "quokka-9b" else "right")
    repeats = [a for a in bench.store.oversight.check_answers("pairs") if a.kind == "repeat"]
    assert repeats
    first = {c.prompt_id: (c.left, c.right) for c in bench.store.comparisons.all("pairs")}
    for answer in repeats:
        assert answer.models == first[answer.prompt_id][::-1]
        assert answer.expected == answer.values  # the same model won again


def test_gold_pairs_are_judged_by_model(new_bench: Callable[..., Any]) -> None:
    gold = CheckItem(CheckKind.GOLD, "00000", ("quokka-9b", "zebrafish-xl"), {"relevance": "quokka-9b"})
    bench = pairwise(new_bench, checks=Checks(gold_every=3), check_items=(gold,))
    seen = work_through(bench, "ada", lambda left, right: "left" if left == "quokka-9b" else "right")
    assert len(seen) == 12  # eleven pairs of the study and the gold one
    (answer,) = [a for a in bench.store.oversight.check_answers("pairs") if a.kind == "gold"]
    assert answer.passed


# -- which pairs -----------------------------------------------------------------------------------


def test_balanced_pairs_are_equally_frequent(new_bench: Callable[..., Any]) -> None:
    bench = pairwise(new_bench, models=4, pairs=Pairs(per_prompt=2), overlap=1)
    seen = work_through(bench, "ada")
    assert len(seen) == 24
    assert set(Counter(prompt for prompt, _, _ in seen).values()) == {2}
    pairs = Counter(frozenset(models) for _, *models in seen)
    assert len(pairs) == 6
    assert set(pairs.values()) == {4}


@pytest.mark.parametrize(("models", "per_group"), [(5, 1), (5, 3), (7, 2), (4, 6)])
def test_designs_are_balanced(models: int, per_group: int) -> None:
    groups = {(prompt, 0): range(models) for prompt in range(40)}
    added = design_pairs(groups, per_group, 1, {})
    assert len(added) == len(set(added)) == 40 * per_group
    counts = Counter(pair for _, pair in added)
    assert max(counts.values()) - min(counts.values()) <= 1
    appearances = Counter(model for _, pair in added for model in pair)
    assert max(appearances.values()) - min(appearances.values()) <= 2


def test_a_model_that_joins_is_paired_as_often_as_the_others() -> None:
    groups = {(prompt, 0): range(4) for prompt in range(30)}
    chosen: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for group, pair in design_pairs(groups, 2, 1, {}):
        chosen.setdefault(group, []).append(pair)
    grown = {(prompt, 0): range(5) for prompt in range(30)}
    added = design_pairs(grown, 2, 1, chosen)
    assert {pair for _, pair in added} == {(m, 4) for m in range(4)}
    assert set(Counter(pair for _, pair in added).values()) == {10}  # as the six pairs of before


# -- adaptive --------------------------------------------------------------------------------------


def test_information_is_what_a_verdict_tells_about_the_order() -> None:
    """Against the posterior itself, integrated on a grid: two models, some verdicts, one more."""
    theta = np.linspace(-8, 8, 801)
    a, b = np.meshgrid(theta, theta, indexing="ij")
    log_win, log_loss = -np.logaddexp(0, b - a), -np.logaddexp(0, a - b)

    def entropy_of_order(wins: float, losses: float) -> tuple[float, float]:
        log_posterior = -0.25 * (a**2 + b**2) / 2 + wins * log_win + losses * log_loss
        density = np.exp(log_posterior - log_posterior.max())
        density /= density.sum()
        better = float(density[a > b].sum() + density[a == b].sum() / 2)
        chance = float((density * np.exp(log_win)).sum())
        return -sum(q * np.log(q) for q in (better, 1 - better)), chance

    for wins, losses in ((0, 0), (4, 4), (6, 4), (12, 12), (12, 6)):
        before, chance = entropy_of_order(wins, losses)
        after = chance * entropy_of_order(wins + 1, losses)[0]
        after += (1 - chance) * entropy_of_order(wins, losses + 1)[0]
        gain = information({(0, 1): wins}, {(0, 1): wins + losses}, {}, [(0, 1)])[0, 1]
        assert gain == pytest.approx(before - after, rel=0.25)


def test_close_pairs_tell_more_than_decided_ones_and_less_the_more_they_were_asked() -> None:
    pairs = list(combinations(range(3), 2))
    judged = dict.fromkeys(pairs, 20)
    gains = information({(0, 1): 10.0, (0, 2): 19.0, (1, 2): 19.0}, judged, judged, pairs)
    assert gains[0, 1] > 5 * gains[0, 2]
    in_hand = {**judged, (0, 1): 40}
    assert information({(0, 1): 10.0}, judged, in_hand, pairs)[0, 1] < gains[0, 1]


@pytest.mark.slow
def test_adaptive_pairs_go_where_the_order_is_open(new_bench: Callable[..., Any]) -> None:
    """Two models that are alike, two that always win or lose: the even pair is asked about most."""
    bench = pairwise(
        new_bench,
        models=4,
        overlap=6,
        pairs=Pairs(choice="adaptive", comparisons=140, explore=0.1),
    )
    strength = {"zebrafish-xl": 0, "copy-0": 0, "quokka-9b": 9, "copy-1": -9}
    rng = np.random.default_rng(0)

    def decide(left: str, right: str) -> str:
        margin = strength[left] - strength[right]
        return ("left" if margin > 0 else "right") if margin else str(rng.choice(["left", "right"]))

    names = ["ada", "bob", *(f"a{number}" for number in range(4))]
    for name in names[2:]:
        bench.store.accounts.add(Annotator(name))
    sessions = {name: session(bench, name) for name in names}
    views = {name: own.state() for name, own in sessions.items()}
    pairs: Counter[frozenset[str]] = Counter()
    while any(view.items for view in views.values()):
        for name in (name for name in names if views[name].items):
            token = views[name].items[0].token
            left, right = (image.model for image in bench.store.annotation.assignment(token, name).images)
            pairs[frozenset((left, right))] += 1
            views[name] = sessions[name].submit(token, verdict(decide(left, right)))
    assert pairs.total() == 140  # exactly what was asked for
    assert len(pairs) == 6
    assert pairs[frozenset({"zebrafish-xl", "copy-0"})] > 140 / 6
    assert pairs[frozenset({"quokka-9b", "copy-1"})] < 0.7 * 140 / 6
    with raw(bench.store) as rows:
        from sqlalchemy import select

        from nami_bench.store.annotation_tables import AssignmentRow

        choices = [choice["policy"] for choice in rows.scalars(select(AssignmentRow.choice))]
    assert 0.03 < choices.count("explore") / len(choices) < 0.25
    assert len(choices) == 140


def test_adaptive_studies_need_an_end() -> None:
    criteria = (Criterion("c", 1),)
    with pytest.raises(InputError, match=r"need pairs\.comparisons"):
        Study("s", "p", ("a", "b"), criteria, mode="pairwise", pairs=Pairs(choice="adaptive"))


# -- files -----------------------------------------------------------------------------------------


def test_comparisons_go_out_and_come_in_again(new_bench: Callable[..., Any], tmp_path: Any) -> None:
    bench = pairwise(new_bench)
    work_through(bench, "ada")
    kept = bench.store.comparisons.all("pairs")
    file = tmp_path / "comparisons.csv"
    file.write_bytes(comparisons_csv(kept))
    assert read_comparisons(file) == kept
    assert bench.store.comparisons.add(kept).added == 0
    others = [replace(c, annotator="eve", left=c.right, right=c.left) for c in kept]
    assert bench.store.comparisons.add(others).added == 24
    again = [c for c in bench.store.comparisons.all("pairs") if c.annotator == "eve"]
    assert {(c.prompt_id, c.left) for c in again} == {(c.prompt_id, c.left) for c in others}
    for bad, words in (
        (replace(kept[0], outcome=Outcome.LEFT), "with another outcome"),
        (replace(kept[0], prompt_id="00099"), "does not compare"),
        (replace(kept[0], criterion="grace"), "unknown criterion"),
    ):
        with pytest.raises(InputError, match=words):
            bench.store.comparisons.add([replace(kept[0], annotator="new"), bad])
    assert len(bench.store.comparisons.all("pairs")) == 48


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("s,ann,00000,0,c,a,b,up,", "line 2: outcome 'up' is none of left, tie, right, both_bad"),
        ("s,ann,00000,0,c,a,a,left,", "line 2: 'a' is compared with itself"),
        ("s,ann,00000,x,c,a,b,left,", "line 2: sample 'x' is not a whole number"),
        ("s,ann,00000,0,c,a,b,,", "line 2: .*give an outcome, or a reason"),
        ("s,ann,00000,0,c,a,b,left", "line 2: there are not as many cells as columns"),
        ("s,ann,00000,0,c,a,b,left,\ns,ann,00000,0,c,b,a,tie,", "line 3: the same pair .* line 2"),
        ("", "holds no comparisons"),
    ],
)
def test_bad_files_are_refused_with_the_line(tmp_path: Any, line: str, words: str) -> None:
    file = tmp_path / "c.csv"
    file.write_text("study,annotator,prompt_id,sample,criterion,left,right,outcome,reason\n" + line)
    with pytest.raises(InputError, match=words):
        read_comparisons(file)


def test_a_comparison_has_an_outcome_or_a_reason() -> None:
    with pytest.raises(InputError, match="give an outcome"):
        Comparison("s", "ann", "00000", 0, "c", "a", "b", None)
