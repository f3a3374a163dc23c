"""Marks of images: what stands of them follows from what was sent; import, and those in force.

A submission holds its marks under "marks": {"regions": [{image, kind, x, y}], "words": [{image, start, end}],
"nothing": [image]}, where `image` is the place on the screen, from 0. Of a submission that counts, each image
has a row of its own, corrected as the submission is.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from nami_bench.domain import Marking, Marks, Region
from nami_bench.domain.marking import BOXES
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    COMPLETED,
    STUDY_KIND,
    AssignmentRow,
    ItemRow,
    MarkingRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.database import Repository
from nami_bench.store.desk import Desk
from nami_bench.store.desk_values import Lease, Member
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.imports import Recorded
from nami_bench.store.in_force import append_revisions
from nami_bench.store.item_images import other_model, with_answered_items, with_images
from nami_bench.store.sides import Sides, arranged, sides_of
from nami_bench.store.tables import AnnotatorRow, ImageRow, ModelRow, PromptRow

KEPT = "marks"
"""Under this key a submission's answers hold its marks."""

_AT_ONCE = 300


@dataclass(frozen=True, slots=True)
class Sent:
    """Answers that count, with marks among them or not; `images` as they stood on the screen."""

    annotator_id: int
    item_id: int
    images: tuple[int, ...]
    answers: Mapping[str, Any]
    at: datetime


def count_marks(desk: Desk, lease: Lease, member: Member, answers: Mapping[str, Any]) -> None:
    """Let the study count the marks of an answer, beside `count_answers`."""
    if KEPT not in answers:
        return
    images = arranged(_shown(lease.image_id, lease.other_image_id), lease.sides)
    sent = Sent(member.annotator_id, lease.item_id, images, answers, desk.now)
    desk.wrote |= append_marks(desk.connection, [sent]) > 0


def append_marks(connection: Connection, sent: Iterable[Sent]) -> int:
    """Write what was marked, as corrections where something else stands; how many rows."""
    rows = [row for one in sent for row in _rows(one)]
    standing = _standing(connection, rows)
    new = []
    for row in rows:
        before = standing.get((row["annotator_id"], row["item_id"], row["image_id"]))
        if before is None and row["regions"] is None:
            continue
        if before is not None and (before.regions, before.words) == (row["regions"], row["words"]):
            continue
        new.append({**row, "revision": 0 if before is None else before.revision + 1})
    append_revisions(connection, MarkingRow, new)
    return len(new)


def _rows(one: Sent) -> Iterable[dict[str, Any]]:
    """A row for each image; without regions and words where the annotator could not judge at all."""
    if KEPT not in one.answers:
        return
    marks, is_judged = one.answers[KEPT], bool(one.answers["values"])
    for place, image in enumerate(one.images):
        regions = [_without_place(region) for region in marks["regions"] if region["image"] == place]
        words = sorted([word["start"], word["end"]] for word in marks["words"] if word["image"] == place)
        yield {
            "annotator_id": one.annotator_id,
            "item_id": one.item_id,
            "image_id": image,
            "regions": regions if is_judged else None,
            "words": words if is_judged else None,
            "created_at": one.at,
        }


def _without_place(region: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in region.items() if name != "image"}


def _standing(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int, int], Any]:
    table: Any = MarkingRow.__table__.c
    found: dict[tuple[int, int, int], Any] = {}
    for start in range(0, len(rows), _AT_ONCE):
        wanted = {(row["annotator_id"], row["item_id"]) for row in rows[start : start + _AT_ONCE]}
        query = select(
            table.annotator_id, table.item_id, table.image_id, table.revision, table.regions, table.words
        ).where(tuple_(table.annotator_id, table.item_id).in_(wanted), table.current)
        for row in connection.execute(query):
            found[row.annotator_id, row.item_id, row.image_id] = row
    return found


def count_marks_again(session: Session, assignments: Iterable[int]) -> None:
    """Let the rows say what the submissions in force of these assignments do, as far as they count."""
    numbers = sorted(set(assignments))
    for start in range(0, len(numbers), _AT_ONCE):
        query = (
            select(
                MemberRow.annotator_id,
                AssignmentRow.item_id,
                ItemRow.image_id,
                ItemRow.other_image_id,
                AssignmentRow.swapped,
                AssignmentRow.arrangement,
                SubmissionRow.answers,
                SubmissionRow.created_at,
            )
            .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
            .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
            .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
            .where(
                AssignmentRow.id.in_(numbers[start : start + _AT_ONCE]),
                AssignmentRow.occasion == 0,
                AssignmentRow.state == COMPLETED,
                ItemRow.kind == STUDY_KIND,
                SubmissionRow.current,
            )
        )
        sent = [
            Sent(
                row.annotator_id,
                row.item_id,
                arranged(_shown(row.image_id, row.other_image_id), sides_of(row.swapped, row.arrangement)),
                row.answers,
                row.created_at,
            )
            for row in session.execute(query)
            if KEPT in row.answers
        ]
        append_marks(session.connection(), sent)


