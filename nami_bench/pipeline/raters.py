"""Raters chosen by what they said of themselves: slices of a leaderboard, of agreement, of strengths."""

from collections.abc import Mapping

from nami_bench.domain import EntryQuestion
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import Store

FEWEST = 5
"""A slice of fewer people is not shown: it could tell what one of them said of themselves."""


def raters_who_said(store: Store, study: str, wanted: Mapping[str, str]) -> frozenset[str]:
    """The annotators of a study who gave all the `wanted` answers, by question.

    Of a number a range may be wanted, as "18-30", both ends in it. Raises UnknownNameError for a question or
    an answer that there is not, InputError where fewer than FEWEST people rated and gave them.
    """
    entry = store.studies.get(study).entry
    questions = {} if entry is None else {one.name: one for one in entry.questions}
    for name, value in wanted.items():
        if name not in questions:
            raise UnknownNameError("question about raters", name, questions)
        _check(questions[name], value)
    answers = store.crowd_reports.answers(study)
    at_work = set(store.annotation.completed(study))
    found = frozenset(
        who
        for who, said in answers.items()
        if who in at_work and all(_fits(questions[name], said.get(name, ""), v) for name, v in wanted.items())
    )
    if len(found) < FEWEST:
        raise InputError(
            f"fewer than {FEWEST} people who rated in study {study!r} said "
            f"{' and '.join(f'{name}={value}' for name, value in wanted.items())}: so small a group is not "
            "shown, for it could tell what one of them said"
        )
    return found


def _check(question: EntryQuestion, value: str) -> None:
    if question.kind == "choice":
        values = [option.value for option in question.options]
        if value not in values:
            raise UnknownNameError(f"answer to {question.name!r}", value, values)
    elif _range(value) is None:
        raise InputError(f"{question.name}={value}: give a number, or a range such as 18-30")


def _fits(question: EntryQuestion, said: str, value: str) -> bool:
    if not said or question.kind == "choice":
        return said == value
    ends = _range(value)
    return ends is not None and ends[0] <= float(said) <= ends[1]


def _range(text: str) -> tuple[float, float] | None:
    low, dash, high = text.partition("-")
    try:
        return (float(low), float(high)) if dash else (float(low), float(low))
    except ValueError:
        return None
