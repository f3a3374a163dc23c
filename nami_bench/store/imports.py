"""Judgements made elsewhere: all of them recorded, or none, and never silently in the place of others."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, null, select
from sqlalchemy.orm import Session

from nami_bench.domain import (
    SIMULATED_PREFIX,
    Annotator,
    Comparison,
    Mode,
    Ranking,
    Rating,
    Role,
    person_name,
)
from nami_bench.errors import InputError
from nami_bench.store.accounts import add_annotator_row
from nami_bench.store.annotation_tables import STUDY_KIND, ItemRow
from nami_bench.store.database import Database
from nami_bench.store.elsewhere import MOST_NAMED, count_as_work
from nami_bench.store.finding import find_study, match_annotator
from nami_bench.store.in_force import append_revisions
from nami_bench.store.items import refresh_items
from nami_bench.store.judged import Judgement, Place, Standing
from nami_bench.store.kinds import kind_of
from nami_bench.store.pool import all_counted
from nami_bench.store.tables import AnnotatorRow, CriterionRow, StudyRow

_READ_AT_ONCE = 10_000
_CALLED = "what annotators are called in this transaction"


class ClashError(InputError):
    """Judgements where others stand; `made` are they, as they were given."""

    def __init__(self, message: str, made: Sequence[object]) -> None:
        super().__init__(message)
        self.made = made


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of judgements: `added` are new, `replaced` stand where others stood, as corrections."""

    added: int = 0
    replaced: int = 0

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(self.added + other.added, self.replaced + other.replaced)


def check_mode(study: StudyRow, modes: Collection[Mode]) -> None:
    """Raise InputError for judgements of another kind than the study's."""
    if study.mode not in modes:
        raise InputError(f"study {study.name!r} takes {kind_of(study.mode).called}: nothing was imported")


def find_or_add_annotator(session: Session, name: str) -> AnnotatorRow:
    """The annotator's row, as `match_annotator`; one who is not known is added, without a token.

    Raises InputError where a transaction calls one annotator by names of different case: they could be two.
    """
    row = match_annotator(session, name)
    if row is None:
        role = Role.SIMULATED if name.startswith(SIMULATED_PREFIX) else Role.ANNOTATOR
        row = add_annotator_row(session, Annotator(name, role))
    before = session.info.setdefault(_CALLED, {}).setdefault(row.id, name)
    if before != name and person_name("annotator", before) != person_name("annotator", name):
        raise InputError(
            f"annotators {before!r} and {name!r} would be one person, for upper and lower case make no "
            "difference: write the name in one way, or give one of the two another name"
        )
    return row


class Lookup(ABC):
    """What judgements of one study speak of, each looked up once; kinds of judgements have their own."""

    modes: Collection[Mode]

    def __init__(self, session: Session, study: str) -> None:
        """Raises UnknownNameError for an unknown study, InputError for one of another mode."""
        self.session = session
        self.study = find_study(session, study)
        check_mode(self.study, self.modes)
        refresh_items(session, self.study)
        self._annotators: dict[str, int] = {}

    def annotator(self, name: str) -> int:
        """The annotator's number; see `find_or_add_annotator`."""
        if name not in self._annotators:
            self._annotators[name] = find_or_add_annotator(self.session, name).id
        return self._annotators[name]

    @abstractmethod
    def judgement(self, made: Any) -> Judgement:
        """A judgement with its names looked up; raises InputError for one that does not fit."""

    @abstractmethod
    def about(self, made: Any) -> str:
        """How messages call a judgement."""


def record_all(
    database: Database,
    made: Iterable[Rating] | Iterable[Comparison] | Iterable[Ranking],
    lookup: type[Lookup],
    *,
    replace: bool,
) -> Recorded:
    """Record judgements of any number of studies, all or none of them; see `record`."""
    by_study: dict[str, list[Any]] = {}
    for one in made:
        by_study.setdefault(one.study, []).append(one)
    recorded = Recorded()
    with database.writing() as session:
        for name, own in by_study.items():
            look = lookup(session, name)
            with all_counted(session, look.study):
                recorded += record(session, look.study, map(look.judgement, own), look.about, replace=replace)
    return recorded


