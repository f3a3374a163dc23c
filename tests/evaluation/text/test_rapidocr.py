"""The OCR for real: what the shapes world wrote is read, and its misspellings are found; offline."""

import socket
from collections.abc import Sequence

import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.text import rapidocr_reader
from nami_bench.evaluation.text.longtext import LongText
from nami_bench.evaluation.text.oneig import compare
from nami_bench.evaluation.text.rapidocr_reader import RapidOCRReader
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.images import HeldImage, encode_png
from tests.support.words import WORDS_PROMPTS

SIDE = 192
SMALL = RapidOCRReader(RapidOCRReader.Options(side=SIDE))
"""Lines are looked for in the pictures as they are: quicker than enlarged."""
FOUR = Prompt("00000", 'four lines: "OPEN LATE", "Hello World", "Fresh bread 42", "EXIT"')


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("the reader wanted to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refused)


def drawn(
    prompts: Sequence[Prompt], misspelt: float, size: int = SIDE
) -> list[tuple[ScoringItem, str | None]]:
    """Pictures, and what was planted in each."""
    generator = ShapesGenerator(ShapesGenerator.Options(size=size, text=misspelt))
    results = generator.generate([GenerationRequest(prompt, 0, at) for at, prompt in enumerate(prompts)])
    found = []
    for result in results:
        assert result.image is not None, result.reason
        image = HeldImage(encode_png(result.image)[1])
        found.append((ScoringItem(image, result.request.prompt), result.provenance["planted_error"]))
    return found


def scored(items: Sequence[ScoringItem], reader: RapidOCRReader = SMALL) -> list[ScoringResult]:
    return list(LongText(LongText.Options(), reader).score(items))


def test_clean_text_is_read_and_a_planted_error_is_found() -> None:
    ((clean, none),), ((wrong, planted),) = drawn([FOUR], 0), drawn([FOUR], 1)
    right, misspelt = scored([clean, wrong])
    assert none is None and right.value is not None and right.value > 0.95
    assert LongText.figures([right.details])["accuracy"] > 0.95
    assert planted is not None and misspelt.value == pytest.approx(right.value - 1 / right.details["words"])
    read = " ".join(line for line, _, _ in misspelt.details["read"])
    assert planted.split("'")[1] in read and planted.split("'")[3] not in read.split()
    for _, score, box in right.details["read"]:
        (left, top), _, (over, below), _ = box
        assert 0.5 <= score <= 1 and 0 <= left < over <= SIDE and 0 <= top < below <= SIDE


@pytest.mark.slow
def test_every_planted_error_of_a_set_is_found_and_nothing_else() -> None:
    reader = RapidOCRReader(RapidOCRReader.Options(side=256))
    clean, half = drawn(WORDS_PROMPTS, 0, size=256), drawn(WORDS_PROMPTS, 0.5, size=256)
    right, found = (scored([item for item, _ in made], reader) for made in (clean, half))
    assert LongText.figures([result.details for result in right])["accuracy"] > 0.95
    planted = [error is not None for _, error in half]
    assert 0.3 < sum(planted) / len(planted) < 0.7
    lower = [now.value < before.value for now, before in zip(found, right, strict=True)]  # type: ignore[operator]
    assert lower == planted
    for now, error in zip(found, planted, strict=True):
        if now.item.prompt.geneval is None:  # among shapes, the reader may take a crescent for a C
            assert (_edits(now) > 0) == error


def _edits(result: ScoringResult) -> int:
    """OneIG-Bench's, in which what is read beside counts."""
    read = "\n".join(line for line, _, _ in result.details["read"])
    return compare(" ".join(result.details["targets"]), read).edits


@pytest.mark.slow
def test_an_image_is_read_alike_whatever_is_read_beside_it() -> None:
    items = [item for item, _ in drawn(WORDS_PROMPTS[:4], 0)]
    together = scored(items)
    for item, expected in zip(items, together, strict=True):
        (alone,) = scored([item], RapidOCRReader(SMALL.options))
        assert (alone.value, alone.details) == (expected.value, expected.details)


def test_an_image_without_text_is_no_failure() -> None:
    blank = ScoringItem(HeldImage(encode_png(Image.new("RGB", (64, 64), (9, 90, 9)))[1]), FOUR)
    (result,) = scored([blank], RapidOCRReader(RapidOCRReader.Options(side=64)))
    assert (result.value, result.details["read"]) == (0.0, [])


def test_identity_names_models_and_changed_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = RapidOCRReader().identity
    assert usual.startswith("rapidocr-") and SMALL.identity == f"{usual}+side={SIDE}"
    monkeypatch.setattr(rapidocr_reader, "MODELS", {"Det": "no_such_model"})
    with pytest.raises(InputError, match="does not carry no_such_model"):
        _ = RapidOCRReader().identity


@pytest.mark.parametrize("options", [{"side": 8}, {"lowest_score": 2.0}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="is not between"):
        RapidOCRReader.Options(**options)  # type: ignore[arg-type]
