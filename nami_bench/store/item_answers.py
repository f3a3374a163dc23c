"""The items of a study with everything that was said about them: for whoever looks at disagreement."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, exists, literal, select
from sqlalchemy.orm import Session

from nami_bench.domain import Adjudication
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store.adjudications import decisions_about
from nami_bench.store.annotation_tables import (
    ANSWERED_STATES,
    SET_ASIDE,
    STUDY_KIND,
    AdjudicationRow,
    AssignmentRow,
    ItemRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.item_images import (
    groups_of,
    other_image,
    other_model,
    shown_models,
    shows,
    with_images,
)
from nami_bench.store.kinds import RATINGS, kind_of
from nami_bench.store.sides import Sides, as_seen
from nami_bench.store.study_work import Aside
from nami_bench.store.tables import (
    AnnotatorRow,
    ImageRow,
    ModelRow,
    PromptRow,
    StudyRow,
)

_AT_ONCE = 500
"""So many items are named in one statement."""


@dataclass(frozen=True, slots=True)
class ItemChoice:
    """Which items of a study: those that every filter lets pass; one that is None lets all pass.

    `model`: shows an image of it; `flagged`: somebody flagged it or left a comment; `person` answered it;
    `fewer_than` so many answers count; `decided` by an adjudicator, or not.
    """

    model: str | None = None
    stratum: str | None = None
    flagged: bool = False
    person: str | None = None
    fewer_than: int | None = None
    decided: bool | None = None


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What one annotator said about an item, as it was last corrected.

    `values` and `reasons` by criterion; outcomes of a pair, and orders, read with the images in the item's
    own order, `sides` tells how they stood. `seconds`: of the first answer. `excluded`, or `aside`: it does
    not count.
    """

    annotator: str
    at: datetime
    values: Mapping[str, float | str]
    reasons: Mapping[str, str]
    revision: int
    seconds: float | None
    comment: str = ""
    flag: bool = False
    sides: Sides = False
    excluded: bool = False
    aside: Aside | None = None

    @property
    def counts(self) -> bool:
        """Whether the study counts it."""
        return not self.excluded and self.aside is None


@dataclass(frozen=True, slots=True)
class ItemLook:
    """An item with all that was said about it.

    `images` are numbers of images, `models` theirs, in the item's own order. `completed` answers count of
    `wanted`; `decisions` are those of adjudicators in force, by criterion.
    """

    item: int
    images: tuple[int, ...]
    models: tuple[str, ...]
    prompt_id: str
    prompt: str
    stratum: str
    sample: int
    completed: int
    wanted: int
    withdrawn: bool
    answers: tuple[ItemAnswer, ...]
    decisions: Mapping[str, Adjudication] = field(default_factory=dict)


class ItemAnswers(Repository):
    """Items, and what was said about them."""

    def choose(self, study: str, choice: ItemChoice) -> list[int]:
        """The numbers of the items that a study asks about, or asked about, and that `choice` names.

        Raises UnknownNameError for a model, a stratum or an annotator that the study does not know.
        """
        with self._database.reading() as session:
            row = find_study(session, study)
            query = select(ItemRow.id).where(ItemRow.study_id == row.id, ItemRow.kind == STUDY_KIND)
            for condition in _conditions(session, row, choice):
                query = query.where(condition)
            return list(session.scalars(query.order_by(ItemRow.id)))

    def look(self, study: str, items: Sequence[int]) -> list[ItemLook]:
        """These items with all answers, in the given order, without those that the study does not have."""
        with self._database.reading() as session:
            row = find_study(session, study)
            found: dict[int, ItemLook] = {}
            for start in range(0, len(items), _AT_ONCE):
                found |= _looks(session, row, items[start : start + _AT_ONCE])
            return [found[item] for item in items if item in found]

    def images(self, item: int) -> tuple[str, tuple[int, ...]]:
        """The study that asks about an item, and the numbers of the item's images, in its own order.

        Raises InputError for an item that there is not, or whose answer is known.
        """
        with self._database.reading() as session:
            query = select(StudyRow.name, ItemRow.image_id, ItemRow.other_image_id)
            query = query.join(ItemRow, ItemRow.study_id == StudyRow.id)
            row = session.execute(query.where(ItemRow.id == item, ItemRow.kind == STUDY_KIND)).one_or_none()
            if row is None:
                raise InputError(f"there is no item {item}")
            study, image, other = row
            groups = groups_of(session, ItemRow.id == item)
            return study, groups[item].images if groups else (image,) if other is None else (image, other)

    def by_image(self, study: str) -> dict[int, int]:
        """Of a study of single images, the item of each image."""
        with self._database.reading() as session:
            row = find_study(session, study)
            query = select(ItemRow.image_id, ItemRow.id)
            query = query.where(ItemRow.study_id == row.id, ItemRow.kind == STUDY_KIND)
            return dict(session.execute(query).all())


