"""What a study's planted items say about its annotators, and who was screened out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from nami_bench.domain import CheckAnswer, Criterion
from nami_bench.evaluation.human.annotators import RepeatConsistency, repeat_consistency

_REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class AnnotatorChecks:
    """One annotator's planted items. `repeats`: consistency in points of 0-100, of verdicts on pairs the
    share that changed in percent; None without repeats.

    `screened_out` is the reason for which the annotator was given no more work, None for one who was not.
    No judgement of an `excluded` one counts.
    """

    annotator: str
    gold_seen: int
    gold_passed: int
    repeats: RepeatConsistency | None
    screened_out: str | None
    excluded: bool = False

    @property
    def repeat_difference(self) -> float | None:
        """How far second answers lie from first ones, both as last corrected, to two decimals."""
        return None if self.repeats is None else round(self.repeats.difference, 2)


def repeats_by_annotator(
    answers: Iterable[CheckAnswer], criteria: Iterable[Criterion]
) -> dict[str, RepeatConsistency]:
    """Of those who answered an item again, how far their answers in force lie from the first ones."""
    return {found.annotator: found for found in _repeats(answers, criteria)}


def renamed(checks: Iterable[AnnotatorChecks], names: Mapping[str, str]) -> Iterator[AnnotatorChecks]:
    """The checks under other names of the annotators."""
    for check in checks:
        yield replace(check, annotator=names[check.annotator])


def _repeats(answers: Iterable[CheckAnswer], criteria: Iterable[Criterion]) -> Iterator[RepeatConsistency]:
    scales = {c.name: c for c in criteria}
    numbers: list[tuple[str, float, float]] = []
    verdicts: list[tuple[str, float, float]] = []
    for answer in answers:
        if answer.kind != _REPEAT or not answer.in_force:
            continue
        for name, value in answer.values.items():
            first = answer.expected.get(name)
            if first is None or name not in scales:
                continue
            if isinstance(value, str):
                verdicts.append((answer.annotator, 0.0, 0.0 if value == first else 100.0))
            else:
                rescale = scales[name].rescale
                numbers.append((answer.annotator, rescale(float(first)), rescale(value)))
    yield from _consistency(numbers)
    for found in _consistency(verdicts):
        yield replace(found, drift=None, deviation=None, correlation=None)


def _consistency(rows: list[tuple[str, float, float]]) -> tuple[RepeatConsistency, ...]:
    return repeat_consistency(pd.DataFrame(rows, columns=["annotator", "first", "second"]))
