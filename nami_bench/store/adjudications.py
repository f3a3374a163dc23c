"""What adjudicators decide where annotators disagree: rows of their own, which overwrite nothing."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nami_bench.domain import Adjudication, Criterion, Mode, Outcome, Role, Study, WhyDecided
from nami_bench.domain.ranking import parse_ranks
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import STUDY_KIND, AdjudicationRow, EventRow, ItemRow
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_annotator, find_item, find_study
from nami_bench.store.in_force import append_revisions
from nami_bench.store.item_images import groups_of, other_model, shown_models, with_images
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, ModelRow, PromptRow, StudyRow

MAX_NOTE = 2000
"""Characters."""

Answer = float | str | None
"""A value, or an outcome; None: there is no right answer."""

_DECIDES = (Role.ADJUDICATOR, Role.ADMINISTRATOR)


class Adjudications(Repository):
    """Decisions about items."""

    def decide(
        self,
        study: str,
        item: int,
        answers: Mapping[str, Answer],
        reason: WhyDecided,
        note: str = "",
        *,
        by: str | None,
        logged_as: str | None = None,
        saw_models: bool = False,
    ) -> list[Adjudication]:
        """Record a decision about an item by one criterion or more; what was decided before is kept, and no
        longer in force. The decisions in force about the item now.

        `by`: the name of an adjudicator or administrator, None for the command line; `logged_as`: who did it
        where that is nobody's account, for the log. Raises UnknownNameError
        for a criterion that the item does not have, InputError for an answer off its scale, where nobody has
        answered the item, for a subjective question with a right answer, and without a note where nobody had
        answered so.
        """
        from nami_bench.store.item_answers import answers_to

        note = note.strip()
        if not answers:
            raise InputError("decide by one criterion at least")
        if len(note) > MAX_NOTE or "\0" in note:
            raise InputError(f"the note must have at most {MAX_NOTE} characters")
        with self._database.writing() as session:
            row = find_study(session, study)
            find_item(session, row, item)
            protocol, person = convert.study(row), _decider(session, by)
            asked = _asked(session, protocol, item)
            given = [one for one in answers_to(session, row, [item]).get(item, ()) if one.counts]
            if not given:
                raise InputError(f"nobody's answer to item {item} counts: there is nothing to decide")
            numbers = {one.name: one.id for one in row.criteria}
            last = _last(session, item)
            rows = []
            for name, answer in answers.items():
                answer = _checked(protocol, asked, name, answer, reason)
                said = [one.values[name] for one in given if name in one.values]
                overruled = answer is not None and answer not in said
                if overruled and not note:
                    raise InputError(f"nobody said so by {name}: a note must say why all are overruled")
                rows.append(
                    {
                        "item_id": item,
                        "criterion_id": numbers[name],
                        "annotator_id": None if person is None else person.id,
                        "revision": last.get(numbers[name], -1) + 1,
                        "answer": answer,
                        "reason": reason.value,
                        "note": note,
                        "overruled": overruled,
                        "saw_models": saw_models,
                        "created_at": datetime.now(UTC),
                    }
                )
            append_revisions(session.connection(), AdjudicationRow, rows)
            done_by = logged_as if person is None else person.name
            words = f"item {item} was decided: {_in_words(answers)} ({reason.value.replace('-', ' ')})"
            session.add(EventRow(study_id=row.id, kind="decided", text=words, done_by=done_by))
            return [one for one in decisions_about(session, row, [item])[item] if one.in_force]

    def all(self, study: str, *, history: bool = False) -> list[Adjudication]:
        """The decisions in force about a study's items, by item and criterion; `history`: the earlier ones,
        too, in their order."""
        with self._database.reading() as session:
            row = find_study(session, study)
            found = decisions_about(session, row, None)
            return [one for item in sorted(found) for one in found[item] if history or one.in_force]

    def count(self, study: str) -> int:
        """About how many items of a study something was decided."""
        with self._database.reading() as session:
            query = (
                select(func.count(AdjudicationRow.item_id.distinct()))
                .join(ItemRow, ItemRow.id == AdjudicationRow.item_id)
                .where(ItemRow.study_id == find_study(session, study).id)
            )
            return session.scalar(query) or 0


def decisions_about(
    session: Session, study: StudyRow, items: Collection[int] | None
) -> dict[int, list[Adjudication]]:
    """All decisions about these items (None: all of the study), by item; by criterion, the last one last."""
    query = (
        with_images(
            select(
                AdjudicationRow,
                ItemRow.id,
                ModelRow.name,
                other_model.name,
                PromptRow.prompt_id,
                ImageRow.sample,
                CriterionRow.name,
                AnnotatorRow.name,
            ).join(ItemRow, ItemRow.id == AdjudicationRow.item_id)
        )
        .join(CriterionRow, CriterionRow.id == AdjudicationRow.criterion_id)
        .outerjoin(AnnotatorRow, AnnotatorRow.id == AdjudicationRow.annotator_id)
        .where(ItemRow.study_id == study.id, ItemRow.kind == STUDY_KIND)
        .order_by(ItemRow.id, CriterionRow.position, AdjudicationRow.revision)
    )
    if items is not None:
        query = query.where(ItemRow.id.in_(items))
    groups = groups_of(session, ItemRow.study_id == study.id) if Mode(study.mode).is_ranked else {}
    found: dict[int, list[Adjudication]] = defaultdict(list)
    for row, item, first, second, prompt_id, sample, criterion, by in session.execute(query):
        found[item].append(
            Adjudication(
                study=study.name,
                item=item,
                models=shown_models(groups, item, first, second),
                prompt_id=prompt_id,
                sample=sample,
                criterion=criterion,
                answer=row.answer,
                reason=WhyDecided(row.reason),
                note=row.note,
                overruled=row.overruled,
                saw_models=row.saw_models,
                by=by,
                revision=row.revision,
                in_force=bool(row.current),
                created_at=row.created_at,
            )
        )
    return found


def _in_words(answers: Mapping[str, Answer]) -> str:
    """For the log."""
    shown = {name: f"{one:g}" if isinstance(one, float) else one for name, one in answers.items()}
    return ", ".join(f"{name} {one or 'has no right answer'}" for name, one in shown.items())


def _decider(session: Session, name: str | None) -> AnnotatorRow | None:
    if name is None:
        return None
    row = find_annotator(session, name)
    if row.role not in _DECIDES:
        raise InputError(f"{row.name!r} is an {row.role}: adjudicators and administrators decide")
    return row


def _asked(session: Session, study: Study, item: int) -> dict[str, Criterion]:
    """The criteria by which an item is judged."""
    prompt_id = session.scalar(
        select(PromptRow.prompt_id)
        .join(ImageRow, ImageRow.prompt_row_id == PromptRow.id)
        .join(ItemRow, ItemRow.image_id == ImageRow.id)
        .where(ItemRow.id == item)
    )
    assert prompt_id is not None  # every image has a prompt
    return {one.name: one for one in study.asked(prompt_id)}


def _last(session: Session, item: int) -> dict[int, Any]:
    query = (
        select(AdjudicationRow.criterion_id, func.max(AdjudicationRow.revision))
        .where(AdjudicationRow.item_id == item)
        .group_by(AdjudicationRow.criterion_id)
    )
    return dict(session.execute(query).all())


def _checked(
    study: Study, asked: Mapping[str, Criterion], name: str, answer: Answer, reason: WhyDecided
) -> Answer:
    if name not in asked:
        raise UnknownNameError("criterion", name, asked)
    if answer is None:
        return None
    if reason is WhyDecided.SUBJECTIVE:
        raise InputError(
            f"{name}: what is subjective has no right answer: decide for none, or say another reason"
        )
    if study.is_ranked:
        parse_ranks(str(answer), study.ranks.size, best_worst=study.mode == Mode.BEST_WORST)
        return str(answer)
    if study.mode == Mode.PAIRWISE:
        if answer not in tuple(Outcome):
            raise InputError(f"{name}: {answer!r} is none of {', '.join(Outcome)}")
        return str(answer)
    if isinstance(answer, str):
        raise InputError(f"{name}: {answer[:20]!r} is not a number")
    return asked[name].check_step(float(answer))
