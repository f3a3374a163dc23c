"""LongText-Bench's text accuracy (X-Omni, Geng et al. 2025, arXiv 2507.22058; its textbench folder)."""

from collections.abc import Sequence

from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.text.cleaning import NO_TEXT, Language, characters_kept, shared, words_kept
from nami_bench.evaluation.text.languages import NOTHING_LEFT, ByLanguage
from nami_bench.evaluation.text.metric import Details, Figures
from nami_bench.evaluation.text.reader import ReadText
from nami_bench.evaluation.text.targets import Texts


def cleaned(text: str, language: Language) -> str:
    """English: lower case, words apart by single spaces. Chinese: characters alone, in their own case."""
    return words_kept(text).lower() if language == "en" else characters_kept(text)


def matched(targets: Texts, read: str, language: Language) -> tuple[int, int]:
    """How many of the targets' words (Chinese: characters) are read anywhere, and how many there are.

    Of what a model says only "No text recognized." is taken out: the official loop over two such phrases
    keeps but the last one's work, so that "addCriterion" stays, and so does the phrase without its full stop.
    """
    wanted = cleaned(" ".join(targets), language)
    return shared(wanted, cleaned(read.replace(NO_TEXT, ""), language), by_words=language == "en")


class LongText(ByLanguage):
    """The share of a target's words (Chinese: characters) that are read, each as often as it stands there.

    Order does not count, nor what is read beside. The benchmark's figure (`figures`) is the share of the
    words of all images together, so that a long text counts more than a short one: it is not the mean of the
    values. Published with Qwen2.5-VL-7B-Instruct in bfloat16, up to 1024 tokens.

    `details`: "matched", "words", "language".
    """

    name = "text-longtext"
    rule = "longtext-1"

    def measure(self, targets: Texts, read: ReadText) -> Measurement:
        """The share; no value where the cleaning leaves no word of the targets."""
        language = self.language_of(targets)
        found, words = matched(targets, read.text, language)
        details = {"language": language, "matched": found, "words": words}
        if not words:
            return Measurement(None, NOTHING_LEFT, details)
        return Measurement(found / words, details=details)

    @staticmethod
    def figures(results: Sequence[Details]) -> Figures:
        """Text accuracy, 0..1."""
        return {"accuracy": sum(d["matched"] for d in results) / sum(d["words"] for d in results)}
