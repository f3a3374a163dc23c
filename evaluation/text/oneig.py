"""OneIG-Bench's text score (Chang et al. 2025, arXiv 2506.07977; scripts/text of its repository)."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from PIL.Image import Image
from rapidfuzz.distance import Levenshtein

from nami_bench.evaluation.jpeg import as_jpeg
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.text.cleaning import (
    NO_TEXT,
    Language,
    characters_kept,
    is_chinese,
    shared,
    words_kept,
)
from nami_bench.evaluation.text.languages import NOTHING_LEFT, ByLanguage
from nami_bench.evaluation.text.metric import Details, Figures
from nami_bench.evaluation.text.reader import Page, ReadText
from nami_bench.evaluation.text.targets import Texts

MOST_EDITS: dict[Language, int] = {"en": 100, "zh": 50}
"""From so many edits on, a text is as wrong as it can be."""
_TAKEN_OUT = ("addCriterion", NO_TEXT)
_SHORT, _LONG, _MANY_WORDS = 128, 256, 60
_QUALITY = 75  # Pillow's own, with which the benchmark's script saves


@dataclass(frozen=True, slots=True)
class Compared:
    """A text beside its target: edits between both, and how many of the target's `words` are `matched`."""

    edits: int
    matched: int
    words: int


def cleaned(text: str) -> str:
    """Characters alone where one is Chinese, else words apart by single spaces; the case is kept."""
    kept = words_kept(text)
    return characters_kept(text) if is_chinese(kept) else kept


def compare(target: str, read: str) -> Compared:
    """Case and order count for the edits. Each text is cleaned by its own language, so that one Chinese
    character in what is read of an English target joins all its words."""
    for phrase in _TAKEN_OUT:
        read = read.replace(phrase, "")
    wanted, found = cleaned(target), cleaned(read)
    return Compared(
        Levenshtein.distance(found, wanted), *shared(wanted, found, by_words=not is_chinese(wanted))
    )


def text_score(edits: float, completion: float, words: float, language: Language) -> float:
    """1 - min(M, ED) (1 - CR) (1 - WAC) / M, 0..1, with M of `MOST_EDITS`."""
    most = MOST_EDITS[language]
    return 1 - min(most, edits) * (1 - completion) * (1 - words) / most


class OneIGText(ByLanguage):
    """The benchmark's text score, of one image alone.

    The benchmark computes it once for all images (`figures`): from the mean of edits ED, the share CR of
    texts without any edit, and the share WAC of words of all images together. It is not the mean of the
    values.
    Published with Qwen2.5-VL-7B-Instruct, up to 128 tokens, 256 for targets of more than 60 words, of images
    that were cut from grids, which is left to whoever brings them, and saved as JPEG.

    `details`: "edits", "matched", "words", "language".
    """

    @dataclass(frozen=True, slots=True)
    class Options(ByLanguage.Options):
        """`jpeg`: whether images are read as JPEG, as the benchmark's are."""

        jpeg: bool = True

    name = "text-oneig"
    rule = "oneig-text-1"
    options: Options

    @property
    def _settings(self) -> tuple[str, ...]:
        return (*super()._settings, *((f"jpeg{_QUALITY}",) if self.options.jpeg else ()))

    def _page(self, item: ScoringItem, image: Image) -> Page:
        return super()._page(item, as_jpeg(image, _QUALITY) if self.options.jpeg else image)

    def measure(self, targets: Texts, read: ReadText) -> Measurement:
        """The score; no value where the cleaning leaves nothing of the targets."""
        language = self.language_of(targets)
        found = compare(" ".join(targets), read.text)
        details = {"language": language, "edits": found.edits, "matched": found.matched, "words": found.words}
        if not found.words:
            return Measurement(None, NOTHING_LEFT, details)
        score = text_score(found.edits, found.edits == 0, found.matched / found.words, language)
        return Measurement(score, details=details)

    def _longest(self, targets: Texts) -> int:
        return _LONG if len(" ".join(targets).split()) > _MANY_WORDS else _SHORT

    @staticmethod
    def figures(results: Sequence[Details]) -> Figures:
        """ED, CR, WAC and the text score."""
        edits = fmean(d["edits"] for d in results)
        completion = fmean(d["edits"] == 0 for d in results)
        words = sum(d["matched"] for d in results) / sum(d["words"] for d in results)
        score = text_score(edits, completion, words, results[0]["language"])
        return {"ED": edits, "CR": completion, "WAC": words, "score": score}
