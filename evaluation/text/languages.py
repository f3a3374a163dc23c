"""Metrics that score English by words and Chinese by characters."""

from dataclasses import dataclass
from typing import Literal

from nami_bench.evaluation.text.cleaning import Language, is_chinese
from nami_bench.evaluation.text.metric import Details, TextMetric
from nami_bench.evaluation.text.targets import Texts

NOTHING_LEFT = "the benchmark's cleaning leaves nothing of the text that is to be read"


class ByLanguage(TextMetric):
    """One of which the benchmark has an English and a Chinese half."""

    @dataclass(frozen=True, slots=True)
    class Options(TextMetric.Options):
        """`language`: en or zh, as of the benchmark's halves; auto: zh where a target has a Chinese
        character."""

        language: Literal["auto", "en", "zh"] = "auto"

    options: Options

    @property
    def _settings(self) -> tuple[str, ...]:
        return () if self.options.language == "auto" else (self.options.language,)

    def language_of(self, targets: Texts) -> Language:
        """In which half targets belong."""
        if self.options.language != "auto":
            return self.options.language
        return "zh" if any(map(is_chinese, targets)) else "en"

    @staticmethod
    def group_of(details: Details) -> str:
        """The language."""
        return str(details["language"])