def answers_to(
    session: Session, study: StudyRow, items: Collection[int]
) -> dict[int, tuple[ItemAnswer, ...]]:
    """What was said about these items, planted repetitions aside, the first answer first."""
    said = _values(session, study, items)
    sent = {(row.item_id, row.annotator_id): row for row in session.execute(_sent(items))}
    people = {row.id: row for row in session.scalars(select(AnnotatorRow))} if said or sent else {}
    found: dict[int, list[ItemAnswer]] = defaultdict(list)
    for (item, annotator), rows in said.items():
        person, own = people[annotator], sent.get((item, annotator))
        last = max(rows.values(), key=lambda one: (one.created_at, one.id))
        took = [one.duration_ms for one in rows.values() if one.duration_ms is not None]
        is_aside = own is not None and own.state == SET_ASIDE
        found[item].append(
            ItemAnswer(
                annotator=person.name,
                at=last.created_at,
                values={name: _unturned(one) for name, one in rows.items() if one.reason is None},
                reasons={name: one.reason for name, one in rows.items() if one.reason is not None},
                revision=max([one.revision for one in rows.values()]) if own is None else own.revision or 0,
                seconds=max(took) / 1000 if took else None,
                comment="" if own is None else own.comment or "",
                flag=own is not None and bool(own.flag),
                sides=last.sides if isinstance(last.sides, str) else bool(last.sides),
                excluded=person.excluded_at is not None,
                aside=Aside(own.aside_at, own.aside_by or "", own.aside_reason or "") if is_aside else None,  # type: ignore[union-attr]
            )
        )
    return {
        item: tuple(sorted(given, key=lambda one: (one.at, one.annotator))) for item, given in found.items()
    }


def _conditions(session: Session, study: StudyRow, choice: ItemChoice) -> Iterable[ColumnElement[bool]]:
    if choice.model is not None:
        yield _shows_model(study, choice.model)
    if choice.stratum is not None:
        yield _of_stratum(session, study, choice.stratum)
    if choice.flagged:
        yield ItemRow.id.in_(_remarked(study.id))
    if choice.person is not None:
        yield ItemRow.id.in_(_answered_by(study.id, find_annotator(session, choice.person).id))
    if choice.fewer_than is not None:
        yield ItemRow.completed < choice.fewer_than
    if choice.decided is not None:
        was = exists().where(AdjudicationRow.item_id == ItemRow.id, AdjudicationRow.current)
        yield was if choice.decided else ~was


def _shows_model(study: StudyRow, name: str) -> ColumnElement[bool]:
    numbers = {entry.model.name: entry.model_id for entry in study.models}
    if name not in numbers:
        raise UnknownNameError(f"model of study {study.name!r}", name, numbers)
    return shows(select(ImageRow.id).where(ImageRow.model_id == numbers[name]))


def _of_stratum(session: Session, study: StudyRow, name: str) -> ColumnElement[bool]:
    of_set = PromptRow.set_id == study.prompt_set_id
    known = session.scalars(select(PromptRow.stratum).where(of_set).distinct()).all()
    if name not in known:
        raise UnknownNameError(f"stratum of study {study.name!r}", name, known)
    images = select(ImageRow.id).join(ImageRow.prompt).where(of_set, PromptRow.stratum == name)
    condition: ColumnElement[bool] = ItemRow.image_id.in_(images)
    return condition


