"""What an adjudicator decides where raters disagree: a row of its own, beside what they said."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WhyDecided(StrEnum):
    """Why raters disagreed, or were all wrong."""

    AMBIGUOUS_PROMPT = "ambiguous-prompt"
    INSTRUCTIONS = "gap-in-instructions"
    RATER_ERROR = "rater-error"
    EDGE_CASE = "edge-case"
    SUBJECTIVE = "subjective"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Adjudication:
    """A decision about one item by one criterion; no rating, and none is changed by it.

    `models`: of the item's images; of a pair the first stands on the left. `answer`: a value on the
    criterion's scale, an outcome, or the ranks of `models`; None: there is no right answer. `overruled`:
    nobody had answered so. `saw_models`: whether who decided was shown the models. `by`: an account's name,
    None for the command line. `revision` counts decisions, `in_force` is the last one alone.
    """

    study: str
    item: int
    models: tuple[str, ...]
    prompt_id: str
    sample: int
    criterion: str
    answer: float | str | None
    reason: WhyDecided
    note: str
    overruled: bool
    saw_models: bool
    by: str | None
    revision: int
    in_force: bool
    created_at: datetime
