"""Who is to be paid what: the file for people to look at, and those that each platform takes.

No money moves from here. What is suggested is no more than that; `docs/crowd.md` says by which rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from nami_bench.domain import Came, Entry, ParticipantReport, WayOut
from nami_bench.errors import InputError
from nami_bench.export.spreadsheet import csv_table

PLATFORMS = (Came.PROLIFIC, Came.CONNECT, Came.SONA)
"""Those with a form of their own; Came.GENERIC stands for the table that says everything in columns."""

APPROVE, APPROVE_APART = "approve", "approve, and leave out of the analysis"

_DECISIONS: Mapping[WayOut | None, tuple[str, str]] = {
    None: ("wait", "is inside now"),
    WayOut.COMPLETED: (APPROVE, "finished"),
    WayOut.NOTHING_LEFT: (APPROVE, "did all that was left"),
    # A known answer tests skill, not attention: by Prolific's rules it is no ground to reject anybody.
    WayOut.FAILED_CHECKS: (
        APPROVE_APART,
        "by the platform's rules these are no attention checks",
    ),
    WayOut.SCREENED_OUT: ("screen out", "by question or qualification: pay the fixed reward, if any"),
    WayOut.WITHDREW: ("ask to return", "withdrew"),
}

COLUMNS = (
    "participant", "submission", "label", "way_out", "minutes", "items", "gold_passed", "gold_seen",
    "decision", "reason", "reward", "bonus", "currency", "credit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Due:
    """What is suggested for one participant; `reward` and `bonus` in the study's currency."""

    report: ParticipantReport
    decision: str
    reason: str
    reward: float
    bonus: float

    @property
    def is_approved(self) -> bool:
        """Whether the reward is suggested."""
        return self.decision in (APPROVE, APPROVE_APART)


def due(entry: Entry, reports: Iterable[ParticipantReport]) -> list[Due]:
    """What is suggested for each; a bonus for who finished alone."""
    found = []
    for one in reports:
        decision, reason = _decision(one)
        is_paid = decision in (APPROVE, APPROVE_APART)
        bonus = entry.bonus.due(one.items, one.gold_passed, one.gold_seen) if one.has_finished else 0.0
        found.append(Due(one, decision, reason, entry.reward if is_paid else 0.0, bonus))
    return found


def participants_csv(entry: Entry, dues: Sequence[Due], *, with_names: bool = False) -> bytes:
    """The file of participants, in the columns COLUMNS; it holds personal data.

    `with_names`: with the random name, too, under which somebody's ratings are kept: whoever has this file
    can tell whose ratings are whose.
    """
    return csv_table(
        (*COLUMNS, "annotator") if with_names else COLUMNS,
        ((*_row(entry, one), one.report.name) if with_names else _row(entry, one) for one in dues),
    )


def form_of(entry: Entry) -> Came:
    """The form of the study's own platform."""
    return entry.provider if entry.provider in PLATFORMS else Came.GENERIC


def approved(dues: Iterable[Due], form: Came) -> list[Due]:
    """Who stands in the file of approvals: in a platform's form nobody without an id, nor with credit."""
    found = [one for one in dues if one.is_approved and (_id(one) or form is Came.GENERIC)]
    return [one for one in found if one.report.credit != "granted"] if form is Came.SONA else found


def rewarded(dues: Iterable[Due], form: Came) -> list[Due]:
    """Who stands in the file of bonuses. SONA pays none, so that its form is the table."""
    has_table = form in (Came.GENERIC, Came.SONA)
    return [one for one in dues if one.bonus > 0 and (_id(one) or has_table)]


def approvals(entry: Entry, dues: Sequence[Due], form: Came | None = None) -> bytes:
    """Whose submissions are to be approved, in a platform's form (None: that of the study's own).

    Raises InputError for SONA's form where the study has no number there.
    """
    form = form or form_of(entry)
    found = approved(dues, form)
    if form is Came.GENERIC:
        columns = ("participant", "submission", "label", "way_out", "reward", "currency")
        return csv_table(columns, (_generic(entry, one, one.reward) for one in found))
    if form is Came.SONA:
        experiment = _experiment(entry)
        return csv_table(("survey_code", "experiment_id"), ((_id(one), experiment) for one in found))
    return _lines(_id(one) for one in found)


def bonuses(entry: Entry, dues: Sequence[Due], form: Came | None = None) -> bytes:
    """Who is to get a bonus; as `approvals`. Prolific's form is a line "ID,1.50" each, without header."""
    form = form or form_of(entry)
    found = rewarded(dues, form)
    if form is Came.PROLIFIC:
        return _lines(f"{_id(one)},{one.bonus:.2f}" for one in found)
    if form is Came.CONNECT:
        return csv_table(("participantId", "amount"), ((_id(one), f"{one.bonus:.2f}") for one in found))
    columns = ("participant", "submission", "label", "way_out", "bonus", "currency")
    return csv_table(columns, (_generic(entry, one, one.bonus) for one in found))


def unpaid(dues: Iterable[Due]) -> list[Due]:
    """Who is to be paid and cannot be named to anybody: their ids are forgotten, and no link was theirs."""
    return [one for one in dues if (one.is_approved or one.bonus) and not _id(one) and not one.report.label]


def hourly(entry: Entry, reports: Iterable[ParticipantReport]) -> float | None:
    """The median pay for an hour of those who finished, by the time that they took; None: nobody yet."""
    minutes = [one.minutes for one in reports if one.has_finished and one.minutes]
    return entry.reward / (median(minutes) / 60) if minutes and entry.reward else None


def _decision(one: ParticipantReport) -> tuple[str, str]:
    if one.paused and one.way_out is None:
        return "look", f"paused: {one.paused}"
    if one.way_out is WayOut.TIMED_OUT:
        if one.items:
            return "look", f"time was up after {one.items} items: pay in part, or wait for the return"
        return "wait", "time was up before the first item: the platform takes the place back"
    if one.way_out is WayOut.STUDY_FULL:
        return "ask to return", "nothing was left to do"
    decision, reason = _DECISIONS[one.way_out]
    if one.way_out is not None and one.left_at is None:
        reason += ", and did not press the last button: the platform has no code of theirs"
    return decision, reason


def _row(entry: Entry, one: Due) -> tuple[object, ...]:
    report = one.report
    identity = report.identity
    way = "inside" if report.way_out is None else report.way_out.value
    return (
        None if identity is None else identity.participant,
        None if identity is None else identity.submission,
        report.label,
        way,
        report.minutes,
        report.items,
        report.gold_passed,
        report.gold_seen,
        one.decision,
        one.reason,
        f"{one.reward:.2f}",
        f"{one.bonus:.2f}",
        entry.currency,
        report.credit,
    )


def _generic(entry: Entry, one: Due, amount: float) -> tuple[object, ...]:
    row = _row(entry, one)
    return (*row[:4], f"{amount:.2f}", entry.currency)


def _id(one: Due) -> str:
    return "" if one.report.identity is None else one.report.identity.participant


def _experiment(entry: Entry) -> str:
    if entry.sona is None:
        raise InputError("SONA's form needs the study's number there: [entry.sona] experiment is not set")
    return entry.sona.experiment


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
