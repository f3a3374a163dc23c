"""What the metrics of text in images share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from PIL.Image import Image
from pydantic import Json

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.seen_images import results_of_seen
from nami_bench.evaluation.sharing import answered_once
from nami_bench.evaluation.text.judge_reader import JudgeReader
from nami_bench.evaluation.text.reader import Line, Page, Reader, ReadText
from nami_bench.evaluation.text.targets import Targets, Texts, find_targets

READER = "rapidocr"

Details = Mapping[str, Any]
Figures = Mapping[str, float]
"""A benchmark's own figures by name."""


class TextMetric(ABC):
    """Reads an image and compares what was read with what its prompt wants to be read.

    `details` of a result: "targets"; "read", the lines as [text, score, box], where the box is
    [[x, y], ...] in pixels and, like the score, null from a reader that tells none; and the metric's own
    parts, of which `figures` makes the benchmark's figures.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """What reads: `judge`, a plugin of the group nami_bench.judges, with `judge_options`; else `reader`,
        one of nami_bench.text_readers (rapidocr), with `reader_options`. What is to be read: `targets`,
        LongText-Bench's file or OneIG-Bench's, the latter with its table of `prompts`; or `column`, a key of
        the prompts' lines; else what the prompts have in quotation marks."""

        reader: str | None = None
        reader_options: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        judge: str | None = None
        judge_options: Mapping[str, Any] = field(default_factory=dict)
        targets: Path | None = None
        prompts: Path | None = None
        column: str | None = None

    name: str
    rule: ClassVar[str]
    """Names the rule in instruments."""
    value_range = (0.0, 1.0)

    def __init__(self, options: Options, reader: Reader | None = None) -> None:
        """`reader` hands over a reader that is no plugin; the options then need not name one."""
        self.options = options
        self.reader = reader or _create_reader(options, self.name)

    @cached_property
    def targets(self) -> Targets:
        """Where targets come from; raises InputError for a file that cannot be read."""
        asked = self.options
        return find_targets(asked.targets, asked.prompts, asked.column)

    @property
    def instrument(self) -> str:
        """The reader, the rule, where targets come from, and what else is set."""
        return "+".join([self.reader.identity, self.rule, self.targets.identity, *self._settings])

    @property
    def _settings(self) -> tuple[str, ...]:
        return ()

    @property
    def runs_on(self) -> Mapping[str, str]:
        """What the reader says of its device and dtype."""
        return self.reader.runs_on

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages that the reader computes with."""
        return tuple(self.reader.libraries)

    def targets_of(self, prompt: Prompt) -> Texts:
        """What images of the prompt must show."""
        return self.targets.of(prompt)

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether images of the prompt must show any text."""
        return bool(self.targets_of(prompt))

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; raises InputError where the reader cannot be loaded."""
        return results_of_seen(items, self._page, self._read, self._result)

    def _read(self, pages: Iterable[Page]) -> Iterator[ReadText]:
        reader = self.reader
        identity = f"text reader {reader.identity}"

        def known_by(page: Page) -> tuple[str, Image]:
            return f"{identity}, {page.longest}" if reader.speaks else identity, page.image

        return answered_once(pages, known_by, reader.read)

    def _page(self, item: ScoringItem, image: Image) -> Page:
        return Page(image, self._longest(self.targets_of(item.prompt)))

    def _result(self, item: ScoringItem, read: ReadText) -> ScoringResult:
        targets = self.targets_of(item.prompt)
        details = {"targets": list(targets), "read": [_as_json(line) for line in read.lines], **read.details}
        if read.problem is not None:
            return ScoringResult(item, None, read.problem, details)
        found = self.measure(targets, read)
        return ScoringResult(item, found.value, found.reason, {**details, **found.details})

    @abstractmethod
    def measure(self, targets: Texts, read: ReadText) -> Measurement:
        """One image's value, by at least one target."""

    @staticmethod
    def group_of(details: Details) -> str:
        """Among which images the benchmark reports one that has a value: those of a language, say."""
        return "all"

    @staticmethod
    @abstractmethod
    def figures(results: Sequence[Details]) -> Figures:
        """The benchmark's own figures of a group's images, at least one, by the details of their results."""

    def _longest(self, targets: Texts) -> int:
        """How many tokens a reader that speaks may say."""
        return 1024


def _as_json(line: Line) -> list[Any]:
    box = None if line.box is None else [[round(x, 1), round(y, 1)] for x, y in line.box]
    return [line.text, None if line.score is None else round(line.score, 4), box]


def _create_reader(options: TextMetric.Options, name: str) -> Reader:
    if options.judge is not None:
        if options.reader is not None:
            raise InputError(f"{name}: a reader or a judge reads, not both")
        return JudgeReader(options.judge, options.judge_options)
    reader: Reader = registry.create("text_readers", options.reader or READER, options.reader_options)
    return reader