def turned_marks(answers: Mapping[str, Any], before: Sides, now: Sides) -> dict[str, Any]:
    """The marks of answers given with the images as `before`, with them as `now`; none stay none."""
    if KEPT not in answers:
        return {}
    marks = answers[KEPT]
    if before == now or isinstance(before, str):
        return {KEPT: marks}
    turned = {
        name: [{**one, "image": 1 - one["image"]} for one in marks[name]] for name in ("regions", "words")
    }
    return {KEPT: {**turned, "nothing": sorted(1 - place for place in marks["nothing"])}}


def _shown(image: int, other: int | None) -> tuple[int, ...]:
    return (image,) if other is None else (image, other)


class Markings(Repository):
    """Marks of images."""

    def add(self, marks: Sequence[Marks], *, replace: bool = False) -> Recorded:
        """Record marks that were made elsewhere, as part of answers that are recorded; all or nothing.

        What stands already is passed over. Other marks in the place of some raise InputError, and with
        `replace` are recorded as corrections. So does an image that its annotator has not judged: marks go
        with the answers to an item.
        """
        recorded = Recorded()
        with self._database.writing() as session:
            for study in dict.fromkeys(one.study for one in marks):
                own = [one for one in marks if one.study == study]
                recorded += _record(session, study, own, replace=replace)
        return recorded

    def all(self, study: str, *, image: tuple[str, str, int] | None = None) -> list[Marks]:
        """The marks in force, in the order in which they were made; of one image (model, prompt id, sample)
        where it is named.

        Those of excluded annotators are left out. Raises UnknownNameError for an unknown study.
        """
        with self._database.reading() as session:
            row = find_study(session, study)
            query = (
                with_images(
                    select(
                        AnnotatorRow.name,
                        ModelRow.name,
                        other_model.name,
                        PromptRow.prompt_id,
                        ImageRow.sample,
                        MarkingRow.image_id == ItemRow.image_id,
                        MarkingRow.regions,
                        MarkingRow.words,
                        MarkingRow.created_at,
                    )
                    .select_from(MarkingRow)
                    .join(ItemRow, ItemRow.id == MarkingRow.item_id)
                    .join(AnnotatorRow, AnnotatorRow.id == MarkingRow.annotator_id)
                )
                .where(
                    ItemRow.study_id == row.id,
                    MarkingRow.current,
                    MarkingRow.regions.is_not(None),
                    is_counted(MarkingRow.annotator_id),
                )
                .order_by(MarkingRow.id)
            )
            if image is not None:
                query = query.where(MarkingRow.image_id.in_(_numbers(row.prompt_set_id, image)))
            return [_marks(study, *found) for found in session.execute(query)]


def _record(session: Session, study: str, marks: Sequence[Marks], *, replace: bool) -> Recorded:
    row = find_study(session, study)
    asked = convert.study(row).marks
    answered = _answered(session, row.id)
    before: dict[int, _Answered] = {}
    kept: dict[int, dict[str, Any]] = {}
    looks: Counter[int] = Counter()
    for one in marks:
        _check(asked, one)
        found = answered.get((one.annotator, one.image, one.beside))
        if found is None:
            raise InputError(
                f"{one.annotator!r} has not judged {_called(one)} in study {study!r}: import what they "
                "judged before what they marked; nothing was imported"
            )
        before[found.id] = found
        kept[found.id] = _with_place(kept.get(found.id, found.answers.get(KEPT)), found.place, one)
        looks[found.id] += 1
    new = {number: own for number, own in kept.items() if before[number].answers.get(KEPT) != own}
    clashes = [number for number in new if KEPT in before[number].answers]
    if clashes and not replace:
        raise InputError(
            f"{len(clashes)} answers of study {study!r} are recorded with other marks, or with none: nothing "
            "was imported; --replace records these as corrections"
        )
    _correct(session, {number: {**before[number].answers, KEPT: own} for number, own in new.items()})
    replaced = sum(looks[number] for number in clashes)
    return Recorded(sum(looks[number] for number in new) - replaced, replaced)


