"""Orders of several images, or their best and worst: import, and those in force."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import Mode, Ranking
from nami_bench.domain.ranking import ranks_text
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store.annotation_tables import STUDY_KIND, ItemRow, RankingRow
from nami_bench.store.database import Repository
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.imports import Lookup, Recorded, record_all
from nami_bench.store.item_images import groups_of, with_images
from nami_bench.store.judged import Judgement
from nami_bench.store.sides import arranged, sides_to
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, PromptRow


class Rankings(Repository):
    """Orders of several images, or their best and worst."""

    def add(self, rankings: Iterable[Ranking], *, replace: bool = False) -> Recorded:
        """Record rankings made elsewhere, as work that their annotators have done; all or nothing.

        Those that are recorded with the same answer are passed over. Another answer by the same criterion and
        annotator about the same images raises InputError, and with `replace` is recorded as a correction.
        Annotators not yet known are added, without a token. An item counts as done where it is judged by all
        criteria.
        """
        return record_all(self._database, rankings, _RankingsLookup, replace=replace)

    def all(self, study: str) -> list[Ranking]:
        """The rankings in force (the last revision of each), in the order in which they were made.

        Those of excluded annotators are left out.
        """
        with self._database.reading() as session:
            row = find_study(session, study)
            groups = groups_of(session, ItemRow.study_id == row.id)
            query = (
                with_images(
                    select(
                        ItemRow.id,
                        AnnotatorRow.name,
                        PromptRow.prompt_id,
                        ImageRow.sample,
                        CriterionRow.name,
                        RankingRow.arrangement,
                        RankingRow.ranks,
                        RankingRow.reason,
                        RankingRow.position,
                        RankingRow.duration_ms,
                        RankingRow.created_at,
                    )
                    .join(ItemRow, ItemRow.id == RankingRow.item_id)
                    .join(CriterionRow, CriterionRow.id == RankingRow.criterion_id)
                    .join(AnnotatorRow, AnnotatorRow.id == RankingRow.annotator_id)
                )
                .where(ItemRow.study_id == row.id, RankingRow.current, is_counted(RankingRow.annotator_id))
                .order_by(RankingRow.id)
            )
            return [
                Ranking(
                    study,
                    annotator,
                    prompt_id,
                    sample,
                    criterion,
                    arranged(groups[item].models, stood),
                    None if ranks is None else tuple(map(int, ranks)),
                    row.mode == Mode.BEST_WORST,
                    *rest,
                )
                for item, annotator, prompt_id, sample, criterion, stood, ranks, *rest in session.execute(
                    query
                )
            ]


_Place = tuple[frozenset[str], str, int]
"""The models that stand together, the prompt's id, the sample."""


class _RankingsLookup(Lookup):
    modes = (Mode.RANKING, Mode.BEST_WORST)

    def __init__(self, session: Session, study: str) -> None:
        super().__init__(session, study)
        self.items = _items(session, self.study.id)
        self.criteria = {row.name: row.id for row in self.study.criteria}
        self.best_worst = self.study.mode == Mode.BEST_WORST

    def judgement(self, made: Ranking) -> Judgement:
        if made.criterion not in self.criteria:
            raise UnknownNameError(f"criterion of study {made.study!r}", made.criterion, self.criteria)
        if made.best_worst != self.best_worst:
            raise InputError(
                f"study {made.study!r} asks for {'best and worst' if self.best_worst else 'orders'}, and "
                "nothing else: nothing was imported"
            )
        found = self.items.get((frozenset(made.models), made.prompt_id, made.sample))
        if found is None:
            raise InputError(
                f"study {made.study!r} does not show {', '.join(made.models)} together on prompt "
                f"{made.prompt_id}, sample {made.sample}: nothing was imported"
            )
        item, models = found
        return Judgement(
            annotator_id=self.annotator(made.annotator),
            criterion_id=self.criteria[made.criterion],
            image_id=0,
            item_id=item,
            answer=None if made.ranks is None else ranks_text(made.ranks),
            reason=made.reason,
            made=made,
            sides=sides_to(models, made.models),
            position=made.position,
        )

    def about(self, made: Ranking) -> str:
        return (
            f"{made.annotator!r} on {made.criterion} of {', '.join(made.models)}, prompt {made.prompt_id}, "
            f"sample {made.sample}"
        )


def _items(session: Session, study_id: int) -> dict[_Place, tuple[int, tuple[str, ...]]]:
    """By what they show, the study's items and their models in the item's own order."""
    groups = groups_of(session, ItemRow.study_id == study_id)
    query = with_images(select(ItemRow.id, PromptRow.prompt_id, ImageRow.sample)).where(
        ItemRow.study_id == study_id, ItemRow.kind == STUDY_KIND
    )
    return {
        (frozenset(groups[item].models), prompt_id, sample): (item, groups[item].models)
        for item, prompt_id, sample in session.execute(query)
        if item in groups
    }
