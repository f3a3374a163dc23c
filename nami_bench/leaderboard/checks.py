"""What a study's planted items say about its annotators, and who was screened out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from evaluation.human.annotators import RepeatConsistency, repeat_consistency
from nami_bench.domain import CheckAnswer, Criterion

if TYPE_CHECKING:
    from nami_bench.store import Store

_REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class AnnotatorChecks:
    """One annotator's planted items. `repeats`: consistency in points of 0-100, None without repeats.

    `screened_out` is the reason for which the annotator was given no more work, None for one who was not.
    """

    annotator: str
    gold_seen: int
    gold_passed: int
    repeats: RepeatConsistency | None
    screened_out: str | None


def annotator_checks(
    store: "Store", study: str, criteria: Iterable[Criterion]
) -> tuple[AnnotatorChecks, ...]:
    """Of every annotator who took part in a study of ratings; raises UnknownNameError for the study."""
    repeats = {found.annotator: found for found in _repeats(store.check_answers(study), criteria)}
    return tuple(
        AnnotatorChecks(
            member.name, member.gold_seen, member.gold_passed, repeats.get(member.name), member.paused
        )
        for member in store.member_reports(study)
    )


def renamed(checks: Iterable[AnnotatorChecks], names: Mapping[str, str]) -> Iterator[AnnotatorChecks]:
    """The checks under other names of the annotators."""
    for check in checks:
        yield replace(check, annotator=names[check.annotator])


def _repeats(answers: Iterable[CheckAnswer], criteria: Iterable[Criterion]) -> tuple[RepeatConsistency, ...]:
    scales = {c.name: c for c in criteria}
    last: dict[tuple[object, ...], tuple[str, float, float]] = {}
    for answer in answers:  # the oldest first, so that a correction replaces what it corrects
        for name, value in answer.values.items() if answer.kind == _REPEAT else ():
            first = answer.expected.get(name)
            if isinstance(value, str) or first is None or name not in scales:
                continue
            rescaled = scales[name].rescale(float(first)), scales[name].rescale(value)
            key = (answer.annotator, answer.prompt_id, answer.sample, answer.models, name)
            last[key] = (answer.annotator, *rescaled)
    return repeat_consistency(pd.DataFrame(list(last.values()), columns=["annotator", "first", "second"]))
