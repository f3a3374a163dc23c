"""The rewards, against those of the server that flow_grpo trains with, and against each other."""

import gzip
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.domain.clauses import GENEVAL_COLORS, GENEVAL_RELATIONS, GENEVAL_TASKS, parse_clauses
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.reward import OTHER_TASK, group_lists, rewards
from nami_bench.evaluation.geneval.rules import GenEvalParams, color_questions, decide, select

GOLDEN = Path(__file__).parents[2] / "data" / "geneval_reward" / "golden.json.gz"
LEFT, RIGHT, FAR_RIGHT = (0, 20, 10, 30), (40, 20, 50, 30), (80, 20, 90, 30)
TWO = [{"class": "dog", "count": 1}, {"class": "cat", "count": 1}]
BESIDE = [TWO[0], {**TWO[1], "position": ["right of", 0]}]


@pytest.fixture(scope="module")
def golden():
    with gzip.open(GOLDEN) as file:
        return json.load(file)


def rewards_of(metadata, detections):
    """`detections`: [class, x1, y1, x2, y2, score, color]. Colors are known only of the groups announced."""
    clauses = parse_clauses(metadata)
    color_of = {Detection(name, tuple(box), score): color for name, *box, score, color in detections}
    kept = select(list(color_of), GenEvalParams().score_threshold(clauses.tag))
    known = {d: color_of[d] for group in color_questions(clauses, kept) for d in group}
    return rewards(clauses, kept, lambda group: [known[d] for d in group], GenEvalParams())


def seen(*found, score=0.95):
    return [[name, *box, score, color] for name, box, color in found]


def test_every_case_has_the_rewards_of_the_server_that_flow_grpo_trains_with(golden):
    assert len(golden["cases"]) == 2400
    for case in golden["cases"]:
        found = rewards_of(case["metadata"], case["detections"])
        assert found.flow_grpo == pytest.approx(case["scores"], abs=1e-12, rel=0), case["metadata"]
        assert (found.verdict, found.strict) == (case["rewards"], case["strict_rewards"]), case["metadata"]


@pytest.mark.parametrize("name", ["group_rewards", "group_strict_rewards"])
def test_a_batch_has_the_group_lists_of_that_server(golden, name):
    batch = golden["batch_example"]
    cases = golden["cases"][batch["first"] : batch["first"] + batch["size"]]
    found = [rewards_of(case["metadata"], case["detections"]) for case in cases]
    values = [one.verdict if name == "group_rewards" else one.strict for one in found]
    assert group_lists([case["metadata"]["tag"] for case in cases], values) == batch[name]


def test_an_image_of_a_task_that_geneval_does_not_have_is_in_no_group_list():
    lists = group_lists(["colors", "my own task"], [1.0, 0.5])
    assert lists.pop("colors") == [1.0, OTHER_TASK]
    assert lists == {task: [OTHER_TASK] * 2 for task in GENEVAL_TASKS if task != "colors"}


@pytest.mark.parametrize(
    ("include", "detections", "strict", "credits", "flow_grpo"),
    [
        # A right position; a wrong one, for which flow_grpo's rule has one more credit of 1.
        (BESIDE, seen(("dog", LEFT, "red"), ("cat", RIGHT, "red")), 1, (1, 1, 1), 1),
        (BESIDE, seen(("dog", RIGHT, "red"), ("cat", LEFT, "red")), 0, (1, 1, 0), 3 / 4),
        # No object to be beside: no such credit.
        (BESIDE, seen(("cat", LEFT, "red")), 0, (0, 1, 0), 1 / 3),
        # Objects beyond those asked for: the verdict stays, strict falls, the position is not looked at.
        (
            BESIDE,
            seen(("dog", LEFT, "red"), ("cat", RIGHT, "red"), ("cat", FAR_RIGHT, "red")),
            0,
            (1, 0, 0),
            1 / 3,
        ),
        # A color and a position in vain cost one credit, not two.
        ([TWO[0], {**BESIDE[1], "color": "red"}], seen(("dog", LEFT, "red")), 0, (1, 0, 0), 1 / 3),
        # Half of two in the color.
        (
            [{"class": "dog", "count": 2, "color": "red"}],
            seen(("dog", LEFT, "red"), ("dog", RIGHT, "blue")),
            0,
            (1, 0.5),
            0.75,
        ),
        # Nothing limits the loss.
        (TWO[:1], seen(*(("dog", (i, 0, i + 5, 5), "red") for i in range(40))), 0, (-14,), -14),
    ],
)
def test_credits_follow_their_rule(include, detections, strict, credits, flow_grpo):
    found = rewards_of({"tag": "position", "include": include}, detections)
    assert found.strict == strict
    assert found.credits == credits
    assert found.partial == pytest.approx(sum(credits) / len(credits), rel=1e-12)
    assert found.flow_grpo == pytest.approx(flow_grpo, rel=1e-12)


