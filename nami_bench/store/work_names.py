"""Who the annotators of another database are in this one."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import SIMULATED_PREFIX, Annotator, Role, name_key
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store.annotation_tables import ANSWERED_STATES, AssignmentRow, MemberRow, SubmissionRow
from nami_bench.store.finding import match_annotator
from nami_bench.store.imports import standing_answers
from nami_bench.store.study_work import StudyWork
from nami_bench.store.tables import AnnotatorRow, StudyRow
from nami_bench.store.work_items import ItemHere, ItemName


@dataclass(frozen=True, slots=True)
class Naming:
    """What annotators from elsewhere are called here: `renamed` (there -> here), the others as there.

    A name that somebody has here (upper and lower case make no difference) is a clash, unless it is of the
    `same` people (by their names there); with a `prefix` those who clash get it before their names. Whose
    submissions are here already is known by them.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    same: Collection[str] = ()
    prefix: str = ""


def names_here(
    session: Session,
    study: StudyRow,
    work: StudyWork,
    naming: Naming,
    items: Mapping[ItemName, ItemHere],
) -> dict[str, str]:
    """By their names there, the names here of all who have work to be taken over.

    Raises UnknownNameError for a name that nobody has there, InputError for clashes.
    """
    roles = {worker.name: worker.role for worker in work.workers}
    there = list(roles)
    for name in (*naming.renamed, *naming.same):
        if name not in there:
            raise UnknownNameError("annotator of the other workspace", name, there)
    sent: dict[str, set[str]] = defaultdict(set)
    for one in work.done:
        sent[one.annotator] |= one.tokens
    with_work = [name for name in there if sent[name] or any(who == name for who, _ in work.said)]
    known = _Known(session, study, work, items)
    found: dict[str, str] = {}
    clashes: list[str] = []
    for name in with_work:
        wanted = naming.renamed.get(name, name)
        before = known.owner(sent[name])
        if before is not None:
            if name in naming.renamed and wanted != before:
                raise InputError(
                    f"what {name!r} did there is here already, by {before!r}: leave out --rename {name}=..."
                )
            found[name] = before
        elif (taken := match_annotator(session, wanted)) is None:
            found[name] = _new_name(roles[name], wanted)
        elif name in naming.same or known.has_all(name, taken.id):
            found[name] = taken.name
        elif naming.prefix and name not in naming.renamed:
            prefixed = _prefixed(naming.prefix, name, roles[name])
            if match_annotator(session, prefixed) is not None:
                clashes.append(prefixed)
            else:
                found[name] = _new_name(roles[name], prefixed)
        else:
            clashes.append(wanted)
    if clashes:
        raise InputError(
            f"there are annotators here who are called {', '.join(map(repr, clashes))}: say --same NAME "
            "where it is the same person, else --rename OLD=NEW or --prefix TEXT; nothing was merged"
        )
    keys = Counter(map(name_key, found.values()))
    twice = [here for here in found.values() if keys[name_key(here)] > 1]
    if twice:
        raise InputError(f"two annotators would both be {min(twice)!r} here: rename one of them")
    return found


def _prefixed(prefix: str, name: str, role: str) -> str:
    """A simulated annotator stays one, which its name says."""
    if role != Role.SIMULATED:
        return prefix + name
    return f"{SIMULATED_PREFIX}-{prefix}{name.removeprefix(SIMULATED_PREFIX).removeprefix('-')}"


def _new_name(role: str, name: str) -> str:
    is_simulated = name_key(name).startswith(SIMULATED_PREFIX)
    if is_simulated != (role == Role.SIMULATED):
        raise InputError(
            f"{name!r} cannot be the name here: names that begin with {SIMULATED_PREFIX!r} are those of "
            "simulated annotators, and of no others"
        )
    return Annotator(name, Role(role)).name


class _Known:
    """What is here of a study, by annotator."""

    def __init__(
        self, session: Session, study: StudyRow, work: StudyWork, items: Mapping[ItemName, ItemHere]
    ) -> None:
        self.session, self.study, self.work, self.items = session, study, work, items
        query = (
            select(SubmissionRow.client_token, AnnotatorRow.name)
            .join(MemberRow, MemberRow.id == SubmissionRow.member_id)
            .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
            .where(MemberRow.study_id == study.id)
        )
        self.owners = dict(session.execute(query).all())

    def owner(self, tokens: Collection[str]) -> str | None:
        """Who of those here sent one of these submissions."""
        return next((self.owners[token] for token in tokens if token in self.owners), None)

    def has_all(self, name: str, number: int) -> bool:
        """Whether all that `name` did there is here, the same, by annotator `number`: of a file both took."""
        standing = standing_answers(self.session, self.study, [number])
        criteria = {row.name: row.id for row in self.study.criteria}
        query = (
            select(AssignmentRow.item_id, AssignmentRow.occasion)
            .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
            .where(
                MemberRow.study_id == self.study.id,
                MemberRow.annotator_id == number,
                AssignmentRow.state.in_(ANSWERED_STATES),
            )
        )
        done = {tuple(row) for row in self.session.execute(query)}
        if any(
            (self.items[one.item].id, one.occasion) not in done
            for one in self.work.done
            if one.annotator == name
        ):
            return False
        for (who, item), said in self.work.said.items():
            place = self.items[item]
            ours = standing.get((number, place.id), {})
            for criterion, revisions in said.items() if who == name else ():
                stands, last = ours.get(criteria[criterion]), revisions[-1]
                if stands is None or not stands.says(
                    last.standing.answer, last.standing.reason, place.sides(last.shown)
                ):
                    return False
        return True