def _remarked(study_id: int) -> Select[Any]:
    """The items that somebody flagged or commented on."""
    return (
        select(AssignmentRow.item_id)
        .join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
        .where(
            AssignmentRow.study_id == study_id,
            AssignmentRow.occasion == 0,
            SubmissionRow.current,
            SubmissionRow.flag | (SubmissionRow.comment != ""),
        )
    )


def _answered_by(study_id: int, annotator_id: int) -> Select[Any]:
    return (
        select(AssignmentRow.item_id)
        .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
        .where(
            MemberRow.study_id == study_id,
            MemberRow.annotator_id == annotator_id,
            AssignmentRow.state.in_(ANSWERED_STATES),
        )
    )


def _values(
    session: Session, study: StudyRow, items: Collection[int]
) -> dict[tuple[int, int], dict[str, Any]]:
    """The last revision of each judgement, in force or set aside, by item and annotator, by criterion."""
    criteria, kind = {row.id: row.name for row in study.criteria}, kind_of(study.mode)
    columns: Any = kind.table.__table__.c
    thing = ItemRow.image_id if kind is RATINGS else ItemRow.id
    query = (
        select(
            ItemRow.id.label("item_id"),
            columns.id,
            columns.annotator_id,
            columns.criterion_id,
            columns[kind.answer].label("answer"),
            columns.reason,
            columns.revision,
            columns.duration_ms,
            columns.created_at,
            (literal(False) if kind.sides is None else columns[kind.sides]).label("sides"),
        )
        .join(kind.table, columns[kind.thing] == thing)
        .where(ItemRow.id.in_(items), columns.criterion_id.in_(criteria))
        .order_by(columns.revision)
    )
    found: dict[tuple[int, int], dict[str, Any]] = defaultdict(dict)
    for row in session.execute(query):
        found[row.item_id, row.annotator_id][criteria[row.criterion_id]] = row
    return found


def _unturned(row: Any) -> float | str:
    """The answer as it reads with the images in the item's own order."""
    sides: Sides = row.sides if isinstance(row.sides, str) else bool(row.sides)
    own: Sides = "".join(sorted(sides)) if isinstance(sides, str) else False
    answer: float | str = as_seen(row.answer, sides, own)
    return answer


def _sent(items: Collection[int]) -> Executable:
    return (
        select(
            AssignmentRow.item_id,
            MemberRow.annotator_id,
            AssignmentRow.state,
            AssignmentRow.aside_at,
            AssignmentRow.aside_by,
            AssignmentRow.aside_reason,
            SubmissionRow.revision,
            SubmissionRow.flag,
            SubmissionRow.comment,
        )
        .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
        .outerjoin(SubmissionRow, (SubmissionRow.assignment_id == AssignmentRow.id) & SubmissionRow.current)
        .where(AssignmentRow.item_id.in_(items), AssignmentRow.occasion == 0)
    )


def _looks(session: Session, study: StudyRow, items: Collection[int]) -> dict[int, ItemLook]:
    query = with_images(
        select(
            ItemRow.id,
            ItemRow.image_id,
            other_image.id,
            ModelRow.name,
            other_model.name,
            PromptRow.prompt_id,
            PromptRow.text,
            PromptRow.stratum,
            ImageRow.sample,
            ItemRow.completed,
            ItemRow.extra,
            ItemRow.withdrawn_at,
        )
    ).where(ItemRow.study_id == study.id, ItemRow.kind == STUDY_KIND, ItemRow.id.in_(items))
    rows = session.execute(query).all()
    numbers = [row[0] for row in rows]
    groups = groups_of(session, ItemRow.id.in_(numbers))
    said, decided = answers_to(session, study, numbers), decisions_about(session, study, numbers)
    return {
        item: ItemLook(
            item=item,
            images=groups[item].images if item in groups else (image,) if other is None else (image, other),
            models=shown_models(groups, item, model, its_model),
            prompt_id=prompt_id,
            prompt=text,
            stratum=stratum,
            sample=sample,
            completed=completed,
            wanted=study.overlap + more,
            withdrawn=withdrawn is not None,
            answers=said.get(item, ()),
            decisions={one.criterion: one for one in decided.get(item, ()) if one.in_force},
        )
        for (
            item, image, other, model, its_model, prompt_id, text, stratum, sample, completed, more,
            withdrawn,
        ) in rows
    }  # fmt: skip
