"""What an annotator is shown: the one form of an item and of a state, from the transaction to the browser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nami_bench.annotator_app.engine.answers import Value, Verdict
from nami_bench.domain import Question


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """The answers in force for an item that is visited again; `marks` as the screen draws them."""

    values: Mapping[str, Value]
    reasons: Mapping[str, str]
    flag: bool = False
    comment: str = ""
    marks: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What an annotator may know of an item: nothing here tells the model. `given` are answers in force.

    `questions` are those about it, in a study of questions; `words` those of the prompt that can be marked,
    (start, end) in code points.
    `images` are addresses for `AnnotationSession.image_png`, from left to right.
    """

    token: str
    prompt: str
    images: tuple[str, ...]
    given: GivenAnswers | None = None
    questions: tuple[Question, ...] = ()
    words: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """Items `done` of the `total` that are for this annotator to do, planted ones included."""

    done: int
    total: int
    today: int
    median_ms: int | None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What is said after a training or qualification item."""

    verdict: Verdict
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """Where an annotator is in a study: `items` has the one in hand first, then those ahead.

    `phase` is training, qualification, work, paused, closed, waiting or finished; `code` is a stable key
    for `message`. `reason`: why somebody is paused, as it was written down.
    """

    phase: str
    code: str | None
    message: str | None
    progress: Progress
    items: tuple[Item, ...]
    feedback: Feedback | None = None
    reason: str | None = None
