"""Simulated annotators, for demonstrations and for testing the statistics on known ground.

They work through `AnnotationSession` like people. Their names begin with 'simulated', so that nobody
can take their scores for human ones.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from nami_bench.annotator_app.engine.answers import CANNOT_JUDGE, Answers, Value
from nami_bench.annotator_app.engine.marks import SentMarks
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import (
    SIMULATED_PREFIX,
    Annotator,
    Assignment,
    Criterion,
    ImageRecord,
    Mode,
    Outcome,
    Prompt,
    Region,
    Role,
    Study,
)
from nami_bench.domain.marking import BOXES, prompt_words
from nami_bench.domain.ranking import BEST, MIDDLE, WORST, ranks_text, without_gaps
from nami_bench.store import Store

CANNOT_JUDGE_SHARE = 0.01
SEEN_SHARE = 0.8
"""Of what is wrong in an image, each annotator sees so much."""

LEVEL = 4.0
"""Images that an annotator sees so many points of 0-100 apart are no longer level beside each other."""

Truth = Callable[[ImageRecord, Prompt], Mapping[str, float]]
"""An image's true quality on each criterion by name, 0 to 100."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How one annotator departs from the truth, in points of 0-100.

    Score = 50 + spread * (truth - 50) - severity + noise, where noise is normal with this
    standard deviation.
    """

    severity: float
    spread: float
    noise: float

    @classmethod
    def of(cls, annotator: str, seed: int) -> "Temper":
        """The temper that goes with a name: severity about 0 +- 6, spread about 1 +- 0.15, noise 5 to 11."""
        rng = _random(seed, annotator)
        return cls(
            severity=float(rng.normal(0, 6)),
            spread=float(np.exp(rng.normal(0, 0.15))),
            noise=float(rng.uniform(5, 11)),
        )


def simulate_ratings(
    store: Store,
    images_dir: Path,
    study: Study,
    annotators: int,
    truth: Truth,
    seed: int = 0,
    advance: Callable[[int], object] = lambda count: None,
) -> int:
    """Let `annotators` simulated annotators judge a study until nothing is left; return how many items.

    Images that stand together are compared by what the annotator would see in each alone.

    They take turns, one item each. A score depends on seed, annotator and image alone, so an
    interrupted run goes on as if it had not been. About one score in a hundred is "can't judge";
    time on task is left unknown. `advance` is called with the number of items just rated.
    """
    workers = [
        _Worker(store, images_dir, study, f"{SIMULATED_PREFIX}-{i + 1}", truth, seed)
        for i in range(annotators)
    ]
    rated = 0
    while workers:
        workers = [worker for worker in workers if worker.rate_one()]
        rated += len(workers)
        advance(len(workers))
    return rated


class _Worker:
    def __init__(
        self, store: Store, images_dir: Path, study: Study, name: str, truth: Truth, seed: int
    ) -> None:
        if name not in {known.name for known in store.accounts.all()}:
            store.accounts.add(Annotator(name, Role.SIMULATED))
        if not store.enrolments.admits(study.name, name):
            store.enrolments.assign(study.name, [name], by=SIMULATED_PREFIX)
        self._store, self._name, self._truth, self._seed = store, name, truth, seed
        self._session = AnnotationSession(store, images_dir, study.name, name)
        self._criteria, self._mode, self._marking = study.criteria, study.mode, study.marks
        self._view: View | None = None
        self._temper = Temper.of(name, seed)

    def rate_one(self) -> bool:
        """Rate the next item; False when there is none."""
        view = self._view or self._session.state()
        if not view.items:
            return False
        token = view.items[0].token
        assignment = self._store.annotation.assignment(token, self._name)
        values, reasons = self._scores(assignment)
        answers = Answers(uuid4().hex, values, reasons, marks=self._marks(assignment))
        self._view = self._session.submit(token, answers)
        return True

    def _marks(self, assignment: Assignment) -> SentMarks | None:
        """Marks near the places where everybody sees something, the more of them the worse an image is."""
        if not self._marking.asked:
            return None
        regions: list[tuple[int, Region]] = []
        words: list[tuple[int, int, int]] = []
        for place, image in enumerate(assignment.images):
            fault = 1 - min(self._truth(image, assignment.prompt).values()) / 100
            shared, own = (
                _random(self._seed, *image.key),
                _random(self._seed, self._name, "marks", *image.key),
            )
            for kind in self._marking.kinds:
                x, y, is_there = *shared.uniform(0.1, 0.7, 2), shared.random() < fault
                if is_there and own.random() < SEEN_SHARE:
                    regions.append((place, _near(kind.name, x, y, own, self._marking.shape)))
            if self._marking.words:
                found = prompt_words(assignment.prompt.text)
                missing = [span for span in found if shared.random() < fault / 4]
                words += [(place, *span) for span in missing if own.random() < SEEN_SHARE]
        marked = {place for place, _ in regions} | {place for place, *_ in words}
        bare = tuple(sorted(set(range(len(assignment.images))) - marked)) if self._marking.required else ()
        return SentMarks(tuple(regions), tuple(words), bare)

    def _scores(self, assignment: Assignment) -> tuple[dict[str, Value], dict[str, str]]:
        seen = [self._impressions(image, assignment.prompt) for image in assignment.images]
        values: dict[str, Value] = {}
        reasons: dict[str, str] = {}
        for criterion in self._criteria:
            found = [impressions[criterion.name] for impressions in seen]
            points = [one for one in found if one is not None]
            if len(points) < len(found):
                reasons[criterion.name] = CANNOT_JUDGE[-1]
            elif self._mode == Mode.RATING:
                values[criterion.name] = self._value(criterion, points[0])
            else:
                values[criterion.name] = _compared(points, self._mode)
        return values, reasons

    def _impressions(self, image: ImageRecord, prompt: Prompt) -> dict[str, float | None]:
        """By criterion, the points of 0-100 that the annotator sees in an image; None: cannot judge."""
        rng = _random(self._seed, self._name, *image.key)
        truth, temper = self._truth(image, prompt), self._temper
        found: dict[str, float | None] = {}
        for criterion in self._criteria:
            # Both draws always, so that one criterion's outcome does not shift the next one's.
            excused, error = rng.random() < CANNOT_JUDGE_SHARE, float(rng.normal())
            true = temper.spread * (truth[criterion.name] - 50)
            points = 50 + true - temper.severity + temper.noise * error
            found[criterion.name] = None if excused else min(max(points, 0.0), 100.0)
        return found

    def _value(self, criterion: Criterion, points: float) -> float:
        share = round(points) / 100
        return criterion.nearest_step(criterion.minimum + share * (criterion.maximum - criterion.minimum))


def _near(kind: str, x: float, y: float, rng: np.random.Generator, shape: str) -> Region:
    """A mark about a place, some hundredths of the image off."""
    x, y = (float(np.clip(at + rng.normal(0, 0.02), 0, 0.8)) for at in (x, y))
    return Region(kind, x, y, 0.2, 0.2) if shape == BOXES else Region(kind, x, y)


def _compared(points: Sequence[float], mode: str) -> str:
    """A verdict on a pair, or an order, as `Answers` has it: what lies within `LEVEL` points is level."""
    if mode == Mode.PAIRWISE:
        left, right = points
        if abs(left - right) < LEVEL:
            return Outcome.TIE.value
        return Outcome.LEFT.value if left > right else Outcome.RIGHT.value
    if mode == Mode.BEST_WORST:
        order = sorted(range(len(points)), key=lambda place: -points[place])
        extremes = {order[0]: BEST, order[-1]: WORST}
        return ranks_text(extremes.get(place, MIDDLE) for place in range(len(points)))
    return ranks_text(without_gaps([-round(one / LEVEL) for one in points]))


def _random(*identity: object) -> np.random.Generator:
    digest = hashlib.sha256(repr(identity).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))
