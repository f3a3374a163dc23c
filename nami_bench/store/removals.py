"""Images and models taken out of a workspace again, with everything that rests on them; models renamed.

What is removed is removed in one transaction, which also notes the files that have to go: see `chores`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from nami_bench.domain import ImageState, checked_name
from nami_bench.errors import InputError
from nami_bench.store import check_items, convert
from nami_bench.store.annotation_tables import (
    AdjudicationRow,
    AssignmentRow,
    ComparisonRow,
    EventRow,
    ItemImageRow,
    ItemRow,
    MarkingRow,
    RankingRow,
    SubmissionRow,
)
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.chores import note_chores
from nami_bench.store.database import Repository
from nami_bench.store.deleting import count_rows, delete_rows
from nami_bench.store.exclusions import forget
from nami_bench.store.in_force import count_in_force
from nami_bench.store.item_images import shows
from nami_bench.store.members import recount_members
from nami_bench.store.people_tables import MessageRow
from nami_bench.store.tables import (
    ImageRow,
    ModelRow,
    PromptRow,
    RatingRow,
    ScoreRow,
    SetScoreRow,
    StudyModelRow,
    StudyRow,
)


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """Which images: those that every filter lets pass; one that is None lets all pass."""

    models: Collection[str] | None = None
    prompt_set: str | None = None
    prompts: Collection[str] | None = None
    samples: Collection[int] | None = None
    states: Collection[ImageState] | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What was removed, or would be, by count.

    `images` have `files`, unless they failed. `set_scores` rest on all images of a model and set. `ratings`,
    `comparisons` and `rankings` are those in force, `answers` everything that annotators sent about the
    items, `known_answers` the items with known answers that leave their studies. `studies`: by study, how
    many judgements.
    """

    images: int = 0
    files: int = 0
    scores: int = 0
    set_scores: int = 0
    ratings: int = 0
    comparisons: int = 0
    items: int = 0
    answers: int = 0
    known_answers: int = 0
    studies: Mapping[str, int] = field(default_factory=dict)
    rankings: int = 0


class Removals(Repository):
    """Images and models taken out again, or renamed."""

    def remove_images(
        self, choice: ImageChoice, *, with_ratings: bool = False, dry_run: bool = False
    ) -> Removal:
        """Remove images, their scores, and the items that show them.

        Raises UnknownNameError for an unknown model or set, InputError where somebody judged one of them and
        not `with_ratings`.
        """
        with self._database.writing(dry_run=dry_run) as session:
            return _remove_images(session, _chosen(session, choice), with_ratings)

    def remove_model(self, name: str, *, with_ratings: bool = False, dry_run: bool = False) -> Removal:
        """Forget a model with all of its images; studies go on without it.

        Raises UnknownNameError, InputError where somebody judged an image of it and not `with_ratings`, or
        where a study would be left with too few models.
        """
        with self._database.writing(dry_run=dry_run) as session:
            model = find_model(session, name)
            studies = _leave_studies(session, model)
            removal = _remove_images(
                session, select(ImageRow.id).where(ImageRow.model_id == model.id), with_ratings
            )
            session.execute(delete(SetScoreRow).where(SetScoreRow.model_id == model.id))
            session.execute(delete(StudyModelRow).where(StudyModelRow.model_id == model.id))
            session.execute(delete(ModelRow).where(ModelRow.id == model.id))
            note_chores(session, "folder", [name])
            counts = {study: removal.studies.get(study, 0) for study in (*studies, *removal.studies)}
            return replace(removal, studies=dict(sorted(counts.items())))

    def rename_model(self, old: str, new: str, *, dry_run: bool = False) -> tuple[str, ...]:
        """Call a model by another name; the studies that judge it.

        Raises UnknownNameError, InputError for a name that is taken or not usable.
        """
        checked_name("model", new)
        with self._database.writing(dry_run=dry_run) as session:
            model = find_model(session, old)
            if session.scalar(select(ModelRow.id).where(ModelRow.name == new)) is not None:
                raise InputError(f"model {new!r} exists already: {old!r} keeps its name")
            first = model.first_name or old
            model.name, model.first_name = new, None if first == new else first
            _move_paths(session, model.id, old, new)
            studies = check_items.rename_model(session, old, new)
            named = select(StudyRow.name).join(StudyModelRow).where(StudyModelRow.model_id == model.id)
            note_chores(session, "folder", [old])
            forget(session)
            return tuple(sorted({*studies, *session.scalars(named)}))


def _chosen(session: Session, choice: ImageChoice) -> Select[Any]:
    query = select(ImageRow.id).join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
    if choice.models is not None:
        query = query.where(ImageRow.model_id.in_([find_model(session, name).id for name in choice.models]))
    if choice.prompt_set is not None:
        query = query.where(PromptRow.set_id == find_prompt_set(session, choice.prompt_set).id)
    for column, wanted in (
        (PromptRow.prompt_id, choice.prompts),
        (ImageRow.sample, choice.samples),
        (ImageRow.state, None if choice.states is None else [state.value for state in choice.states]),
    ):
        if wanted is not None:
            query = query.where(column.in_(list(wanted)))
    return query


