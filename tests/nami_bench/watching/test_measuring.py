"""The images of a checkpoint: made once, also across a kill, and scored in their places."""

import pytest

from nami_bench import Scorer
from nami_bench.domain import ImageState, PromptSet
from nami_bench.errors import InputError
from nami_bench.generators.protocol import GenerationResult
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.watching.measuring import Plan, lower_is_better, make_images, score_images, shown_images
from tests.nami_bench.watching.conftest import numbered

PLAN = Plan(PromptSet("five", tuple(numbered(5))), 2)


class Counted(ShapesGenerator):
    """One that is killed, or fails, when it is asked for a certain image."""

    def __init__(self, killed_at=None, failed_at=None):
        super().__init__(ShapesGenerator.Options(size=64))
        self.asked: list = []
        self.killed_at, self.failed_at = killed_at, failed_at

    def generate(self, requests):
        for request in requests:
            self.asked.append((request.prompt.id, request.sample))
            if len(self.asked) == self.killed_at:
                raise KeyboardInterrupt
            if len(self.asked) == self.failed_at:
                yield GenerationResult(request, ImageState.FAILED, reason="out of paint")
            else:
                yield from super().generate([request])


def nothing(count):
    pass


def test_images_that_a_killed_run_made_are_not_made_again(tmp_path):
    killed, again = Counted(killed_at=7), Counted()
    with pytest.raises(KeyboardInterrupt):
        make_images(killed, PLAN, tmp_path, nothing)
    made = make_images(again, PLAN, tmp_path, nothing)
    assert len(again.asked) == 4
    assert set(killed.asked[:6]).isdisjoint(again.asked)
    assert all(path.is_file() for path in made.images)
    assert make_images(Counted(), Plan(PLAN.prompt_set, 2, seed=1), tmp_path, nothing).reasons == {}


def test_an_image_that_failed_has_its_reason_in_its_place(tmp_path):
    made = make_images(Counted(failed_at=4), PLAN, tmp_path, nothing)
    with Scorer(["geneval"], detector="shapes", workers=0) as scorer:
        result = score_images(scorer, PLAN, made, nothing)["geneval"]
    assert result.failures == {3: "out of paint"}
    assert result.values == (1.0, 1.0, 1.0, None, *[1.0] * 6)
    assert result.value == 1.0
    assert [prompt for prompt, _ in shown_images(PLAN, made)] == [p.text for p in PLAN.prompt_set.prompts]


def test_a_checkpoint_without_any_image_is_no_result(tmp_path):
    class Broken(Counted):
        def generate(self, requests):
            for request in requests:
                yield GenerationResult(request, ImageState.FAILED, reason="NaN")

    made = make_images(Broken(), PLAN, tmp_path, nothing)
    scorer = Scorer(["geneval"], detector="shapes", workers=0)
    with pytest.raises(InputError, match="no image was made: NaN"):
        score_images(scorer, PLAN, made, nothing)


def test_distances_are_better_lower():
    assert not lower_is_better("geneval")
    assert not lower_is_better("no-such-metric")
