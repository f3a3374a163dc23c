"""The items of a study: what there is to be judged, and how far it is."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.orm import Session

from nami_bench.blinding import ShownSize
from nami_bench.domain import CheckItem, ImageState, Study
from nami_bench.domain.marking import EXPECTED, words_of_text
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import STUDY_KIND, EventRow, ItemImageRow, ItemRow
from nami_bench.store.calibration import fill_block
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_study
from nami_bench.store.group_design import design_groups
from nami_bench.store.item_images import groups_of, other_model, shown_models, shows, with_images
from nami_bench.store.pair_design import Group, design_pairs
from nami_bench.store.shown_images import shown_files, shown_sizes
from nami_bench.store.tables import ImageRow, ModelRow, PromptRow, StudyRow

Shown = tuple[tuple[str, ...], str, int]
"""The models that stand together, the prompt's id and the sample's number."""

IMAGE_WITHDRAWN = "image-withdrawn"
"""The kind of event."""


@dataclass(frozen=True, slots=True)
class ItemProgress:
    """How far the items of one stratum and model (or models that stand together) are: judgements done of
    those wanted.

    `items` are those that are asked about. Of the `withdrawn` ones nothing more is wanted than what was
    judged, and of those that `ended` early. What goes beyond the overlap (judged elsewhere, too) is wanted by
    nobody, unless the item was returned to the pool: `done` <= `total`. But of the calibration block all
    counts, and the overlap at least is wanted: how many people will come nobody knows.
    """

    stratum: str
    models: tuple[str, ...]
    items: int
    withdrawn: int
    done: int
    total: int
    ended: int = 0


@dataclass(frozen=True, slots=True)
class ItemState:
    """One item that a study asks about, or asked about, and how far it is.

    `item` is its number; so many `extra` annotators are asked for beyond the overlap. `models` in
    alphabetical order. `stopped_why`: by what rule it ended early, after so many judgements and when; None
    where it did not.
    """

    item: int
    extra: int
    stratum: str
    models: tuple[str, ...]
    prompt_id: str
    sample: int
    calibration: bool
    completed: int
    withdrawn: bool
    stopped_why: str | None
    stopped_after: int | None
    stopped_at: datetime | None


class Items(Repository):
    """A study's items, and the images that they show."""

    def refresh(self, study: str) -> int:
        """Add items for images that were finished since the last time; return how many.

        Raises InputError where an item with a known answer has no image.
        """
        with self._database.writing() as session:
            return refresh_items(session, find_study(session, study))

    def count(self, study: str) -> int:
        """How many items the study asks about: images, or pairs, of its models, prompts and samples."""
        self.refresh(study)
        with self._database.reading() as session:
            query = (
                select(func.count())
                .select_from(ItemRow)
                .where(ItemRow.study_id == find_study(session, study).id, *is_asked())
            )
            return session.scalar(query) or 0

    def progress(self, study: str) -> list[ItemProgress]:
        """How far a study is, by stratum and model."""
        with self._database.reading() as session:
            row = find_study(session, study)
            names = dict(session.execute(select(ModelRow.id, ModelRow.name)).all())
            gone, ended = ItemRow.withdrawn_at.is_not(None), ItemRow.stopped_at.is_not(None)
            most = ItemRow.extra + row.overlap
            done = case(
                (ItemRow.completed < most, ItemRow.completed),
                (ItemRow.calibration | ended, ItemRow.completed),
                else_=most,
            )
            wanted = case(
                (gone | ended, done),
                (ItemRow.calibration & (ItemRow.completed > most), ItemRow.completed),
                else_=most,
            )
            query = (
                select(
                    ItemRow.cell,
                    func.count().filter(~gone),
                    func.count().filter(gone),
                    func.sum(done),
                    func.sum(wanted),
                    func.count().filter(ended),
                )
                .where(ItemRow.study_id == row.id, ItemRow.kind == STUDY_KIND)
                .group_by(ItemRow.cell)
                .order_by(ItemRow.cell)
            )
            return [
                ItemProgress(
                    stratum=cell.partition(":")[2],
                    models=tuple(names[int(part)] for part in cell.partition(":")[0].split("-")),
                    items=count,
                    withdrawn=withdrawn,
                    done=done,
                    total=total,
                    ended=ended,
                )
                for cell, count, withdrawn, done, total, ended in session.execute(query)
            ]

    def states(self, study: str) -> list[ItemState]:
        """All items that the study asks about, or asked about, by stratum, models, prompt and sample."""
        query = with_images(
            select(
                ItemRow.id,
                ItemRow.extra,
                ItemRow.cell,
                ModelRow.name,
                other_model.name,
                PromptRow.prompt_id,
                ImageRow.sample,
                ItemRow.calibration,
                ItemRow.completed,
                ItemRow.withdrawn_at.is_not(None),
                ItemRow.stopped_why,
                ItemRow.stopped_after,
                ItemRow.stopped_at,
            )
        )
        with self._database.reading() as session:
            ours = (ItemRow.study_id == find_study(session, study).id, ItemRow.kind == STUDY_KIND)
            groups = groups_of(session, *ours)
            found = [
                ItemState(
                    item,
                    extra,
                    cell.partition(":")[2],
                    tuple(sorted(shown_models(groups, item, one, other))),
                    *rest,
                )
                for item, extra, cell, one, other, *rest in session.execute(query.where(*ours))
            ]
        return sorted(found, key=lambda one: (one.stratum, one.models, one.prompt_id, one.sample))

    def withdraw_image(self, study: str, path: str, reason: str) -> None:
        """Ask nobody of the study any more about the items that show the image at `path`, and tell the
        administrator.

        `restore_items` undoes it, and so does recording the image anew. What was judged stays and counts.
        Other studies are as they were: they find out by themselves if they have to.
        """
        with self._database.writing() as session:
            images = select(ImageRow.id).where(ImageRow.path == path)
            study_id = find_study(session, study).id
            withdrawn: Any = session.execute(
                update(ItemRow)
                .where(ItemRow.study_id == study_id, shows(images), ItemRow.withdrawn_at.is_(None))
                .values(withdrawn_at=datetime.now(UTC))
                .execution_options(synchronize_session=False)
            )
            if withdrawn.rowcount:
                session.add(EventRow(study_id=study_id, kind=IMAGE_WITHDRAWN, text=reason))

    def withdrawn_lately(self, study: str, seconds: float) -> int:
        """How many images were withdrawn from a study within the last `seconds`."""
        with self._database.reading() as session:
            query = select(func.count()).where(
                EventRow.study_id == find_study(session, study).id,
                EventRow.kind == IMAGE_WITHDRAWN,
                EventRow.created_at > datetime.now(UTC) - timedelta(seconds=seconds),
            )
            return session.scalar(query) or 0

    def restore(self, study: str) -> int:
        """Ask again about items that were withdrawn; return how many."""
        with self._database.writing() as session:
            row = find_study(session, study)
            gone = session.scalars(
                select(ItemRow).where(ItemRow.study_id == row.id, ItemRow.withdrawn_at.is_not(None))
            ).all()
            for item in gone:
                item.withdrawn_at = None
            row.version += 1  # workers forget what they know of the items
            return len(gone)

    def shown_sizes(self, study: str) -> list[ShownSize]:
        """The sizes of all images that a study shows, those with known answers too, by model and size;
        images whose size was never recorded are left out."""
        with self._database.reading() as session:
            return shown_sizes(session, study)

    def shown_files(self, study: str, per_model: int) -> list[tuple[str, str]]:
        """(path, SHA-256) of at most so many images of each model, drawn at random, always the same."""
        with self._database.reading() as session:
            return shown_files(session, study, per_model)


