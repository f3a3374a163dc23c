from itertools import combinations

import numpy as np
import pytest

from nami_bench.domain import GENEVAL_TASKS
from nami_bench.errors import InputError
from nami_bench.generators.clauses import MAX_OBJECTS
from nami_bench.generators.scenes import PlacedShape, Scene, plan_scene, render
from nami_bench.shapes import BACKGROUND, COLORS, SHAPES, extent

CLAUSES = {
    "single_object": {"tag": "single_object", "include": [{"class": "star", "count": 1}]},
    "two_object": {
        "tag": "two_object",
        "include": [{"class": "star", "count": 1}, {"class": "cross", "count": 1}],
    },
    "counting": {
        "tag": "counting",
        "include": [{"class": "star", "count": 3}],
        "exclude": [{"class": "star", "count": 4}],
    },
    "colors": {"tag": "colors", "include": [{"class": "star", "count": 1, "color": "red"}]},
    "position": {
        "tag": "position",
        "include": [{"class": "cross", "count": 1}, {"class": "star", "count": 1, "position": ["above", 0]}],
    },
    "color_attr": {
        "tag": "color_attr",
        "include": [
            {"class": "star", "count": 1, "color": "red"},
            {"class": "cross", "count": 1, "color": "blue"},
        ],
    },
}


def scenes(clauses, *, error=False, count=60):
    return [plan_scene(clauses, np.random.default_rng(seed), error=error) for seed in range(count)]


def shapes(scene):
    return sorted(item.shape for item in scene.objects)


def box(item):
    """(x1, y1, x2, y2) as shares of the picture's side."""
    width, height = (side * item.size for side in extent(item.shape))
    return item.x - width / 2, item.y - height / 2, item.x + width / 2, item.y + height / 2