def _called(one: Marks) -> str:
    return "/".join(map(str, one.image))


def _check(asked: Marking, one: Marks) -> None:
    kinds = {kind.name for kind in asked.kinds}
    for region in one.regions:
        if region.kind not in kinds:
            raise UnknownNameError(f"kind of mark of study {one.study!r}", region.kind, kinds)
        if region.is_box != (asked.shape == BOXES):
            raise InputError(f"study {one.study!r} asks for {asked.shape}: nothing was imported")
    if one.words and not asked.words:
        raise InputError(f"study {one.study!r} asks for no words: nothing was imported")


_Look = tuple[str, tuple[str, str, int], str | None]
"""Annotator, image, and in pairs the model beside it."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """A submission in force about an image: the assignment's number, the image's place on the screen."""

    id: int
    place: int
    answers: dict[str, Any]


def _answered(session: Session, study_id: int) -> dict[_Look, _Answered]:
    query = with_answered_items(
        select(
            AssignmentRow.id,
            AnnotatorRow.name,
            ModelRow.name.label("model"),
            other_model.name.label("other"),
            PromptRow.prompt_id,
            ImageRow.sample,
            AssignmentRow.swapped,
            SubmissionRow.answers,
        ).select_from(SubmissionRow)
    ).where(
        AssignmentRow.study_id == study_id,
        AssignmentRow.occasion == 0,
        ItemRow.kind == STUDY_KIND,
        SubmissionRow.current,
    )
    found = {}
    for row in session.execute(query):
        models = (row.model,) if row.other is None else (row.model, row.other)
        for place, model in enumerate(arranged(models, row.swapped)):
            beside = next((other for other in models if other != model), None)
            image = (model, row.prompt_id, row.sample)
            found[row.name, image, beside] = _Answered(row.id, place, row.answers)
    return found


def _with_place(marks: Mapping[str, Any] | None, place: int, one: Marks) -> dict[str, Any]:
    before: Mapping[str, Any] = marks or {"regions": [], "words": [], "nothing": []}
    regions = [
        {"image": place, **{name: v for name, v in asdict(region).items() if v is not None}}
        for region in one.regions
    ]
    words = [{"image": place, "start": start, "end": end} for start, end in one.words]
    return {
        "regions": [region for region in before["regions"] if region["image"] != place] + regions,
        "words": sorted(
            [word for word in before["words"] if word["image"] != place] + words,
            key=lambda word: (word["image"], word["start"]),
        ),
        "nothing": [image for image in before["nothing"] if image != place],
    }


def _correct(session: Session, answers: Mapping[int, Mapping[str, Any]]) -> None:
    """A further submission for each assignment, which says all that the last one did, and the marks."""
    rows: list[dict[str, Any]] = []
    numbers = sorted(answers)
    for start in range(0, len(numbers), _AT_ONCE):
        query = select(SubmissionRow).where(
            SubmissionRow.assignment_id.in_(numbers[start : start + _AT_ONCE]), SubmissionRow.current
        )
        rows += [
            {
                "client_token": f"elsewhere {secrets.token_urlsafe(16)}",
                "assignment_id": last.assignment_id,
                "member_id": last.member_id,
                "revision": last.revision + 1,
                "answers": answers[last.assignment_id],
                "flag": last.flag,
                "comment": last.comment,
                "duration_ms": last.duration_ms,
                "created_at": last.created_at,
            }
            for last in session.scalars(query)
        ]
    append_revisions(session.connection(), SubmissionRow, rows)
    count_marks_again(session, numbers)


def _numbers(prompt_set: int, image: tuple[str, str, int]) -> Any:
    model, prompt_id, sample = image
    return (
        select(ImageRow.id)
        .join(ModelRow, ModelRow.id == ImageRow.model_id)
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .where(
            ModelRow.name == model,
            PromptRow.prompt_id == prompt_id,
            PromptRow.set_id == prompt_set,
            ImageRow.sample == sample,
        )
        .scalar_subquery()
    )


def _marks(
    study: str,
    annotator: str,
    model: str,
    other: str | None,
    prompt_id: str,
    sample: int,
    is_first: bool,
    regions: list[dict[str, Any]],
    words: list[list[int]],
    at: datetime,
) -> Marks:
    own, beside = (model, other) if is_first or other is None else (other, model)
    return Marks(
        study,
        annotator,
        own,
        prompt_id,
        sample,
        tuple(Region(**region) for region in regions),
        tuple((start, end) for start, end in words),
        beside,
        at,
    )
