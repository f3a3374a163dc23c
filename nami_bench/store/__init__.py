"""The store: takes and returns domain values, keeps them in SQLite or PostgreSQL."""

from nami_bench.store.annotation_tables import COMPLETED, EXPIRED, OPEN, SET_ASIDE, STUDY_KIND
from nami_bench.store.desk import Desk
from nami_bench.store.desk_values import Lease, ListedItem, Member, Sent
from nami_bench.store.enrolments import NOT_ASSIGNED, Enrolment
from nami_bench.store.erasure import Erasure
from nami_bench.store.imports import Recorded
from nami_bench.store.item_answers import ItemAnswer, ItemChoice, ItemLook
from nami_bench.store.items import ItemProgress, progress_of
from nami_bench.store.judgements import count_answers, judged_so_far
from nami_bench.store.markings import count_marks
from nami_bench.store.merging import Merged
from nami_bench.store.oversight import MemberReport
from nami_bench.store.removals import ImageChoice, Removal
from nami_bench.store.sides import Sides, arranged
from nami_bench.store.standing import StandingRatings
from nami_bench.store.store import Store
from nami_bench.store.studies import StudyAtHand
from nami_bench.store.study_work import StudyWork
from nami_bench.store.work_names import Naming

__all__ = [
    "COMPLETED",
    "EXPIRED",
    "NOT_ASSIGNED",
    "OPEN",
    "SET_ASIDE",
    "STUDY_KIND",
    "Desk",
    "Enrolment",
    "Erasure",
    "ImageChoice",
    "ItemAnswer",
    "ItemChoice",
    "ItemLook",
    "ItemProgress",
    "Lease",
    "ListedItem",
    "Member",
    "MemberReport",
    "Merged",
    "Naming",
    "Recorded",
    "Removal",
    "Sent",
    "Sides",
    "StandingRatings",
    "Store",
    "StudyAtHand",
    "StudyWork",
    "arranged",
    "count_answers",
    "count_marks",
    "judged_so_far",
    "progress_of",
]
