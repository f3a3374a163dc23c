"""The statements of a `Desk`, built once: they run hundreds of times a second."""

from sqlalchemy import Boolean, Integer, bindparam, case, exists, func, insert, select, update
from sqlalchemy.orm import aliased

from nami_bench.domain import CheckKind, Role
from nami_bench.store.annotation_tables import (
    ANSWERED_STATES,
    COMPLETED,
    OPEN,
    SET_ASIDE,
    STUDY_KIND,
    AssignmentRow,
    ComparisonRow,
    EventRow,
    ItemRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.crowd_tables import ParticipantRow
from nami_bench.store.exclusions import is_counted
from nami_bench.store.item_images import other_model, with_images
from nami_bench.store.kinds import KINDS, RATINGS
from nami_bench.store.people_tables import EnrolmentRow
from nami_bench.store.tables import (
    AnnotatorRow,
    Base,
    CriterionRow,
    ImageRow,
    ModelRow,
    PromptRow,
    StudyRow,
)

items = Base.metadata.tables[ItemRow.__tablename__]
members = Base.metadata.tables[MemberRow.__tablename__]
assignments = Base.metadata.tables[AssignmentRow.__tablename__]
guests = Base.metadata.tables[ParticipantRow.__tablename__]
events = Base.metadata.tables[EventRow.__tablename__]

_asked = (ItemRow.kind == STUDY_KIND, ItemRow.withdrawn_at.is_(None))
_first_time = (ItemRow.kind == STUDY_KIND, AssignmentRow.occasion == 0)

LOCK = select(StudyRow.id, StudyRow.version).where(StudyRow.name == bindparam("name")).with_for_update()

MEMBER = (
    select(
        MemberRow.id,
        MemberRow.annotator_id,
        MemberRow.shown,
        MemberRow.done,
        MemberRow.day,
        MemberRow.done_before_day,
        MemberRow.qualified_at.is_not(None).label("qualified"),
        func.coalesce(
            MemberRow.pause_reason, case((AnnotatorRow.excluded_at.is_not(None), "excluded"))
        ).label("paused"),
        MemberRow.checked_from,
    )
    .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
    .where(MemberRow.study_id == bindparam("study"), AnnotatorRow.name == bindparam("name"))
)

GUEST = select(
    ParticipantRow.id,
    ParticipantRow.agreed_sha256,
    ParticipantRow.answered_at,
    ParticipantRow.holds_until,
    ParticipantRow.rejoined_at,
    ParticipantRow.way_out,
    ParticipantRow.open_way_out,
).where(ParticipantRow.annotator_id == bindparam("annotator"))

_LEASE = (
    select(
        AssignmentRow.id,
        AssignmentRow.token,
        AssignmentRow.study_id,
        AssignmentRow.member_id,
        AssignmentRow.item_id,
        ItemRow.kind,
        AssignmentRow.occasion,
        AssignmentRow.state,
        AssignmentRow.swapped,
        AssignmentRow.arrangement,
        AssignmentRow.position,
        AssignmentRow.assigned_at,
        AssignmentRow.expires_at,
        AssignmentRow.passed,
        ItemRow.image_id,
        ItemRow.other_image_id,
        ItemRow.withdrawn_at.is_not(None).label("withdrawn"),
        PromptRow.text.label("prompt"),
        PromptRow.prompt_id,
    )
    .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    .join(ImageRow, ImageRow.id == ItemRow.image_id)
    .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
)
HELD = _LEASE.where(
    AssignmentRow.member_id == bindparam("member"), AssignmentRow.state == bindparam("state")
).order_by(AssignmentRow.id)
BY_TOKEN = _LEASE.where(AssignmentRow.token == bindparam("token"))
SIZES = select(ImageRow.id, ImageRow.width, ImageRow.height).where(
    ImageRow.id.in_(bindparam("images", expanding=True))
)
ENROLLED = (
    select(EnrolmentRow.annotator_id)
    .join(AnnotatorRow, AnnotatorRow.id == EnrolmentRow.annotator_id)
    .where(EnrolmentRow.study_id == bindparam("study"), AnnotatorRow.name == bindparam("name"))
)

PLACE = (
    select(MemberRow.id)
    .join(StudyRow, StudyRow.id == MemberRow.study_id)
    .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
    .where(StudyRow.name == bindparam("study"), AnnotatorRow.name == bindparam("name"))
)
# Position 0 is that of what comes before the work, and of work that was done elsewhere.
_given_here = AssignmentRow.position > 0
# The order of completion is that of the first submissions.
_first_sent = select(SubmissionRow.id).where(
    SubmissionRow.assignment_id == bindparam("until", type_=Integer), SubmissionRow.revision == 0
)
COMPLETED_BEFORE = (
    _LEASE.join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
    .where(
        SubmissionRow.member_id == bindparam("member"),
        SubmissionRow.revision == 0,
        AssignmentRow.state == COMPLETED,
        ItemRow.kind.in_((STUDY_KIND, CheckKind.GOLD.value)),
        ItemRow.withdrawn_at.is_(None),
        _given_here == bindparam("given_here", type_=Boolean),
        bindparam("until", type_=Integer).is_(None) | (SubmissionRow.id < _first_sent.scalar_subquery()),
    )
    .order_by(SubmissionRow.id.desc())
    .limit(1)
)
LATE = (
    select(AssignmentRow.id, AssignmentRow.item_id, AssignmentRow.occasion, ItemRow.kind)
    .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    .where(
        AssignmentRow.study_id == bindparam("study"),
        AssignmentRow.state == OPEN,
        AssignmentRow.expires_at <= bindparam("now"),
    )
)
GIVEN = (
    select(AssignmentRow.id, AssignmentRow.item_id, AssignmentRow.occasion, AssignmentRow.position)
    .where(AssignmentRow.member_id == bindparam("member"), AssignmentRow.id > bindparam("after"))
    .order_by(AssignmentRow.id)
)
SHOWN = (
    select(AssignmentRow.id, AssignmentRow.member_id, AssignmentRow.item_id)
    .where(
        AssignmentRow.study_id == bindparam("study"),
        AssignmentRow.id > bindparam("after"),
        AssignmentRow.occasion == 0,
    )
    .order_by(AssignmentRow.id)
)
ANSWERED = (
    select(AssignmentRow.item_id, AssignmentRow.passed)
    .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    .join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
    .where(
        AssignmentRow.member_id == bindparam("member"),
        ItemRow.kind == bindparam("kind"),
        SubmissionRow.revision == 0,
        SubmissionRow.id > bindparam("after"),
    )
    .order_by(SubmissionRow.id)
)
_done = exists().where(
    AssignmentRow.item_id == ItemRow.id,
    AssignmentRow.member_id == bindparam("member"),
    AssignmentRow.occasion == 0,
    AssignmentRow.state.in_(ANSWERED_STATES),
)
_in_part = select(ItemRow.id).where(
    ItemRow.study_id == bindparam("study"), ItemRow.kind == STUDY_KIND, ~_done
)
_of_study = select(CriterionRow.id).where(CriterionRow.study_id == bindparam("study"))
IN_PART = {
    kind: _in_part.where(
        (ItemRow.image_id if kind is RATINGS else ItemRow.id).in_(
            select(getattr(kind.table, kind.thing)).where(
                kind.table.criterion_id.in_(_of_study), kind.table.annotator_id == bindparam("annotator")
            )
        )
    )
    for kind in KINDS
}
GIVE = insert(assignments)
COMPLETE = (
    update(assignments)
    .where(assignments.c.id == bindparam("assignment"))
    .values(state=COMPLETED, completed_at=bindparam("completed_at"), passed=bindparam("passed"))
)

# The values are named as their columns are.
KEEP_MEMBER = update(members).where(members.c.id == bindparam("member"))

TAKE = update(items).where(items.c.id == bindparam("item")).values(taken=items.c.taken + bindparam("more"))
FILL = (
    update(items)
    .where(items.c.id == bindparam("item"))
    .values(taken=items.c.taken + bindparam("more"), completed=items.c.completed + 1)
)
_wanted = bindparam("overlap", type_=Integer) + ItemRow.extra
_stopped = ItemRow.stopped_at.is_not(None)
_lasting = ~ItemRow.calibration & ~_stopped  # neither for everybody nor for nobody: the overlap counts
# Above the sure number of judgements each further one waits for those before it: they may end the item.
_has_room = ItemRow.stopped_at.is_(None) & (
    ItemRow.calibration
    | (
        (ItemRow.taken < _wanted)
        & ((ItemRow.taken < bindparam("sure")) | (ItemRow.taken <= ItemRow.completed))
    )
)
ASKED = select(ItemRow.id).where(
    ItemRow.id.in_(bindparam("items", expanding=True)), ItemRow.withdrawn_at.is_(None)
)
FREE = ASKED.where(_has_room)
FULL = select(ItemRow.id).where(
    ItemRow.study_id == bindparam("study"),
    ItemRow.kind == STUDY_KIND,
    (~ItemRow.calibration & (ItemRow.completed >= _wanted)) | ItemRow.withdrawn_at.is_not(None) | _stopped,
)
_least_taken = (
    select(ItemRow.id, ItemRow.taken)
    .where(
        ItemRow.study_id == bindparam("study"),
        ItemRow.kind == STUDY_KIND,
        ItemRow.cell == bindparam("cell"),
        ItemRow.withdrawn_at.is_(None),
        ~ItemRow.calibration,
        _has_room,
    )
    .order_by(ItemRow.taken, ItemRow.id)
    .limit(bindparam("most"))
)
FREE_IN_CELL = _least_taken.where(ItemRow.taken >= bindparam("least"), ItemRow.taken < bindparam("overlap"))
# Apart, for each has an index of its own: a cell that is full is not read through for the few asked again.
FREE_AGAIN_IN_CELL = _least_taken.where(
    ItemRow.extra > 0, ItemRow.taken >= bindparam("overlap"), ItemRow.taken < _wanted
)
CAPACITY = select(
    func.count(),
    func.count().filter(_stopped | (~ItemRow.calibration & (ItemRow.taken >= _wanted))),
    func.sum(ItemRow.taken),
    func.sum(_wanted - ItemRow.taken).filter(_lasting & (ItemRow.taken < _wanted)),
).where(ItemRow.study_id == bindparam("study"), *_asked)
_full = _stopped | (~ItemRow.calibration & (ItemRow.taken >= _wanted))
_gone = ItemRow.withdrawn_at.is_not(None)
# Beside the items that anybody may still get: what the member did, or has in hand.
TAKEN_BY_MEMBER = (
    select(func.count())
    .select_from(AssignmentRow)
    .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    .where(
        AssignmentRow.member_id == bindparam("member"),
        *_first_time,
        ((AssignmentRow.state == COMPLETED) & (_full | _gone))
        | (AssignmentRow.state == SET_ASIDE)
        | ((AssignmentRow.state == OPEN) & _full & ~_gone),
    )
)

# Those who can come: not the authors of work that was made elsewhere, who have no log-in.
_is_inside = exists().where(ParticipantRow.annotator_id == AnnotatorRow.id, ParticipantRow.way_out.is_(None))
_can_come = (
    (AnnotatorRow.role == Role.SIMULATED.value)
    | _is_inside
    | (
        AnnotatorRow.active
        & (AnnotatorRow.token_sha256.is_not(None) | AnnotatorRow.password_hash.is_not(None))
    )
)
OTHERS_AT_WORK = (
    select(func.count())
    .select_from(MemberRow)
    .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
    .where(
        MemberRow.study_id == bindparam("study"),
        MemberRow.id != bindparam("member"),
        MemberRow.pause_reason.is_(None),
        AnnotatorRow.excluded_at.is_(None),
        _can_come,
    )
)
_mine = aliased(AssignmentRow)
SOMEBODY_HOLDS = (
    select(AssignmentRow.id)
    .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    .where(
        AssignmentRow.study_id == bindparam("study"),
        AssignmentRow.state == OPEN,
        AssignmentRow.member_id != bindparam("member"),
        *_first_time,
        ~exists().where(_mine.item_id == AssignmentRow.item_id, _mine.member_id == bindparam("member")),
    )
    .limit(1)
)
STOP = (
    update(items)
    .where(items.c.id == bindparam("item"), items.c.stopped_at.is_(None), items.c.calibration.is_(False))
    .values(
        stopped_at=bindparam("at"), stopped_why=bindparam("why"), stopped_after=bindparam("after"),
    )
)  # fmt: skip
ANSWERS_TO_ITEM = (
    select(SubmissionRow.answers, AssignmentRow.swapped)
    .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
    .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
    .where(
        AssignmentRow.item_id == bindparam("item"),
        AssignmentRow.occasion == 0,
        AssignmentRow.state == COMPLETED,
        SubmissionRow.current,
        is_counted(MemberRow.annotator_id),
    )
    .order_by(AssignmentRow.completed_at, AssignmentRow.id)
)
_done_by_others = (
    select(func.coalesce(func.sum(MemberRow.done), 0))
    .where(MemberRow.study_id == bindparam("study"), MemberRow.id != bindparam("but"))
    .scalar_subquery()
)
_of_study_held = (
    select(func.count())
    .select_from(AssignmentRow)
    .where(
        AssignmentRow.study_id == bindparam("study"),
        AssignmentRow.state == OPEN,
        AssignmentRow.position > 0,
    )
    .scalar_subquery()
)
SPENT = select(_done_by_others + _of_study_held)

TAKEN_BY_CELL = (
    select(ItemRow.cell, func.sum(ItemRow.taken))
    .where(ItemRow.study_id == bindparam("study"), *_asked)
    .group_by(ItemRow.cell)
)
# Its rows are kept, and the first of them is no longer what a choice may rest on.
_set_aside = (
    exists()
    .where(
        AssignmentRow.item_id == ComparisonRow.item_id,
        AssignmentRow.member_id == MemberRow.id,
        MemberRow.annotator_id == ComparisonRow.annotator_id,
        AssignmentRow.state == SET_ASIDE,
    )
    .correlate(ComparisonRow)
)
VERDICTS = (
    select(
        ComparisonRow.id,
        ComparisonRow.item_id,
        ComparisonRow.annotator_id,
        ItemRow.cell,
        CriterionRow.name.label("criterion"),
        ComparisonRow.swapped,
        ComparisonRow.outcome,
    )
    .join(ItemRow, ItemRow.id == ComparisonRow.item_id)
    .join(CriterionRow, CriterionRow.id == ComparisonRow.criterion_id)
    .where(
        ItemRow.study_id == bindparam("study"),
        ComparisonRow.id > bindparam("after"),
        ComparisonRow.revision == 0,
        is_counted(ComparisonRow.annotator_id),
        ~_set_aside,
    )
    .order_by(ComparisonRow.id)
)

LISTED = (
    with_images(
        select(
            ItemRow.id,
            ItemRow.kind,
            ItemRow.cell,
            ItemRow.position,
            ModelRow.name,
            other_model.name,
            PromptRow.prompt_id,
            ImageRow.sample,
            ItemRow.expected,
            ItemRow.feedback,
            ItemRow.image_id,
            ItemRow.other_image_id,
            PromptRow.text,
            ItemRow.calibration,
            ItemRow.images_key,
        )
    )
    .where(ItemRow.study_id == bindparam("study"), ItemRow.id > bindparam("after"))
    .order_by(ItemRow.id)
)

SUBMISSION = select(
    SubmissionRow.id,
    SubmissionRow.assignment_id,
    SubmissionRow.client_token,
    SubmissionRow.revision,
    SubmissionRow.answers,
    SubmissionRow.flag,
    SubmissionRow.comment,
    SubmissionRow.duration_ms,
    SubmissionRow.created_at,
)
SENT = SUBMISSION.where(SubmissionRow.client_token == bindparam("token"))
IN_FORCE = SUBMISSION.where(SubmissionRow.assignment_id == bindparam("assignment"), SubmissionRow.current)
# Order and time are those of the first answer, what was answered is what stands now.
_first = aliased(SubmissionRow)
RECENT = (
    select(
        _first.id,
        _first.assignment_id,
        _first.client_token,
        SubmissionRow.revision,
        SubmissionRow.answers,
        SubmissionRow.flag,
        SubmissionRow.comment,
        _first.duration_ms,
        _first.created_at,
    )
    .join(SubmissionRow, SubmissionRow.assignment_id == _first.assignment_id)
    .join(AssignmentRow, AssignmentRow.id == _first.assignment_id)
    .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    .where(
        _first.member_id == bindparam("member"),
        _first.revision == 0,
        SubmissionRow.current,
        _given_here | ItemRow.kind.in_((CheckKind.TRAINING.value, CheckKind.QUALIFICATION.value)),
    )
    .order_by(_first.id.desc())
    .limit(bindparam("most"))
)
DURATIONS = RECENT.with_only_columns(_first.duration_ms, maintain_column_froms=True)
