"""The rules, against known answers."""

import numpy as np
import pytest
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.rules import (
    GenEvalParams,
    inclusive_iou,
    judge,
    relative_position,
    select,
)

IMAGE = Image.new("RGB", (64, 64))
LEFT, RIGHT = (0, 20, 10, 30), (40, 20, 50, 30)


class ColorsByBox:
    """Knows each object's color by its box."""

    identity = "by-box"

    def __init__(self, colors=None):
        self.colors = colors or {}

    def classify(self, image, detections):
        return [self.colors[detection.box] for detection in detections]


class NeverAsked:
    identity = "never"

    def classify(self, image, detections):
        raise AssertionError("the color classifier was asked without need")


def dog(score=0.95, box=LEFT):
    return Detection("dog", box, score)


def verdict(include, detections, colors=None, tag="single_object", exclude=(), **params):
    metadata = {"tag": tag, "include": include, "exclude": list(exclude), "prompt": "a photo"}
    result = judge(metadata, detections, IMAGE, ColorsByBox(colors), GenEvalParams(**params))
    return result.correct, result.reason


ONE_DOG = [{"class": "dog", "count": 1}]


@pytest.mark.parametrize(
    ("tag", "score", "correct"),
    [
        ("single_object", 0.3, False),
        ("single_object", 0.3001, True),
        ("colors", 0.9, True),
        ("counting", 0.9, False),
        ("counting", 0.9001, True),
    ],
)
def test_a_score_must_be_strictly_above_the_threshold_of_its_task(tag, score, correct):
    assert verdict(ONE_DOG, [dog(score)], tag=tag)[0] is correct


@pytest.mark.parametrize(("tag", "threshold"), [("single_object", 0.3), ("counting", 0.9)])
def test_a_float32_score_equal_to_the_threshold_as_float32_is_not_above_it(tag, threshold):
    exactly = float(np.float32(threshold))
    above = float(np.nextafter(np.float32(threshold), np.float32(1)))
    assert verdict(ONE_DOG, [dog(exactly)], tag=tag)[0] is False
    assert verdict(ONE_DOG, [dog(above)], tag=tag)[0] is True
    assert select([dog(exactly)], threshold) == {}


def test_of_equal_scores_the_later_detection_comes_first():
    score = float(np.float32(0.95))
    first, second, third = (dog(score, (i, i, i + 9, i + 9)) for i in range(3))
    assert select([first, second, third], 0.3)["dog"] == [third, second, first]
    assert select([first, second, third], 0.3, GenEvalParams(max_objects=1))["dog"] == [third]
    assert select([first, third], 0.3, GenEvalParams(max_overlap=0.1))["dog"] == [third]
    colors = {first.box: "red", second.box: "blue"}
    blue = [{"class": "dog", "count": 1, "color": "blue"}]
    assert verdict(blue, [first, second], colors)[0] is True
    nearly = [dog(0.95), dog(0.95 + 1e-9, RIGHT), dog(0.95, (0, 0, 5, 5))]
    assert select(nearly, 0.3)["dog"] == nearly[::-1], "scores that are equal as float32 are equal"


def test_many_random_detections_are_kept_as_numpy_keeps_the_float32_rows_of_the_reference():
    rng = np.random.default_rng(20)
    for _ in range(300):
        scores = rng.choice(np.float32([0.1, 0.3, 0.300001, 0.5, 0.9]), rng.integers(1, 30))
        order = np.argsort(scores, kind="stable")[::-1]
        expected = [at for at in order if scores[at] > np.float32(0.3)][:16]
        found = select([dog(float(score), (at, 0, at + 1, 1)) for at, score in enumerate(scores)], 0.3)
        assert [int(d.box[0]) for d in found.get("dog", [])] == expected


def test_a_missing_object_is_wrong_and_named():
    assert verdict(ONE_DOG, []) == (False, "expected dog>=1, found 0")
    assert verdict([{"class": "dog", "count": 3}], [dog(), dog()]) == (False, "expected dog>=3, found 2")


def test_too_many_objects_are_wrong_only_where_a_clause_excludes_them():
    include, exclude = [{"class": "dog", "count": 3}], [{"class": "dog", "count": 4}]
    four = [dog(0.95 + i / 100) for i in range(4)]
    assert verdict(include, four, tag="counting") == (True, "")
    assert verdict(include, four, tag="counting", exclude=exclude) == (False, "expected dog<4, found 4")
    assert verdict(include, four[:3], tag="counting", exclude=exclude) == (True, "")


