"""Pairwise comparisons: import, and those in force."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import Comparison, Mode, Outcome
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store.annotation_tables import STUDY_KIND, ComparisonRow, ItemRow
from nami_bench.store.database import Repository
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.imports import Lookup, Recorded, record_all
from nami_bench.store.item_images import other_model, with_images
from nami_bench.store.judged import Judgement
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, ModelRow, PromptRow


class Comparisons(Repository):
    """Pairwise comparisons."""

    def add(self, comparisons: Iterable[Comparison], *, replace: bool = False) -> Recorded:
        """Record comparisons made elsewhere, as work that their annotators have done; all or nothing.

        Those that are recorded with the same verdict are passed over. Another verdict by the same criterion
        and annotator on the same pair raises InputError, and with `replace` is recorded as a correction.
        Annotators not yet known are added, without a token. A pair counts as done where it is judged by all
        criteria.
        """
        return record_all(self._database, comparisons, _ComparisonsLookup, replace=replace)

    def all(self, study: str) -> list[Comparison]:
        """The comparisons in force (the last revision of each), in the order in which they were made.

        Those of excluded annotators are left out.
        """
        with self._database.reading() as session:
            study_id = find_study(session, study).id
            query = (
                with_images(
                    select(
                        AnnotatorRow.name,
                        PromptRow.prompt_id,
                        ImageRow.sample,
                        CriterionRow.name,
                        ModelRow.name,
                        other_model.name,
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
                )
                .where(
                    ItemRow.study_id == study_id,
                    ComparisonRow.current,
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
    query = with_images(
        select(ItemRow.id, ModelRow.name, other_model.name, PromptRow.prompt_id, ImageRow.sample)
    ).where(ItemRow.study_id == study_id, ItemRow.kind == STUDY_KIND)
    found = {}
    for item, first, second, prompt_id, sample in session.execute(query):
        found[first, second, prompt_id, sample] = (item, False)
        found[second, first, prompt_id, sample] = (item, True)
    return found


class _ComparisonsLookup(Lookup):
    modes = (Mode.PAIRWISE,)

    def __init__(self, session: Session, study: str) -> None:
        super().__init__(session, study)
        self.pairs = _pairs(session, self.study.id)
        self.criteria = {row.name: row.id for row in self.study.criteria}

    def judgement(self, made: Comparison) -> Judgement:
        one = made
        if one.criterion not in self.criteria:
            raise UnknownNameError(f"criterion of study {one.study!r}", one.criterion, self.criteria)
        found = self.pairs.get((one.left, one.right, one.prompt_id, one.sample))
        if found is None:
            raise InputError(
                f"study {one.study!r} does not compare {one.left} with {one.right} on prompt "
                f"{one.prompt_id}, sample {one.sample}: nothing was imported"
            )
        item, swapped = found
        return Judgement(
            annotator_id=self.annotator(one.annotator),
            criterion_id=self.criteria[one.criterion],
            image_id=0,
            item_id=item,
            answer=None if one.outcome is None else one.outcome.value,
            reason=one.reason,
            made=one,
            sides=swapped,
            position=one.position,
        )

    def about(self, made: Comparison) -> str:
        return (
            f"{made.annotator!r} on {made.criterion} of {made.left} and {made.right}, "
            f"prompt {made.prompt_id}, sample {made.sample}"
        )
