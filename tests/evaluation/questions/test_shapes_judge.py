"""The judge of the shapes world: what it says is what GenEval says."""

import numpy as np
import pytest
from PIL import ImageFilter

from nami_bench import registry
from nami_bench.domain.clauses import parse_clauses
from nami_bench.evaluation.geneval.rules import judge as geneval_verdict
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.evaluation.questions.from_clauses import questions_of
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Sheet
from nami_bench.generators.scenes import PlacedShape, Scene, plan_scene, render
from nami_bench.prompts.geneval import geneval_metadata
from nami_bench.prompts.sources import SHAPES_GRAMMAR


@pytest.fixture(scope="module")
def judge():
    return registry.create("judges", "shapes")


def verdicts(judge, metadata, image):
    """(all questions answered as expected, GenEval's verdict)."""
    questions = questions_of(parse_clauses(metadata))
    (answers,) = judge.answer([Sheet(image, questions)])
    assert not any(answer.problem for answer in answers)
    by_words = all(a.text == q.expected for a, q in zip(answers, questions, strict=True))
    assert [a.probability for a in answers] == [
        float(a.text == q.expected) for a, q in zip(answers, questions, strict=True)
    ]
    detector = ShapesDetector()
    (found,) = detector.detect([image])
    return by_words, geneval_verdict(metadata, found, image, detector.color_classifier).correct


@pytest.mark.parametrize("radius", [0, 2.5])
def test_all_questions_right_is_geneval_correct(judge, radius):
    rng = np.random.default_rng(3)
    seen = set()
    for metadata in geneval_metadata(SHAPES_GRAMMAR, seed=11, per_task=8):
        for error in (False, True):
            image = render(plan_scene(metadata, rng, error=error), 96)
            if radius:  # so much that the detector is in doubt
                image = image.filter(ImageFilter.GaussianBlur(radius))
            by_words, by_geneval = verdicts(judge, metadata, image)
            assert by_words == by_geneval, metadata
            assert radius or by_geneval == (not error)
            seen.add((metadata["tag"], by_geneval))
    assert radius or len(seen) == 12


CIRCLES = Scene(tuple(PlacedShape("circle", "red", x, 0.3, 0.2) for x in (0.2, 0.5, 0.8)))
WITH_A_STAR = Scene((*CIRCLES.objects, PlacedShape("star", "blue", 0.5, 0.8, 0.2)))


@pytest.mark.parametrize(
    ("include", "exclude"),
    [
        ([("circle", 3, "red", None)], []),
        ([("circle", 2, "red", None)], [("star", 1)]),
        ([("circle", 2, None, None)], [("circle", 4), ("star", 2)]),
        ([("star", 1, None, None), ("circle", 3, None, ["above", 0])], []),
        ([("circle", 3, None, None), ("star", 1, "blue", ["below", 0])], [("circle", 3)]),
        ([], [("heart", 1), ("circle", 3)]),
    ],
)
def test_clauses_that_geneval_itself_never_uses(judge, include, exclude):
    metadata = {
        "tag": "two_object",
        "include": [
            {"class": name, "count": count, "color": color, "position": position}
            for name, count, color, position in include
        ],
        "exclude": [{"class": name, "count": count} for name, count in exclude],
    }
    for scene in (CIRCLES, WITH_A_STAR, Scene(())):
        by_words, by_geneval = verdicts(judge, metadata, render(scene, 96))
        assert by_words == by_geneval


def test_it_says_why_not_and_what_it_does_not_understand(judge):
    asked = (Question(1, "Are there exactly two circles?"), Question(2, "Is there a bench?"))
    ((no, nothing),) = judge.answer([Sheet(render(CIRCLES, 96), asked)])
    assert (no.text, no.probability) == ("no", 0.0)
    assert no.details == {"reason": "expected circle<3, found 3"}
    assert nothing.text is None and "does not understand the question 'Is there a bench?'" in nothing.problem
    assert "clause-questions-1" in judge.identity