def test_color_looks_only_at_the_best_detections_and_lists_what_it_saw_in_order_of_the_ten():
    boxes = [(i, 0, i + 5, 5) for i in range(4)]
    detections = [dog(0.9 - i / 10, box) for i, box in enumerate(boxes)]
    colors = dict(zip(boxes, ("white", "blue", "blue", "red"), strict=True))
    clause = {"class": "dog", "count": 3, "color": "red"}
    expected = "expected red dog>=3, found 0 red; and 2 blue, 1 white"
    assert verdict([clause], detections, colors) == (False, expected)
    assert verdict([{**clause, "count": 1, "color": "white"}], detections, colors) == (True, "")
    assert verdict([{**clause, "count": 1}], detections, colors)[1] == (
        "expected red dog>=1, found 0 red; and 1 white"
    )


def test_the_color_classifier_is_asked_only_where_a_clause_names_a_color():
    assert judge({"tag": "t", "include": ONE_DOG}, [dog()], IMAGE, NeverAsked()).correct
    colored = {"tag": "t", "include": [{"class": "dog", "count": 1, "color": "red"}]}
    assert not judge(colored, [], IMAGE, NeverAsked()).correct


def test_position_holds_between_every_pair_or_names_the_first_that_fails():
    include = [{"class": "cup", "count": 1}, {"class": "dog", "count": 1, "position": ["right of", 0]}]
    cup = Detection("cup", LEFT, 0.8)
    assert verdict(include, [cup, dog(box=RIGHT)]) == (True, "")
    assert verdict(include, [cup, dog(box=(0, 40, 10, 50))]) == (
        False,
        "expected dog right of target, found below target",
    )
    two_dogs = [include[0], {**include[1], "count": 2}]
    above_left, same_place = (-40, -20, -30, -10), LEFT
    detections = [cup, dog(0.9, RIGHT), dog(0.8, above_left), dog(0.7, same_place)]
    assert verdict([include[0], {**include[1], "count": 3}], detections) == (
        False,
        "expected dog right of target, found left of and above target",
    )
    assert verdict(two_dogs, detections[:2] + detections[3:]) == (
        False,
        "expected dog right of target, found  target",
    )


def test_a_target_that_failed_its_own_clause_is_no_target():
    include = [
        {"class": "cup", "count": 1, "color": "red"},
        {"class": "dog", "count": 1, "position": ["above", 0]},
    ]
    reason = "expected red cup>=1, found 0 red; and 1 blue\nno target for dog to be above"
    assert verdict(include, [Detection("cup", RIGHT, 0.8), dog()], {RIGHT: "blue"}) == (False, reason)


def test_position_is_not_looked_at_where_the_color_failed_already():
    include = [
        {"class": "cup", "count": 1},
        {"class": "dog", "count": 1, "color": "red", "position": ["above", 0]},
    ]
    assert verdict(include, [Detection("cup", RIGHT, 0.8), dog()], {LEFT: "blue"})[1] == (
        "expected red dog>=1, found 0 red; and 1 blue"
    )


def test_at_most_sixteen_objects_of_a_class_count_the_best():
    detections = [dog(0.31 + i / 100) for i in range(20)]
    kept = select(detections, 0.3)["dog"]
    assert [d.score for d in kept] == sorted((d.score for d in detections), reverse=True)[:16]
    assert len(select(detections, 0.3, GenEvalParams(max_objects=2))["dog"]) == 2


def test_overlapping_objects_are_all_kept_unless_a_maximum_is_set():
    same = [dog(0.9), dog(0.8), Detection("cup", LEFT, 0.7)]
    assert len(select(same, 0.3)["dog"]) == 2
    kept = select(same, 0.3, GenEvalParams(max_overlap=0.99))
    assert [d.score for d in kept["dog"]] == [0.9]
    assert len(kept["cup"]) == 1  # other classes are never suppressed


def test_the_overlap_that_is_dropped_begins_at_the_maximum_itself():
    # Two 2x1-pixel boxes that share one pixel of three: IoU 1/3.
    first, second = (0, 0, 1, 0), (1, 0, 2, 0)
    assert inclusive_iou(first, second) == pytest.approx(1 / 3)
    pair = [dog(0.9, first), dog(0.8, second)]
    assert len(select(pair, 0.3, GenEvalParams(max_overlap=inclusive_iou(first, second)))["dog"]) == 1
    assert len(select(pair, 0.3, GenEvalParams(max_overlap=0.34))["dog"]) == 2