def _remove_images(session: Session, chosen: Select[Any], with_ratings: bool) -> Removal:
    """Remove the images with the numbers of `chosen`, and all that rests on them."""
    items = select(ItemRow.id).where(shows(chosen))
    assignments = select(AssignmentRow.id).where(AssignmentRow.item_id.in_(items))
    of_ratings, of_comparisons = RatingRow.image_id.in_(chosen), ComparisonRow.item_id.in_(items)
    of_rankings, of_answers = RankingRow.item_id.in_(items), SubmissionRow.assignment_id.in_(assignments)
    ratings, comparisons, rankings = (
        count_in_force(session, RatingRow, of_ratings),
        count_in_force(session, ComparisonRow, of_comparisons),
        count_in_force(session, RankingRow, of_rankings),
    )
    answers = count_rows(session, SubmissionRow, of_answers)
    judged = _sum(ratings, comparisons, rankings, dict.fromkeys(_studies(session, items), 0))
    if not with_ratings and (answers or any(judged.values())):
        raise InputError(_refusal(judged, answers))
    members = session.scalars(
        select(AssignmentRow.member_id).where(AssignmentRow.item_id.in_(items)).distinct()
    ).all()
    known_answers = check_items.drop(session, chosen)
    for study in session.scalars(select(StudyRow).where(StudyRow.name.in_(judged))):
        text = f"images were removed, with {judged[study.name]} judgements of them"
        session.add(EventRow(study_id=study.id, kind="removed", text=text))
    session.flush()
    delete_rows(session, SubmissionRow, of_answers)
    delete_rows(session, ComparisonRow, of_comparisons)
    delete_rows(session, RankingRow, of_rankings)
    delete_rows(session, MarkingRow, MarkingRow.item_id.in_(items))
    delete_rows(session, RatingRow, of_ratings)
    delete_rows(session, AdjudicationRow, AdjudicationRow.item_id.in_(items))
    about_these = MessageRow.about_id.in_(assignments)
    session.execute(update(MessageRow).where(about_these).values(about_id=None))
    delete_rows(session, AssignmentRow, AssignmentRow.item_id.in_(items))
    removed_items = _delete_items(session, items)
    scores = delete_rows(session, ScoreRow, ScoreRow.image_id.in_(chosen))
    set_scores = _delete_set_scores(session, chosen)
    paths = session.scalars(
        select(ImageRow.path).where(ImageRow.id.in_(chosen), ImageRow.path.is_not(None))
    ).all()
    note_chores(session, "file", [path for path in paths if path])
    images = _delete_images(session, chosen)
    recount_members(session, members)
    forget(session)
    return Removal(
        images, len(paths), scores, set_scores, sum(ratings.values()), sum(comparisons.values()),
        removed_items, answers, known_answers, judged, sum(rankings.values()),
    )  # fmt: skip


def _refusal(judged: Mapping[str, int], answers: int) -> str:
    where = ", ".join(f"{study} ({count})" for study, count in judged.items() if count) or ", ".join(judged)
    return (
        f"{sum(judged.values()) or answers} judgements rest on these images, in {where}: "
        "--with-ratings removes them, too; nothing was changed"
    )


def _studies(session: Session, items: Select[Any]) -> Iterable[str]:
    query = select(StudyRow.name).join(ItemRow, ItemRow.study_id == StudyRow.id)
    return session.scalars(query.where(ItemRow.id.in_(items)).distinct()).all()


def _sum(*counts: Mapping[str, int]) -> dict[str, int]:
    names = sorted({name for one in counts for name in one})
    return {name: sum(one.get(name, 0) for one in counts) for name in names}


def _delete_images(session: Session, chosen: Select[Any]) -> int:
    # By number: what is chosen may not be asked of rows while they are deleted.
    ids = list(session.scalars(chosen))
    for start in range(0, len(ids), 10_000):
        delete_rows(session, ImageRow, ImageRow.id.in_(ids[start : start + 10_000]))
    return len(ids)


def _delete_items(session: Session, items: Select[Any]) -> int:
    # By number: which items show a removed image is no longer known once their images are deleted.
    ids = list(session.scalars(items))
    for start in range(0, len(ids), 10_000):
        part = ids[start : start + 10_000]
        delete_rows(session, ItemImageRow, ItemImageRow.item_id.in_(part))
        delete_rows(session, ItemRow, ItemRow.id.in_(part))
    return len(ids)


def _delete_set_scores(session: Session, chosen: Select[Any]) -> int:
    """Scores of whole sets: those of which an image is gone say nothing any more."""
    image, prompt = aliased(ImageRow), aliased(PromptRow)
    touched = (
        select(image.model_id, prompt.set_id)
        .join(prompt, prompt.id == image.prompt_row_id)
        .where(image.id.in_(chosen))
        .distinct()
    )
    pairs = session.execute(touched).all()
    if not pairs:
        return 0
    where = or_(
        *(
            (SetScoreRow.model_id == model) & (SetScoreRow.prompt_set_id == its_set)
            for model, its_set in pairs
        )
    )
    return delete_rows(session, SetScoreRow, where)


def _leave_studies(session: Session, model: ModelRow) -> list[str]:
    """The studies that the model leaves, by name; raises InputError where too few models would be left."""
    query = select(StudyRow).join(StudyModelRow).where(StudyModelRow.model_id == model.id)
    studies = session.scalars(query.order_by(StudyRow.name)).all()
    for study in studies:
        if len(study.models) - 1 < convert.study(study).images_shown:
            raise InputError(
                f"study {study.name!r} cannot go on without {model.name!r}: `nami-bench study delete "
                f"{study.name}` first, and if it has judgements `nami-bench images remove --with-ratings`"
            )
    return [study.name for study in studies]


def _move_paths(session: Session, model_id: int, old: str, new: str) -> None:
    """Let the paths begin with the new name where they began with the old one."""
    start = f"{old}/"
    session.execute(
        update(ImageRow)
        .where(ImageRow.model_id == model_id, func.substr(ImageRow.path, 1, len(start)) == start)
        .values(path=f"{new}/" + func.substr(ImageRow.path, len(start) + 1))
        .execution_options(synchronize_session=False)
    )