def ask_again(session: Session, image_id: int) -> None:
    """Ask again, in all studies, about items that were withdrawn: their image is there again."""
    shown = shows([image_id]) & ItemRow.withdrawn_at.is_not(None)
    studies = session.scalars(select(ItemRow.study_id).where(shown).distinct()).all()
    for row in session.scalars(select(StudyRow).where(StudyRow.id.in_(studies))):
        row.version += 1
    session.execute(
        update(ItemRow).where(shown).values(withdrawn_at=None).execution_options(synchronize_session=False)
    )


def progress_of(study: Study, cells: Iterable[ItemProgress]) -> tuple[int, int]:
    """(judgements done, judgements wanted) of a whole study with these cells."""
    counts = [(cell.done, cell.total) for cell in cells]
    done, total = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    if study.is_adaptive:
        total = min(total, study.pairs.comparisons)
    return min(done, total), total


def is_asked() -> list[Any]:
    """Conditions on ItemRow: an item that the study asks about."""
    return [ItemRow.kind == STUDY_KIND, ItemRow.withdrawn_at.is_(None)]


def cell_name(models: Iterable[int], stratum: str) -> str:
    """The value of ItemRow.cell."""
    return "-".join(map(str, models)) + ":" + stratum


@dataclass(frozen=True, slots=True)
class _Image:
    id: int
    model_id: int
    group: Group
    stratum: str
    prompt: str = ""