def gap(a, b):
    """The wider of the horizontal and the vertical distance between two boxes; negative if they overlap."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = box(a), box(b)
    return max(ax1 - bx2, bx1 - ax2, ay1 - by2, by1 - ay2)


@pytest.mark.parametrize("error", [False, True])
@pytest.mark.parametrize("task", GENEVAL_TASKS)
def test_objects_lie_within_the_picture_and_apart(task, error):
    for scene in scenes(CLAUSES[task], error=error):
        for item in scene.objects:
            assert all(0.05 - 1e-9 <= edge <= 0.95 + 1e-9 for edge in box(item))
        for a, b in combinations(scene.objects, 2):
            assert gap(a, b) >= 0.05 - 1e-9


def test_the_same_generator_state_gives_the_same_scene_and_another_gives_another():
    once, again = scenes(CLAUSES["position"]), scenes(CLAUSES["position"])
    assert once == again
    assert len(set(once)) == len(once)


def test_a_clean_scene_holds_what_was_asked_for_and_nothing_else():
    for task, asked in (
        ("single_object", ["star"]),
        ("two_object", ["cross", "star"]),
        ("counting", ["star"] * 3),
    ):
        for scene in scenes(CLAUSES[task]):
            assert scene.planted_error is None
            assert shapes(scene) == asked
    for scene in scenes(CLAUSES["color_attr"]):
        assert {(item.shape, item.color) for item in scene.objects} == {("star", "red"), ("cross", "blue")}


def test_objects_without_a_color_get_one_that_no_clause_names():
    clauses = {
        "tag": "colors",
        "include": [{"class": "star", "count": 1, "color": "red"}, {"class": "heart", "count": 2}],
    }
    painted = {item.color for scene in scenes(clauses, count=200) for item in scene.objects[1:]}
    assert painted == set(COLORS) - {"red"}


def test_single_object_errors_draw_another_class():
    for scene in scenes(CLAUSES["single_object"], error=True):
        (drawn,) = shapes(scene)
        assert drawn != "star"
        assert scene.planted_error == f"single_object: drew {drawn} instead of star"


def test_two_object_errors_omit_or_replace_one():
    lengths = set()
    for scene in scenes(CLAUSES["two_object"], error=True):
        assert len({"star", "cross"} & set(shapes(scene))) == 1
        lengths.add(len(scene.objects))
    assert lengths == {1, 2}


def test_counting_errors_are_one_too_few_or_one_too_many():
    drawn = {len(scene.objects): scene.planted_error for scene in scenes(CLAUSES["counting"], error=True)}
    assert drawn == {2: "counting: drew 2 instead of 3", 4: "counting: drew 4 instead of 3"}


def test_counting_errors_are_only_too_few_where_nothing_excludes_too_many():
    clauses = {"tag": "counting", "include": [{"class": "star", "count": 3}]}
    assert {len(scene.objects) for scene in scenes(clauses, error=True)} == {2}


def test_color_errors_paint_another_color():
    painted = {scene.objects[0].color for scene in scenes(CLAUSES["colors"], error=True, count=200)}
    assert painted == set(COLORS) - {"red"}


def test_color_attr_errors_exchange_or_change_colors():
    drawn = [{i.shape: i.color for i in s.objects} for s in scenes(CLAUSES["color_attr"], error=True)]
    exchanged = [d for d in drawn if d == {"star": "blue", "cross": "red"}]
    changed = [d for d in drawn if (d["star"] == "red") != (d["cross"] == "blue")]
    assert exchanged
    assert changed
    assert len(exchanged) + len(changed) == len(drawn)


def test_positions_are_plain_and_position_errors_are_another_plain_one():
    def direction(scene):
        cross, star = scene.objects
        dx, dy = star.x - cross.x, star.y - cross.y
        if abs(dx) > abs(dy):
            return "left of" if dx < 0 else "right of"
        return "above" if dy < 0 else "below"

    assert {direction(s) for s in scenes(CLAUSES["position"])} == {"above"}
    wrong = {direction(s): s.planted_error for s in scenes(CLAUSES["position"], error=True)}
    assert wrong == {
        relation: f"position: drew star {relation} cross instead of above"
        for relation in ("left of", "right of", "below")
    }


STAR = {"class": "star", "count": 1}


@pytest.mark.parametrize(
    ("clauses", "reason"),
    [
        ({"tag": "single_object", "include": [{"class": "dog", "count": 1}]}, "only draws circle.* 'dog'"),
        ({"tag": "colors", "include": [{**STAR, "color": "teal"}]}, "color 'teal' is none of red"),
        ({"tag": "counting", "exclude": [{"class": "star", "count": 2}]}, "nothing to draw"),
        ({"tag": "single_object"}, "no include or exclude clause"),
        ({"include": [STAR]}, "'tag' must name the task"),
        ({"tag": "single_object", "include": [{"class": "star", "count": 0}]}, r"include\[0\]: 'count' must"),
        ({"tag": "single_object", "include": [{"class": "star"}]}, r"include\[0\]: 'count' must"),
        (
            {"tag": "counting", "include": [{"class": "star", "count": MAX_OBJECTS + 1}]},
            "more than 12 objects",
        ),
        ({"tag": "two_object", "include": [STAR, STAR]}, "name one class"),
        (
            {"tag": "counting", "include": [STAR], "exclude": [{"class": "star", "count": 1}]},
            "both ask for and exclude",
        ),
        ({"tag": "position", "include": [{**STAR, "position": ["above", 0]}]}, "an earlier clause"),
        (
            {"tag": "position", "include": [STAR, {"class": "cross", "count": 1, "position": ["near", 0]}]},
            "left of, right of",
        ),
        ({"tag": "juggling", "include": [STAR]}, "'juggling'"),
        ({"tag": "two_object", "include": [STAR]}, "do not name a second object"),
        ({"tag": "colors", "include": [STAR]}, "do not name a color"),
        ({"tag": "position", "include": [STAR, {"class": "cross", "count": 1}]}, "do not name a position"),
    ],
)
def test_clauses_that_cannot_be_drawn_are_refused_with_a_reason(clauses, reason):
    with pytest.raises(InputError, match=reason):
        plan_scene(clauses, np.random.default_rng(0))


def test_clauses_that_leave_no_room_are_refused():
    clauses = {
        "tag": "position",
        "include": [
            {"class": "star", "count": 6},
            {"class": "cross", "count": 6, "position": ["above", 0]},
        ],
    }
    with pytest.raises(InputError, match="no room"):
        plan_scene(clauses, np.random.default_rng(0))


@pytest.mark.parametrize("size", [64, 100, 256, 1024])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_drawn_where_it_was_placed_in_its_color_on_grey(shape, size):
    item = PlacedShape(shape, "green", 0.4, 0.55, 0.3)
    pixels = np.asarray(render(Scene((item,)), size))
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    rows, columns = np.nonzero((pixels != BACKGROUND).any(axis=2))
    found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert np.abs(np.array(box(item)) * size - found).max() < 1.5
    assert (pixels == COLORS["green"]).all(axis=2).any()


def test_edges_are_anti_aliased():
    pixels = np.asarray(render(Scene((PlacedShape("circle", "black", 0.5, 0.5, 0.5),)), 64))
    assert len(np.unique(pixels[..., 0])) > 10


def test_an_empty_scene_is_plain_background():
    assert (np.asarray(render(Scene(()), 64)) == BACKGROUND).all()


@pytest.mark.parametrize("error", [False, True])
@pytest.mark.parametrize("task", GENEVAL_TASKS)
def test_on_a_grid_objects_stand_apart_in_the_order_of_their_clauses(task, error):
    for seed in range(60):
        scene = plan_scene(CLAUSES[task], np.random.default_rng(seed), error=error, layout="grid")
        for item in scene.objects:
            left, top, right, bottom = box(item)
            assert min(left, top) > 0.04 and max(right, bottom) < 0.96
        assert all(gap(a, b) > 0.03 for a, b in combinations(scene.objects, 2))
        if task == "two_object" and not error:
            star, cross = scene.objects
            assert (star.shape, cross.shape) == ("star", "cross")
            assert star.x < cross.x - 0.35 and abs(star.y - cross.y) < 0.1
        if task == "position" and not error:
            cross, star = scene.objects
            assert star.y < cross.y - 0.35 and abs(star.x - cross.x) < 0.1


def test_a_grid_has_room_for_four():
    five = {"tag": "counting", "include": [{"class": "star", "count": 5}]}
    with pytest.raises(InputError, match="room for 4 objects, not for 5"):
        plan_scene(five, np.random.default_rng(0), layout="grid")