def record(
    session: Session,
    study: StudyRow,
    judgements: Iterable[Judgement],
    about: Callable[[Any], str],
    *,
    replace: bool,
) -> Recorded:
    """Record a study's judgements, and count the items that they complete as their annotators' work.

    What is recorded already is passed over. Another answer where one stands raises InputError, with how many
    there are (`about` names the first), and with `replace` it is recorded as a correction.
    """
    made = list(judgements)
    standing = standing_answers(session, study, {one.annotator_id for one in made})
    rows: list[dict[str, Any]] = []
    seen: set[tuple[Place, int]] = set()
    changed: set[Place] = set()
    clashes: list[Judgement] = []
    for one in made:
        before = standing[one.place].get(one.criterion_id)
        key = (one.place, one.criterion_id)
        if before is not None and before.says(one.answer, one.reason, one.sides):
            seen.add(key)
            continue
        if key in seen:
            raise InputError(f"two answers are given for one thing, {about(one.made)}: nothing was imported")
        seen.add(key)
        changed.add(one.place)
        if before is not None:
            clashes.append(one)
        stands = Standing.after(before, one)
        standing[one.place][one.criterion_id] = stands
        rows.append(answer_row(study, one.place, one.criterion_id, one.image_id, stands, one.position))
    if clashes and not replace:
        what = kind_of(study.mode).answer
        raise ClashError(
            f"{len(clashes)} of {len(made)} judgements are recorded with another {what} or reason, the first "
            f"is {about(clashes[0].made)}: nothing was imported; --replace records these as corrections",
            [one.made for one in clashes],
        )
    write_answers(session, study, rows)
    touched = {one.place: standing[one.place] for one in made}
    count_as_work(session, study, touched, changed)
    return Recorded(len(rows) - len(clashes), len(clashes))


def standing_answers(
    session: Session, study: StudyRow, annotators: Iterable[int]
) -> dict[Place, dict[int, Standing]]:
    """What stands of these annotators' judgements: by annotator and item, by criterion."""
    found: dict[Place, dict[int, Standing]] = defaultdict(dict)
    for place, criterion, said, _ in revisions(session, study, set(annotators), standing=True):
        found[place][criterion] = said
    return found


def revisions(
    session: Session, study: StudyRow, annotators: set[int] | None = None, *, standing: bool = False
) -> Iterator[tuple[Place, int, Standing, int | None]]:
    """Whose judgement of what, by which criterion, what was said, and at which place in the work.

    Corrected ones are among them, and each comes before its correction; `standing`: only what is in force.
    None: of all annotators.
    """
    kind = kind_of(study.mode)
    table: Any = kind.table
    if kind.sides is None:
        sides: Any = literal(False)
        position: Any = null()
        item: Any = (ItemRow.image_id == table.image_id) & ItemRow.other_image_id.is_(None)
    else:
        sides = getattr(table, kind.sides)
        position, item = table.position, ItemRow.id == table.item_id
    query = (
        select(
            table.annotator_id,
            ItemRow.id,
            table.criterion_id,
            position,
            table.revision,
            getattr(table, kind.answer),
            table.reason,
            sides,
            table.duration_ms,
            table.created_at,
        )
        .join(ItemRow, item & (ItemRow.study_id == study.id) & (ItemRow.kind == STUDY_KIND))
        .join(CriterionRow, CriterionRow.id == table.criterion_id)
        .where(CriterionRow.study_id == study.id)
        .order_by(table.revision, table.id)
    )
    if standing:
        query = query.where(table.current)
    if annotators is not None and len(annotators) <= MOST_NAMED:
        query = query.where(table.annotator_id.in_(annotators))
    session.flush()
    # The connection's own rows: the session would look at each for objects.
    for rows in session.connection().execute(query).partitions(_READ_AT_ONCE):
        for annotator, item_id, criterion, place, *said in rows:
            if annotators is None or annotator in annotators:
                yield (annotator, item_id), criterion, Standing(*said), place


def write_answers(session: Session, study: StudyRow, rows: list[dict[str, Any]]) -> None:
    """Insert rows of `answer_row`; see `append_revisions`."""
    append_revisions(session.connection(), kind_of(study.mode).table, rows)


def answer_row(
    study: StudyRow, place: Place, criterion_id: int, image_id: int, said: Standing, position: int | None
) -> dict[str, Any]:
    """A row of the study's judgements; `image_id` of single images, `position` of several."""
    annotator, item = place
    common = {
        "criterion_id": criterion_id,
        "annotator_id": annotator,
        "revision": said.revision,
        "reason": said.reason,
        "duration_ms": said.duration_ms,
        "created_at": said.created_at,
    }
    kind = kind_of(study.mode)
    answered = {**common, kind.answer: said.answer}
    if kind.sides is None:
        return {**answered, "image_id": image_id}
    return {**answered, "item_id": item, kind.sides: said.sides, "position": position}