def test_a_suppressed_object_suppresses_nothing_itself():
    chain = [dog(0.9, (0, 0, 9, 9)), dog(0.8, (4, 0, 13, 9)), dog(0.7, (8, 0, 17, 9))]
    kept = select(chain, 0.3, GenEvalParams(max_overlap=0.4))["dog"]
    assert [d.score for d in kept] == [0.9, 0.7]


@pytest.mark.parametrize(
    ("a", "relations"),
    [
        ((40, 0, 50, 10), ("right of",)),
        ((-40, 0, -30, 10), ("left of",)),
        ((0, 40, 10, 50), ("below",)),
        ((0, -40, 10, -30), ("above",)),
        ((40, 40, 50, 50), ("right of", "below")),
        ((-40, -40, -30, -30), ("left of", "above")),
        ((0, 0, 10, 10), ()),
        ((2, 2, 12, 12), ()),  # the offset vanishes in the shrinking
        ((4, 0, 14, 10), ()),  # shrunk from 4 to 2: exactly half is not enough
        ((-4, 0, 6, 10), ()),
        ((0, 4, 10, 14), ()),
        ((0, -4, 10, 6), ()),
        ((5, 0, 15, 10), ("right of",)),
        ((0, -5, 10, 5), ("above",)),
    ],
)
def test_relation_of_a_box_to_one_at_the_origin(a, relations):
    assert relative_position(a, (0, 0, 10, 10)) == relations


def test_the_shrinking_is_measured_against_the_whole_offset():
    # Offset (20, 15), length 25; shrunk by 7 on both axes to (13, 8): 0.52 and 0.32.
    assert relative_position((20, 15, 55, 50), (0, 0, 35, 35)) == ("right of",)


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"include": ONE_DOG}, "'tag' must name the task"),
        ({"tag": "t"}, "no include or exclude clause"),
        ({"tag": "t", "include": []}, "no include or exclude clause"),
        ({"tag": "t", "include": {"class": "dog"}}, "must be a list"),
        ({"tag": "t", "include": ["dog"]}, r"include\[0\] is not an object"),
        ({"tag": "t", "include": [{"count": 1}]}, "'class' must name an object"),
        ({"tag": "t", "include": [{"class": "dog"}]}, "'count' must be a whole number from 1, got None"),
        ({"tag": "t", "include": [{"class": "dog", "count": 0}]}, "from 1, got 0"),
        ({"tag": "t", "include": [{"class": "dog", "count": True}]}, "from 1, got True"),
        (
            {"tag": "t", "include": [{"class": "dog", "count": 1, "color": "gold"}]},
            "color 'gold' is none of red",
        ),
        ({"tag": "t", "include": [{"class": "dog", "count": 1, "size": "big"}]}, "no rule for 'size'"),
        ({"tag": "t", "exclude": [{"class": "dog", "count": 1, "color": "red"}]}, "no rule for 'color' here"),
        ({"tag": "t", "include": [{"class": "dog", "count": 1, "position": ["above", 0]}]}, "no 0 there"),
        (
            {"tag": "t", "include": [*ONE_DOG, {"class": "cup", "count": 1, "position": ["above", 1]}]},
            "no 1 there",
        ),
        (
            {"tag": "t", "include": [*ONE_DOG, {"class": "cup", "count": 1, "position": ["above", -1]}]},
            "no -1",
        ),
        (
            {"tag": "t", "include": [*ONE_DOG, {"class": "cup", "count": 1, "position": ["near", 0]}]},
            "left of",
        ),
    ],
)
def test_metadata_that_could_only_be_misjudged_are_refused(metadata, complaint):
    with pytest.raises(InputError, match=complaint):
        judge({**metadata, "prompt": "p"}, [dog()], IMAGE, NeverAsked())


@pytest.mark.parametrize(
    "params",
    [
        {"threshold": 1.5},
        {"counting_threshold": -0.1},
        {"max_objects": 0},
        {"max_overlap": 2},
        {"position_threshold": -1},
        {"threshold": float("nan")},
    ],
)
def test_impossible_constants_are_refused(params):
    with pytest.raises(InputError, match=next(iter(params))):
        GenEvalParams(**params)
