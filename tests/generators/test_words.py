"""Words in the shapes world: what is written, what is misspelt, and that shapes are judged as before."""

import numpy as np
import pytest

from nami_bench.domain import GENEVAL_TASKS, Prompt
from nami_bench.domain.image import ImageState
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.engine import GenEvalEngine
from nami_bench.evaluation.geneval.rules import GenEvalParams
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.generators.words import plan_words
from nami_bench.images import HeldImage
from tests.support.drawn import shapes_prompts
from tests.support.words import WORDS_PROMPTS


def results(prompts: list[Prompt], **options: float) -> list[GenerationResult]:
    generator = ShapesGenerator(ShapesGenerator.Options(**options))  # type: ignore[arg-type]
    return list(generator.generate([GenerationRequest(p, 0, at) for at, p in enumerate(prompts)]))


def pixels(result: GenerationResult) -> np.ndarray:
    assert result.image is not None, result.reason
    return np.asarray(result.image)


def test_a_misspelling_is_in_one_word_and_named() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        words = plan_words(("OPEN LATE", "a 42 ok"), rng, error=True)
        wrong, right = str(words.planted_error).split("'")[1::2]
        assert wrong.lower() != right.lower()
        before, after = ["OPEN", "LATE", "a", "42", "ok"], " ".join(words.texts).split()
        assert [b for b in before if b not in after] == [right] and wrong in after
        assert len(before) == len(after)


def test_words_change_nothing_else_and_rates_share_pictures() -> None:
    prompts = list(WORDS_PROMPTS)
    clean, some, more = (results(prompts, size=96, text=rate) for rate in (0, 0.3, 0.7))
    planted = [[r.provenance["planted_error"] is not None for r in made] for made in (clean, some, more)]
    assert not any(planted[0]) and 0 < sum(planted[1]) < sum(planted[2])
    assert all(two or not one for one, two in zip(planted[1], planted[2], strict=True))
    for one, other, wrong in zip(clean, some, planted[1], strict=True):
        assert (pixels(one) == pixels(other)).all() != wrong
    assert all(
        (pixels(a) == pixels(b)).all() for a, b in zip(results(prompts, size=96, text=0.3), some, strict=True)
    )


@pytest.mark.parametrize("size", [96, 256])
def test_words_are_no_shapes(size: int) -> None:
    """Every verdict about shapes is what it would be without the words."""
    prompts = [
        Prompt(p.id, f'{p.text}, with the words "OPEN LATE", "WOMBAT" and "o O 0"', geneval=p.geneval)
        for p in shapes_prompts(2 * len(GENEVAL_TASKS))
    ]
    made = results(prompts, size=size, error_rate=0.5, text=0.5)
    items = [ScoringItem(HeldImage(result.image), result.request.prompt) for result in made if result.image]
    judged = GenEvalEngine(ShapesDetector(), GenEvalParams(), 8, 0, False).judge(items)
    for result, one in zip(made, judged, strict=True):
        assert one.verdict is not None
        errors = str(result.provenance["planted_error"]).split("; ")
        scene_error = any(not error.startswith("text: ") for error in errors if error != "None")
        assert one.verdict.correct == (not scene_error), (errors, one.verdict.reason)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("你好", "font does not have 你, 好"),
        ("unpronounceably " * 9, "no room for all the words"),
        ("x" * 60, "no room"),
    ],
)
def test_what_cannot_be_written_fails_with_a_reason(text: str, complaint: str) -> None:
    (result,) = results([Prompt("00000", f'a sign "{text}"')])
    assert result.state is ImageState.FAILED and complaint in str(result.reason)
    with pytest.raises(InputError, match=complaint):
        plan_words((text,), np.random.default_rng(0))
