"""A reader that says what it is told to."""

from collections.abc import Iterable, Iterator, Mapping

import pytest

from nami_bench.evaluation.text.reader import Line, Page, ReadText
from tests.support.asked_models import llava_folder as llava_folder


class Told:
    """Reads nothing off its pages: it yields what it was given, one after the other."""

    identity = "told"
    speaks = False
    runs_on: Mapping[str, str] = {}
    libraries: tuple[str, ...] = ()

    def __init__(self, *texts: ReadText) -> None:
        self.texts = list(texts)
        self.longest: list[int] = []

    def read(self, pages: Iterable[Page]) -> Iterator[ReadText]:
        for page in pages:
            self.longest.append(page.longest)
            yield self.texts.pop(0)


@pytest.fixture
def silent() -> Told:
    return Told()


def lines(*texts: str) -> ReadText:
    return ReadText(tuple(Line(text) for text in texts))
