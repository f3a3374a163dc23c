"""What an annotator answers: checked against the study, and judged where the answer is known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nami_bench.annotator_app.engine.marks import SentMarks, check_marks, expected_of, judge_marks
from nami_bench.domain import Mode, Outcome, Study
from nami_bench.domain.question import CANNOT_TELL, NOT_ASKED, not_asked
from nami_bench.domain.ranking import is_order, meets, parse_ranks, renamed_order
from nami_bench.errors import InputError, RefusedError, UnknownNameError

CANNOT_JUDGE = ("image does not load", "prompt unclear", "outside my knowledge", "other")
"""The reasons for which a criterion may have no value; those of questions: `nami_bench.domain.question`."""

MAX_COMMENT = 2000
MAX_DURATION_MS = 86_400_000
MAX_CLIENT_TOKEN = 100

Value = float | str


@dataclass(frozen=True, slots=True)
class Answers:
    """One submission: for each criterion a value (a number, an outcome in pairwise mode, or the ranks of the
    images as they stand, as `nami_bench.domain.ranking` writes them) or a reason for having none.

    `marks` are those of the images; None: none were asked for. `client_token` is the sender's own name for
    it: the same one again is the same submission.
    """

    client_token: str
    values: Mapping[str, Value]
    reasons: Mapping[str, str] = field(default_factory=dict)
    flag: bool = False
    comment: str = ""
    duration_ms: int | None = None
    marks: SentMarks | None = None


NOTHING_STANDS: Mapping[str, Mapping[str, Any]] = {"values": {}, "reasons": {}}


def check_answers(
    study: Study,
    prompt_id: str,
    prompt: str,
    answers: Answers,
    standing: Mapping[str, Mapping[str, Any]] = NOTHING_STANDS,
) -> None:
    """Raise RefusedError for anything missing, contradictory, too long, or off its scale.

    Of the questions about an image of the prompt, those must be "not asked" that depend on a wrong answer.

    An answer that is in force, of those in `standing`, may stay as it is: a reason may have been given
    elsewhere, in other words.
    """
    try:
        _check(study, prompt_id, answers, standing)
        if answers.marks is not None:
            images, is_judged = study.images_shown, bool(answers.values)
            check_marks(study.marks, prompt, images, answers.marks, is_judged=is_judged)
    except RefusedError:
        raise
    except InputError as error:
        raise RefusedError("bad_answers", str(error)) from error


def _check(study: Study, prompt_id: str, answers: Answers, standing: Mapping[str, Mapping[str, Any]]) -> None:
    names = [c.name for c in study.asked(prompt_id)]
    if both := sorted(answers.values.keys() & answers.reasons.keys()):
        raise InputError(f"{both[0]} has both a value and a reason for having none: give one of them")
    for name in (*answers.values, *answers.reasons):
        if name not in names:
            raise UnknownNameError("criterion", name, names)
    if missing := [n for n in names if n not in answers.values and n not in answers.reasons]:
        raise InputError(f"no rating for {', '.join(missing)}: rate every criterion, or say why you cannot")
    asks = study.mode == Mode.QUESTIONS
    known = (CANNOT_TELL, NOT_ASKED) if asks else CANNOT_JUDGE
    for name, reason in answers.reasons.items():
        if reason not in known and reason != standing["reasons"].get(name):
            raise InputError(f"{name}: unknown reason {reason!r}; known: {', '.join(known)}")
    for name, value in answers.values.items():
        _check_value(study, name, value, standing["values"].get(name))
    if asks:
        _check_asked(study, prompt_id, answers)
    if not 0 < len(answers.client_token) <= MAX_CLIENT_TOKEN:
        raise InputError(f"client_token must have 1 to {MAX_CLIENT_TOKEN} characters")
    if len(answers.comment) > MAX_COMMENT:
        raise InputError(f"the comment is longer than {MAX_COMMENT} characters: shorten it")
    if "\0" in answers.comment or "\0" in answers.client_token:
        raise InputError("texts must not contain null characters")
    if answers.duration_ms is not None and not 0 <= answers.duration_ms <= MAX_DURATION_MS:
        raise InputError("duration_ms must lie between 0 and a day")


def _check_asked(study: Study, prompt_id: str, answers: Answers) -> None:
    given = {name: value for name, value in answers.values.items() if not isinstance(value, str)}
    unasked = not_asked(study.questions[prompt_id], given)
    said = {name for name, reason in answers.reasons.items() if reason == NOT_ASKED}
    if wrong := sorted(unasked ^ said):
        must = "must not be asked, since" if wrong[0] in unasked else "must be asked, since not"
        raise InputError(f"question {wrong[0]} {must} one that it depends on has a wrong answer")


def _check_value(study: Study, name: str, value: Value, stands: Value | None) -> None:
    if study.is_ranked:
        try:
            parse_ranks(str(value), study.ranks.size, best_worst=study.mode == Mode.BEST_WORST)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    elif study.mode == Mode.PAIRWISE:
        if value not in tuple(Outcome):
            raise InputError(f"{name}: {value!r} is none of {', '.join(Outcome)}")
    elif isinstance(value, str) or not _is_finite(value):
        raise InputError(f"{name}: {str(value)[:20]!r} is not a number")
    elif value == stands:  # an imported one need not be a step of the screen's
        study.criterion(name).check(value)
    else:
        study.criterion(name).check_step(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of four hundred digits
        return False


def kept_answers(answers: Answers) -> dict[str, dict[str, Any]]:
    """The answers as they are stored with a submission."""
    marks = {} if answers.marks is None else {"marks": answers.marks.kept()}
    return {"values": dict(answers.values), "reasons": dict(answers.reasons), **marks}


def is_same(answers: Answers, kept: Mapping[str, Any], flag: bool, comment: str) -> bool:
    """Whether answers are those that are kept already, sent once more."""
    return (kept_answers(answers), answers.flag, answers.comment) == (kept, flag, comment)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer to an item with a known answer passes, and what would have passed by criterion, and
    of the marks (see `judge_marks`)."""

    passed: bool
    criteria: Mapping[str, Mapping[str, Any]]
    marks: Sequence[Mapping[str, Any]] = ()


def judge(expected: Mapping[str, Any], answers: Mapping[str, Any], models: Sequence[str]) -> Verdict:
    """Compare answers with what is expected; `models` are named as they stood.

    A criterion without a value fails. What was expected is said without the models' names: left or right, or
    an order of places counted from 1.
    """
    left, right = (*models, "", "")[:2]
    places = {model: str(place) for place, model in enumerate(models, 1)}
    criteria: dict[str, dict[str, Any]] = {}
    passed = True
    for name, wanted in expected_of(expected).items():
        given = answers["values"].get(name)
        if is_order(wanted):
            passed &= given is not None and meets(wanted, dict(zip(models, map(int, given), strict=True)))
            wanted = renamed_order(wanted, places)
        elif isinstance(wanted, str):
            wanted = {left: Outcome.LEFT.value, right: Outcome.RIGHT.value}.get(wanted, wanted)
            passed &= given == wanted
        else:
            passed &= given is not None and wanted[0] <= given <= wanted[1]
        criteria[name] = {"given": given, "expected": wanted}
    marks = judge_marks(expected, answers)
    return Verdict(passed and all(part["met"] for part in marks), criteria, marks)
