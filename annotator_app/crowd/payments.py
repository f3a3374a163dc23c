"""Who is to be paid what: the file for people to look at, and those that each platform takes.

No money moves from here. What is suggested is no more than that; `docs/crowd.md` says by which rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from nami_bench.domain import FINISHED, Came, Entry, ParticipantReport, WayOut
from nami_bench.export.spreadsheet import csv_table

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


def approvals(entry: Entry, dues: Sequence[Due]) -> bytes:
    """Whose submissions are to be approved, in the platform's form."""
    approved = [one for one in dues if one.is_approved]
    if entry.provider in (Came.PROLIFIC, Came.CONNECT):
        return _lines(_id(one) for one in approved)
    if entry.provider is Came.SONA:
        open_ = [one for one in approved if one.report.credit != "granted"]
        return csv_table(("survey_code", "experiment_id"), ((_id(one), _experiment(entry)) for one in open_))
    columns = ("participant", "submission", "label", "way_out", "reward", "currency")
    return csv_table(columns, (_generic(entry, one, one.reward) for one in approved))


def bonuses(entry: Entry, dues: Sequence[Due]) -> bytes:
    """Who is to get a bonus, in the platform's form: Prolific's is a line "ID,1.50" each, without header."""
    paid = [one for one in dues if one.bonus > 0]
    if entry.provider is Came.PROLIFIC:
        return _lines(f"{_id(one)},{one.bonus:.2f}" for one in paid)
    if entry.provider is Came.CONNECT:
        return csv_table(("participantId", "amount"), ((_id(one), f"{one.bonus:.2f}") for one in paid))
    columns = ("participant", "submission", "label", "way_out", "bonus", "currency")
    return csv_table(columns, (_generic(entry, one, one.bonus) for one in paid))


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
    return _DECISIONS[one.way_out]


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
    return "" if entry.sona is None else entry.sona.experiment


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def unpaid(dues: Iterable[Due]) -> list[Due]:
    """Who finished and whose id is forgotten: nobody can be paid by a file."""
    return [one for one in dues if one.report.way_out in FINISHED and _id(one) == "" and not one.report.label]