def refresh_items(session: Session, row: StudyRow) -> int:
    """Add the items whose images are there and that are not items yet."""
    study = convert.study(row)
    known = _known_items(session, row.id)
    kept_apart = {image for images, kind in known if kind != STUDY_KIND for image in images}
    there = {images for images, _ in known}
    rows: list[dict[str, Any]] = []
    for position, check in enumerate(study.check_items):
        images = [_check_image(session, row, check, model) for model in check.models]
        kept_apart.update(image.id for image in images)
        if study.is_ranked:
            images.sort(key=lambda image: image.model_id)
        if tuple(image.id for image in images) not in there:
            rows.append(_check_row(row.id, check, position, images))
    images = [image for image in _images(session, row, study) if image.id not in kept_apart]
    # Drawn in random order, so that items with neighbouring numbers have nothing in common.
    images.sort(key=lambda image: hashlib.sha256(f"{study.seed}\n{image.id}".encode()).digest())
    asked = [images for images, kind in known if kind == STUDY_KIND]
    if study.images_shown > 1:
        rows += _several_rows(row.id, study, images, asked)
    else:
        have = {image for (image,) in asked}
        rows += [_item_row(row.id, STUDY_KIND, [i]) for i in images if i.id not in have]
    _insert_items(session, row.id, rows)
    if rows:
        fill_block(session, row, study.calibration, study.seed)
    return len(rows)


def _known_items(session: Session, study_id: int) -> list[tuple[tuple[int, ...], str]]:
    """(numbers of the images in the item's own order, kind) of a study's items."""
    query = select(ItemRow.image_id, ItemRow.other_image_id, ItemRow.images_key, ItemRow.kind)
    return [
        (tuple(map(int, key.split("-"))) if key else (a,) if b is None else (a, b), kind)
        for a, b, key, kind in session.execute(query.where(ItemRow.study_id == study_id))
    ]


