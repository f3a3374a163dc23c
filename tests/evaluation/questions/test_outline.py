"""Questions as an outline."""

import random
from itertools import pairwise

import pytest

from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.outline import outline


def drawn(parents):
    """(id, depth, others) of the outline of questions with these parents, by id in row order."""
    questions = [Question(number, "", parents=tuple(of)) for number, of in parents.items()]
    return [(one.question.id, one.depth, one.others) for one in outline(questions)]


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ({1: [], 2: [1], 3: [], 4: [2]}, [(1, 0, ()), (2, 1, ()), (4, 2, ()), (3, 0, ())]),
        ({1: [], 2: [1], 3: [1]}, [(1, 0, ()), (2, 1, ()), (3, 1, ())]),
        ({1: [], 2: [], 3: [2, 1]}, [(1, 0, ()), (2, 0, ()), (3, 1, (1,))]),
        ({2: [1], 1: []}, [(1, 0, ()), (2, 1, ())]),
        ({1: [], 2: [9, 1]}, [(1, 0, ()), (2, 1, (9,))]),
        ({1: [9]}, [(1, 0, (9,))]),
        ({1: [1]}, [(1, 0, (1,))]),
        ({1: [2], 2: [1]}, [(2, 0, (1,)), (1, 1, ())]),
        ({1: [2], 2: [3], 3: [1, 4], 4: []}, [(4, 0, ()), (3, 1, (1,)), (2, 2, ()), (1, 3, ())]),
        ({1: [], 2: [1, 1]}, [(1, 0, ()), (2, 1, ())]),
    ],
    ids=[
        "tree",
        "siblings",
        "two parents",
        "child first",
        "unknown first",
        "unknown",
        "itself",
        "circle",
        "way out",
        "twice",
    ],
)
def test_each_stands_under_its_first_parent(parents, expected):
    assert drawn(parents) == expected


def test_whatever_the_graph_every_question_stands_once():
    numbers = random.Random(0)
    for _ in range(200):
        ids = numbers.sample(range(1, 9), 7)
        parents = {one: numbers.choices(range(1, 10), k=numbers.randrange(3)) for one in ids}
        found = drawn(parents)
        assert sorted(one for one, _, _ in found) == sorted(ids)
        depths = [depth for _, depth, _ in found]
        assert depths[0] == 0
        assert all(after <= before + 1 for before, after in pairwise(depths))
        for one, depth, others in found:
            missing = set(parents[one]) - set(others)
            assert len(missing) == (depth > 0), "one parent is what it stands under, the others are named"


def test_a_long_chain_is_no_matter():
    assert drawn({1: [], **{number: [number - 1] for number in range(2, 2001)}})[-1] == (2000, 1999, ())
