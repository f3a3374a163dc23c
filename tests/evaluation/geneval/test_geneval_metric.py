"""The metric: one result for each image, and never a zero where there was no verdict."""

import itertools

import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.rules import GenEvalParams
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.images import write_png

BOX = (1.0, 2.0, 5.0, 7.0)


class RedIsDog:
    """Sees in every image one dog with a score of red / 255, at BOX."""

    class_names = ("dog", "cup")
    identity = "red-is-dog-1"

    def __init__(self):
        self.batches = []

    @property
    def color_classifier(self):
        return AlwaysBlue()

    def detect(self, images):
        self.batches.append(len(images))
        return [[Detection("dog", BOX, image.getpixel((0, 0))[0] / 255)] for image in images]


class AlwaysBlue:
    identity = "blue-1"

    def classify(self, image, detections):
        return ["blue"] * len(detections)


def prompt(**clause):
    return Prompt(
        "00000", "a photo", geneval={"tag": "t", "include": [{"class": "dog", "count": 1, **clause}]}
    )


@pytest.fixture
def picture(tmp_path):
    numbers = itertools.count()

    def make(red):
        path = tmp_path / f"{next(numbers)}.png"
        write_png(path, Image.new("RGB", (8, 8), (red, 0, 0)))
        return path

    return make


def metric(detector=None, **options):
    return GenEvalMetric(GenEvalMetric.Options(**options), detector or RedIsDog())


def test_a_result_is_one_or_zero_with_reason_and_boxes(picture):
    items = [ScoringItem(picture(255), prompt()), ScoringItem(picture(10), prompt())]
    good, bad = metric().score(items)
    assert (good.value, good.reason) == (1.0, None)
    assert good.details == {"reason": "", "boxes": {"dog": [[*BOX, 1.0]]}}
    assert (bad.value, bad.details) == (0.0, {"reason": "expected dog>=1, found 0", "boxes": {}})


def test_the_detectors_color_classifier_judges_colors(picture):
    path = picture(255)
    items = [ScoringItem(path, prompt(color=color)) for color in ("blue", "red")]
    assert [result.value for result in metric().score(items)] == [1.0, 0.0]


def test_an_unreadable_image_has_a_reason_and_the_others_keep_their_order(picture, tmp_path):
    broken = picture(255)
    broken.write_bytes(broken.read_bytes()[:60])
    paths = [picture(255), broken, tmp_path / "none.png", picture(0)]
    results = list(metric(batch_size=3).score([ScoringItem(path, prompt()) for path in paths]))
    assert [result.item.image for result in results] == paths
    assert [result.value for result in results] == [1.0, None, None, 0.0]
    assert "damaged" in results[1].reason
    assert "does not exist" in results[2].reason


def test_a_class_the_detector_does_not_know_is_a_reason_and_not_a_zero(picture):
    cat = Prompt("00000", "no cat", geneval={"tag": "t", "exclude": [{"class": "cat", "count": 1}]})
    unknown, known = metric().score([ScoringItem(picture(255), cat), ScoringItem(picture(255), prompt())])
    assert (unknown.value, unknown.reason) == (
        None,
        "the detector red-is-dog-1 does not know the class 'cat'",
    )
    assert known.value == 1.0


def test_a_detector_that_gives_nan_does_not_give_zeros(picture):
    class Nan(RedIsDog):
        def detect(self, images):
            return [[Detection("dog", BOX, float("nan"))] for _ in images]

    [result] = metric(Nan()).score([ScoringItem(picture(255), prompt())])
    assert result.value is None
    assert "not finite" in result.reason


def test_results_come_batch_by_batch_and_few_items_are_asked_for_ahead(picture):
    detector = RedIsDog()
    path = picture(255)
    items = iter([ScoringItem(path, prompt()) for _ in range(100)])
    results = metric(detector, batch_size=2, workers=0).score(items)
    next(results)
    assert detector.batches == [2]
    assert len(list(items)) >= 100 - 9


def test_the_instrument_names_detector_color_classifier_and_changed_constants():
    assert metric().instrument == "red-is-dog-1+blue-1"
    params = GenEvalParams(threshold=0.5, max_objects=4)
    assert metric(params=params).instrument == "red-is-dog-1+blue-1+threshold=0.5+max_objects=4"


def test_constants_reach_the_verdict(picture):
    [result] = metric(params=GenEvalParams(threshold=0.01)).score([ScoringItem(picture(10), prompt())])
    assert result.value == 1.0


def test_it_applies_to_prompts_with_clauses():
    assert metric().applies_to(prompt())
    assert not metric().applies_to(Prompt("00000", "a photo"))


def test_it_is_a_plugin_whose_detector_must_be_chosen():
    made = registry.create(
        "metrics", "geneval", {"detector": "shapes", "params": {"threshold": 0.4}, "batch_size": 2}
    )
    assert made.instrument == "shapes-analytic-1+palette-1+threshold=0.4"
    with pytest.raises(InputError, match=r"needs a detector: .*shapes"):
        registry.create("metrics", "geneval")
    with pytest.raises(UnknownNameError, match="did you mean 'shapes'"):
        registry.create("metrics", "geneval", {"detector": "shape"})
    with pytest.raises(InputError, match="takes no options, got weights"):
        registry.create("metrics", "geneval", {"detector": "shapes", "detector_options": {"weights": "x"}})


def test_impossible_numbers_are_refused():
    with pytest.raises(InputError, match="batch_size"):
        metric(batch_size=0)
    with pytest.raises(InputError, match="workers"):
        metric(workers=-1)
