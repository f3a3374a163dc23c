"""How each person of a study does: read from the store, reckoned, and put beside what is known of them."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from nami_bench.domain import CheckAnswer, Mode, Study
from nami_bench.evaluation.human.figures import Figure
from nami_bench.evaluation.human.given_answers import GivenAnswers
from nami_bench.evaluation.human.people import PersonFigures, Work, note_of, people_figures
from nami_bench.local_time import local
from nami_bench.store import MemberReport, Store
from nami_bench.store.personal import Judgements

_REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class PersonReport:
    """One person of a study; `figures` is None for somebody who judged nothing yet. `unread` messages of
    theirs no organizer has seen."""

    member: MemberReport
    figures: PersonFigures | None
    unread: int

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        figures = self.figures
        return {
            **asdict(self.member),
            "unread": self.unread,
            "figures": figures and _figures_json(figures),
            "flags": [asdict(flag) for flag in figures.flags] if figures else [],
        }


@dataclass(frozen=True, slots=True)
class PeopleReport:
    """Everybody of a study, and what must be said of their comparison."""

    study: str
    note: str
    people: tuple[PersonReport, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"study": self.study, "note": self.note, "people": [one.to_json() for one in self.people]}


def people_report(store: Store, name: str, now: datetime | None = None) -> PeopleReport:
    """How everybody does who works on a study or is assigned to it; raises UnknownNameError."""
    study = store.studies.get(name)
    members = store.oversight.members(name)
    pairs = study.mode == Mode.PAIRWISE
    judged = store.personal.verdicts(name) if pairs else store.personal.ratings(name)
    excluded = frozenset(one.name for one in members if one.excluded)
    works = _works(store, study, members, judged, now or datetime.now(UTC))
    figures = people_figures(_answers(study, judged, excluded), works, excluded=excluded)
    by_name = {one.name: one for one in figures}
    unread = {one.annotator: one.unread for one in store.messages.threads(name)}
    people = tuple(PersonReport(one, by_name.get(one.name), unread.get(one.name, 0)) for one in members)
    return PeopleReport(name, note_of(figures), people)


def _answers(study: Study, judged: Judgements, excluded: frozenset[str]) -> GivenAnswers:
    numbers, person = np.unique(judged.annotator, return_inverse=True)
    people = tuple(judged.annotators[int(number)] for number in numbers)
    item = np.unique(judged.item, return_inverse=True)[1]
    ids, criterion = np.unique(judged.criterion, return_inverse=True)
    codes = (person, item, criterion)
    counts = ~np.isin(person, [code for code, name in enumerate(people) if name in excluded])
    if study.mode == Mode.PAIRWISE:
        return GivenAnswers.of_codes(people, *codes, judged.value.astype(np.int64), 4, counts)
    scales = [study.criterion(judged.criteria[int(number)]) for number in ids]
    low = np.array([scale.minimum for scale in scales])
    span = np.array([scale.maximum - scale.minimum for scale in scales])
    value = 100 * (judged.value - low[criterion]) / span[criterion]
    strand = np.zeros_like(criterion) if study.mode == Mode.QUESTIONS else criterion
    return GivenAnswers(people, *codes, strand, value[:, None], counts)


def _works(
    store: Store, study: Study, members: list[MemberReport], judged: Judgements, now: datetime
) -> dict[str, Work]:
    midnight = local(now, study.time_zone).replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = store.personal.seconds(study.name)
    today = store.personal.seconds(study.name, midnight.astimezone(UTC))
    repeats = _repeats(study, store.oversight.check_answers(study.name))
    decided = judged.side != 0
    sides = {
        judged.annotators[int(number)]: judged.side[decided & (judged.annotator == number)]
        for number in (np.unique(judged.annotator) if study.mode == Mode.PAIRWISE else ())
    }
    return {
        one.name: Work(
            seconds=seconds.get(one.name, ()),
            seconds_today=today.get(one.name, ()),
            gold=(one.gold_passed, one.gold_seen),
            repeats=repeats.get(one.name, ()),
            lean=sides.get(one.name, ()),
        )
        for one in members
    }


def _repeats(study: Study, answers: list[CheckAnswer]) -> Mapping[str, list[float]]:
    """By annotator and repeated item, the mean distance of second answers from first ones."""
    scales = {criterion.name: criterion for criterion in study.criteria}
    found: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        if answer.kind != _REPEAT or not answer.in_force:
            continue
        away = [
            _distance(value, answer.expected[name], scales[name].rescale)
            for name, value in answer.values.items()
            if answer.expected.get(name) is not None and name in scales
        ]
        if away:
            found[answer.annotator].append(float(np.mean(away)))
    return found


def _distance(value: Any, first: Any, rescale: Callable[[float], float]) -> float:
    """Points of 0-100, of verdicts 100 where it changed."""
    if isinstance(value, str):
        return 0.0 if value == first else 100.0
    return float(abs(rescale(value) - rescale(float(first))))


def _figures_json(one: PersonFigures) -> dict[str, Any]:
    peers, habits = one.peers, one.habits
    figures = {
        "pace": one.pace,
        "pace_today": one.pace_today,
        "gold": one.gold,
        "repeats": one.repeats,
        "agreement": peers.agreement,
        "severity": peers.severity,
        "spread": peers.spread,
        "repetition": habits and habits.repetition,
        "lean": one.lean,
    }
    return {
        **{name: figure and _figure_json(figure) for name, figure in figures.items()},
        "items": habits.items if habits else 0,
        "shared": peers.items,
        "top_share": habits and habits.top_share,
        "longest_run": habits and habits.longest_run,
        "run_by_chance": habits and habits.run_by_chance,
        "entropy": habits and habits.entropy,
    }


def _figure_json(figure: Figure) -> dict[str, float]:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}
