"""The images that a study shows, as files: what their sizes and lengths could tell."""

from typing import Any

from sqlalchemy import CompoundSelect, case, func, or_, select
from sqlalchemy.orm import Session

from nami_bench.blinding import ShownSize
from nami_bench.store.annotation_tables import ItemImageRow, ItemRow
from nami_bench.store.finding import find_study
from nami_bench.store.tables import ImageRow, ModelRow


def shown_sizes(session: Session, study: str) -> list[ShownSize]:
    """See `Items.shown_sizes`."""
    one_place = (ImageRow.prompt_row_id, ImageRow.sample)
    width, height = ImageRow.width, ImageRow.height
    differs = or_(
        *(
            func.min(side).over(partition_by=one_place) != func.max(side).over(partition_by=one_place)
            for side in (width, height)
        )
    )
    shown = (
        select(
            ImageRow.model_id,
            ImageRow.width,
            ImageRow.height,
            case((differs, 1), else_=0).label("apart"),
        )
        .where(ImageRow.id.in_(_shown_images(find_study(session, study).id)))
        .subquery()
    )
    size = (shown.c.width, shown.c.height)
    query = (
        select(ModelRow.name, *size, func.count(), func.sum(shown.c.apart))
        .join(shown, shown.c.model_id == ModelRow.id)
        .where(shown.c.width.is_not(None), shown.c.height.is_not(None))
        .group_by(ModelRow.id, ModelRow.name, *size)
        .order_by(ModelRow.id, func.count().desc(), *size)
    )
    return [ShownSize(*row) for row in session.execute(query)]


def shown_files(session: Session, study: str, per_model: int) -> list[tuple[str, str]]:
    """See `Items.shown_files`."""
    shown = _shown_images(find_study(session, study).id)
    place = func.row_number().over(partition_by=ImageRow.model_id, order_by=ImageRow.sha256)
    drawn = (
        select(ImageRow.path, ImageRow.sha256, place.label("place"))
        .where(ImageRow.id.in_(shown), ImageRow.path.is_not(None), ImageRow.sha256.is_not(None))
        .subquery()
    )
    query = select(drawn.c.path, drawn.c.sha256).where(drawn.c.place <= per_model)
    return [(path, sha256) for path, sha256 in session.execute(query)]


def _shown_images(study_id: int) -> CompoundSelect[Any]:
    """The numbers of the images."""
    of_study = (ItemRow.study_id == study_id, ItemRow.withdrawn_at.is_(None))
    others = select(ItemRow.other_image_id).where(ItemRow.other_image_id.is_not(None), *of_study)
    more = select(ItemImageRow.image_id).join(ItemRow, ItemRow.id == ItemImageRow.item_id).where(*of_study)
    return select(ItemRow.image_id).where(*of_study).union(others, more)
