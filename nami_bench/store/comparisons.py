"""Pairwise comparisons: import, and those in force."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from nami_bench.domain import Comparison, Outcome
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store.annotation_tables import STUDY_KIND, ComparisonRow, ItemRow
from nami_bench.store.database import Database
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.in_force import in_force
from nami_bench.store.items import refresh_items
from nami_bench.store.ratings import find_or_add_annotator
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, ModelRow, PromptRow

_other = aliased(ImageRow)
_other_model = aliased(ModelRow)


class Comparisons:
    """Store methods on pairwise comparisons."""

    _database: Database

    def add_comparisons(self, comparisons: Iterable[Comparison]) -> int:
        """Record comparisons made elsewhere; all or nothing. Returns how many were new.

        Those that are recorded with the same outcome are passed over; another outcome for the same pair,
        criterion and annotator raises InputError. Annotators not yet known are added, without a token.
        """
        added = 0
        with self._database.writing() as session:
            pairs: dict[str, dict[tuple[str, str, str, int], tuple[int, bool]]] = {}
            criteria: dict[str, dict[str, int]] = {}
            for one in comparisons:
                if one.study not in pairs:
                    study = find_study(session, one.study)
                    refresh_items(session, study)
                    pairs[one.study] = _pairs(session, study.id)
                    criteria[one.study] = {c.name: c.id for c in study.criteria}
                if one.criterion not in criteria[one.study]:
                    raise UnknownNameError(
                        f"criterion of study {one.study!r}", one.criterion, criteria[one.study]
                    )
                found = pairs[one.study].get((one.left, one.right, one.prompt_id, one.sample))
                if found is None:
                    raise InputError(
                        f"study {one.study!r} does not compare {one.left} with {one.right} on prompt "
                        f"{one.prompt_id}, sample {one.sample}: nothing was imported"
                    )
                added += _add(session, one, criteria[one.study][one.criterion], *found)
        return added

    def comparisons(self, study: str) -> list[Comparison]:
        """The comparisons in force (the last revision of each), in the order in which they were made.

        Those of excluded annotators are left out.
        """
        with self._database.reading() as session:
            study_id = find_study(session, study).id
            query = (
                select(
                    AnnotatorRow.name,
                    PromptRow.prompt_id,
                    ImageRow.sample,
                    CriterionRow.name,
                    ModelRow.name,
                    _other_model.name,
                    ComparisonRow.swapped,
                    ComparisonRow.outcome,
                    ComparisonRow.reason,
                    ComparisonRow.position,
                    ComparisonRow.duration_ms,
                    ComparisonRow.created_at,
                )
                .join(ItemRow, ItemRow.id == ComparisonRow.item_id)
                .join(CriterionRow, CriterionRow.id == ComparisonRow.criterion_id)
                .join(AnnotatorRow, AnnotatorRow.id == ComparisonRow.annotator_id)
                .join(ImageRow, ImageRow.id == ItemRow.image_id)
                .join(ModelRow, ModelRow.id == ImageRow.model_id)
                .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
                .join(_other, _other.id == ItemRow.other_image_id)
                .join(_other_model, _other_model.id == _other.model_id)
                .where(
                    ItemRow.study_id == study_id,
                    in_force(ComparisonRow),
                    is_counted(ComparisonRow.annotator_id),
                )
                .order_by(ComparisonRow.id)
            )
            return [
                Comparison(
                    study,
                    annotator,
                    prompt_id,
                    sample,
                    criterion,
                    second if swapped else first,
                    first if swapped else second,
                    None if outcome is None else Outcome(outcome),
                    *rest,
                )
                for annotator, prompt_id, sample, criterion, first, second, swapped, outcome, *rest in (
                    session.execute(query)
                )
            ]


def _pairs(session: Session, study_id: int) -> dict[tuple[str, str, str, int], tuple[int, bool]]:
    """(left, right, prompt, sample) -> (item, whether that is the other way round)."""
    query = (
        select(ItemRow.id, ModelRow.name, _other_model.name, PromptRow.prompt_id, ImageRow.sample)
        .join(ImageRow, ImageRow.id == ItemRow.image_id)
        .join(ModelRow, ModelRow.id == ImageRow.model_id)
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .join(_other, _other.id == ItemRow.other_image_id)
        .join(_other_model, _other_model.id == _other.model_id)
        .where(ItemRow.study_id == study_id, ItemRow.kind == STUDY_KIND)
    )
    found = {}
    for item, first, second, prompt_id, sample in session.execute(query):
        found[first, second, prompt_id, sample] = (item, False)
        found[second, first, prompt_id, sample] = (item, True)
    return found


def _add(session: Session, one: Comparison, criterion_id: int, item_id: int, swapped: bool) -> int:
    annotator_id = find_or_add_annotator(session, one.annotator).id
    current = session.scalar(
        select(ComparisonRow)
        .where(
            ComparisonRow.criterion_id == criterion_id,
            ComparisonRow.annotator_id == annotator_id,
            ComparisonRow.item_id == item_id,
        )
        .order_by(ComparisonRow.revision.desc())
        .limit(1)
    )
    if current is not None:
        if (current.outcome, current.reason, current.swapped) != (one.outcome, one.reason, swapped):
            raise InputError(
                f"{one.annotator!r} already compared {one.left} with {one.right} on prompt {one.prompt_id}, "
                f"sample {one.sample} ({one.criterion}) with another outcome: nothing was imported"
            )
        return 0
    row = ComparisonRow(
        criterion_id=criterion_id,
        annotator_id=annotator_id,
        item_id=item_id,
        swapped=swapped,
        position=one.position,
        revision=0,
        outcome=None if one.outcome is None else one.outcome.value,
        reason=one.reason,
        duration_ms=one.duration_ms,
    )
    if one.created_at is not None:
        row.created_at = one.created_at
    session.add(row)
    return 1