def _insert_items(session: Session, study_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of items, and the images of those that have three or more."""
    if not rows:
        return
    session.execute(insert(ItemRow), rows)
    keys = [row["images_key"] for row in rows if row["images_key"] is not None]
    if not keys:
        return
    query = select(ItemRow.images_key, ItemRow.id).where(
        ItemRow.study_id == study_id, ItemRow.images_key.is_not(None)
    )
    numbers = dict(session.execute(query).all())
    images = [
        {"item_id": numbers[key], "position": position, "image_id": int(image)}
        for key in keys
        for position, image in enumerate(key.split("-"))
    ]
    session.execute(insert(ItemImageRow), images)


def add_shown(session: Session, row: StudyRow, shown: Iterable[Shown]) -> None:
    """Add items for models that were shown together elsewhere, before the study's own design fills up the
    others.

    Raises InputError for one without images.
    """
    wanted = {(tuple(sorted(models)), prompt, sample) for models, prompt, sample in shown}
    if not wanted:
        return
    names = {entry.model_id: entry.model.name for entry in row.models}
    prompt_ids = dict(
        session.execute(
            select(PromptRow.id, PromptRow.prompt_id).where(PromptRow.set_id == row.prompt_set_id)
        ).all()
    )
    images = {
        (names[image.model_id], prompt_ids[image.group[0]], image.group[1]): image
        for image in _images(session, row, convert.study(row))
    }
    rows = []
    for models, prompt_id, sample in sorted(wanted):
        found = [images[key] for model in models if (key := (model, prompt_id, sample)) in images]
        if len(found) < len(models):
            raise InputError(
                f"study {row.name!r} has no images of {' and '.join(models)} for prompt {prompt_id}, sample "
                f"{sample}"
            )
        rows.append(_item_row(row.id, STUDY_KIND, sorted(found, key=lambda image: image.model_id)))
    _insert_items(session, row.id, rows)


def check_strata(session: Session, prompt_set_id: int, study: Study) -> None:
    """Raise UnknownNameError for a stratum that the prompt set does not have."""
    known = session.scalars(
        select(PromptRow.stratum).where(PromptRow.set_id == prompt_set_id).distinct()
    ).all()
    for stratum in study.strata:
        if stratum not in known:
            raise UnknownNameError(f"stratum of prompt set {study.prompt_set!r}", stratum, known)


def _images(session: Session, row: StudyRow, study: Study) -> list[_Image]:
    prompts = session.execute(
        select(PromptRow.id, PromptRow.prompt_id, PromptRow.stratum)
        .where(PromptRow.set_id == row.prompt_set_id)
        .order_by(PromptRow.prompt_id)
    ).all()
    strata: dict[int, str] = {}
    counted: dict[str, int] = defaultdict(int)
    for prompt, prompt_id, stratum in prompts:
        if not study.asked(prompt_id):
            continue
        limit = study.strata.get(stratum, -1) if study.strata else 0
        if limit == 0 or counted[stratum] < limit:
            strata[prompt] = stratum
            counted[stratum] += 1
    query = (
        select(ImageRow.id, ImageRow.model_id, ImageRow.prompt_row_id, ImageRow.sample)
        .join(ImageRow.prompt)
        .where(
            PromptRow.set_id == row.prompt_set_id,
            ImageRow.model_id.in_([entry.model_id for entry in row.models]),
            ImageRow.sample < row.samples,
            ImageRow.state == ImageState.DONE.value,
        )
        .order_by(ImageRow.id)
    )
    return [
        _Image(image, model, (prompt, sample), strata[prompt])
        for image, model, prompt, sample in session.execute(query)
        if prompt in strata
    ]


def _several_rows(
    study_id: int, study: Study, images: list[_Image], asked: list[tuple[int, ...]]
) -> list[dict[str, Any]]:
    """Items of two images or more, as the study's design wants them beside those that are `asked` about."""
    by_id = {image.id: image for image in images}
    groups: dict[Group, dict[int, _Image]] = defaultdict(dict)
    for image in images:
        groups[image.group][image.model_id] = image
    chosen: dict[Group, list[Any]] = defaultdict(list)
    for numbers in asked:
        if all(number in by_id for number in numbers):
            shown = [by_id[number] for number in numbers]
            chosen[shown[0].group].append(tuple(image.model_id for image in shown))
    design: Iterable[tuple[Group, tuple[int, ...]]]
    if study.is_ranked:
        ranks = study.ranks
        design = design_groups(groups, ranks.size, ranks.per_prompt, study.seed, chosen)
    else:
        per_group = 0 if study.pairs.choice == "adaptive" else study.pairs.per_prompt
        design = design_pairs(groups, per_group, study.seed, chosen)
    return [
        _item_row(study_id, STUDY_KIND, [groups[group][model] for model in models])
        for group, models in design
    ]


def _item_row(study_id: int, kind: str, images: Sequence[_Image]) -> dict[str, Any]:
    numbers = [image.id for image in images]
    return {
        "study_id": study_id,
        "kind": kind,
        "image_id": numbers[0],
        "other_image_id": numbers[1] if len(numbers) == 2 else None,
        "images_key": "-".join(map(str, numbers)) if len(numbers) > 2 else None,
        "cell": cell_name([image.model_id for image in images], images[0].stratum),
        "position": 0,
        "expected": None,
        "feedback": {},
    }


def _check_row(study_id: int, check: CheckItem, position: int, images: list[_Image]) -> dict[str, Any]:
    return {
        **_item_row(study_id, check.kind.value, images),
        "position": position,
        "expected": {**check.expected, **_expected_marks(check, images[0].prompt)},
        "feedback": dict(check.feedback),
    }


def _expected_marks(check: CheckItem, prompt: str) -> dict[str, Any]:
    """What is to be marked, its words as places in the prompt; raises InputError for words it lacks."""
    if not check.marks.asked:
        return {}
    try:
        words = [span for text in check.marks.words for span in words_of_text(prompt, text)]
    except InputError as error:
        raise InputError(f"{check.where}: {error}") from error
    regions = {kind: list(box) for kind, box in check.marks.regions.items()}
    return {EXPECTED: {"regions": regions, "words": sorted(map(list, set(words)))}}


def _check_image(session: Session, row: StudyRow, check: CheckItem, model: str) -> _Image:
    found = session.execute(
        select(
            ImageRow.id,
            ImageRow.model_id,
            ImageRow.prompt_row_id,
            ImageRow.sample,
            PromptRow.stratum,
            PromptRow.text,
        )
        .join(ImageRow.prompt)
        .join(ImageRow.model)
        .where(
            PromptRow.set_id == row.prompt_set_id,
            PromptRow.prompt_id == check.prompt_id,
            ModelRow.name == model,
            ImageRow.sample == check.sample,
            ImageRow.state == ImageState.DONE.value,
        )
    ).one_or_none()
    if found is None:
        raise InputError(
            f"study {row.name!r}: {check.where}: {model} has no finished image of that prompt "
            f"(sample {check.sample}) in prompt set {row.prompt_set.name!r}"
        )
    return _Image(found.id, found.model_id, (found.prompt_row_id, found.sample), found.stratum, found.text)