def test_one_more_object_than_asked_for_fails_strict_and_not_the_verdict():
    found = rewards_of(
        {"tag": "single_object", "include": TWO[:1]}, seen(("dog", LEFT, "red"), ("dog", RIGHT, "red"))
    )
    assert (found.verdict, found.strict, found.partial) == (1, 0, 0)


def test_exclude_clauses_are_the_verdicts_alone():
    found = rewards_of(
        {"tag": "two_object", "include": TWO[:1], "exclude": [{"class": "cat", "count": 1}]},
        seen(("dog", LEFT, "red"), ("cat", RIGHT, "red")),
    )
    assert (found.verdict, found.strict, found.partial, found.flow_grpo) == (0, 1, 1, 1)


def test_without_include_clauses_there_are_no_credits():
    found = rewards_of({"tag": "none", "exclude": [{"class": "cat", "count": 1}]}, [])
    assert (found.verdict, found.strict, found.partial, found.flow_grpo, found.credits) == (1, 1, 0, 0, ())


@st.composite
def cases(draw):
    """Up to three clauses over three classes, up to five detections of each."""
    classes = st.sampled_from(["dog", "cat", "kite"])
    colors = st.sampled_from(GENEVAL_COLORS[:2])
    include = []
    for index in range(draw(st.integers(1, 3))):
        clause = {"class": draw(classes), "count": draw(st.integers(1, 3))}
        if draw(st.booleans()):
            clause["color"] = draw(colors)
        if index and draw(st.booleans()):
            clause["position"] = [draw(st.sampled_from(GENEVAL_RELATIONS)), draw(st.integers(0, index - 1))]
        include.append(clause)
    exclude = draw(
        st.lists(st.fixed_dictionaries({"class": classes, "count": st.integers(1, 4)}), max_size=1)
    )
    metadata = {
        "tag": draw(st.sampled_from(["counting", "position"])),
        "include": include,
        "exclude": exclude,
    }
    place, score = st.integers(0, 30), st.sampled_from([0.2, 0.5, 0.95])
    detections = draw(st.lists(st.tuples(classes, place, place, score, colors), max_size=12))
    return metadata, [[name, x, y, x + 4, y + 4, score, color] for name, x, y, score, color in detections]


@st.composite
def right_images(draw):
    """A case, and an image that shows exactly what is asked for: one clause for each class."""
    include, detections = [], []
    for index, name in enumerate(["dog", "cat", "kite"][: draw(st.integers(1, 3))]):
        clause = {"class": name, "count": draw(st.integers(1, 4))}
        color = draw(st.sampled_from(GENEVAL_COLORS))
        if draw(st.booleans()):
            clause["color"] = color
        if index and draw(st.booleans()):
            clause["position"] = ["right of", draw(st.integers(0, index - 1))]
        include.append(clause)
        for number in range(clause["count"]):
            left = 200 * index + number
            detections.append([name, left, number, left + 5, number + 5, 0.95, color])
    return {"tag": "counting", "include": include}, draw(st.permutations(detections))


@settings(deadline=None, max_examples=100)
@given(case=cases())
def test_the_verdict_is_that_of_the_rules_whatever_the_image(case):
    metadata, detections = case
    clauses = parse_clauses(metadata)
    color_of = {Detection(name, tuple(box), score): color for name, *box, score, color in detections}
    kept = select(list(color_of), GenEvalParams().score_threshold(clauses.tag))
    verdict = decide(clauses, kept, lambda group: [color_of[d] for d in group], GenEvalParams())
    assert rewards_of(metadata, detections).verdict == float(verdict.correct)


@settings(deadline=None, max_examples=200)
@given(case=cases())
def test_the_rewards_agree_with_each_other_whatever_the_image(case):
    metadata, detections = case
    found = rewards_of(metadata, detections)
    assert found.strict in (0, 1)
    assert found.partial <= found.flow_grpo <= 1
    # The best is had by all that is strictly right, and by nothing else.
    assert (found.strict == 1) == (found.partial == 1) == (found.flow_grpo == 1)
    if not metadata["exclude"]:
        assert found.strict <= found.verdict
    if not any("position" in clause for clause in metadata["include"]):
        assert found.partial == found.flow_grpo
    slips = (found.flow_grpo - found.partial) * len(found.credits) / (1 - found.flow_grpo or 1)
    assert math.isclose(slips, round(slips), abs_tol=1e-9) and 0 <= slips < len(metadata["include"])


@settings(deadline=None, max_examples=50)
@given(case=right_images())
def test_an_image_that_shows_exactly_what_was_asked_for_has_the_best_of_every_reward(case):
    found = rewards_of(*case)
    assert (found.verdict, found.strict, found.partial, found.flow_grpo) == (1, 1, 1, 1)
    assert set(found.credits) == {1}
